"""What memory holds is bounded, and so is what is known about it."""

from __future__ import annotations

import tracemalloc

import pytest

from core import keys
from core.objects import Headers, Object
from edge.entry import Entry, missing, whole
from edge.purge import folder_of
from edge.shelf import Shelf


def page(path: str, rests_on: str) -> Entry:
    entry = whole(f"{path[1:]}/index.html", Object(b"x" * 10_000, "", Headers()))
    entry.rests_on = rests_on
    return entry


def test_what_rests_on_a_path_is_known_for_as_long_as_it_is_held() -> None:
    shelf = Shelf(100_000)
    for number in range(50):
        shelf.put(f"/ann/{number}", page(f"/ann/{number}", f"/folder{number % 25}/"))
    assert shelf.get("/ann/49") and not shelf.get("/ann/24")
    assert shelf.resting_on("/folder24/") == ["/ann/49"]
    assert shelf.resting_on("/folder0/") == []
    shelf.drop("/ann/49")
    assert shelf.resting_on("/folder24/") == []
    shelf.put("/ann/48", page("/ann/48", "/elsewhere/"))
    assert (shelf.resting_on("/folder23/"), shelf.resting_on("/elsewhere/")) == ([], ["/ann/48"])


@pytest.mark.parametrize("part", ["posts", "\U0001f600" + "a" * 200], ids=["short", "long"])
def test_what_is_missing_weighs_what_it_takes(part: str) -> None:
    shelf = Shelf(1_000_000)
    tracemalloc.start()
    for number in range(3000):
        entry = missing(keys.check(f"bob{number:06}/{part}/{part}/{part}/{part}/index.html"))
        entry.rests_on = folder_of(keys.path_of(entry.key))
        shelf.put(keys.path_of(entry.key), entry)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert shelf.get(keys.path_of(entry.key))
    assert taken < 1_100_000
