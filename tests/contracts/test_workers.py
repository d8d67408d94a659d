"""Which workers are at it, and where their long walks have got to."""

from __future__ import annotations

import time
from typing import Any

from core.store import Store
from tests.contracts.backends import StorePlace, in_processes
from tests.contracts.conftest import Together

# ── heartbeats ────────────────────────────────────────────────────────────────────────────────────


def test_the_newest_count_of_each_worker_is_told(store: Store) -> None:
    assert dict(store.workers.beats()) == {}
    store.workers.beat("one", 0)
    store.workers.beat("two", 7)
    for count in (1, 2, 30):
        store.workers.beat("one", count)
        assert dict(store.workers.beats()) == {"one": count, "two": 7}


def test_a_worker_that_leaves_is_not_told_any_more(store: Store) -> None:
    for worker in ("one", "two"):
        store.workers.beat(worker, 1)
    store.workers.leave("one")
    store.workers.leave("one")
    store.workers.leave("never came")
    assert dict(store.workers.beats()) == {"two": 1}
    store.workers.beat("one", 2)
    assert dict(store.workers.beats()) == {"one": 2, "two": 1}, "it may come again"


def test_a_worker_that_died_stays_for_a_while(store_place: StorePlace) -> None:
    store_place.open().workers.beat("one", 5)
    store_place.close()
    store = store_place.open()
    store.workers.beat("two", 1)
    assert dict(store.workers.beats()) == {"one": 5, "two": 1}


def _beat_in_process(store: Any, number: int) -> bool:
    for count in range(1, 11):
        store.workers.beat(f"worker{number}", count)
    while dict(store.workers.beats()) != {"worker0": 10, "worker1": 10}:
        time.sleep(0.01)
    return True


def test_workers_in_other_processes_see_each_other(store_place: StorePlace) -> None:
    assert in_processes(_beat_in_process, store_place) == [True, True]


# ── bookmarks ─────────────────────────────────────────────────────────────────────────────────────


def test_a_bookmark_is_where_it_was_put_last(store: Store) -> None:
    assert store.bookmarks.get("sweep 1") is None
    for place in ("a", "b", ""):
        store.bookmarks.put("sweep 1", place)
        assert store.bookmarks.get("sweep 1") == place
    store.bookmarks.put("sweep 2", '{"é": "\\n"}')
    assert store.bookmarks.get("sweep 1") == ""
    assert store.bookmarks.get("sweep 2") == '{"é": "\\n"}'


def test_a_bookmark_survives_a_restart(store_place: StorePlace) -> None:
    store_place.open().bookmarks.put("sweep 1", "here")
    store_place.close()
    assert store_place.open().bookmarks.get("sweep 1") == "here"


def test_bookmarks_put_at_once_do_not_disturb_each_other(store: Store, together: Together) -> None:
    def put(number: int) -> None:
        for place in range(10):
            store.bookmarks.put(f"sweep {number}", str(place))

    together(6, put)
    assert {store.bookmarks.get(f"sweep {number}") for number in range(6)} == {"9"}
