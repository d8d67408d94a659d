"""Remaking: media that were made with other settings, or by other code, are made anew by the workers, at a capped rate.

Pages keep the old renditions until the new ones are there. Remakes wait behind everything else that is to be made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from core.errors import Unavailable
from core.store import MediaTask
from pipeline.job import Tools
from pipeline.media.make import StillRecipe
from pipeline.rebuild import Met, Scope, Stand, select
from pipeline.wanted import remakes

AHEAD = 50
"""Remakes that wait at most: the store's queue doesn't grow with the site."""
POLL_S = 0.5


class Found(NamedTuple):
    """A profile that the walk has met, and what of it is to be made."""

    met: Met
    tasks: tuple[MediaTask, ...]


class Remaking:
    """Of the media of one profile, or of all from a stand on."""

    def __init__(
        self, tools: Tools, stills: StillRecipe, per_s: float | None, patience_s: float = 300.0
    ) -> None:
        """`patience_s`: how long nothing may be made before it is given up."""
        self._tools, self._stills, self._per_s, self._patience_s = tools, stills, per_s, patience_s

    def of_all(self, stand: Stand) -> Iterator[Found]:
        for met in select(self._tools, Scope("media"), stand):
            yield Found(met, self.of_one(met.walked.profile_id))

    def of_one(self, profile_id: str) -> tuple[MediaTask, ...]:
        snapshot = self._tools.store.profiles.load(profile_id)
        return tuple(remakes(snapshot, self._tools.release.site.name, self._stills)) if snapshot else ()

    def run(self, tasks: Iterator[MediaTask], told: Callable[[int], None]) -> int:
        """Hands the tasks to the workers, and returns when they are done: how many there were. Raises Unavailable when no
        worker is at it."""
        started, handed = time.monotonic(), 0
        waiting: set[str] = set()
        for task in tasks:
            if self._per_s:
                time.sleep(max(0.0, started + handed / self._per_s - time.monotonic()))
            self._tools.store.media_work.add(task)
            waiting.add(task.media_id)
            handed += 1
            waiting = self._await(waiting, AHEAD)
            told(handed - len(waiting))
        self._await(waiting, 0)
        told(handed)
        return handed

    def _await(self, waiting: set[str], most: int) -> set[str]:
        """Those that still wait, when they are no more than `most`."""
        left, moved = waiting, time.monotonic()
        while len(left) > most:
            now = self._still(left)
            if len(now) < len(left):
                left, moved = now, time.monotonic()
            elif time.monotonic() - moved > self._patience_s:
                raise Unavailable(
                    f"For {self._patience_s:.0f} s no worker has made any of {len(left)} media: see `holdfast failures`, start "
                    "`holdfast worker`, and begin again: it goes on from here"
                )
            else:
                time.sleep(POLL_S)
        return left

    def _still(self, media_ids: set[str]) -> set[str]:
        waits = self._tools.store.media_work.pending(
            len(media_ids), wanted=lambda media_id: media_id in media_ids
        )
        return {task.media_id for task in waits}
