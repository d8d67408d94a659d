"""A load is one revision, also when a commit has reached a single node, reads have copied parts of it, and that node dies."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from cassandra import ConsistencyLevel
from cassandra.query import BatchStatement, BatchType

from cli.ring.ring import Ring
from core.errors import Unavailable
from core.ids import new_id
from core.store import Answer, Batch
from core.store.scylla import ScyllaStore
from core.store.scylla.cluster import connect
from core.store.scylla.profiles import PAGE, _statements
from tests.cluster import PATIENCE_S, Keyspace
from tests.contracts.nouns import batch, post


def write_on_one_node(keyspace: Keyspace, address: str, written: Batch) -> None:
    """As a commit whose reply was lost before the other nodes had it. Its condition holds, so it is left out: a
    conditional write needs a majority, and there is none just now."""
    alone = keyspace.settings.model_copy(update={"nodes": (address,)})
    connection = connect(alone, patience_s=PATIENCE_S)
    statement = BatchStatement(BatchType.UNLOGGED, consistency_level=ConsistencyLevel.ONE)
    for cql, values in _statements(written):
        if cql.startswith("UPDATE"):
            cql, values = cql.partition(" IF ")[0], values[:3]
        statement.add(connection.cql._bind(cql, values, "write"))
    connection.session.execute(statement, timeout=30)
    connection.close()


@pytest.mark.parametrize("posts", [1, PAGE + 50], ids=["in one page", "in several pages"])
def test_parts_of_a_revision_that_a_read_has_copied_are_never_taken_for_the_whole(
    whole_ring: Ring, keyspace: Keyspace, opened: Callable[[], ScyllaStore], posts: int
) -> None:
    store, ann = opened(), new_id()
    old = tuple(post(id=f"post{number:05}", title="Old", revision=1) for number in range(posts))
    new = tuple(one.model_copy(update={"title": "New", "revision": 2}) for one in old)
    answer = Answer(key="key", request="r", revision=2, edit=2, expires_at=int(time.time()) + 9999)
    assert store.profiles.commit(batch(ann, 1, posts=old))
    whole_ring.kill(2)
    whole_ring.kill(3)
    write_on_one_node(keyspace, whole_ring.addresses[0], batch(ann, 2, posts=new, answer=answer))
    whole_ring.mend()
    for _ in range(40):  # each copies what it selects, when it happens to ask node 1 and another
        store.profiles.head(ann)
        store.profiles.history(ann)
        if posts > 1:
            store.profiles._partition(ann)  # a load of several pages that is broken off in the middle
    for part in range(store.profiles.parts):
        list(store.profiles.walk(part))
    whole_ring.kill(1)
    found = settled(lambda: store.profiles.load(ann))
    assert found is not None
    title = {1: "Old", 2: "New"}[found.head.revision]
    assert {one.title for one in found.posts} == {title}
    assert len(found.posts) == posts
    kept = settled(lambda: store.profiles.answer(ann, "key", 0))
    assert kept is None or kept == answer
    if found.head.revision == 2 and settled(lambda: store.profiles.writer_of(ann, 2)):
        assert kept == answer


def settled(read: Callable[[], Any]) -> Any:
    """What it gives once the driver has noticed that a node is gone."""
    ends = time.monotonic() + 60
    while True:
        try:
            return read()
        except Unavailable:
            assert time.monotonic() < ends
            time.sleep(0.5)
