"""The change log: hints come unordered, repeated and late, but they come; and what falls due comes until it is settled."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Collection
from typing import Any

from core.store import MAIN, Change, Hint, Store
from tests.contracts.backends import StorePlace, in_processes
from tests.contracts.conftest import Together

TOO_LONG_S = 40.0
"""For what takes a moment: within the test's own time limit (60 s), so that it is said what never came."""


def read_on(
    store: Store,
    after: str | None,
    wanted: set[Change],
    limit: int = 100,
    shards: Collection[int] | None = None,
) -> list[Hint]:
    """Reads as a worker does, from the position of the last hint to the next, until all wanted have been seen.

    AssertionError if they don't come, or if nobody wakes who waits for them."""
    seen: list[Hint] = []
    missing, ends = set(wanted), time.monotonic() + TOO_LONG_S
    while missing:
        hints = store.changes.read(after, limit, shards)
        assert len(hints) <= limit
        seen += hints
        missing -= {hint.change for hint in hints}
        if hints:
            after = hints[-1].position
        elif missing:
            store.changes.wait(max(0.0, ends - time.monotonic()))
            assert time.monotonic() < ends, f"never came, or nobody was woken: {missing}"
    return seen


def write(store: Store, profile_id: str, count: int, first: int = 1) -> set[Change]:
    changes = {Change(profile_id, revision) for revision in range(first, first + count)}
    for change in sorted(changes):
        store.changes.hint(change)
    return changes


def test_an_empty_log_has_nothing_to_read(store: Store) -> None:
    assert list(store.changes.read(None, 10)) == []
    assert store.changes.position(MAIN) is None


def test_every_hint_is_seen_by_who_reads_on_in_helpings_of_any_size(store: Store) -> None:
    changes = write(store, "ann", 25) | write(store, "bob", 5)
    for limit in (1, 3, 100):
        seen = read_on(store, None, changes, limit)
        assert {hint.change for hint in seen} == changes, "and nothing that nobody wrote"


def test_reading_on_from_any_hint_misses_none_that_comes_after_it(store: Store) -> None:
    """Whoever dies and begins again at the last hint that it had done with sees what it hadn't."""
    changes = write(store, "ann", 12)
    seen = read_on(store, None, changes, 4)
    done: set[Change] = set()
    for hint in seen:
        done.add(hint.change)
        read_on(store, hint.position, changes - done, 5)
    assert done == changes


def test_hints_written_while_somebody_reads_are_seen_too(store: Store) -> None:
    first = write(store, "ann", 5)
    seen = read_on(store, None, first)
    later = write(store, "ann", 5, first=6)
    read_on(store, seen[-1].position, later)


def test_a_saved_position_is_where_a_restarted_worker_goes_on(store_place: StorePlace) -> None:
    store = store_place.open()
    changes = write(store, "ann", 8)
    seen = read_on(store, None, changes)
    store.changes.save_position(MAIN, seen[-1].position)
    store_place.close()
    again = store_place.open()
    later = write(again, "ann", 3, first=9)
    position = again.changes.position(MAIN)
    assert position is not None
    read_on(again, position, later)


def test_positions_are_kept_for_each_replica(store: Store) -> None:
    changes = write(store, "ann", 4)
    store.changes.save_position("one", read_on(store, None, changes)[-1].position)
    assert store.changes.position("two") is None
    read_on(store, store.changes.position("two"), changes)


def test_hints_by_many_threads_are_all_there(store: Store, together: Together) -> None:
    written = together(6, lambda number: write(store, f"profile{number}", 10))
    everything = set().union(*written)
    assert len(everything) == 60
    assert {hint.change for hint in read_on(store, None, everything)} == everything


# ── positions ─────────────────────────────────────────────────────────────────────────────────────


def test_a_position_never_goes_back(store: Store) -> None:
    """A worker that was paused saves what it knew; what others have saved meanwhile stays."""
    seen = read_on(store, None, write(store, "ann", 12) | write(store, "bob", 12), 3)
    for hint in seen:
        store.changes.save_position(MAIN, hint.position)
    saved = store.changes.position(MAIN)
    assert saved is not None
    for hint in seen:
        store.changes.save_position(MAIN, hint.position)
        assert store.changes.position(MAIN) == saved


def test_a_position_of_one_replica_holds_back_no_other(store: Store) -> None:
    seen = read_on(store, None, write(store, "ann", 12), 3)
    for hint in seen:
        store.changes.save_position("one", hint.position)
    store.changes.save_position("two", seen[0].position)
    read_on(store, store.changes.position("two"), {hint.change for hint in seen[1:]} - {seen[0].change})


def test_positions_saved_at_once_leave_the_furthest(store: Store, together: Together) -> None:
    seen = read_on(store, None, write(store, "ann", 24), 3)

    def save(number: int) -> None:
        for hint in seen[number::4]:
            store.changes.save_position(MAIN, hint.position)

    together(4, save)
    saved = store.changes.position(MAIN)
    for hint in seen:
        store.changes.save_position(MAIN, hint.position)
    assert store.changes.position(MAIN) == saved


# ── shards ────────────────────────────────────────────────────────────────────────────────────────


def write_for_many(store: Store, count: int = 24, first: int = 1) -> set[Change]:
    return set().union(*(write(store, f"profile{number}", 2, first) for number in range(count)))


def shards_of(store: Store, changes: set[Change]) -> dict[str, set[int]]:
    """In which shards each profile's hints are, found by reading each shard by itself."""
    found: dict[str, set[int]] = defaultdict(set)
    after: dict[int, str | None] = dict.fromkeys(range(store.changes.shards))
    missing, ends = set(changes), time.monotonic() + TOO_LONG_S
    while missing and time.monotonic() < ends:
        for shard in after:
            hints = store.changes.read(after[shard], 100, [shard])
            for hint in hints:
                found[hint.change.profile_id].add(shard)
                missing.discard(hint.change)
            after[shard] = hints[-1].position if hints else after[shard]
    assert not missing, "each is in one of the shards"
    return found


def test_the_shards_together_are_the_whole_log_and_a_profile_is_in_one(store: Store) -> None:
    changes = write_for_many(store)
    found = shards_of(store, changes)
    assert set(found) == {change.profile_id for change in changes}
    assert {len(shards) for shards in found.values()} == {1}
    assert shards_of(store, write_for_many(store, first=3)) == found, "it stays there"


def test_nothing_comes_from_a_shard_that_was_not_asked(store: Store) -> None:
    changes = write_for_many(store)
    read_on(store, None, changes)
    assert list(store.changes.read(None, 100, [])) == []
    found = shards_of(store, changes)
    for shard in range(store.changes.shards):
        others = [number for number in range(store.changes.shards) if number != shard]
        told = store.changes.read(None, 100, others)
        assert all(found[hint.change.profile_id] <= set(others) for hint in told)


def test_readers_that_share_the_shards_out_see_everything_between_them(store: Store) -> None:
    changes = write_for_many(store)
    found = shards_of(store, changes)
    for half in (range(0, store.changes.shards, 2), range(1, store.changes.shards, 2)):
        wanted = {change for change in changes if found[change.profile_id] <= set(half)}
        seen = read_on(store, None, wanted, 5, half)
        assert {hint.change for hint in seen} == wanted


def test_a_position_counts_only_for_the_shards_that_it_was_read_from(store: Store) -> None:
    """Whoever reads half of the shards says nothing about the other half, and a share may change."""
    changes = write_for_many(store)
    found = shards_of(store, changes)
    halves = (range(0, store.changes.shards, 2), range(1, store.changes.shards, 2))
    for replica, (mine, others) in {"one": halves, "two": (halves[1], halves[0])}.items():
        done = {change for change in changes if found[change.profile_id] <= set(mine)}
        for hint in read_on(store, None, done, 5, mine):
            store.changes.save_position(replica, hint.position)
        position = store.changes.position(replica)
        read_on(store, position, changes - done, 5, others)
        read_on(store, position, changes - done, 5)
        # They go on each in its share, and what either saves takes nothing back from the other.
        later = write_for_many(store, first=3 if replica == "one" else 5)
        changes |= later
        seen = read_on(store, position, changes - done, 5)
        for hint in seen:
            store.changes.save_position(replica, hint.position)
        saved = store.changes.position(replica)
        store.changes.save_position(replica, seen[0].position)
        assert store.changes.position(replica) == saved
        newest = write_for_many(store, first=7 if replica == "one" else 9)
        changes |= newest
        read_on(store, saved, newest)


# ── waiting ───────────────────────────────────────────────────────────────────────────────────────


def test_a_wait_ends_though_nothing_comes(store: Store) -> None:
    began = time.monotonic()
    for _ in range(5):
        store.changes.wait(0.01)
    assert time.monotonic() - began < 10


def test_a_wait_is_woken_by_another_thread(store: Store) -> None:
    seen = read_on(store, None, write(store, "ann", 1))
    timer = threading.Timer(0.05, write, [store, "bob", 1])
    timer.start()
    read_on(store, seen[-1].position, {Change("bob", 1)})
    timer.join()


def test_every_thread_that_waits_is_woken(store: Store, together: Together) -> None:
    """None takes another's wake-up: also those that have begun to wait before anything came."""
    asleep = threading.Barrier(4, timeout=TOO_LONG_S)

    def wait_or_write(number: int) -> None:
        for revision in (1, 2, 3):
            store.changes.wait(0)  # knows what has been so far
            asleep.wait()
            if number == 0:
                time.sleep(0.05)  # most of the others sleep by now; the test holds if they don't
                store.changes.hint(Change("ann", revision))
            else:
                read_on(store, None, {Change("ann", revision)})

    together(4, wait_or_write)


def _answer_the_other(store: Any, number: int) -> bool:
    """Two processes in turn: each writes when it has read what the other wrote."""
    me, other = f"process{number}", f"process{1 - number}"
    after = None
    for turn in range(1, 6):
        if number == 0:
            store.changes.hint(Change(me, turn))
        after = read_on(store, after, {Change(other, turn)})[-1].position
        if number == 1:
            store.changes.hint(Change(me, turn))
    return True


def test_a_wait_is_woken_by_another_process(store_place: StorePlace) -> None:
    assert in_processes(_answer_the_other, store_place) == [True, True]


# ── what falls due ────────────────────────────────────────────────────────────────────────────────


def test_what_falls_due_is_seen_from_its_time_on_oldest_first_until_it_is_settled(store: Store) -> None:
    store.changes.schedule("bob", 2000)
    store.changes.schedule("ann", 1000)
    store.changes.schedule("ann", 3000)
    store.changes.schedule("ann", 1000)
    assert list(store.changes.due(999, 10)) == []
    (first,) = store.changes.due(1000, 10)
    assert (first.profile_id, first.at) == ("ann", 1000)
    assert [(one.profile_id, one.at) for one in store.changes.due(2500, 10)] == [("ann", 1000), ("bob", 2000)]
    assert [one.at for one in store.changes.due(9000, 2)] == [1000, 2000]
    assert store.changes.due(1000, 10) == [first], "seen again"
    store.changes.schedule("ann", 1000, "west")
    assert {(one.profile_id, one.replica) for one in store.changes.due(1000, 10)} == {
        ("ann", ""),
        ("ann", "west"),
    }
    (west,) = [one for one in store.changes.due(1000, 10) if one.replica]
    store.changes.settle_due(west)
    assert store.changes.due(1000, 10) == [first], "each by itself"
    store.changes.settle_due(first)
    store.changes.settle_due(first)
    assert [one.at for one in store.changes.due(9000, 10)] == [2000, 3000]


def test_what_was_dealt_with_before_its_time_does_not_fall_due(store: Store) -> None:
    store.changes.schedule("ann", 1000)
    store.changes.schedule("ann", 2000)
    store.changes.unschedule("ann", 1000)
    store.changes.unschedule("ann", 1000)
    store.changes.unschedule("nobody", 5)
    assert [one.at for one in store.changes.due(9000, 10)] == [2000]
    store.changes.schedule("ann", 1000)
    assert [one.at for one in store.changes.due(9000, 10)] == [1000, 2000], "and may be needed again"


def test_two_profiles_may_fall_due_at_one_time(store: Store) -> None:
    store.changes.schedule("ann", 1000)
    store.changes.schedule("bob", 1000)
    both = store.changes.due(1000, 10)
    assert {one.profile_id for one in both} == {"ann", "bob"}
    assert len({one.id for one in both}) == 2
    store.changes.settle_due(next(one for one in both if one.profile_id == "ann"))
    assert [one.profile_id for one in store.changes.due(1000, 10)] == ["bob"]


def test_what_falls_due_survives_a_restart(store_place: StorePlace) -> None:
    store_place.open().changes.schedule("ann", 1000)
    store_place.close()
    assert [one.profile_id for one in store_place.open().changes.due(1000, 10)] == ["ann"]
