"""What `holdfast status` tells of a site, and of one profile."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from core.backends import Backends
from core.ids import new_id
from core.profile import Profile, Snapshot
from core.rank import Mark
from core.store import MAIN, Failure, MediaTask, Purge, Reached
from core.store.naming import found, rename
from core.store.revise import revise
from pipeline.media.sandbox import confinement
from tests.cli.conftest import Holdfast

NOBODY = "127.0.0.1:9"
"""The discard port: nothing of ours listens there."""


def published(backends: Backends, snapshot: Snapshot, revision: int | None = None) -> None:
    mark = Mark(backends.store.life, revision or snapshot.head.revision, 1)
    backends.store.published.record(snapshot.head.id, MAIN, Reached("published", mark, 1_700_000_000_000))


def test_the_site_is_counted(holdfast: Holdfast, backends: Backends) -> None:
    ann, bob = (found(backends.store, name, Profile(name=name)) for name in ("ann", "bob"))
    gone = found(backends.store, "gone", Profile(name="Gone"))
    after = revise(
        backends.store,
        gone.head.id,
        lambda old: old.model_copy(update={"head": old.head.model_copy(update={"deleted": True})}),
        writer=new_id(),
        what="deleted",
        by_creator=True,
    ).snapshot
    published(backends, ann)
    published(backends, bob, revision=1)
    published(backends, after)
    backends.store.media_work.add(MediaTask("m1", ann.head.id, 1))
    backends.store.purges.queue(MAIN, Purge("p1", ann.head.id, Mark(1, 2, 1), (), 1))
    backends.store.failures.put(Failure("m2", ann.head.id, "media", "The disk is full.", 5, int(time.time())))
    ran = holdfast("status", "--json", "--edge", NOBODY)
    told = ran.json
    assert ran.code == 0
    assert (told["profiles"], told["deleted"], told["complete"]) == (2, 1, True)
    assert (told["behind"], told["behind_names"]) == (1, ["bob"])
    assert (told["purges_pending"], told["media_in_the_making"]) == (1, 1)
    assert told["decoders"] == confinement().kind
    assert [one["reason"] for one in told["failures"]] == ["The disk is full."]
    assert (told["rollout"], told["life"]) == (None, 1)
    assert [one["live"] for one in told["edges"]] == [False]
    backends.store.rollouts.promote("f" * 32, "f" * 32)
    out = holdfast("status", "--edge", NOBODY).out
    for words in ("1: @bob", "does not answer", "holdfast failures", "1, release ffffffffffff; here is"):
        assert words in out


def test_a_site_too_large_to_look_at_is_told_to_be(
    holdfast: Holdfast, backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(backends, found(backends.store, "ann", Profile(name="Ann")))
    monkeypatch.setattr("cli.status.WALK_S", -1.0)
    assert holdfast("status", "--json", "--edge", NOBODY).json["complete"] is False
    assert "there are more" in holdfast("status", "--edge", NOBODY).out


def test_a_profile_is_told_with_its_receipt(holdfast: Holdfast, backends: Backends) -> None:
    ann = found(backends.store, "ann", Profile(name="Ann", visibility="unlisted"))
    ann = rename(backends.store, ann.head.id, "anna")
    told = holdfast("status", "@ann", "--json").json
    assert (told["username"], told["former_names"], told["visibility"]) == ("anna", ["ann"], "unlisted")
    assert told["receipt"]["state"] == "accepted"
    assert told["history"][0]["what"] == "named anna"
    published(backends, ann)
    ran = holdfast("status", "ANNA")
    assert ran.code == 0
    for words in ("@anna", "published", "/anna", "named anna", "roll-out 1"):
        assert words in ran.out
    assert "@ann" in ran.out.split()
    assert holdfast("status", "@anna", "--json").json["receipt"]["state"] == "published"


def test_an_unknown_profile_is_a_sentence(holdfast: Holdfast, backends: Backends) -> None:
    ran = holdfast("status", "@nobody")
    assert ran.code == 1
    assert "There is no profile nobody" in ran.err


def test_status_makes_no_data_folder(holdfast: Holdfast, data: Path) -> None:
    ran = holdfast("status")
    assert ran.code == 1
    assert "holdfast run" in ran.err
    assert not data.exists()
