"""A site at rest, copies of which see somebody die."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.profile import Snapshot
from generator.release import Release
from tests.pipeline.little_site import Site
from tests.pipeline.mortal import Mortal


class Grave:
    """`site()` is at rest; `deaths()` are its copies."""

    def __init__(self, folder: Path, mortal: Mortal, release: Release) -> None:
        self._folder, self._mortal, self._release = folder, mortal, release
        self._open: list[Site] = []

    def site(self, name: str = "rest") -> Site:
        site = Site(self._folder / name, self._release)
        self._open.append(site)
        return site

    def close(self) -> None:
        while self._open:
            self._open.pop().store.close()

    def do(self, task: str, **given: Any) -> Site:
        """A copy in which the task was done in peace."""
        self._copy("done")
        assert self._mortal.do(self._folder / "done", task, **given)
        return self.site("done")

    def deaths(self, task: str, **given: Any) -> Iterator[Site]:
        """Copies in which who did the task was killed: at its first call, its second, and so on until it lives."""
        at = 0
        while True:
            at += 1
            self._copy("grave")
            if self._mortal.do(self._folder / "grave", task, at, **given):
                break
            yield self.site("grave")
        assert at > 3

    def late_deaths(self, task: str, deaths: int, **given: Any) -> Iterator[Site]:
        """The same for what takes long: so many deaths, spread over the last half of its calls."""
        self._copy("done")
        calls = self._mortal.do(self._folder / "done", task, **given)
        for at in range(calls, calls // 2, -(calls // 2 // deaths)):
            self._copy("grave")
            assert not self._mortal.do(self._folder / "grave", task, at, **given)
            yield self.site("grave")

    def _copy(self, name: str) -> None:
        self.close()
        shutil.rmtree(self._folder / name, ignore_errors=True)
        shutil.copytree(self._folder / "rest", self._folder / name)

    def go_on(self, task: str, **given: Any) -> Site:
        """Has the task done again, in peace, where the last one died."""
        self.close()
        assert self._mortal.do(self._folder / "grave", task, **given)
        return self.site("grave")


def head_of(site: Site, profile: str) -> Snapshot:
    """The profile as the store has it."""
    snapshot = site.store.profiles.load(profile)
    assert snapshot
    return snapshot
