"""A worker that dies in the middle of a publish, or is paused past its lease and wakes up with an old render in hand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from core import keys
from core.objects.folder import FolderReader
from core.rank import Rank, read_rank
from core.store.scylla import ScyllaStore
from core.store.scylla.nudge import shard_of
from tests.cluster import Keyspace
from tests.faults.authors import Author, wait_until
from tests.faults.conclusion import conclude, newest_revision, page, rank_at
from tests.fleet import Fleet

SignUp = Callable[[int], list[Author]]
pytestmark = pytest.mark.timeout(240)
WORKERS = ("worker-1", "worker-2")


@contextmanager
def watched(fleet: Fleet, author: Author) -> Iterator[dict[str, list[Rank]]]:
    """Every rank that was to be seen of the author's page, at both edges and in storage, in the order of looking."""
    seen: dict[str, list[Rank]] = {"storage": [], "edge 1": [], "edge 2": []}
    stop, reader = threading.Event(), FolderReader(fleet.data / "public")

    def look() -> None:
        while not stop.is_set():
            stored = reader.get(keys.page(author.username))
            found = {
                "storage": read_rank(stored.body) if stored else None,
                **{f"edge {edge}": rank_at(fleet, author, edge) for edge in (1, 2)},
            }
            for place, rank in found.items():
                if rank and seen[place][-1:] != [rank]:
                    seen[place].append(rank)
            stop.wait(0.02)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        stop.set()
        watcher.join()


def test_a_worker_that_wakes_up_with_an_old_render_takes_nothing_back(
    fleet: Fleet, store: ScyllaStore, authors: SignUp
) -> None:
    (ann,) = authors(1)
    word = f"{ann.username}-stops"
    fleet.restart(*WORKERS, fault=f"stops at: {word}")
    with watched(fleet, ann) as seen:
        written = ann.write(word=word)
        assert written is not None
        assert written.status_code == 200
        wait_until(lambda: any(fleet[worker].paused for worker in WORKERS), "one stops, page in hand")
        (paused,) = (worker for worker in WORKERS if fleet[worker].paused)
        stale = newest_revision(store, ann)
        # What it was at goes on without it, and so do its shards.
        for _ in range(2):
            ann.write_surely()
            ann.creator.wait_live(newest_revision(store, ann), timeout_s=90)
        assert fleet[paused].paused
        for edge in (1, 2):
            assert ann.word in page(fleet, ann, edge)
        fleet[paused].resume()
        wait_until(lambda: any(fleet[paused].events("woke")), "it goes on")
        ann.write_surely()
        ann.creator.wait_live(newest_revision(store, ann), timeout_s=90)
    for place, ranks in seen.items():
        assert ranks == sorted(ranks), f"{place} went back: {ranks}"
        assert ranks[-1].revision > stale
    assert [event["refused"] for event in fleet[paused].events("woke")] == [True]
    conclude(fleet, store, [ann])


def test_what_a_worker_dies_of_another_one_publishes(
    fleet: Fleet, store: ScyllaStore, keyspace: Keyspace, authors: SignUp
) -> None:
    ann, bob = authors(2)
    word = f"{ann.username}-dies"
    fleet.restart(*WORKERS, fault=f"dies at: {word}")
    written = ann.write(word=word)
    assert written is not None
    assert written.status_code == 200

    def dead_by_now() -> bool:
        # Meanwhile the log goes on, and what is behind her hint is done with: so where a position that was saved too
        # early stands, nobody looks back as far as her hint.
        keyspace.add_hint(shard_of(ann.id, store.changes.shards), bob.id, 1)
        return not all(fleet[worker].alive for worker in WORKERS)

    wait_until(dead_by_now, "one dies, page in hand")
    ann.creator.wait_live(newest_revision(store, ann), timeout_s=90)
    for edge in (1, 2):
        assert word in page(fleet, ann, edge)
    conclude(fleet, store, [ann, bob])
