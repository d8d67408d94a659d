"""kill -9 of an ingest before the hint, between hint and batch, before the answer, under load; and replies that it loses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.profile import Profile
from core.store import MAIN, naming
from core.store.scylla import ScyllaStore
from core.store.scylla.nudge import shard_of
from core.store.scylla.tail import decode, seconds
from tests.cluster import Keyspace, leave_address
from tests.faults.authors import Author, Load, wait_until
from tests.faults.conclusion import assert_nothing_is_lost, conclude, page
from tests.fleet import Fleet
from tests.pipeline.mortal import Mortal

SignUp = Callable[[int], list[Author]]
pytestmark = pytest.mark.timeout(240)
KEY = {"Idempotency-Key": "one and the same"}


def doomed(fleet: Fleet, author: Author, fault: str) -> None:
    """Sends an edit through an ingest that dies of it."""
    fleet.restart("ingest-1", fault=fault)
    assert author.write(1, **KEY) is None
    wait_until(lambda: not fleet["ingest-1"].alive, "the ingest is dead")


def test_what_died_before_its_hint_never_was(fleet: Fleet, store: ScyllaStore, authors: SignUp) -> None:
    (ann,) = authors(1)
    before = store.profiles.load(ann.id)
    doomed(fleet, ann, "dies before the hint")
    assert store.profiles.load(ann.id) == before
    again = ann.send_again(2)
    assert again is not None
    assert again.status_code == 200
    fleet.restart("ingest-1")
    conclude(fleet, store, [ann])


def test_a_hint_without_its_edit_holds_nobody_up(
    fleet: Fleet, store: ScyllaStore, keyspace: Keyspace, authors: SignUp
) -> None:
    ann, bob = authors(2)
    before = store.profiles.load(ann.id)
    doomed(fleet, ann, "dies before the batch")
    assert store.profiles.load(ann.id) == before
    shard = shard_of(ann.id, store.changes.shards)
    hints = [at for at, profile_id, _ in keyspace.hints(shard) if profile_id == ann.id]
    bob.write_surely()
    bob.creator.wait_live(ingest=2)
    wait_until(
        lambda: seconds(decode(store.changes.position(MAIN) or "")[shard]) >= seconds(hints[-1]),
        "the position goes on",
    )
    for edge in (1, 2):
        assert page(fleet, ann, edge), "it is served"
        assert ann.word not in page(fleet, ann, edge), "and not as it never was"
    again = ann.send_again(2)
    assert again is not None
    assert again.status_code == 200
    fleet.restart("ingest-1")
    conclude(fleet, store, [ann, bob])


def test_what_died_before_its_answer_goes_live_and_is_answered_when_asked_again(
    fleet: Fleet, store: ScyllaStore, authors: SignUp
) -> None:
    (ann,) = authors(1)
    doomed(fleet, ann, "dies before the answer")
    for edge in (1, 2):
        wait_until(lambda edge=edge: ann.word in page(fleet, ann, edge), "it goes live unasked")  # type: ignore[misc]
    head = store.profiles.head(ann.id)
    assert head is not None
    for _ in range(2):
        again = ann.send_again(2)
        assert again is not None
        assert again.status_code == 200
        assert (again.json()["edit"], again.json()["revision"]) == (head.edit, head.revision)
    fleet.restart("ingest-1")
    conclude(fleet, store, [ann])


def test_an_ingest_killed_under_load_loses_nothing(fleet: Fleet, store: ScyllaStore, authors: SignUp) -> None:
    ours = authors(4)
    with Load(ours) as load:
        load.wait_for(2)
        fleet["ingest-1"].kill()
        load.wait_for(2)
        fleet.restart("ingest-1")
        fleet["ingest-2"].kill()
        load.wait_for(2)
        fleet.restart("ingest-2")
    for one in ours:
        assert_nothing_is_lost(store, one)
    conclude(fleet, store, ours)


def test_replies_that_are_lost_lose_no_edit_and_double_none(
    fleet: Fleet, store: ScyllaStore, authors: SignUp
) -> None:
    (ann,) = authors(1)
    fleet.restart("ingest-1", fault="loses replies")
    for _ in range(4):
        answer = ann.write(1)
        assert answer is not None
        assert answer.status_code == 200
        assert_nothing_is_lost(store, ann)
    edits = [edit for edit, _ in ann.acknowledged]
    assert edits == list(range(edits[0], edits[0] + 5))
    fleet.restart("ingest-1")
    conclude(fleet, store, [ann])


def test_an_edit_killed_at_any_call_is_there_whole_or_not_at_all(
    tmp_path: Path, store: ScyllaStore, keyspace: Keyspace, mortal: Mortal
) -> None:
    leave_address(tmp_path, keyspace.settings)
    ann = naming.found(store, "killed-at-any-call", Profile(name="Ann")).head
    shard = shard_of(ann.id, store.changes.shards)
    bios, at, lived = [""], 0, 0
    while not lived:
        at += 1
        lived = mortal.do(tmp_path, "edit", at, profile=ann.id, bio=f"Version {at}.")
        head = store.profiles.head(ann.id)
        assert head is not None
        assert head.profile.bio in (bios[-1], f"Version {at}.")
        if head.profile.bio != bios[-1]:
            bios.append(head.profile.bio)
        assert head.edit == len(bios), "an edit that is there once counts once"
        hinted = [revision for _, profile_id, revision in keyspace.hints(shard) if profile_id == ann.id]
        assert max(hinted) >= head.revision, "no edit without its hint"
    assert bios[-1] == f"Version {at}."
    assert at > 3
