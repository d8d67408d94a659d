"""The tail of the change log as one reader sees it: polls by shard and hour, hints out, none of them missed.

A hint becomes readable some time after the time it carries. So each poll looks again at the last OVERLAP_S, once a
minute at the last DEEP_S, and gives what it hasn't given yet. What comes later still belongs to the sweep.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from cassandra.util import min_uuid_from_time

from core.store import Change, Hint
from core.store.scylla.clock import seconds
from core.store.scylla.cql import Cql, Row, Statement

HOUR_S = 3600
OVERLAP_S, DEEP_S, DEEP_EVERY_S = 5.0, 900.0, 60.0
EDGE_S = 2.0
"""How far ahead of our time a writer's may be: the next hour is looked at that long before it begins."""
ROWS_MAX = 1000

SELECT = (
    f"SELECT at, profile_id, revision FROM changes WHERE shard = ? AND hour = ? AND at >= ? LIMIT {ROWS_MAX}"  # noqa: S608
)

PRIME = "SELECT at FROM changes WHERE shard = ? AND hour = ? AND at >= ?"


@dataclass
class _Shard:
    """Where the reading of one shard stands: everything from `since` on has to be looked at; `cursor` where a long hour
    was broken off; `primed` the time before which a first deep look takes what it finds for done with."""

    since: float
    primed: float = 0.0
    cursor: UUID | None = None


class Tail:
    """One thread's reading on from a position. `heard` are shards that somebody nudged about."""

    def __init__(self, cql: Cql, began: int, after: str | None, shards: frozenset[int]) -> None:
        self.position, self.shards = after, shards
        self.heard: set[int] = set()
        self._cql = cql
        self._vector = {shard: at for shard, at in decode(after or "").items() if shard in shards}
        self._states = {shard: self._begin(shard, began) for shard in shards}
        self._seen: OrderedDict[UUID, None] = OrderedDict()
        self._found: deque[tuple[int, UUID, Change]] = deque()
        self._due_at = self._deep_at = time.monotonic()

    def read(self, limit: int, quiet_s: float) -> list[Hint]:
        """Hints that this reader hasn't been given. Asks the store if that is due, or somebody nudged; `quiet_s` is when
        it is due again."""
        if not self._found:
            self._poll(quiet_s)
        given: list[Hint] = []
        while self._found and len(given) < limit:
            shard, at, change = self._found.popleft()
            known = self._vector.get(shard)
            # One that came late stands before the position already.
            if known is None or (at.time, at.bytes) > (known.time, known.bytes):
                self._vector[shard] = at
            self.position = ",".join(f"{one}:{until.hex}" for one, until in sorted(self._vector.items()))
            given.append(Hint(self.position, change))
        return given

    @property
    def due_in_s(self) -> float:
        return 0.0 if self.heard else self._due_at - time.monotonic()

    def _begin(self, shard: int, began: int) -> _Shard:
        if at := self._vector.get(shard):
            return _Shard(seconds(at) - OVERLAP_S, seconds(at) - OVERLAP_S)
        return _Shard(began - HOUR_S)

    def _poll(self, quiet_s: float) -> None:
        now = time.monotonic()
        if now >= self._due_at:
            asked, self._due_at = set(self.shards), now + quiet_s
        elif self.heard:
            asked = set(self.heard)
        else:
            return
        self.heard -= asked
        deep = now >= self._deep_at
        store_now = self._cql.clock.now()
        if deep:
            self._deep_at = now + DEEP_EVERY_S
            asked = set(self.shards)
            self._look_deep(store_now)
        found: list[tuple[int, UUID, Change]] = []
        while asked and not found:
            asked = self._round(asked, store_now, found)
        if asked:
            self._due_at = now  # there is more in them
        found.sort(key=lambda one: one[1].time)
        self._found += found
        while self._seen and seconds(next(iter(self._seen))) < store_now - 2 * DEEP_S:
            self._seen.popitem(last=False)

    def _look_deep(self, store_now: float) -> None:
        """Shards that are up to date go back by DEEP_S for one round. The first time, what lies before the position
        counts as done with: only what appears there later is late."""
        for shard, state in self._states.items():
            if state.cursor is not None or state.since < store_now - DEEP_S:
                continue
            if state.primed:
                looks = _statements(shard, store_now - DEEP_S, store_now)
                for rows in self._cql.read_many([(PRIME, values) for _, values in looks]):
                    self._seen.update((at, None) for (at,) in rows if seconds(at) < state.primed)
                state.primed = 0.0
            else:
                state.since = store_now - DEEP_S

    def _round(self, asked: set[int], store_now: float, found: list[tuple[int, UUID, Change]]) -> set[int]:
        """Reads one or two hours of each shard, side by side; returns the shards that there is more in."""
        plans = {
            shard: list(_statements(shard, self._states[shard].since, store_now, self._states[shard].cursor))
            for shard in sorted(asked)
        }
        answers = iter(self._cql.read_many([one for plan in plans.values() for one in plan]))
        unfinished = set()
        for shard, plan in plans.items():
            rows: list[Row] = []
            state = self._states[shard]
            state.cursor = None
            for _ in plan:
                part = next(answers)
                if state.cursor is not None:
                    continue  # what comes after the break is read again then
                rows += part
                if len(part) == ROWS_MAX:
                    state.cursor = part[-1][0]
            found += self._fresh(shard, rows)
            last_hour = plan[-1][1][1]
            if state.cursor is not None:
                unfinished.add(shard)
            elif last_hour < int(store_now // HOUR_S):
                state.since = float((last_hour + 1) * HOUR_S)
                unfinished.add(shard)
            else:
                state.since = store_now - OVERLAP_S
        return unfinished

    def _fresh(self, shard: int, rows: Sequence[Row]) -> Iterator[tuple[int, UUID, Change]]:
        for at, profile_id, revision in rows:
            if at not in self._seen:
                self._seen[at] = None
                yield shard, at, Change(profile_id, revision)


def _statements(
    shard: int, since: float, store_now: float, cursor: UUID | None = None
) -> Iterator[Statement]:
    """The hour of `since` and, if it has begun or is about to, the next one."""
    low = cursor or min_uuid_from_time(since)
    hour = int(seconds(low) // HOUR_S)
    yield SELECT, (shard, hour, low)
    if hour < int((store_now + EDGE_S) // HOUR_S):
        yield SELECT, (shard, hour + 1, min_uuid_from_time((hour + 1) * HOUR_S))


def decode(position: str) -> dict[int, UUID]:
    """The time in each shard up to which a position says that all is done with."""
    parts = (one.split(":") for one in position.split(",") if one)
    return {int(shard): UUID(hex=at) for shard, at in parts}
