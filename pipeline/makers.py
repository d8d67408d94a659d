"""The makers' loop: media that wait for the decoders in, renditions made out; one turn of one medium at a time.

Each lane has makers of its own, so pictures never wait behind videos.
"""

from __future__ import annotations

import threading
import time
from functools import partial

from core.errors import Unavailable
from core.log import get_logger
from core.store import Failure, Lane, MediaTask
from pipeline.loops import Loops, backoff_s
from pipeline.making import Maker, make_some
from pipeline.media_queue import MediaQueue, task_of
from pipeline.row import current, set_failed
from pipeline.sharing import Sharing
from pipeline.turns import Turns
from pipeline.wanted import tasks

PENDING_MAX = 200
"""Profiles, those with the oldest work first, of which one gets the next turn."""
IDLE_S, IDLE_GROWTH, IDLE_MAX_S = 0.05, 1.5, 2.0
LOOK_EVERY_S = 5.0
log = get_logger("worker")


class Makers:
    """Any number of threads may run `make`."""

    def __init__(
        self, maker: Maker, queue: MediaQueue, attempts: int, sharing: Sharing, loops: Loops
    ) -> None:
        self._maker, self._queue, self._attempts = maker, queue, attempts
        self._sharing, self._loops = sharing, loops
        self._busy: set[str] = set()
        self._tries: dict[str, int] = {}
        self._rests: dict[str, float] = {}
        self._looked_at: dict[Lane, float] = {}
        self._waited_for: dict[Lane, bool] = {}
        self._turns: dict[Lane, Turns] = {"image": Turns(), "video": Turns()}
        self._guard = threading.Lock()

    def make(self, lane: Lane) -> None:
        """Makes one medium's turn after another until the worker stops."""
        idle_s, wakes = IDLE_S, 0
        while not self._loops.stopping:
            task = self._next_task(lane)
            if task is None:
                woken = self._queue.wait(wakes, idle_s)
                idle_s = min(IDLE_MAX_S, idle_s * IDLE_GROWTH) if woken == wakes else IDLE_S
                wakes = woken
                continue
            idle_s = IDLE_S
            self._make_one(task)

    def _make_one(self, task: MediaTask) -> None:
        try:
            waited_for = partial(self._is_waited_for, task.lane)
            left = make_some(self._maker._replace(waited_for=waited_for), task)
        except Exception as error:
            if not self._loops.stopping:
                self._loops.guarded(lambda error=error: self._failed(task, error))  # type: ignore[misc]
        else:
            self._forget(task.media_id)
            self._loops.guarded(lambda: self._turn_over(task, left))
        finally:
            with self._guard:
                self._busy.discard(task.media_id)

    def _turn_over(self, task: MediaTask, left: Lane | None) -> None:
        """`left` is the lane in which it goes on; None where nothing is left to be made."""
        work = self._maker.store.media_work
        medium = current(self._maker.store, task) if left else None
        if left is None or medium is None:
            work.done(task.media_id)
            # An edit that asked for more just before found its medium waiting still, and added nothing.
            snapshot = self._maker.store.profiles.load(task.profile_id)
            for more in tasks(snapshot, self._maker.site) if snapshot else ():
                if more.media_id == task.media_id:
                    self._queue.add(more, again=True)
        else:
            rest = task_of(medium, task.profile_id)._replace(lane=left, later=True, remake=task.remake)
            work.defer(rest)
            if left != task.lane:
                self._queue.wake()

    def _next_task(self, lane: Lane) -> MediaTask | None:
        # A transcode may take half an hour: it isn't begun while its owner may be somebody who hasn't been seen yet.
        if not self._sharing.settled:
            return None
        with self._guard:
            try:
                waiting = self._maker.store.media_work.pending(
                    PENDING_MAX, lane=lane, wanted=self._may_begin, of_profile=1
                )
            except Unavailable:
                return None
            task = self._turns[lane].choose(waiting)
            if task is not None:
                self._busy.add(task.media_id)
            return task

    def _is_waited_for(self, lane: Lane) -> bool:
        """Asked a few times a second while something long is being made; looks every few seconds."""
        now = time.monotonic()
        if now - self._looked_at.get(lane, float("-inf")) > LOOK_EVERY_S:
            self._looked_at[lane] = now
            try:
                self._waited_for[lane] = bool(
                    self._maker.store.media_work.pending(1, lane=lane, wanted=self._may_begin)
                )
            except Unavailable:
                self._waited_for[lane] = False
        return self._waited_for[lane]

    def _may_begin(self, media_id: str) -> bool:
        rests = self._rests.get(media_id, 0.0) > time.monotonic()
        return not rests and media_id not in self._busy and self._sharing.mine(media_id)

    def _failed(self, task: MediaTask, error: Exception) -> None:
        tries = self._tries[task.media_id] = self._tries.get(task.media_id, 0) + 1
        log.warning(
            "media_retried", profile=task.profile_id, media=task.media_id, tries=tries, reason=str(error)
        )
        if tries < self._attempts:
            # Others go on meanwhile.
            self._rests[task.media_id] = time.monotonic() + backoff_s(tries)
            return
        store, reason = self._maker.store, f"{type(error).__name__}: {error}"
        failure = Failure(task.media_id, task.profile_id, "media", reason[:500], tries, int(time.time()))
        store.failures.put(failure)
        set_failed(store, task, "Something went wrong on our side; please upload it again later.")
        store.media_work.done(task.media_id)
        self._forget(task.media_id)

    def _forget(self, media_id: str) -> None:
        self._tries.pop(media_id, None)
        self._rests.pop(media_id, None)
