"""A load is one revision. A read repair copies what its statement selected and nothing else of a batch: so what a load
rests on must be selected by loads alone, and a row that was copied in parts must not pass for a whole one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from core.ids import new_id
from core.store import Answer
from core.store.scylla import ScyllaStore
from core.store.scylla.profiles import PAGE
from tests.contracts.nouns import batch, post


class Listener:
    """A store's CQL, noting what is read other than SERIAL: a SERIAL read completes a batch before it looks."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.heard: list[str] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name not in ("read", "one", "pages"):
            return method

        def noted(cql: str, *values: Any, **options: Any) -> Any:
            self.heard.append(cql)
            return method(cql, *values, **options)

        return noted


def selected(statements: list[str]) -> set[str]:
    """Kinds of rows and static columns that these statements select."""
    columns = {"revision", "walked"}
    found: set[str] = set()
    for cql in statements:
        found |= set(re.findall(r"'(\w+)'", cql))
        found |= columns & set(re.findall(r"\w+", cql.partition("FROM")[0]))
    return found


def reads(store: ScyllaStore, act: Callable[[], object]) -> set[str]:
    listener = Listener(store._cql)
    store.profiles._cql = listener
    try:
        act()
    finally:
        store.profiles._cql = store._cql
    return selected(listener.heard)


@pytest.mark.parametrize("posts", [1, PAGE + 50], ids=["in one page", "in several pages"])
def test_what_a_load_rests_on_is_selected_by_loads_alone(store: ScyllaStore, posts: int) -> None:
    ann = new_id()
    store.profiles.commit(batch(ann, 1, posts=tuple(post(id=f"post{one:05}") for one in range(posts))))
    loaded = reads(store, lambda: store.profiles.load(ann))
    assert loaded == {"head", "media", "post", "revision"}
    others: list[Callable[[], object]] = [
        lambda: store.profiles.head(ann),
        lambda: store.profiles.history(ann),
        lambda: store.profiles.answer(ann, "key", 0),
        lambda: store.profiles.writer_of(ann, 1),
        lambda: [list(store.profiles.walk(part)) for part in range(store.profiles.parts)],
    ]
    for other in others:
        assert not reads(store, other) & loaded


def test_an_answer_is_read_serially(store: ScyllaStore) -> None:
    """Whoever has seen the first request's revision must not miss its answer, and do it again."""
    assert not reads(store, lambda: store.profiles.answer(new_id(), "key", 0))


def test_rows_that_were_copied_without_their_bodies_are_not_there_yet(store: ScyllaStore) -> None:
    ann = new_id()
    boats = post(revision=1)
    store.profiles.commit(batch(ann, 1, posts=(boats,)))
    for kind, row in (("post", "post9999"), ("answer", "key"), ("edit", "199")):
        store._cql.write("INSERT INTO profiles (profile_id, kind, id) VALUES (?, ?, ?)", ann, kind, row)
    found = store.profiles.load(ann)
    assert found is not None
    assert found.posts == (boats,)
    assert store.profiles.answer(ann, "key", 0) is None
    assert [one.revision for one in store.profiles.history(ann)] == [1]
    assert store.profiles.writer_of(ann, 199) is None


def test_parts_of_a_later_revision_are_never_taken_for_the_whole(store: ScyllaStore) -> None:
    """What other reads may have copied of revision 2 changes nothing for who loads."""
    ann, boats = new_id(), post(revision=1)
    store.profiles.commit(batch(ann, 1, posts=(boats,)))
    later = batch(ann, 2, answer=Answer(key="key", request="r", revision=2, edit=2, expires_at=2_000_000_000))
    put = "INSERT INTO profiles (profile_id, kind, id, body) VALUES (?, ?, ?, ?)"
    store._cql.write(put, ann, "brief", "", later.head.model_dump_json())
    store._cql.write("UPDATE profiles SET walked = 2 WHERE profile_id = ?", ann)
    found = store.profiles.load(ann)
    assert found is not None
    assert (found.head.revision, found.posts) == (1, (boats,))
