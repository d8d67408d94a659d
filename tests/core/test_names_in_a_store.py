"""Sign-up, rename and the reaper as a caller sees them, on each store; and that the model of the search answers as one does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput, Conflict, NameTaken, NotFound, OutcomeUnknown, Unavailable
from core.profile import Head, Profile
from core.store import Batch, Store, naming
from core.store.everyone import everyone
from core.store.naming import REAP_AFTER_S
from core.store.revise import revise
from core.store.sqlite import SqliteStore
from tests.cluster import Keyspace, leave_address
from tests.contracts.backends import STORES
from tests.core.interleavings import Call, Model, State

ANN = Profile(name="Ann")


@pytest.fixture(params=["sqlite", pytest.param("cassandra", marks=pytest.mark.server("cassandra"))])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "cassandra":
        keyspace: Keyspace = request.getfixturevalue("keyspace")
        keyspace.empty()
        leave_address(tmp_path, keyspace.settings)
    opened = STORES[request.param](tmp_path)
    yield opened
    opened.close()


def claim(store: Store, username: str) -> tuple[int, str, str | None]:
    found = store.names.get(username)
    assert found is not None
    return found.number, found.state, found.profile_id


def test_a_sign_up_makes_a_profile_under_its_name(store: Store) -> None:
    ann = naming.found(store, " Ann ", ANN).head
    assert ann.name is not None
    assert (ann.name.username, ann.name.claim, ann.pending_name) == ("ann", 1, None)
    assert (ann.edit, ann.frame_revision, ann.profile) == (1, ann.revision, ANN)
    assert store.profiles.head(ann.id) == ann
    assert claim(store, "ann") == (1, "held", ann.id)
    assert naming.owner_of(store, "ann") == ann.id
    assert {hint.change.revision for hint in store.changes.read(None, 10)} == {1, 2}, (
        "each revision has its hint"
    )


def test_a_name_that_is_taken_is_refused_and_nothing_is_left_behind(store: Store) -> None:
    naming.found(store, "ann", ANN)
    with pytest.raises(NameTaken):
        naming.found(store, "ann", ANN)
    with pytest.raises(BadInput):
        naming.found(store, "admin", ANN)
    assert len(list(everyone(store.profiles))) == 1


def test_after_a_rename_the_old_name_redirects_and_stays_its_own(store: Store) -> None:
    ann = naming.found(store, "ann", ANN).head
    renamed = naming.rename(store, ann.id, "Anna").head
    assert renamed.name is not None
    assert (renamed.name.username, renamed.edit) == ("anna", ann.edit + 1)
    assert renamed.former_names == (ann.name,)
    assert claim(store, "ann") == (1, "redirect", ann.id)
    assert claim(store, "anna") == (1, "held", ann.id)
    with pytest.raises(NameTaken):
        naming.found(store, "ann", ANN)
    back = naming.rename(store, ann.id, "ann").head
    assert back.name is not None
    assert (back.name.username, back.name.claim) == ("ann", 2), "always the next number"
    assert [one.username for one in back.former_names] == ["anna"]
    assert claim(store, "anna")[1] == "redirect"


def test_a_rename_that_can_not_be_is_refused(store: Store) -> None:
    ann, bob = (naming.found(store, name, ANN).head for name in ("ann", "bob"))
    with pytest.raises(NameTaken):
        naming.rename(store, ann.id, "bob")
    with pytest.raises(Conflict, match="this name already"):
        naming.rename(store, ann.id, "ANN")
    with pytest.raises(NotFound):
        naming.rename(store, "unknown0", "cleo")
    revise(
        store,
        bob.id,
        lambda old: old.model_copy(update={"head": old.head.model_copy(update={"deleted": True})}),
        writer="w",
        what="deleted",
        by_creator=True,
    )
    with pytest.raises(NotFound):
        naming.rename(store, bob.id, "robert")
    with pytest.raises(NameTaken):
        naming.rename(store, ann.id, "bob")
    after = store.profiles.head(ann.id)
    assert after is not None
    assert (after.name, after.pending_name) == (ann.name, None)


# ── replies lost and steps that fail ──────────────────────────────────────────────────────────────


def failing(call: Callable[..., Any], *errors: Exception, applied: bool = True) -> Callable[..., Any]:
    """`call` with a bad line: its first replies are these errors."""
    left = list(errors)

    def sent(*arguments: Any, **named: Any) -> Any:
        if left:
            if applied:
                call(*arguments, **named)
            raise left.pop(0)
        return call(*arguments, **named)

    return sent


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("part, call", [("names", "take"), ("profiles", "commit"), ("changes", "hint")])
def test_a_lost_reply_costs_nobody_a_name(
    store: Store, monkeypatch: pytest.MonkeyPatch, part: str, call: str, applied: bool
) -> None:
    patched = getattr(store, part)
    errors = [OutcomeUnknown(), OutcomeUnknown()]
    monkeypatch.setattr(patched, call, failing(getattr(patched, call), *errors, applied=applied))
    ann = naming.found(store, "ann", ANN).head
    assert claim(store, "ann") == (1, "held", ann.id)
    assert [one.what for one in store.profiles.history(ann.id)] == ["named ann", "sign-up"]


def test_a_rename_has_succeeded_though_its_last_step_failed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = naming.found(store, "ann", ANN).head
    with monkeypatch.context() as patched:
        patched.setattr(store.names, "settle", failing(store.names.settle, Unavailable(), applied=False))
        renamed = naming.rename(store, ann.id, "anna").head
    assert renamed.name is not None
    assert renamed.name.username == "anna"
    assert claim(store, "ann") == (1, "held", ann.id)
    naming.reap(store, ann.id, 0)
    assert claim(store, "ann") == (1, "redirect", ann.id)


def test_the_reaper_undoes_what_was_left_half_made_when_its_time_has_come(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(store.profiles, "commit", _dies_at(store.profiles.commit, 2))
        with pytest.raises(Unavailable):
            naming.found(store, "ann", ANN, "profileann")
    assert claim(store, "ann") == (1, "held", "profileann")
    with pytest.raises(NameTaken):
        naming.found(store, "ann", ANN)
    (due,) = [one for one in store.changes.due(2**40, 10) if one.profile_id == "profileann"]
    head = store.profiles.head("profileann")
    assert head is not None
    assert head.pending_name is not None
    assert due.at == head.pending_name.at + REAP_AFTER_S
    naming.reap(store, "profileann", due.at - 1)
    assert claim(store, "ann") == (1, "held", "profileann"), "not yet"
    naming.reap(store, "profileann", due.at)
    assert claim(store, "ann") == (1, "free", None)
    again = naming.found(store, "ann", ANN).head
    assert claim(store, "ann") == (2, "held", again.id)
    naming.reap(store, "unknown0", due.at)


def _dies_at(commit: Callable[[Batch], bool], revision: int) -> Callable[[Batch], bool]:
    def sent(batch: Batch) -> bool:
        if batch.head.revision == revision:
            raise Unavailable
        return commit(batch)

    return sent


# ── the model of the search ───────────────────────────────────────────────────────────────────────

names, profiles, numbers = (
    st.sampled_from(["ann", "bob"]),
    st.sampled_from(["profileann", "profilebob"]),
    st.integers(0, 3),
)
calls = (
    st.builds(lambda name: Call("get", (name,)), names)
    | st.builds(lambda *a: Call("take", a), names, profiles, st.sampled_from(["a1", "a2"]), numbers)
    | st.builds(lambda *a: Call("settle", a), names, numbers, st.sampled_from(["held", "redirect", "free"]))
    | st.builds(lambda profile: Call("head", (profile,)), profiles)
    | st.builds(lambda profile: Call("load", (profile,)), profiles)
    | st.builds(lambda *a: Call("writer_of", a), profiles, numbers)
    | st.builds(
        lambda profile, revision, writer: Call(
            "commit",
            (Batch(head=Head(id=profile, profile=ANN, revision=revision), writer=writer, what="x", at_ms=1),),
        ),
        profiles,
        st.integers(1, 3),
        st.sampled_from(["w1", "w2"]),
    )
)
PARTS = {"get": "names", "take": "names", "settle": "names"}


@given(st.lists(calls, max_size=25))
def test_the_model_answers_every_call_as_the_store_does(
    tmp_path_factory: pytest.TempPathFactory, asked: list[Call]
) -> None:
    store = SqliteStore(tmp_path_factory.mktemp("store") / "store.db")
    model, state = Model(), State()
    try:
        for call in asked:
            state, said = model.apply(state, call)
            part = getattr(store, PARTS.get(call.name, "profiles"))
            assert getattr(part, call.name)(*call.arguments) == said, call
    finally:
        store.close()
