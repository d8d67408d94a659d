"""Signing up, logging in and leaving by the API."""

from __future__ import annotations

import pytest

from core.ids import digest, new_secret
from core.profile import Profile
from core.store.naming import found
from core.store.revise import Asked
from ingest import accounts
from ingest.accounts import SignUp
from ingest.passwords import Passwords
from tests.ingest.studios import PASSWORD, Creator, Studio


def test_a_new_creator_has_an_empty_page_of_their_own(studio: Studio) -> None:
    ann = studio.sign_up("ann", name="Ann Weaver")
    profile = ann.http.get("/api/v1/profiles/@ann").json()
    assert profile["profile"]["name"] == "Ann Weaver"
    assert profile["url"] == "https://pages.example/ann"
    assert ann.http.get("/api/v1/profiles").json()["profiles"] == [profile]


def test_a_session_survives_a_restart_and_ends_for_good_with_logging_out(studio: Studio) -> None:
    studio.sign_up("ann")
    login = {"email": "ANN@example.org", "password": PASSWORD}
    token = studio.client().post("/api/v1/session", json=login).json()["token"]
    header = {"authorization": f"Bearer {token}"}
    studio.restart()
    assert studio.client().get("/api/v1/profiles", headers=header).status_code == 200
    assert studio.client().delete("/api/v1/session", headers=header).status_code == 204
    studio.restart()
    assert studio.client().get("/api/v1/profiles", headers=header).status_code == 401


def test_the_cookie_cannot_be_read_by_scripts_or_sent_along_by_other_sites(studio: Studio) -> None:
    studio.sign_up("ann")
    reply = studio.client().post("/api/v1/session", json={"email": "ann@example.org", "password": PASSWORD})
    cookie = reply.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" not in cookie


def test_behind_https_the_cookie_is_bound_to_its_host(tmp_path) -> None:  # type: ignore[no-untyped-def]
    studio = Studio(tmp_path, studio={"url": "https://studio.example"})
    try:
        studio.sign_up("ann")
        reply = studio.client().post(
            "/api/v1/session", json={"email": "ann@example.org", "password": PASSWORD}
        )
        assert reply.headers["set-cookie"].startswith("__Host-holdfast=")
        assert "Secure" in reply.headers["set-cookie"]
    finally:
        studio.stop()


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ann@example.org", "not her password"),
        ("nobody@example.org", PASSWORD),
        ("no e-mail", ""),
        ("", "x" * 5000),
    ],
)
def test_a_wrong_login_does_not_tell_what_was_wrong(studio: Studio, email: str, password: str) -> None:
    studio.sign_up("ann")
    reply = studio.client().post("/api/v1/session", json={"email": email, "password": password})
    assert reply.status_code == 401
    assert reply.json()["detail"] == "This e-mail address and password don't belong together."


UGLY = [
    "a", "-ann", "ann-", "an--n", "an_-n", "ann lee", "ann.lee", "änn", "ann\u202e", "аnn", "ann/..", "..", ".",
    "ann%2f", "ann\n", "ann\x00lee", "a" * 40, "<script>", "@ann", "ａnn", "ann\u200d", "", " ", "\u0430\u0430",
    "admin", "api", "Studio", "LOGIN", "www", "static", "well-known", "index", "robots", "null",
]  # fmt: skip


@pytest.mark.parametrize("username", [name for name in UGLY if name != "ann\n"])
def test_an_ugly_or_reserved_username_is_refused_by_its_field(studio: Studio, username: str) -> None:
    wish = {"username": username, "email": "ann@example.org", "password": PASSWORD}
    reply = studio.client().post("/api/v1/accounts", json=wish)
    assert reply.status_code == 422
    assert set(reply.json()["fields"]) == {"username"}
    assert studio.store.accounts.by_email("ann@example.org") is None


def test_every_bad_field_of_a_sign_up_is_named_at_once(studio: Studio) -> None:
    wish = {"username": "x", "email": "nowhere", "password": "short", "name": "a\nb", "role": "owner"}
    reply = studio.client().post("/api/v1/accounts", json=wish)
    assert reply.headers["content-type"] == "application/problem+json"
    assert set(reply.json()["fields"]) == {"username", "email", "password", "name", "role"}


def test_nobody_gets_a_username_that_somebody_has(studio: Studio, ann: Creator) -> None:
    wish = {"username": "Ann", "email": "other@example.org", "password": PASSWORD}
    reply = studio.client().post("/api/v1/accounts", json=wish)
    assert reply.status_code == 409
    assert reply.json()["type"] == "urn:holdfast:problem:name-taken"


def test_one_email_address_is_one_account(studio: Studio, ann: Creator) -> None:
    wish = {"username": "annie", "email": "ann@EXAMPLE.org", "password": "another password"}
    reply = studio.client().post("/api/v1/accounts", json=wish)
    assert reply.status_code == 422 and set(reply.json()["fields"]) == {"email"}


def test_a_repeated_sign_up_gives_the_same_profile(studio: Studio, ann: Creator) -> None:
    assert studio.sign_up("ann").profile_id == ann.profile_id


@pytest.mark.parametrize("asked", [None, Asked("a key", "a request")])
@pytest.mark.parametrize("step", ["create", "allow", "take"])
def test_a_sign_up_that_died_half_way_goes_on_where_it_ended(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, step: str, asked: Asked | None
) -> None:
    wish = SignUp(email="ann@example.org", password=PASSWORD, username="ann")
    owner = studio.store.names if step == "take" else studio.store.accounts
    real = getattr(owner, step)

    def dies(*args: object) -> object:
        result = real(*args)
        raise KeyboardInterrupt(result)

    monkeypatch.setattr(owner, step, dies)
    with pytest.raises(KeyboardInterrupt):
        accounts.sign_up(studio.store, Passwords(), wish, asked)
    monkeypatch.undo()
    _, made = accounts.sign_up(studio.store, Passwords(), wish, asked)
    ann = studio.sign_up("ann")
    assert ann.profile_id == made.head.id
    assert ann.get().json()["username"] == "ann"
    assert len(ann.http.get("/api/v1/profiles").json()["profiles"]) == 1


def test_with_sign_up_closed_only_claim_links_make_accounts(tmp_path) -> None:  # type: ignore[no-untyped-def]
    studio = Studio(tmp_path, studio={"signup": "closed"})
    try:
        wish = {"username": "ann", "email": "ann@example.org", "password": PASSWORD}
        assert studio.client().post("/api/v1/accounts", json=wish).status_code == 403
    finally:
        studio.stop()


def test_deleting_the_account_takes_its_own_profiles_along_and_leaves_shared_ones(
    studio: Studio, ann: Creator, bob: Creator
) -> None:
    second = ann.http.post("/api/v1/profiles", json={"username": "ann-shop-2"}).json()["id"]
    ann_account = studio.store.accounts.by_email("ann@example.org")
    assert ann_account
    studio.store.accounts.allow(ann_account.id, bob.profile_id)
    url = "/api/v1/account"
    assert ann.http.request("DELETE", url, json={"password": "wrong wrong wrong"}).status_code == 422
    assert ann.get().status_code == 200
    assert ann.http.request("DELETE", url, json={"password": PASSWORD}).status_code == 204
    assert ann.get().status_code == 401
    for profile_id in (ann.profile_id, second):
        head = studio.store.profiles.head(profile_id)
        assert head and head.deleted
    assert bob.get().status_code == 200
    assert studio.store.accounts.by_email("ann@example.org") is None


def test_a_deletion_that_was_cut_short_goes_on_when_asked_again(
    studio: Studio, ann: Creator, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = studio.store.accounts.by_email("ann@example.org")
    assert account
    monkeypatch.setattr(studio.store.accounts, "remove", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        accounts.delete_account(studio.store, Passwords(), account.id, PASSWORD)
    monkeypatch.undo()
    assert ann.http.request("DELETE", "/api/v1/account", json={"password": PASSWORD}).status_code == 204
    assert studio.store.accounts.get(account.id) is None


def test_a_new_password_ends_every_other_session(studio: Studio, ann: Creator) -> None:
    wish = {"password": PASSWORD, "new_password": "twelve blue herons"}
    reply = ann.http.put("/api/v1/account/password", json=wish)
    assert reply.status_code == 200
    assert ann.get().status_code == 401
    login = {"email": "ann@example.org", "password": "twelve blue herons"}
    assert studio.client().post("/api/v1/session", json=login).status_code == 201


def test_attempts_to_log_in_are_limited_by_address(tmp_path) -> None:  # type: ignore[no-untyped-def]
    studio = Studio(tmp_path, studio={"logins_per_minute": 3})
    try:
        client = studio.client()
        login = {"email": "ann@example.org", "password": "guess guess guess"}
        replies = [client.post("/api/v1/session", json=login) for _ in range(4)]
        assert [reply.status_code for reply in replies] == [401, 401, 401, 429]
        assert int(replies[-1].headers["retry-after"]) > 0
    finally:
        studio.stop()


def test_a_claim_link_works_once(studio: Studio, ann: Creator, bob: Creator) -> None:
    imported = found(studio.store, "ada", Profile(name="Ada")).head.id
    token = new_secret()
    studio.store.accounts.invite(digest(token), imported)
    account = studio.store.accounts.by_email("ann@example.org")
    assert account and accounts.claim(studio.store, token, account.id) == imported
    assert ann.http.get("/api/v1/profiles/@ada").status_code == 200
    with pytest.raises(accounts.NotFound):
        accounts.claim(studio.store, token, "somebody-else")
