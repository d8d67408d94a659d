"""One target's outbox: the purges that wait for it in, calls of many at once out, each tried until the target has it.

A purge is told twice: a fill that began before it can land after it. Inner caches come before outer ones, or these would
only fetch the old page again from those. Then the target is looked through; what can't be proven says when it is over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import ceil
from typing import Protocol

from core.errors import HoldfastError, Unavailable
from core.log import get_logger
from core.store import MAIN, Reached, Stage, Store, waiting_list
from pipeline.purge.aside import disable, is_disabled, put_aside
from pipeline.purge.batches import Named, batches, halve, in_order
from pipeline.purge.figures import Called, Figures
from pipeline.purge.pace import MAX_S, Bucket, Rest, Retries
from pipeline.purge.probe import Probe
from pipeline.purge.proof import one_probe, probes, shows, unseen
from pipeline.purge.targets import Barred, Batch, Busy, Full, Gone, InPieces, Target, TooFast, batch_of
from pipeline.purge.task import Task, by_profile, taken_over

TAKEN_MAX = 5000
"""Purges that are looked at in one turn."""
TASKS_MAX = 10_000
"""So many profiles are kept in mind, those that wait for their next try among them. If more do, newer purges wait, too."""
INNER_WAIT_S = 60.0
"""How long a first call waits for the inner caches; one of them may be away for days."""
LOOKS_APART_S = 30.0
"""How long one that waits for inner caches is left alone in the end, before these are looked at again."""
PROVE_TRIES = 3
LOOK_S = 30.0
"""How often a target that was disabled is looked up: an operator may have enabled it."""
log = get_logger("purge")


class Inner(Protocol):
    """What lies between this target and storage."""

    def has_had(self, profile_id: str) -> bool:
        """Whether it was told of every purge of the profile, once at least."""
        ...

    def is_done(self, profile_id: str) -> bool:
        """Whether nothing of the profile waits for it any more."""
        ...


class OwnEdges:
    """Our own edges, whose purger takes a purge off its queue when all of them show the new page."""

    def __init__(self, store: Store, replica: str = MAIN) -> None:
        self._store, self._replica = store, replica

    def has_had(self, profile_id: str) -> bool:
        return not self._store.purges.pending_of(self._replica, profile_id)

    is_done = has_had


@dataclass(frozen=True)
class Pace:
    """How a target is told: its bucket, its retries, how much later again (0: never), and how long what no purge has
    reached can live on in a cache (`s-maxage` and the stale cap; 0: it keeps no pages)."""

    bucket: Bucket
    retries: Retries
    again_s: float
    outlives_s: float


@dataclass
class Outbox:
    """The loop of one target calls `turn`. `inner` is what must have had a purge before it; `probe` looks through it.
    `public_only`: it keeps nothing that lies behind a grant."""

    store: Store
    target: Target
    pace: Pace
    inner: Sequence[Inner] = ()
    probe: Probe | None = None
    replica: str = MAIN
    figures: Figures = field(default_factory=Figures)
    public_only: bool = False
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    _tasks: dict[str, Task] = field(default_factory=dict, init=False)
    _looked_at: float | None = field(default=None, init=False)
    _disabled: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.waiting = waiting_list(self.target.name, self.replica)
        self._rest = Rest(self.clock)

    # ── as others see it ──

    def has_had(self, profile_id: str) -> bool:
        task = self._tasks.get(profile_id)
        known = task.purges if task and task.told_at is not None else {}
        return all(one.id in known for one in self.store.purges.pending_of(self.waiting, profile_id))

    def is_done(self, profile_id: str) -> bool:
        return not self.store.purges.pending_of(self.waiting, profile_id)

    # ── a turn ──

    def turn(self, mine: Callable[[str], bool] = lambda _: True, workers: int = 1) -> None:
        """Tells the target what is due, as far as its tokens reach. It never sleeps: what isn't due yet is left to a later
        turn. So many workers share the tokens."""
        if self._rest.is_on or not self.pace.bucket.ready(workers):
            return
        if self._is_disabled():
            for purge in self.store.purges.pending(self.waiting, TAKEN_MAX, mine):
                self.store.purges.settle(self.waiting, purge.id)
            return
        self._take(mine)
        due = (one for one in in_order(self._tasks.items()) if self._is_due(*one))
        for tasks in batches(due, self.target):
            if not self._tell(tasks, workers):
                return

    def _is_disabled(self) -> bool:
        if self._looked_at is None or self.clock() - self._looked_at >= LOOK_S:
            self._disabled = is_disabled(self.store, self.waiting)
            self._looked_at = self.clock()
        return self._disabled

    def _take(self, mine: Callable[[str], bool]) -> None:
        """Many purges of one profile are one. One that comes while another is at it begins anew, for both. What rests isn't
        asked for, so it hides nothing that waits behind it."""
        resting = self._resting(mine)
        of_each = by_profile(
            self.store.purges.pending(self.waiting, TAKEN_MAX, lambda one: mine(one) and one not in resting)
        )
        for profile_id in self._tasks.keys() - of_each.keys() - resting:
            del self._tasks[profile_id]
        for profile_id, purges in of_each.items():
            task = self._tasks.get(profile_id)
            if task is None:
                self._tasks[profile_id] = taken_over(purges, self.clock(), self.now())
            elif purges.keys() - task.purges.keys():
                task.begin_anew(purges, self.clock())

    def _resting(self, mine: Callable[[str], bool]) -> set[str]:
        """Profiles whose purge has failed, and is not to be tried again yet."""
        now = self.clock()
        resting = (name for name, task in self._tasks.items() if task.failures and task.due_at > now)
        return set(islice(filter(mine, resting), TASKS_MAX))

    def _is_due(self, profile_id: str, task: Task) -> bool:
        now = self.clock()
        if now < task.due_at:
            return False
        is_first = task.told_at is None
        # Who is told twice begins when the inner ones have begun.
        begins = is_first and self.pace.again_s > 0
        is_due = all((one.has_had if begins else one.is_done)(profile_id) for one in self.inner)
        late_at = task.since + INNER_WAIT_S
        task.early = is_first and not is_due and now >= late_at
        if not is_due and not task.early:
            # Each look asks the store. Where the edges are away, thousands wait.
            look_at = now + min(LOOKS_APART_S, 2 ** min(task.looks, 5) - 1)
            task.due_at = min(look_at, late_at) if is_first else look_at
            task.looks += 1
        return is_due or task.early

    # ── a call, and what comes of it ──

    def _tell(self, tasks: list[Named], workers: int) -> bool:
        """Whether others can be told now."""
        first = tasks[0][1]
        # Only a profile that is told alone can have several pieces, and some of them told already.
        pieces = first.left or self._pieces(batch_of([task.purge for _, task in tasks], early=first.early))
        while pieces:
            if self._disabled or self._rest.is_on or not self.pace.bucket.take(workers):
                return False
            if not self._call(pieces[0], tasks):
                return True
            first.left = pieces = pieces[1:]
            if pieces:
                first.failures = 0
        for profile_id, task in tasks:
            self._told(profile_id, task)
        return True

    def _pieces(self, batch: Batch) -> tuple[Batch, ...]:
        return tuple(self.target.pieces(batch)) if isinstance(self.target, InPieces) else (batch,)

    def _call(self, batch: Batch, tasks: list[Named]) -> bool:
        """Whether the target has taken it."""
        try:
            self.target.purge(batch)
        except Gone as error:
            self._count("gone")
            disable(self.store, self.waiting, str(error))
            self._disabled, self._looked_at = True, self.clock()
            return False
        except Exception as error:
            if not isinstance(error, HoldfastError):
                log.exception("purge_failed", target=self.target.name)
            log.warning("purge_waits", target=self.target.name, tags=len(batch.tags), reason=str(error))
            self._count("away" if isinstance(error, Unavailable) else "refused")
            self._failed(tasks, error)
            return False
        self._rest.end()
        self._count("taken")
        log.debug(
            "told", target=self.target.name, tags=len(batch.tags), paths=len(batch.paths), hard=batch.hard
        )
        return True

    def _failed(self, tasks: list[Named], error: Exception) -> None:
        """One of them may be to blame, unless the target says that it is none; and what passes is believed to, once."""
        is_of_all, is_passing = isinstance(error, (Barred, TooFast)), isinstance(error, Unavailable)
        if not is_of_all and (not is_passing or any(task.failures for _, task in tasks)):
            halve(tasks)
        is_certain = is_of_all or len(tasks) == 1
        with self.store.together():
            for profile_id, task in tasks:
                self._fail(profile_id, task, error, is_certain=is_certain)
            # What failed together is due together, or its next try would be many calls.
            due_at = max(task.due_at for _, task in tasks)
            for profile_id, task in tasks:
                task.due_at = due_at
                self._note(profile_id, task)
        if (is_passing or is_of_all) and not isinstance(error, Full):
            asked_s = error.retry_after_s if isinstance(error, Busy) else 0.0
            self._rest.begin({profile_id for profile_id, _ in tasks}, asked_s)

    def _told(self, profile_id: str, task: Task) -> None:
        task.group = 0
        if task.told_at is None:
            self._record(task, "purged")
            task.told_at, task.looks = self.clock(), 0
            if self.pace.again_s or task.early:
                task.due_at = task.told_at + self.pace.again_s
                return
        try:
            proven = self._is_proven(task)
        except Unavailable as error:
            self._fail(profile_id, task, error)
            self._note(profile_id, task)
            return
        if proven is False:
            self._found_lying(profile_id, task)
            return
        self._settle(profile_id, task, proven=bool(proven))

    def _is_proven(self, task: Task) -> bool | None:
        """None where not all can be looked at."""
        paths = task.purge.paths
        if self.public_only and not paths:
            return True  # of what it keeps nothing has changed
        if self.probe is None or not self.probe.urls:
            return None
        # One page shows that a tag was purged. Where paths are, each is looked at, and so is whatever is gone.
        each = self.probe.thorough and (task.hard or self.target.by == "paths")
        wanted = probes(paths) if each else one_probe(paths)
        if not wanted:
            return None
        try:
            found = all(shows(self.probe, path) for path in wanted)
        except Unavailable:
            self.figures.looked(self.target.name, "away")
            raise
        self.figures.looked(self.target.name, "shown" if found else "older")
        return None if found and each and unseen(paths) else found

    def _found_lying(self, profile_id: str, task: Task) -> None:
        task.lies += 1
        log.warning("purge_unproven", target=self.target.name, profile=profile_id, times=task.lies)
        if task.lies < PROVE_TRIES:
            task.due_at = self.clock() + self.pace.again_s * 2**task.lies
            return
        task.lies = 0
        said = f"{self.target.name} says that it has purged, and still shows an older page."
        self._fail(profile_id, task, Unavailable(said))
        self._note(profile_id, task)

    def _settle(self, profile_id: str, task: Task, *, proven: bool) -> None:
        if proven:
            self._record(task, "live")
        for purge in task.purges.values():
            self.store.purges.settle(self.waiting, purge.id)
            if proven:
                self.figures.proven(self.target.name, purge.queued_at, self.now())
        del self._tasks[profile_id]
        until = None if proven else self._unproven(task)
        over = {} if until is None else {"unproven_until": int(until)}
        log.info(
            "purged_outside", target=self.target.name, profile=profile_id, revision=task.purge.mark.revision,
            proven=proven, **over,
        )  # fmt: skip

    def _fail(self, profile_id: str, task: Task, error: Exception, *, is_certain: bool = True) -> None:
        """It waits, or is put aside in the end, if it is `is_certain` that no other in the same call was to blame."""
        task.failures += 1
        wait_s = self.pace.retries.delay_s(task.failures)
        if wait_s is None and not is_certain:
            wait_s = MAX_S
        if wait_s is None:
            reason = f"{str(error) or type(error).__name__}{_over(self._unproven(task))}"
            put_aside(self.store, self.waiting, task.purges.values(), reason, task.failures)
            del self._tasks[profile_id]
            return
        if isinstance(error, Busy):
            wait_s = max(wait_s, error.retry_after_s)
        task.due_at = self.clock() + wait_s

    def _note(self, profile_id: str, task: Task) -> None:
        """How far a task that waits is, for whoever takes it over."""
        if profile_id not in self._tasks:
            return  # it was put aside
        due_at = ceil(self.now() + task.due_at - self.clock())
        for purge in task.purges.values():
            tried = purge._replace(failures=task.failures, due_at=due_at)
            self.store.purges.defer(self.waiting, tried)

    def _unproven(self, task: Task) -> float | None:
        """By when that has expired of which nobody will know whether it was purged; None of what keeps no pages."""
        if not self.pace.outlives_s:
            return None
        until = self.now() + self.pace.outlives_s
        self.figures.unproven(self.target.name, len(task.purges), until)
        return until

    def _count(self, outcome: Called) -> None:
        self.figures.called(self.target.name, outcome)

    def _record(self, task: Task, stage: Stage) -> None:
        """In the same place as the stages of our own edges, under the name of this list."""
        reached = Reached(stage, task.purge.mark, int(self.now() * 1000))
        self.store.published.record(task.purge.profile_id, self.waiting, reached)


def _over(until: float | None) -> str:
    if until is None:
        return ""
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(until))
    return f" Whatever it still shows has expired by {at} UTC."
