"""What a worker tells Prometheus of its purges: counted as they go, and what waits, asked of the store at each scrape."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from core.errors import HoldfastError
from core.metrics import (
    ASIDE,
    CALLS,
    LOOKS,
    PROVEN,
    PROVEN_BUCKETS_S,
    UNPROVEN,
    UNPROVEN_UNTIL,
    WAITING,
    WAITING_AGE,
    Family,
    family,
)
from core.store import Store, waiting_list
from pipeline.purge.aside import aside_list

OWN_EDGES = "own_edges"
"""Our own edges as a target; no name in [[purge.target]] can hold an underscore."""
COUNTED_MAX = 5000

Called = Literal["taken", "away", "refused", "gone"]
Looked = Literal["shown", "older", "away"]

# When a series began is of no use to anybody here, and would double their number.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Figures:
    """The counts of one process, in a registry of its own. Safe to use from any thread."""

    def __init__(self, targets: Sequence[str] = ()) -> None:
        """`targets` are told from the start, with zeros."""
        self.registry = registry = CollectorRegistry()
        self._proven = Histogram(*PROVEN.base, unit=PROVEN.unit, buckets=PROVEN_BUCKETS_S, registry=registry)
        self._unproven = Counter(*UNPROVEN.base, registry=registry)
        self._until = Gauge(*UNPROVEN_UNTIL.base, unit=UNPROVEN_UNTIL.unit, registry=registry)
        self._calls = Counter(*CALLS.base, registry=registry)
        self._looks = Counter(*LOOKS.base, registry=registry)
        for target in (OWN_EDGES, *targets):
            for metric in (self._proven, self._unproven, self._until):
                metric.labels(target)
            for called in get_args(Called):
                self._calls.labels(target, called)
            for looked in get_args(Looked):
                self._looks.labels(target, looked)

    def called(self, target: str, outcome: Called) -> None:
        self._calls.labels(target, outcome).inc()

    def looked(self, target: str, outcome: Looked) -> None:
        self._looks.labels(target, outcome).inc()

    def proven(self, target: str, queued_at: float, now: float) -> None:
        # Who queued it may have a clock that is ahead of ours.
        self._proven.labels(target).observe(max(0.0, now - queued_at))

    def unproven(self, target: str, purges: int, until: float) -> None:
        """So many purges ended without proof; what they were about has expired by `until`."""
        self._unproven.labels(target).inc(purges)
        self._until.labels(target).set(until)


class Waiting:
    """A collector of what waits, and of what was put aside, for the profiles that are `mine`."""

    def __init__(
        self,
        store: Store,
        replica: str,
        targets: Sequence[str],
        mine: Callable[[str], bool],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._mine, self._now = store, mine, now
        self._outside = {name: waiting_list(name, replica) for name in targets}
        self._lists = {OWN_EDGES: replica, **self._outside}

    def collect(self) -> Iterator[Family]:
        try:
            queued = {target: self._queued(waiting) for target, waiting in self._lists.items()}
            aside = {target: len(self._queued(aside_list(to))) for target, to in self._outside.items()}
        except HoldfastError:
            return  # the store is away, as every loop says; what was counted is told all the same
        now = self._now()
        yield family(WAITING, {target: len(times) for target, times in queued.items()})
        ages = {target: max(0.0, now - min(times, default=now)) for target, times in queued.items()}
        yield family(WAITING_AGE, ages)
        yield family(ASIDE, aside)

    def _queued(self, waiting: str) -> list[float]:
        return [purge.queued_at for purge in self._store.purges.pending(waiting, COUNTED_MAX, self._mine)]
