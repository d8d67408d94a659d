"""The studio without JavaScript: in and out of it, claim links, pages and accounts, and who may not."""

from __future__ import annotations

import re

import pytest

from core.ids import digest, new_secret
from core.profile import Profile
from core.store.naming import found
from tests.ingest.forms import error_of, sign_up, value
from tests.ingest.studios import PASSWORD, Browser, Creator, Studio


def test_a_newcomer_signs_up_and_lands_in_their_editor(studio: Studio, browser: Browser) -> None:
    reply = sign_up(browser)
    assert reply.status_code == 200 and reply.url.path == "/@ann"
    assert "Your page is there" in reply.text and "https://pages.example/ann" in reply.text
    assert value(browser.page, "name") == "Ann Weaver"


def test_a_bad_sign_up_keeps_what_was_typed_but_no_password(browser: Browser) -> None:
    browser.visit("/signup")
    fields = {"username": "-no-", "email": "nowhere", "name": "Ann <b>", "password": "kurz"}
    reply = browser.send("/signup", fields)
    assert reply.status_code == 422
    assert value(browser.page, "username") == "-no-" and value(browser.page, "name") == "Ann <b>"
    assert "kurz" not in reply.text
    assert "a–z" in error_of(browser.page, "username")
    assert "e-mail address" in error_of(browser.page, "email")
    assert "10 to 200" in error_of(browser.page, "password")


def test_a_taken_username_is_told_beside_its_field(browser: Browser, bob: Creator) -> None:
    reply = sign_up(browser, "bob")
    assert reply.status_code == 422 and "taken" in error_of(browser.page, "username")


def test_logging_in_leads_back_to_where_one_was_and_nowhere_else(studio: Studio, browser: Browser) -> None:
    sign_up(browser)
    browser.visit("/account")
    browser.send("/logout", {})
    reply = browser.visit("/@ann/links")
    assert reply.url.path == "/login" and value(browser.page, "next") == "/@ann/links"
    login = {"email": "ann@example.org", "password": PASSWORD}
    assert browser.send("/login", login | {"next": "/@ann/links"}).url.path == "/@ann/links"
    for evil in (
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/a\r\nset-cookie:x=1",
        "javascript:x",
    ):
        other = Browser(studio)
        other.visit("/login")
        assert other.send("/login", login | {"next": evil}).url.path == "/profiles"


def test_a_login_opens_a_new_session_whatever_the_cookie_was(studio: Studio, browser: Browser) -> None:
    sign_up(browser)
    other = Browser(studio)
    other.http.cookies.set("holdfast", "fixed-by-somebody-else", domain="127.0.0.1")
    other.visit("/login")
    other.send("/login", {"email": "ann@example.org", "password": PASSWORD})
    secrets = {one.cookies.get("holdfast", domain="127.0.0.1") for one in (browser.http, other.http)}
    assert len(secrets) == 2 and "fixed-by-somebody-else" not in secrets


def test_a_wrong_login_says_so_and_keeps_the_address(studio: Studio, browser: Browser) -> None:
    browser.visit("/login")
    reply = browser.send("/login", {"email": "ann@example.org", "password": "wrong wrong"})
    assert reply.status_code == 422 and value(browser.page, "email") == "ann@example.org"
    assert error_of(browser.page, "password").endswith("password don&#39;t belong together.")


@pytest.mark.parametrize(
    "path", ["/@ann", "/@ann/links", "/@ann/media", "/@ann/settings", "/account/delete", "/logout"]
)
def test_a_form_without_its_token_is_refused(studio: Studio, browser: Browser, path: str) -> None:
    sign_up(browser)
    token = browser.token()
    other = Browser(studio)
    other.visit("/login")
    for wrong in ("", "x.y", other.token(), token[:-2] + "xx"):
        reply = browser.http.post(path, data={"form_token": wrong, "do": "delete", "confirm": "ann"})
        assert reply.status_code == 403
    evil = {"origin": "https://evil.example"}
    assert browser.http.post(path, data={"form_token": token}, headers=evil).status_code == 403
    assert browser.visit("/@ann").status_code == 200


def test_settings_rename_hide_and_delete_the_page(studio: Studio, browser: Browser, bob: Creator) -> None:
    sign_up(browser)
    browser.visit("/@ann/settings")
    taken = browser.send("/@ann/settings", {"do": "rename", "username": "bob"})
    assert taken.status_code == 422 and "taken" in error_of(browser.page, "username")
    assert (
        browser.send("/@ann/settings", {"do": "rename", "username": "annie"}).url.path == "/@annie/settings"
    )
    assert browser.visit("/@ann").status_code == 200  # the old name leads there too
    hidden = browser.send("/@annie/settings", {"do": "visibility", "visibility": "private"})
    assert 'class="badge private"' in hidden.text and "Open<span> page" not in hidden.text
    browser.visit("/@annie/settings")
    wrong = browser.send("/@annie/settings", {"do": "delete", "confirm": "yes"})
    assert wrong.status_code == 422 and "by accident" in error_of(browser.page, "confirm")
    assert browser.send("/@annie/settings", {"do": "delete", "confirm": "annie"}).url.path == "/profiles"
    assert browser.visit("/@annie").status_code == 404


def test_the_account_page_changes_the_password_and_deletes_everything(
    studio: Studio, browser: Browser
) -> None:
    sign_up(browser)
    browser.visit("/account")
    assert "@ann" in browser.page
    bad = browser.send("/account/password", {"password": "wrong wrong", "new_password": "another good one"})
    assert bad.status_code == 422 and "not right" in error_of(browser.page, "password")
    done = browser.send("/account/password", {"password": PASSWORD, "new_password": "another good one"})
    assert "Your password is changed" in done.text
    assert browser.send("/account/delete", {"password": "wrong wrong"}).status_code == 422
    assert "not right" in browser.page
    assert browser.send("/account/delete", {"password": "another good one"}).url.path == "/"
    assert browser.visit("/profiles").url.path == "/login"


def test_a_claim_link_makes_an_account_for_an_imported_page_once(studio: Studio, browser: Browser) -> None:
    imported = found(studio.store, "ada", Profile(name="Ada Byron")).head.id
    token = new_secret()
    studio.store.accounts.invite(digest(token), imported)
    assert "Ada Byron" in browser.visit(f"/claim/{token}").text
    bad = browser.send(f"/claim/{token}", {"email": "ada@example.org", "password": "short"})
    assert bad.status_code == 422 and value(browser.page, "email") == "ada@example.org"
    reply = browser.send(f"/claim/{token}", {"email": "ada@example.org", "password": PASSWORD})
    assert reply.url.path == "/@ada"
    assert Browser(studio).visit(f"/claim/{token}").status_code == 404
    assert Browser(studio).visit("/claim/nothing").status_code == 404


def test_who_is_logged_in_takes_a_claimed_page_with_one_button(studio: Studio, browser: Browser) -> None:
    imported = found(studio.store, "ada", Profile(name="Ada Byron")).head.id
    token = new_secret()
    studio.store.accounts.invite(digest(token), imported)
    sign_up(browser)
    browser.visit(f"/claim/{token}")
    assert browser.send(f"/claim/{token}", {}).url.path == "/@ada"
    assert "Ada Byron" in browser.visit("/profiles").text


def test_another_page_is_made_in_the_list(browser: Browser, bob: Creator) -> None:
    sign_up(browser)
    browser.visit("/profiles")
    assert browser.send("/profiles", {"username": "bob"}).status_code == 422
    assert "taken" in error_of(browser.page, "username")
    assert browser.send("/profiles", {"username": "ann-shop", "name": "The shop"}).url.path == "/@ann-shop"
    assert "The shop" in browser.visit("/profiles").text


def test_somebody_elses_page_is_not_there(browser: Browser, bob: Creator) -> None:
    sign_up(browser)
    for path in (
        "/@bob",
        "/@bob/links",
        "/@bob/media",
        "/@bob/posts/new",
        "/@bob/settings",
        "/@nobody",
        "/nothing",
    ):
        reply = browser.visit(path)
        assert reply.status_code == 404 and "Not found" in reply.text


def test_pages_of_the_studio_are_never_kept_by_caches_and_its_files_always(browser: Browser) -> None:
    sign_up(browser)
    assert browser.visit("/@ann").headers["cache-control"] == "no-store"
    for url in re.findall(r'(?:href|src)="(/static/[^"]+)"', browser.page):
        reply = browser.http.get(url)
        assert reply.status_code == 200 and "immutable" in reply.headers["cache-control"]
    assert browser.http.get("/static/nothing.css").status_code == 404
    assert browser.http.get("/static/..%2fapp.py").status_code == 404
    assert browser.http.get("/-/health").text == "ok\n"
