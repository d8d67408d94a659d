"""Accounts: who may edit what, sessions that end for good, and claim links that work once."""

from __future__ import annotations

from core.ids import digest, new_id
from core.store import Store
from tests.contracts.backends import StorePlace
from tests.contracts.conftest import Together
from tests.contracts.nouns import account


def test_an_account_is_found_by_id_and_by_address(store: Store) -> None:
    ann = account("ann")
    assert store.accounts.create(ann)
    assert store.accounts.get(ann.id) == ann
    assert store.accounts.by_email(ann.email) == ann
    assert store.accounts.get("unknown0") is None
    assert store.accounts.by_email("nobody@example.org") is None


def test_an_address_belongs_to_one_account(store: Store) -> None:
    ann, other = account("ann"), account("ann")
    assert store.accounts.create(ann)
    assert not store.accounts.create(other)
    assert store.accounts.get(other.id) is None
    assert store.accounts.create(ann), "sent again it is still so"
    assert store.accounts.by_email(ann.email) == ann


def test_everyone_is_met_once(store: Store) -> None:
    assert list(store.accounts.everyone()) == []
    made = [account(f"artist{number}") for number in range(20)]
    for one in made:
        store.accounts.create(one)
    store.accounts.remove(made[3].id)
    store.accounts.set_password(made[5].id, "$argon2id$new")
    made[5] = made[5].model_copy(update={"password_hash": "$argon2id$new"})
    del made[3]
    assert sorted(store.accounts.everyone(), key=lambda one: one.id) == sorted(made, key=lambda one: one.id)


def test_of_eight_sign_ups_with_one_address_exactly_one_wins(store: Store, together: Together) -> None:
    accounts = [account("ann") for _ in range(8)]
    won = together(8, lambda number: store.accounts.create(accounts[number]))
    assert won.count(True) == 1
    assert store.accounts.by_email("ann@example.org") == accounts[won.index(True)]


def test_a_new_password_replaces_the_hash_alone(store: Store) -> None:
    ann = account("ann")
    store.accounts.create(ann)
    store.accounts.set_password(ann.id, "$argon2id$new")
    assert store.accounts.by_email(ann.email) == ann.model_copy(update={"password_hash": "$argon2id$new"})
    store.accounts.set_password("unknown0", "$argon2id$new")
    assert store.accounts.get("unknown0") is None


def test_an_account_that_is_removed_takes_sessions_and_rights_along(store: Store) -> None:
    ann, bob = account("ann"), account("bob")
    for one in (ann, bob):
        store.accounts.create(one)
        store.accounts.open_session(digest(one.id), one.id, 2000)
        store.accounts.allow(one.id, "profile1")
    store.accounts.remove(ann.id)
    store.accounts.remove(ann.id)
    assert store.accounts.get(ann.id) is None
    assert store.accounts.by_email(ann.email) is None
    assert store.accounts.session(digest(ann.id), 0) is None
    assert store.accounts.profiles_of(ann.id) == []
    assert store.accounts.editors_of("profile1") == [bob.id]
    assert store.accounts.session(digest(bob.id), 0) == bob.id
    assert store.accounts.create(account("ann")), "the address is free again"


# ── sessions ──────────────────────────────────────────────────────────────────────────────────────


def test_a_session_lasts_until_it_expires(store: Store) -> None:
    store.accounts.open_session("d1", "ann", 2000)
    assert store.accounts.session("d1", 1999) == "ann"
    assert store.accounts.session("d1", 2000) is None
    assert store.accounts.session("d2", 0) is None


def test_a_session_survives_a_restart(store_place: StorePlace) -> None:
    store_place.open().accounts.open_session("d1", "ann", 2000)
    store_place.close()
    assert store_place.open().accounts.session("d1", 0) == "ann"


def test_a_session_that_ended_never_comes_back(store: Store) -> None:
    store.accounts.open_session("d1", "ann", 2000)
    store.accounts.open_session("d2", "ann", 2000)
    store.accounts.end_session("d1")
    store.accounts.end_session("d1")
    store.accounts.open_session("d1", "ann", 9000)
    assert store.accounts.session("d1", 0) is None, "not even if its opening comes again"
    assert store.accounts.session("d2", 0) == "ann"


def test_all_sessions_of_an_account_can_be_ended(store: Store) -> None:
    for number in range(3):
        store.accounts.open_session(f"d{number}", "ann", 2000)
    store.accounts.open_session("bob's", "bob", 2000)
    store.accounts.end_sessions("ann")
    store.accounts.open_session("d0", "ann", 2000)
    assert [store.accounts.session(f"d{number}", 0) for number in range(3)] == [None] * 3
    assert store.accounts.session("bob's", 0) == "bob"
    store.accounts.open_session("new", "ann", 2000)
    assert store.accounts.session("new", 0) == "ann"


# ── who may edit what ─────────────────────────────────────────────────────────────────────────────


def test_an_account_edits_several_profiles_and_a_profile_has_several_editors(store: Store) -> None:
    for who, what in (("ann", "p1"), ("ann", "p2"), ("bob", "p2"), ("ann", "p1")):
        store.accounts.allow(who, what)
    assert sorted(store.accounts.profiles_of("ann")) == ["p1", "p2"]
    assert sorted(store.accounts.editors_of("p2")) == ["ann", "bob"]
    store.accounts.disallow("ann", "p2")
    store.accounts.disallow("nobody", "p2")
    assert list(store.accounts.profiles_of("ann")) == ["p1"]
    assert list(store.accounts.editors_of("p2")) == ["bob"]


# ── claim links ───────────────────────────────────────────────────────────────────────────────────


def test_a_claim_link_lets_whoever_shows_it_first_edit_the_profile(store: Store) -> None:
    store.accounts.invite("link", "profile1")
    assert store.accounts.invited("link") == "profile1"
    assert store.accounts.invite_of("profile1") == "link"
    assert store.accounts.invite_of("profile2") is None
    assert store.accounts.redeem("link", "ann") == "profile1"
    assert store.accounts.invited("link") is None
    assert store.accounts.invite_of("profile1") is None
    assert store.accounts.redeem("link", "bob") is None
    assert list(store.accounts.editors_of("profile1")) == ["ann"]
    assert store.accounts.redeem("unknown", "bob") is None


def test_a_newer_claim_link_replaces_an_unused_one_of_that_profile(store: Store) -> None:
    store.accounts.invite("old", "profile1")
    store.accounts.invite("other", "profile2")
    store.accounts.invite("new", "profile1")
    assert store.accounts.invited("old") is None
    assert store.accounts.redeem("old", "ann") is None
    assert store.accounts.invited("new") == "profile1"
    assert store.accounts.invited("other") == "profile2"


def test_a_claim_link_that_was_used_up_stays_so_though_it_is_made_again(store: Store) -> None:
    store.accounts.invite("link", "profile1")
    store.accounts.redeem("link", "ann")
    store.accounts.invite("link", "profile1")
    assert store.accounts.invited("link") is None
    assert store.accounts.redeem("link", "bob") is None


def test_of_eight_who_use_a_claim_link_at_once_exactly_one_gets_the_profile(
    store: Store, together: Together
) -> None:
    for turn in range(5):
        link, profile, accounts = f"link{turn}", f"profile{turn}", [new_id() for _ in range(8)]
        store.accounts.invite(link, profile)
        got = together(
            8, lambda number, link=link, accounts=accounts: store.accounts.redeem(link, accounts[number])
        )
        assert sorted(got, key=str) == [None] * 7 + [profile]
        assert list(store.accounts.editors_of(profile)) == [accounts[got.index(profile)]]
