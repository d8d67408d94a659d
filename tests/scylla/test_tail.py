"""The log's tail: late, repeated and reversed hints are all given, across hours, gaps and long backlogs."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from cassandra.util import uuid_from_time

from core.store import Change
from core.store.scylla import tail as tails
from core.store.scylla.clock import seconds
from core.store.scylla.cql import Cql
from core.store.scylla.nudge import shard_of
from core.store.scylla.tail import DEEP_S, HOUR_S, OVERLAP_S, ROWS_MAX, Tail
from tests.scylla.conftest import SetClock

SHARDS = 4
ALL = frozenset(range(SHARDS))
NOON = 1_790_000_000 // HOUR_S * HOUR_S
CqlAt = Callable[[SetClock], Cql]


class Log:
    """A log of four shards, written and read at times that the test chooses. It began at `NOON`, a full hour."""

    def __init__(self, cql_at: CqlAt) -> None:
        self.clock = SetClock(NOON + 1800)
        self.cql = cql_at(self.clock)

    def write(self, profile_id: str, revision: int, at_s: float) -> UUID:
        """A hint that carries that time, whatever the time is."""
        at: UUID = uuid_from_time(at_s)
        self.cql.write(
            "INSERT INTO changes (shard, hour, at, profile_id, revision) VALUES (?, ?, ?, ?, ?)",
            shard_of(profile_id, SHARDS),
            int(seconds(at) // HOUR_S),
            at,
            profile_id,
            revision,
        )
        return at

    def tail(self, after: str | None = None, shards: frozenset[int] = ALL) -> Tail:
        return Tail(self.cql, NOON, after, shards)

    def read(self, tail: Tail, polls: int = 40) -> list[Change]:
        """Polls on until nothing more comes."""
        found: list[Change] = []
        for _ in range(polls):
            hints = tail.read(1000, 0.0)
            found += [hint.change for hint in hints]
        return found

    @property
    def now(self) -> float:
        return self.clock()


@pytest.fixture
def log(cql_at: CqlAt) -> Log:
    return Log(cql_at)


def test_a_hint_that_comes_late_is_given_though_later_ones_were(log: Log) -> None:
    tail = log.tail()
    log.write("ann", 2, log.now)
    assert log.read(tail, 3) == [Change("ann", 2)]
    position = tail.position
    log.write("ann", 1, log.now - OVERLAP_S + 2)
    assert log.read(tail, 3) == [Change("ann", 1)]
    assert tail.position == position, "and moves no position back"


def test_a_hint_that_comes_very_late_is_found_by_the_deep_look(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    tail = log.tail()
    log.write("ann", 2, log.now)
    assert log.read(tail, 3) == [Change("ann", 2)]
    log.write("ann", 1, log.now - DEEP_S + 60)
    assert log.read(tail, 3) == []
    monkeypatch.setattr(tails, "DEEP_EVERY_S", 0.0)
    tail._deep_at = 0.0
    assert log.read(tail, 3) == [Change("ann", 1)]


def test_hints_written_in_reverse_and_twice_are_all_given(log: Log) -> None:
    tail = log.tail()
    for revision in range(20, 0, -1):
        log.write("ann", revision, log.now - 0.1 * revision)
    log.write("ann", 7, log.now)
    found = log.read(tail, 3)
    assert {change.revision for change in found} == set(range(1, 21))
    assert found.count(Change("ann", 7)) == 2, "written twice, by two writers"


def test_who_goes_on_from_a_position_is_not_given_again_what_was_long_done_with(log: Log) -> None:
    log.write("ann", 1, log.now - 600)
    log.write("ann", 2, log.now - 300)
    first = log.tail()
    assert len(log.read(first, 3)) == 2
    again = log.tail(first.position)
    assert [change.revision for change in log.read(again, 3)] in ([], [2]), "an overlap of seconds at most"
    log.write("ann", 3, log.now - 200)
    again._deep_at = 0.0  # as if a minute had passed
    assert Change("ann", 3) in log.read(again, 3)


def test_a_deep_look_gives_nothing_again_however_much_there_was(log: Log) -> None:
    """More than one read takes, of which all was done with before this reader came."""
    count = 2 * ROWS_MAX + 100
    insert = "INSERT INTO changes (shard, hour, at, profile_id, revision) VALUES (?, ?, ?, 'ann', ?)"
    first = log.now - 600
    for start in range(0, count, 200):
        log.cql.write_many(
            [
                (insert, (shard_of("ann", SHARDS), int(at // HOUR_S), uuid_from_time(at), number))
                for number in range(start, min(start + 200, count))
                for at in [first + 0.2 * number]
            ]
        )
    reader = log.tail()
    assert len(log.read(reader)) == count
    again = log.tail(reader.position)
    given = len(log.read(again, 5))
    again._deep_at = 0.0  # as if a minute had passed
    given += len(log.read(again, 10))
    assert given <= OVERLAP_S / 0.2 + 1


def test_hints_on_both_sides_of_a_full_hour_are_given(log: Log) -> None:
    log.clock.set(NOON + HOUR_S - 1)
    tail = log.tail()
    log.write("ann", 1, NOON + HOUR_S - 0.5)
    log.write("ann", 2, NOON + HOUR_S + 0.5)  # by a writer whose time is ahead
    assert set(log.read(tail, 3)) == {Change("ann", 1), Change("ann", 2)}
    log.clock.set(NOON + HOUR_S + 1)
    log.write("ann", 3, NOON + HOUR_S - 0.2)  # late, from the old hour
    log.write("ann", 4, NOON + HOUR_S + 0.9)
    assert set(log.read(tail, 3)) == {Change("ann", 3), Change("ann", 4)}


def test_after_hours_away_every_hour_is_read_the_empty_ones_too(log: Log) -> None:
    log.write("ann", 1, NOON + 10)
    first = log.tail()
    assert log.read(first, 3) == [Change("ann", 1)]
    for number, hour in enumerate((1, 2, 5, 9), 2):
        log.write("ann", number, NOON + hour * HOUR_S + 100)
    log.clock.set(NOON + 10 * HOUR_S + 30)
    found = log.read(log.tail(first.position))
    assert [change.revision for change in found if change.revision > 1] == [2, 3, 4, 5]


def test_a_backlog_longer_than_one_read_comes_whole_and_in_order(log: Log) -> None:
    count = 2 * ROWS_MAX + 500
    statements = [
        (
            "INSERT INTO changes (shard, hour, at, profile_id, revision) VALUES (?, ?, ?, 'ann', ?)",
            (shard_of("ann", SHARDS), NOON // HOUR_S, uuid_from_time(NOON + 0.01 * number), number),
        )
        for number in range(count)
    ]
    for start in range(0, count, 200):
        log.cql.write_many(statements[start : start + 200])
    found = log.read(log.tail())
    assert [change.revision for change in found] == list(range(count))


def test_a_shard_that_was_nudged_is_asked_at_once_and_no_other(log: Log) -> None:
    tail = log.tail()
    tail.read(10, 60.0)  # the next poll of all is a minute off
    log.write("ann", 1, log.now)
    assert tail.read(10, 60.0) == []
    tail.heard = {(shard_of("ann", SHARDS) + 1) % SHARDS}
    assert tail.read(10, 60.0) == []
    tail.heard = {shard_of("ann", SHARDS)}
    assert [hint.change for hint in tail.read(10, 60.0)] == [Change("ann", 1)]
