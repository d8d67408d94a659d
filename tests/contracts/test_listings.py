"""What the lists of the whole site show: the greatest mark of each profile counts, in whatever order it comes."""

from __future__ import annotations

import random

import pytest

from core.rank import Mark
from core.store import Listed, Store
from tests.contracts.backends import StorePlace
from tests.contracts.conftest import Together

ANN, BOB = Listed("ann", "ann", 1000), Listed("bob", "bobby", 2000)


def test_a_shard_lists_what_was_put_there_by_profile_id(store: Store) -> None:
    assert list(store.listings.of(7, 1)) == []
    cy = Listed("cy", "cy", 3000)
    for one in (BOB, ANN):
        store.listings.put(7, one.profile_id, Mark(1, 1, 1), one)
    store.listings.put(8, "cy", Mark(1, 1, 1), cy)
    assert list(store.listings.of(7, 1)) == [ANN, BOB]
    assert list(store.listings.of(8, 1)) == [cy]


def test_what_is_listed_anew_replaces_and_what_is_taken_off_is_gone(store: Store) -> None:
    store.listings.put(7, "ann", Mark(1, 1, 1), ANN)
    store.listings.put(7, "bob", Mark(1, 1, 1), BOB)
    renamed = ANN._replace(username="anna", edited_at=5000)
    store.listings.put(7, "ann", Mark(1, 2, 1), renamed)
    assert list(store.listings.of(7, 1)) == [renamed, BOB]
    store.listings.put(7, "ann", Mark(1, 3, 1), None)
    assert list(store.listings.of(7, 1)) == [BOB]
    store.listings.put(7, "ann", Mark(1, 4, 1), ANN)
    assert list(store.listings.of(7, 1)) == [ANN, BOB], "and may come again"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("last", [ANN._replace(edited_at=10_009), None])
def test_the_greatest_mark_counts_whatever_order_they_come_in(
    store: Store, seed: int, last: Listed | None
) -> None:
    """By revision, then by roll-out; also of two that say the profile isn't listed."""
    marks = [Mark(1, revision, rollout) for revision in (1, 2, 10) for rollout in (1, 9)]
    puts = [
        (mark, None if mark.revision == 2 else ANN._replace(edited_at=1000 * mark.revision + mark.rollout))
        for mark in marks[:-1]
    ] + [(marks[-1], last)]
    random.Random(seed).shuffle(puts)
    for mark, listed in puts:
        store.listings.put(7, "ann", mark, listed)
    assert list(store.listings.of(7, 1)) == [one for one in [last] if one]


def test_each_life_has_its_own_listings(store: Store) -> None:
    store.listings.put(7, "ann", Mark(1, 9, 9), ANN)
    anew = ANN._replace(edited_at=9000)
    store.listings.put(7, "ann", Mark(2, 1, 1), anew)
    assert list(store.listings.of(7, 1)) == [ANN]
    assert list(store.listings.of(7, 2)) == [anew]
    assert list(store.listings.of(7, 3)) == []


def test_a_long_list_comes_whole(store: Store) -> None:
    wanted = [Listed(f"profile{number:05}", f"name{number}", number) for number in range(1200)]
    for one in wanted:
        store.listings.put(7, one.profile_id, Mark(1, 1, 1), one)
    assert list(store.listings.of(7, 1)) == wanted


def test_listings_put_at_once_leave_the_newest(store: Store, together: Together) -> None:
    def put(number: int) -> None:
        for revision in range(number, 40, 8):
            store.listings.put(7, "ann", Mark(1, revision, 1), ANN._replace(edited_at=revision))

    together(8, put)
    assert list(store.listings.of(7, 1)) == [ANN._replace(edited_at=39)]


def test_listings_survive_a_restart(store_place: StorePlace) -> None:
    store_place.open().listings.put(7, "ann", Mark(1, 1, 1), ANN)
    store_place.close()
    assert list(store_place.open().listings.of(7, 1)) == [ANN]
