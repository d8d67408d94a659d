"""`holdfast dev`: like `run`, and whatever changes in templates, static files or code is shown at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from watchfiles import watch

import templates
from cli.checks.house import load
from cli.options import Flags, settings_for, with_flags
from cli.run import House
from cli.wiring import promote, tools_for
from core.backends import open_backends
from core.errors import OperatorError
from core.store.everyone import everyone
from pipeline.rebuild import rebuild_chunk

CODE = ("core", "generator", "pipeline", "ingest", "edge", "cli", "examples")
DEBOUNCE_MS, STEP_MS, LOOK_MS = 300, 50, 500
WHOLE = "import cli.run, cli.worker, cli.serve, ingest.app, edge.app"
"""What has to be importable before new code may take the place of the old."""


@with_flags
def dev(
    flags: Flags,
    sample: Annotated[bool, typer.Option(help="Load the sample site into an empty data folder.")] = True,
) -> None:
    """Run everything here, and rebuild when a template, a static file or the code changes."""
    release, check = load(settings_for(flags))
    if release is None:
        raise OperatorError(f"{check.said}: {check.remedy}")
    house = House(flags)
    house.open(sample=sample)
    workshop = Workshop(house)
    workshop.rebuild("every page is compared with this release")
    is_new_code = workshop.watch()
    workshop.close()
    if is_new_code:
        house.supervisor.drain()
        os.execv(sys.executable, [sys.executable, "-m", "cli.main", *sys.argv[1:]])  # noqa: S606
    house.stay()


class Workshop:
    """Watches our own files beside a running house."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._templates = Path(templates.__file__).parent
        self._root = self._templates.parent
        self._backends = open_backends(house.settings)
        self._tools = tools_for(house.settings, self._backends)
        self._tools.purger.heartbeat()

    def watch(self) -> bool:
        """Returns when the house is stopping, or (True) when new code has to take over."""
        folders = [self._templates, *(self._root / name for name in CODE if (self._root / name).is_dir())]
        self._house.events.say("watching", f"{self._root}: save a template and look at the page")
        for changes in watch(
            *folders, stop_event=self, debounce=DEBOUNCE_MS, step=STEP_MS, rust_timeout=LOOK_MS
        ):
            if self._take({Path(name) for _, name in changes}):
                return True
        return False

    def is_set(self) -> bool:
        """For watchfiles: whether to stop."""
        return self._house.stopping()

    def rebuild(self, why: str) -> None:
        """Publishes every profile with the release at hand; says how many files that wrote, and how long it took."""
        started = time.monotonic()
        profiles, wrote = 0, 0
        failed: list[tuple[str, str]] = []
        for _, profile_id, _ in everyone(self._backends.store.profiles):
            if self._house.stopping():
                return
            profiles += 1
            try:
                done = rebuild_chunk(self._tools, [profile_id])
            except Exception as error:  # whatever a template in the making may raise
                failed.append((profile_id, f"{type(error).__name__}: {error}"))
            else:
                wrote, failed = wrote + done.wrote, failed + done.failed
        took = time.monotonic() - started
        say = self._house.events.say
        say("rebuilt", f"{why}: {profiles} profiles, {wrote} files written in {took:.2f} s")
        for profile_id, reason in failed[:5]:
            say("failed", f"{profile_id}: {reason}", "red")

    def close(self) -> None:
        self._backends.close()

    def _take(self, changed: set[Path]) -> bool:
        """Does what the changed files ask for; whether new code has to take over."""
        shown = ", ".join(sorted(_inside(path, self._root) for path in changed)[:5])
        if any(path.suffix == ".py" for path in changed):
            return self._is_whole(shown)
        if any(path.is_relative_to(self._templates) for path in changed):
            self._renew(shown)
        elif any(path.is_relative_to(self._root / "ingest") for path in changed):
            self._restart(["studio"], shown)
        return False

    def _renew(self, shown: str) -> None:
        """A new release: promoted, every profile rebuilt, then the processes that render take it up too."""
        say = self._house.events.say
        release, check = load(self._house.settings)
        if release is None:
            say("broken", f"{check.said}; the pages stay as they are", "red")
            return
        try:
            rollout, is_fresh = promote(self._backends, release, self._tools.urls)
        except Exception as error:  # likewise: it draws the site's own pages
            say("broken", f"{shown}: {type(error).__name__}: {error}; the pages stay as they are", "red")
            return
        if not is_fresh:
            return
        self._tools = self._tools._replace(release=release)
        self.rebuild(f"{shown} changed, roll-out {rollout.number}")
        self._restart(["worker", "edge"], f"release {release.fingerprint[:12]}")

    def _restart(self, names: Iterable[str], why: str) -> None:
        for name in names:
            self._house.supervisor.restart(name)
            self._house.events.say("restarted", f"{name}: {why}")

    def _is_whole(self, shown: str) -> bool:
        tried = subprocess.run(
            [sys.executable, "-c", WHOLE],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if tried.returncode != 0:
            why = (tried.stderr.strip().splitlines() or ["it ended without a word"])[-1]
            self._house.events.say("broken", f"{shown}: {why}; the old code runs on", "red")
            return False
        self._house.events.say("code", f"{shown} changed: everything starts anew")
        return True


def _inside(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
