"""The change log as it must not be: hints late, twice, in the wrong order, lost; positions lost; nobody nudges."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from core.store import MAIN
from core.store.scylla import ScyllaStore
from core.store.scylla.nudge import shard_of
from tests.cluster import Keyspace
from tests.faults.authors import Author, wait_until
from tests.faults.conclusion import conclude, newest_revision, page, published_revision, rank_at
from tests.fleet import Fleet

SignUp = Callable[[int], list[Author]]
pytestmark = pytest.mark.timeout(240)
WORKERS = ("worker-1", "worker-2")
SWEEPING = {"worker__sweep_s": "2"}
"""For tests that rest on the sweep; in all others it is far away once the workers have begun."""


@pytest.mark.parametrize("fault", ["hints twice", "hints reversed", "hints late"])
def test_hints_that_come_otherwise_than_sent_still_publish(
    fleet: Fleet, store: ScyllaStore, authors: SignUp, fault: str
) -> None:
    (ann,) = authors(1)
    fleet.restart("ingest-1", fault=fault)
    for _ in range(3):
        answer = ann.write(1)
        assert answer is not None
        assert answer.status_code == 200
    ann.creator.wait_live(newest_revision(store, ann), timeout_s=110)
    for edge in (1, 2):
        assert ann.word in page(fleet, ann, edge)
    fleet.restart("ingest-1")
    conclude(fleet, store, [ann])


def test_old_hints_repeated_in_any_order_change_nothing(
    fleet: Fleet, store: ScyllaStore, keyspace: Keyspace, authors: SignUp
) -> None:
    (ann,) = authors(1)
    for _ in range(3):
        ann.write_surely()
    newest = newest_revision(store, ann)
    ann.creator.wait_live(newest)
    ranks = [rank_at(fleet, ann, edge) for edge in (1, 2)]
    old = [*range(1, newest + 1)] * 3
    random.shuffle(old)
    for revision in old:
        keyspace.add_hint(shard_of(ann.id, store.changes.shards), ann.id, revision, random.uniform(0, 900))
    bob = authors(1)
    assert [rank_at(fleet, ann, edge) for edge in (1, 2)] == ranks
    conclude(fleet, store, [ann, *bob])


def test_edits_whose_hints_are_lost_are_found_by_the_sweep(
    fleet: Fleet, store: ScyllaStore, authors: SignUp
) -> None:
    ours = authors(2)
    fleet.restart("ingest-1", fault="drops hints")
    for one in ours:
        answer = one.write(1)
        assert answer is not None
        assert answer.status_code == 200
    fleet.restart(*WORKERS, **SWEEPING)
    for one in ours:
        one.creator.wait_live(newest_revision(store, one), timeout_s=90, ingest=2)
        for edge in (1, 2):
            assert one.word in page(fleet, one, edge)
    fleet.restart("ingest-1")
    conclude(fleet, store, ours)


def test_a_log_that_is_lost_before_it_is_read_loses_no_edit(
    fleet: Fleet, store: ScyllaStore, keyspace: Keyspace, authors: SignUp
) -> None:
    ours = authors(2)
    for worker in WORKERS:
        fleet[worker].kill()
    for one in ours:
        one.write_surely()
    keyspace.lose("changes")
    for one in ours:
        assert keyspace.hints(shard_of(one.id, store.changes.shards)) == []
    fleet.restart(*WORKERS, **SWEEPING)
    for one in ours:
        one.creator.wait_live(newest_revision(store, one), timeout_s=90)
        for edge in (1, 2):
            assert one.word in page(fleet, one, edge)
    conclude(fleet, store, ours)


def test_positions_that_are_lost_cost_work_and_nothing_else(
    fleet: Fleet, store: ScyllaStore, keyspace: Keyspace, authors: SignUp
) -> None:
    ours = authors(2)
    for one in ours:
        one.creator.wait_live(newest_revision(store, one))
    before = [(published_revision(store, one), rank_at(fleet, one, 1)) for one in ours]
    for worker in WORKERS:
        fleet[worker].kill()
    keyspace.lose("positions")
    ours[0].write_surely()
    fleet.restart(*WORKERS)
    ours[0].creator.wait_live(newest_revision(store, ours[0]), timeout_s=90)
    wait_until(lambda: store.changes.position(MAIN), "positions are saved again")
    for one, (revision, rank) in zip(ours[1:], before[1:], strict=True):
        # A card may have been drawn meanwhile; back it never goes.
        assert published_revision(store, one) >= revision
        shown = rank_at(fleet, one, 1)
        assert shown and rank and shown >= rank
    conclude(fleet, store, ours)


def test_an_edit_goes_live_though_nobody_nudges(fleet: Fleet, store: ScyllaStore, authors: SignUp) -> None:
    ours = authors(1)
    fleet.restart("ingest-1", "ingest-2", *WORKERS, store__nudge="off")
    for one in ours:
        one.write_surely()
        one.creator.wait_live(newest_revision(store, one))
        for edge in (1, 2):
            assert one.word in page(fleet, one, edge)
    conclude(fleet, store, ours)
