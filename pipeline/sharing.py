"""Who does what among the live workers: their heartbeats in, this worker's share out.

Nothing rests on it but the load: two workers at one thing are harmless, by the fences. So no clock is compared with
another one and nothing is locked; each worker makes up its own mind, and soon all come to the same.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from core.ids import new_id
from core.store import MAIN, Workers


def worker_id(replica: str) -> str:
    """A new id, by which others see the replica: work of one replica is shared among its own workers."""
    return new_id() if replica == MAIN else f"{replica}.{new_id()}"


def replica_of(worker: str) -> str:
    return worker.rpartition(".")[0] or MAIN


class _Seen(NamedTuple):
    """A worker's counter as seen last, how long it has stood still, and whether the worker counts as live."""

    turns: int
    still_s: float
    live: bool


class Sharing:
    """One worker's view of all of them. Safe to use from any thread."""

    def __init__(
        self,
        workers: Workers,
        worker_id: str,
        lease_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` is this process's own, in seconds from anywhere."""
        self._workers, self._id, self._lease_s, self._clock = workers, worker_id, lease_s, clock
        self._guard = threading.Lock()
        self._seen: dict[str, _Seen] = {}
        self._looked: float | None = None
        self._looks = 0
        self._left = False
        self._live: tuple[str, ...] = (worker_id,)
        self._leads = replica_of(worker_id) == MAIN
        self._replicas = frozenset({replica_of(worker_id)})

    def beat(self, count: int) -> None:
        """Says that the work loop has turned `count` times, and looks at how the others are."""
        with self._guard:
            if self._left:
                return
            self._workers.beat(self._id, count)
            self._look(self._workers.beats(), (self._id,))

    def rest(self) -> None:
        """This worker can't do anything just now: the others take over, until it beats again."""
        with self._guard:
            if self._left:
                return
            self._workers.leave(self._id)
            self._look(self._workers.beats(), ())

    def leave(self) -> None:
        """This worker drains; the others take over as soon as they look."""
        with self._guard:
            self._left = True
            self._workers.leave(self._id)

    @property
    def live(self) -> tuple[str, ...]:
        """The workers of this replica that count as live; this one among them, unless it rests."""
        return self._live

    @property
    def replicas(self) -> frozenset[str]:
        """Those that have a live worker."""
        return self._replicas

    @property
    def leads(self) -> bool:
        """Whether this replica's workers do what belongs to none of them (scheduled posts, half-made names): the main
        one's, or those of the first replica that has any while it has none."""
        return self._leads

    @property
    def settled(self) -> bool:
        """Whether every worker met at the first look has either moved or been given up. Before that, some of what seems
        to be this worker's is another's: no harm, but a waste where the work is long."""
        return self._looked is not None and all(
            one.live or one.still_s >= self._lease_s for one in self._seen.values()
        )

    @property
    def ready(self) -> bool:
        """Whether this worker has seen who lives: at the first look if it is alone, else at the second, by which whoever
        lives has moved."""
        return self.settled or self._looks > 1

    def mine(self, key: str) -> bool:
        """Whether this worker does `key`: of all live ones it weighs most there (rendezvous hashing), so when one joins
        or leaves, only its own keys move."""
        return max(self._live, key=lambda worker: weight(worker, key), default=None) == self._id

    def shards(self, count: int) -> frozenset[int]:
        """Which of so few numbered things are this worker's. As `mine`, but evenly: of eight shards and four workers
        each has two, where chance alone would leave one with none and another with four."""
        live = self._live
        if self._id not in live:
            return frozenset()
        least, extra = divmod(count, len(live))
        loads = dict.fromkeys(live, 0)
        owners: dict[int, str] = {}
        pairs = (
            (weight(worker, f"shard {shard}"), shard, worker) for shard in range(count) for worker in live
        )
        for _, shard, worker in sorted(pairs, reverse=True):
            if shard in owners or loads[worker] > least or (loads[worker] == least and not extra):
                continue
            extra -= loads[worker] == least
            loads[worker] += 1
            owners[shard] = worker
        return frozenset(shard for shard, worker in owners.items() if worker == self._id)

    def _look(self, beats: Mapping[str, int], me: tuple[str, ...]) -> None:
        now, first = self._clock(), self._looked is None
        # A look that comes late (the store was away, or this process paused) says nothing about the time between.
        step_s = 0.0 if self._looked is None else min(now - self._looked, self._lease_s / 2)
        seen: dict[str, _Seen] = {}
        for worker, count in beats.items():
            before = self._seen.get(worker)
            if before is None:
                # Who comes later has just begun. Of those met at the first look some have long died, and nobody's work
                # shall wait for these: they count once they have moved.
                seen[worker] = _Seen(count, 0.0, live=not first)
            elif count != before.turns:
                seen[worker] = _Seen(count, 0.0, live=True)
            else:
                still_s = before.still_s + step_s
                seen[worker] = _Seen(count, still_s, before.live and still_s < self._lease_s)
        seen.pop(self._id, None)
        self._seen, self._looked = seen, now
        self._looks += 1
        live = [*me, *(worker for worker, one in seen.items() if one.live)]
        replica = replica_of(self._id)
        self._live = tuple(sorted(worker for worker in live if replica_of(worker) == replica))
        self._replicas = frozenset(map(replica_of, live))
        leader = min(self._replicas, key=lambda one: (one != MAIN, one), default=MAIN)
        self._leads = leader == replica


def weight(worker: str, key: str) -> bytes:
    """How much a worker weighs at a thing; the same in every process."""
    return hashlib.blake2b(f"{worker}\n{key}".encode(), digest_size=8).digest()
