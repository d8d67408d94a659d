"""Names: claims whose numbers only grow, taken and settled by conditions."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from core.ids import new_id
from core.store import Claim, Store
from tests.contracts.backends import StorePlace, in_processes
from tests.contracts.conftest import Together


def test_a_name_that_nobody_ever_took_has_no_claim(store: Store) -> None:
    assert store.names.get("ann") is None
    assert not store.names.settle("ann", 1, "free")


def test_a_name_is_taken_under_the_next_number_if_the_number_seen_still_holds(store: Store) -> None:
    first = store.names.take("ann", "profile1", "attempt1", 0)
    assert first == Claim(username="ann", number=1, state="held", profile_id="profile1", attempt="attempt1")
    assert store.names.get("ann") == first
    assert store.names.take("ann", "profile2", "attempt2", 0) is None
    assert store.names.take("ann", "profile2", "attempt2", 2) is None
    assert store.names.get("ann") == first
    second = store.names.take("ann", "profile2", "attempt2", 1)
    assert second == Claim(username="ann", number=2, state="held", profile_id="profile2", attempt="attempt2")
    assert store.names.get("ann") == second
    assert store.names.get("bob") is None


def test_a_claim_is_settled_only_under_its_own_number(store: Store) -> None:
    store.names.take("ann", "profile1", "a1", 0)
    assert store.names.settle("ann", 1, "redirect")
    claim = store.names.get("ann")
    assert claim is not None
    assert (claim.number, claim.state, claim.profile_id) == (1, "redirect", "profile1")
    assert store.names.take("ann", "profile2", "a2", 1)
    assert not store.names.settle("ann", 1, "free"), "its number has grown"
    claim = store.names.get("ann")
    assert claim is not None
    assert (claim.number, claim.state, claim.profile_id) == (2, "held", "profile2")


def test_a_free_name_has_no_owner_and_keeps_its_number(store: Store) -> None:
    store.names.take("ann", "profile1", "a1", 0)
    assert store.names.settle("ann", 1, "free")
    claim = store.names.get("ann")
    assert claim is not None
    assert (claim.number, claim.state, claim.profile_id) == (1, "free", None)
    assert store.names.take("ann", "profile2", "a2", 0) is None, "the row is never deleted"
    taken = store.names.take("ann", "profile2", "a2", 1)
    assert taken is not None
    assert taken.number == 2


def test_of_eight_who_take_a_name_at_once_exactly_one_gets_it(store: Store, together: Together) -> None:
    for seen in range(5):
        tries = [(f"profile{n}", new_id()) for n in range(8)]
        won = together(8, lambda n, tries=tries, seen=seen: store.names.take("ann", *tries[n], seen))
        (owner,) = [claim for claim in won if claim]
        assert owner == store.names.get("ann")
        assert owner.number == seen + 1


def _take_all(store: Any, number: int) -> list[str]:
    names = [f"name{n}" for n in range(40)]
    return [name for name in names if store.names.take(name, f"profile{number}", new_id(), 0)]


def test_two_processes_never_get_the_same_name(store_place: StorePlace) -> None:
    ours, theirs = in_processes(_take_all, store_place)
    assert not set(ours) & set(theirs)
    assert len(ours) + len(theirs) == 40
    store = store_place.open()
    for owner, names in (("profile0", ours), ("profile1", theirs)):
        for name in names:
            claim = store.names.get(name)
            assert claim is not None
            assert claim.profile_id == owner


def test_numbers_only_grow_whatever_comes(store: Store, together: Together) -> None:
    def watch(number: int) -> list[int]:
        seen: list[int] = []
        for turn in range(25):
            claim = store.names.get("ann")
            now = claim.number if claim else 0
            seen.append(now)
            if turn % 3 == number % 3:
                store.names.take("ann", f"profile{number}", new_id(), now)
            elif claim:
                store.names.settle("ann", claim.number, "free" if turn % 2 else "held")
        return seen

    for seen in together(4, watch):
        assert all(before <= after for before, after in pairwise(seen))
    claim = store.names.get("ann")
    assert claim is not None
    assert claim.number > 1, "else nothing came"
