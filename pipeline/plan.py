"""Decides what the publishers do next: hints in, one job for each profile out, and how far the position may go."""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from core.store import Hint

PAGE_OF_WORK = 100
CROWD = 10_000
"""Profiles that may wait in the plan; the log and the sweep keep the others, so that memory doesn't grow with the site."""


@dataclass
class _Waiting:
    """A profile with work to do: the newest revision hinted at, and how often it has failed."""

    revision: int
    failures: int = 0
    positions: list[int] = field(default_factory=list)
    running: bool = False
    again: bool = False
    forced: bool = False
    due: float | None = None
    until_hint: bool = False
    since: float = field(default_factory=time.monotonic)


class Plan:
    """Coalesces hints: ten edits of one profile are one job, and one profile is never in two hands at once.

    A position may be saved up to the first hint whose job isn't done. Safe to use from any thread.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, _Waiting] = {}
        self._ready: deque[str] = deque()
        self._later: list[tuple[float, str]] = []
        self._order: deque[tuple[int, str]] = deque()
        self._done: set[int] = set()
        self._count = 0
        self._changed = threading.Condition()
        self._saveable: str | None = None

    def add(self, hints: Iterable[Hint]) -> None:
        """Takes hints in the order of the log."""
        with self._changed:
            for hint in hints:
                self._count += 1
                self._order.append((self._count, hint.position))
                self._want(hint.change.profile_id, hint.change.revision, self._count)
            self._changed.notify_all()

    def want(self, profile_id: str, delay_s: float = 0.0) -> None:
        """A job that comes from no hint: what the sweep found, what has to be tried again after all."""
        with self._changed:
            self._want(profile_id, 0, None, delay_s)
            self._changed.notify_all()

    def take(self, timeout_s: float) -> tuple[str, int, int] | None:
        """(profile, at least this revision, failures so far) for one worker, or None when there was nothing in time."""
        ends = time.monotonic() + timeout_s
        with self._changed:
            while (now := time.monotonic()) < ends or self._ready:
                while self._later and self._later[0][0] <= now:
                    self._come_due(*heapq.heappop(self._later))
                if self._ready:
                    profile_id = self._ready.popleft()
                    job = self._waiting[profile_id]
                    job.running, job.again = True, False
                    return profile_id, job.revision, job.failures
                until = min(ends, self._later[0][0]) if self._later else ends
                self._changed.wait(max(0.0, until - now) + 0.001)
        return None

    def finish(self, profile_id: str, revision: int) -> None:
        """The job is done, up to that revision; what was hinted at meanwhile stays to be done."""
        with self._changed:
            job = self._waiting[profile_id]
            job.running = False
            if job.again:
                # A hint at what was done already may be a rebuild's, in a newer roll-out than the job's: looked at, as
                # what has waited for long is, before it is done again.
                is_new = job.revision > revision or job.forced
                job.since = time.monotonic() if is_new else float("-inf")
                job.forced = False
                job.failures = 0
                self._ready.append(profile_id)
            else:
                del self._waiting[profile_id]
                self._settle(job)
            self._changed.notify_all()

    def postpone(
        self, profile_id: str, delay_s: float, *, failed: bool = True, until_hint: bool = False
    ) -> None:
        """The job failed, or came too early; it comes again after `delay_s`, or (`until_hint`) with the next hint at the
        profile. Its position waits with it."""
        with self._changed:
            job = self._waiting[profile_id]
            job.running, job.failures = False, job.failures + failed
            job.until_hint = until_hint
            self._delay(profile_id, job, 0.0 if until_hint and job.again else delay_s)
            self._changed.notify_all()

    def waited_s(self, profile_id: str) -> float:
        """How long ago the job began to wait."""
        with self._changed:
            return time.monotonic() - self._waiting[profile_id].since

    def position(self) -> str | None:
        """The position up to which every hint is done with; None while there is none."""
        with self._changed:
            return self._saveable

    @property
    def crowded(self) -> bool:
        """Whether so many profiles wait that nothing should be added but what somebody waits for."""
        with self._changed:
            return len(self._waiting) >= CROWD

    @property
    def busy(self) -> bool:
        """Whether more waits than is done in a moment."""
        with self._changed:
            return len(self._waiting) > PAGE_OF_WORK

    @property
    def idle(self) -> bool:
        with self._changed:
            return not self._waiting

    def _want(self, profile_id: str, revision: int, count: int | None, delay_s: float = 0.0) -> None:
        job = self._waiting.get(profile_id)
        if job is None:
            job = self._waiting[profile_id] = _Waiting(revision)
            if delay_s:
                self._delay(profile_id, job, delay_s)
            else:
                self._ready.append(profile_id)
        elif job.until_hint and job.due is not None and count is not None:
            self._delay(profile_id, job, 0.0)
        job.revision = max(job.revision, revision)
        job.again = job.again or job.running
        job.forced = job.forced or (job.running and count is None)
        if count is not None:
            job.positions.append(count)

    def _delay(self, profile_id: str, job: _Waiting, delay_s: float) -> None:
        job.due = time.monotonic() + delay_s
        heapq.heappush(self._later, (job.due, profile_id))

    def _come_due(self, due: float, profile_id: str) -> None:
        job = self._waiting.get(profile_id)
        # Else it was brought forward, and this is the time that it had before.
        if job and job.due == due:
            job.due = None
            self._ready.append(profile_id)

    def _settle(self, job: _Waiting) -> None:
        self._done.update(job.positions)
        while self._order and self._order[0][0] in self._done:
            count, self._saveable = self._order.popleft()
            self._done.discard(count)
