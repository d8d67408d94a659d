"""One domain, one profile, on each store; whoever dies on the way leaves it to be taken, and the later claim wins."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import BadInput
from core.ids import new_id
from core.profile import Head, Profile, Snapshot
from core.store import Claim, Store, domains
from core.store.naming import found
from core.store.revise import Asked, revise
from ingest.edits import Terms, change_profile, delete_profile, with_profile
from tests.cluster import Keyspace, leave_address
from tests.contracts.backends import STORES

DOMAIN = "ann.example"


@pytest.fixture(params=["sqlite", pytest.param("cassandra", marks=pytest.mark.server("cassandra"))])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "cassandra":
        keyspace: Keyspace = request.getfixturevalue("keyspace")
        keyspace.empty()
        leave_address(tmp_path, keyspace.settings)
    opened = STORES[request.param](tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def ann(store: Store) -> str:
    return found(store, "ann", Profile(name="Ann")).head.id


@pytest.fixture
def bob(store: Store) -> str:
    return found(store, "bob", Profile(name="Bob")).head.id


def wish(store: Store, profile_id: str, domain: str = DOMAIN, asked: Asked | None = None) -> Head:
    def with_domain(old: Profile) -> Profile:
        return old.model_copy(update={"domain": domain})

    return change_profile(store, profile_id, with_domain, Terms(asked=asked)).snapshot.head


def head(store: Store, profile_id: str) -> Head:
    found = store.profiles.head(profile_id)
    assert found is not None
    return found


def held(store: Store, profile_id: str) -> tuple[str, int] | None:
    domain = head(store, profile_id).domain
    return (domain.domain, domain.claim) if domain else None


def test_who_takes_a_domain_holds_it_and_no_second_one_can(store: Store, ann: str, bob: str) -> None:
    taken = wish(store, ann)
    assert held(store, ann) == (DOMAIN, 1)
    assert taken.domain is not None and taken.domain.revision == taken.revision == head(store, ann).revision
    assert taken.edit == 2
    with pytest.raises(BadInput) as refused:
        wish(store, bob)
    assert refused.value.fields.keys() == {"domain"}
    assert (head(store, bob).profile.domain, held(store, bob)) == ("", None)


def test_an_edit_of_anything_else_leaves_the_domain_as_it_is(store: Store, ann: str) -> None:
    before = wish(store, ann).domain
    change_profile(store, ann, lambda old: old.model_copy(update={"bio": "Boats."}), Terms())
    wish(store, ann)
    assert head(store, ann).domain == before


@pytest.mark.parametrize("gives_up", ["drops", "changes", "deletes"])
def test_a_domain_that_was_given_up_is_anybodys(store: Store, ann: str, bob: str, gives_up: str) -> None:
    wish(store, ann)
    if gives_up == "deletes":
        delete_profile(store, ann, Terms())
    else:
        wish(store, ann, "" if gives_up == "drops" else "other.example")
    wish(store, bob)
    assert held(store, bob) == (DOMAIN, 2)
    if gives_up != "deletes":
        with pytest.raises(BadInput):
            wish(store, ann)


def test_a_claim_that_its_owner_does_not_want_is_anybodys(store: Store, ann: str, bob: str) -> None:
    domains.take(store, ann, DOMAIN)
    wish(store, bob)
    assert held(store, bob) == (DOMAIN, 2)


@pytest.mark.parametrize("dies_before", ["take", "hold"])
def test_who_dies_on_the_way_can_do_it_again(
    store: Store, ann: str, bob: str, monkeypatch: pytest.MonkeyPatch, dies_before: str
) -> None:
    class Death(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Death

    with monkeypatch.context() as patch, pytest.raises(Death):
        patch.setattr(domains, "hold" if dies_before == "take" else "revise", die)
        wish(store, ann)
    assert (head(store, ann).profile.domain, held(store, ann)) == (DOMAIN, None)
    if dies_before == "hold":
        with pytest.raises(BadInput):
            wish(store, bob)
    wish(store, ann)
    assert held(store, ann) is not None


def test_who_is_overtaken_after_the_first_look_is_told_and_loses_it(
    store: Store, ann: str, bob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = domains.take

    def slowly(store: Store, profile_id: str, domain: str) -> Claim:
        monkeypatch.setattr(domains, "take", take)
        wish(store, bob)
        return take(store, profile_id, domain)

    monkeypatch.setattr(domains, "take", slowly)
    with pytest.raises(BadInput):
        wish(store, ann)
    assert (held(store, ann), head(store, ann).profile.domain) == (None, "")
    assert held(store, bob) == (DOMAIN, 1)


def test_who_asks_again_after_a_lost_race_hears_of_it_again(
    store: Store, ann: str, bob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, asked = domains.take, Asked("one key", "one request")

    def slowly(store: Store, profile_id: str, domain: str) -> Claim:
        monkeypatch.setattr(domains, "take", take)
        wish(store, bob)
        return take(store, profile_id, domain)

    monkeypatch.setattr(domains, "take", slowly)
    with pytest.raises(BadInput) as first:
        wish(store, ann, asked=asked)
    for _ in range(2):
        with pytest.raises(BadInput) as again:
            wish(store, ann, asked=asked)
        assert again.value.fields == first.value.fields
        assert head(store, ann).profile.domain == ""
        wish(store, bob, "")  # a request that was answered isn't tried anew, though it could be had now


def test_who_asks_again_after_it_was_had_hears_so_again(store: Store, ann: str, bob: str) -> None:
    asked = Asked("one key", "one request")
    wish(store, ann, asked=asked)
    wish(store, ann, "")
    wish(store, bob)
    wish(store, ann, asked=asked)
    assert (head(store, ann).profile.domain, held(store, bob)) == ("", (DOMAIN, 2))


def test_who_died_on_the_way_and_asks_again_holds_it(
    store: Store, ann: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Death(BaseException):
        pass

    def die(*_: object) -> None:
        raise Death

    asked = Asked("one key", "one request")
    with monkeypatch.context() as patch, pytest.raises(Death):
        patch.setattr(domains, "hold", die)
        wish(store, ann, asked=asked)
    wish(store, ann, asked=asked)
    assert held(store, ann) == (DOMAIN, 1)


def test_of_two_who_find_it_given_up_one_is_refused(
    store: Store, ann: str, bob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bob has seen that Ann doesn't want it; before he takes the claim, she does again."""
    wish(store, ann)
    wish(store, ann, "")
    names_take = store.names.take

    def late(*asked: object) -> Claim | None:
        monkeypatch.setattr(store.names, "take", names_take)
        wish(store, ann)
        return names_take(*asked)  # type: ignore[arg-type]

    monkeypatch.setattr(store.names, "take", late)
    with pytest.raises(BadInput):
        wish(store, bob)
    assert (held(store, ann), held(store, bob)) == ((DOMAIN, 2), None)


def test_of_many_who_want_one_domain_at_once_one_has_it(store: Store) -> None:
    profiles = [found(store, f"name{number}", Profile(name="N")).head.id for number in range(5)]

    def tried(profile_id: str) -> bool:
        try:
            return bool(wish(store, profile_id))
        except BadInput:
            return False

    with ThreadPoolExecutor(5) as pool:
        won = list(pool.map(tried, profiles))
    holding = [one for one in profiles if held(store, one)]
    assert len(holding) == 1
    assert won.count(True) == 1 and profiles[won.index(True)] == holding[0]
    claim = store.names.get(DOMAIN)
    assert claim is not None
    assert (claim.profile_id, claim.number) == (holding[0], (held(store, holding[0]) or ("", 0))[1])


def test_a_domain_that_came_without_a_claim_is_taken_when_it_is_saved(store: Store, ann: str) -> None:
    revise(
        store,
        ann,
        lambda old: old.model_copy(
            update={
                "head": old.head.model_copy(
                    update={"profile": old.head.profile.model_copy(update={"domain": DOMAIN})}
                )
            }
        ),
        writer=new_id(),
        what="import",
        by_creator=True,
    )
    assert held(store, ann) is None
    wish(store, ann)
    assert held(store, ann) == (DOMAIN, 1)


def test_no_domain_is_held_that_the_profile_does_not_name(store: Store, ann: str) -> None:
    """However the profile came: an import takes no claim."""
    wish(store, ann)

    def imported(old: Snapshot) -> Snapshot:
        return with_profile(old, Profile(name="Ann", domain="other.example"))

    revise(store, ann, imported, writer=new_id(), what="import", by_creator=True)
    assert held(store, ann) is None
