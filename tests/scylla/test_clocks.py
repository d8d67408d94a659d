"""Clocks that are wrong by minutes: what was revoked stays revoked, newer ranks win, and time is taken from the store."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from cassandra.util import uuid_from_time

from core.rank import Mark
from core.store import MAIN, Listed, Reached
from core.store.scylla import ScyllaStore
from core.store.scylla.clock import StoreClock
from tests.contracts.nouns import account, batch

WRONG_S = 600.0


@pytest.fixture
def fast(opened: Callable[[], ScyllaStore]) -> ScyllaStore:
    """Believes that the store's time is ten minutes ahead of what it is."""
    store = opened()
    store._cql.clock.offset_s += WRONG_S
    return store


@pytest.fixture
def slow(opened: Callable[[], ScyllaStore]) -> ScyllaStore:
    store = opened()
    store._cql.clock.offset_s -= WRONG_S
    return store


def test_a_session_ended_by_the_slower_clock_is_ended_for_the_faster(
    fast: ScyllaStore, slow: ScyllaStore
) -> None:
    fast.accounts.open_session("d1", "ann", 2_000_000_000)
    fast.accounts.open_session("d2", "ann", 2_000_000_000)
    assert slow.accounts.session("d1", 0) == "ann"
    slow.accounts.end_session("d1")
    assert fast.accounts.session("d1", 0) is None
    slow.accounts.end_sessions("ann")
    assert fast.accounts.session("d2", 0) is None


def test_a_right_taken_by_the_slower_clock_is_gone_and_one_given_again_is_there(
    fast: ScyllaStore, slow: ScyllaStore
) -> None:
    fast.accounts.allow("ann", "profile1")
    slow.accounts.disallow("ann", "profile1")
    assert list(fast.accounts.profiles_of("ann")) == []
    assert list(fast.accounts.editors_of("profile1")) == []
    slow.accounts.allow("ann", "profile1")
    assert list(fast.accounts.profiles_of("ann")) == ["profile1"]


def test_an_address_given_up_by_the_slower_clock_is_free(fast: ScyllaStore, slow: ScyllaStore) -> None:
    ann, other = account("ann"), account("ann")
    assert fast.accounts.create(ann)
    slow.accounts.remove(ann.id)
    assert fast.accounts.get(ann.id) is None
    assert slow.accounts.create(other)
    assert fast.accounts.by_email(other.email) == other


def test_a_claim_link_replaced_by_the_slower_clock_is_worth_nothing(
    fast: ScyllaStore, slow: ScyllaStore
) -> None:
    fast.accounts.invite("old", "profile1")
    slow.accounts.invite("new", "profile1")
    assert fast.accounts.redeem("old", "ann") is None
    assert fast.accounts.invited("new") == "profile1"


def test_the_newer_mark_counts_though_the_older_was_written_later_by_a_faster_clock(
    fast: ScyllaStore, slow: ScyllaStore
) -> None:
    newer, older = Mark(1, 7, 1), Mark(1, 6, 9)
    slow.published.record("ann", MAIN, Reached("live", newer, 7))
    fast.published.record("ann", MAIN, Reached("live", older, 6))
    assert slow.published.get("ann", MAIN, 1)["live"].mark == newer
    slow.listings.put(3, "ann", newer, None)
    fast.listings.put(3, "ann", older, Listed("ann", "ann", 6))
    assert list(fast.listings.of(3, 1)) == []


def test_a_position_saved_by_a_worker_that_was_paused_moves_nothing_back(
    fast: ScyllaStore, slow: ScyllaStore
) -> None:
    older, newer = (f"0:{uuid_from_time(1_790_000_000 + seconds).hex}" for seconds in (10, 20))
    slow.changes.save_position(MAIN, newer)
    fast.changes.save_position(MAIN, older)
    assert slow.changes.position(MAIN) == newer


def test_a_revision_follows_the_one_before_it_whatever_the_clocks_say(
    fast: ScyllaStore, slow: ScyllaStore
) -> None:
    assert fast.profiles.commit(batch("profile1", 1))
    second = batch("profile1", 2)
    assert slow.profiles.commit(second)
    for store in (fast, slow):
        found = store.profiles.load("profile1")
        assert found is not None
        assert found.head == second.head


# ── the store's time ──


def test_the_stores_time_is_this_machines_corrected_by_what_a_node_says() -> None:
    clock = StoreClock(lambda: 1_790_000_000.0)
    clock.measure(lambda: uuid_from_time(1_790_000_600.0))
    assert clock.now() == pytest.approx(1_790_000_600, abs=0.1)
    assert clock.offset_s == pytest.approx(600, abs=0.1)
    assert not clock.is_due


def test_write_timestamps_grow_though_the_clock_stands_still_or_goes_back() -> None:
    now = [1_790_000_000.0]
    clock = StoreClock(lambda: now[0])
    first, second = clock(), clock()
    now[0] -= 100
    assert first == 1_790_000_000_000_000
    assert first < second < clock()


def test_no_two_log_entries_share_a_timeuuid() -> None:
    clock = StoreClock(lambda: 1_790_000_000.0)
    made = {clock.new_timeuuid() for _ in range(1000)}
    assert len(made) == 1000
    assert all(isinstance(one, UUID) and one.version == 1 for one in made)


def test_a_client_of_a_real_cluster_has_measured_the_time(store: ScyllaStore) -> None:
    assert not store._cql.clock.is_due
    assert abs(store._cql.clock.offset_s) < 5, "nodes and tests share this machine's clock"
