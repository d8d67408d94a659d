"""What an outbox has to do for one profile: all of its purges that wait, as one, and how far the target is with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from core.store import Purge
from pipeline.purge.paths import merged
from pipeline.purge.targets import Batch

WAIT_S_MAX = 100_000.0
"""What was noted by a clock that was wrong keeps a purge waiting no longer than the longest wait there is."""


@dataclass(slots=True)
class Task:
    """All purges of one profile that wait, and what they are as one. `told_at` is when the target first had all of them;
    `left` is what it has still to take of a telling that it has taken in part. After a call that failed it is told
    with others of its `group` alone. `early`: the inner
    caches don't have it yet, and it is told all the same."""

    purges: dict[str, Purge]
    since: float
    failures: int = 0
    due_at: float = 0.0
    told_at: float | None = None
    lies: int = 0
    looks: int = 0
    group: int = 0
    early: bool = False
    left: tuple[Batch, ...] = ()
    purge: Purge = field(init=False)
    hard: bool = field(init=False)

    def __post_init__(self) -> None:
        self.become(self.purges)

    def become(self, purges: dict[str, Purge]) -> None:
        self.purges = purges
        newest = max(purges.values(), key=lambda one: (one.queued_at, one.mark))
        paths = merged(path for one in purges.values() for path in one.paths)
        self.purge = newest._replace(paths=paths, mark=max(one.mark for one in purges.values()))
        self.hard = self.purge.hard

    def begin_anew(self, purges: dict[str, Purge], now: float) -> None:
        """More has come meanwhile: all of it is told, twice. What failed waits for its hour all the same."""
        self.become(purges)
        self.since, self.told_at, self.lies, self.looks, self.left = now, None, 0, 0, ()
        if not self.failures:
            self.due_at = 0.0


def taken_over(purges: dict[str, Purge], clock_s: float, now_s: float) -> Task:
    """As far as an earlier worker has noted that it was."""
    wait_s = max(one.due_at for one in purges.values()) - now_s
    due_at = clock_s + min(max(0.0, wait_s), WAIT_S_MAX)
    return Task(purges, clock_s, max(one.failures for one in purges.values()), due_at)


def by_profile(purges: Iterable[Purge]) -> dict[str, dict[str, Purge]]:
    """The purges of each profile, by their ids."""
    of_each: dict[str, dict[str, Purge]] = {}
    for purge in purges:
        of_each.setdefault(purge.profile_id, {})[purge.id] = purge
    return of_each
