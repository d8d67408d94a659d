"""Forms that were open for too long: what was typed in them is never lost."""

from __future__ import annotations

import re
from html import unescape

from tests.ingest.forms import ABOUT, end_all_sessions, error_of, made_of, sign_up, value
from tests.ingest.pictures import png
from tests.ingest.studios import PASSWORD, Browser, Creator, Studio

LOGIN = {"login_email": "ann@example.org", "login_password": PASSWORD}
TYPED = 'Line one\nSays "hello" & <b>more</b>\n'


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of a page's last form: what its button sends along."""
    form = page.rsplit('<form method="post"', 1)[1]
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form)
    return {name: unescape(text) for name, text in found}


def test_what_was_typed_when_the_session_ended_is_saved_by_logging_in_beside_it(
    studio: Studio, browser: Browser
) -> None:
    sign_up(browser)
    form = ABOUT | made_of(browser) | {"bio": TYPED}
    end_all_sessions(studio)
    late = browser.send("/@ann", form)
    assert late.status_code == 401 and "Please log in again" in late.text
    assert unescape(re.search(r"<dd>(Line one.*?)</dd>", late.text, re.S).group(1)) == TYPED  # type: ignore[union-attr]
    wrong = browser.send("/@ann", hidden(browser.page) | LOGIN | {"login_password": "not hers at all"})
    assert wrong.status_code == 422 and "belong together" in error_of(browser.page, "login_password")
    assert value(browser.page, "login_email") == "ann@example.org"
    assert "not hers at all" not in browser.page
    done = browser.send("/@ann", hidden(browser.page) | LOGIN)
    assert done.status_code == 200 and "Saved." in done.text and done.url.path == "/@ann"
    assert value(browser.page, "bio").strip() == TYPED.strip()
    assert browser.visit("/@ann/links").status_code == 200


def test_a_row_added_after_the_session_ended_is_there_after_logging_in(
    studio: Studio, browser: Browser
) -> None:
    sign_up(browser)
    browser.visit("/@ann/links")
    form = made_of(browser) | {"links.0.label": "Shop", "links.0.url": "shop.example", "do": "add:links"}
    end_all_sessions(studio)
    browser.send("/@ann/links", form)
    browser.send("/@ann/links", hidden(browser.page) | LOGIN)
    assert value(browser.page, "links.0.label") == "Shop" and value(browser.page, "links.1.label") == ""


def test_an_account_that_does_not_edit_the_page_takes_nothing(
    studio: Studio, browser: Browser, bob: Creator
) -> None:
    sign_up(browser)
    form = ABOUT | made_of(browser) | {"bio": "kept"}
    end_all_sessions(studio)
    browser.send("/@ann", form)
    other = browser.send("/@ann", hidden(browser.page) | LOGIN | {"login_email": "bob@example.org"})
    assert other.status_code == 422 and "@ann" in error_of(browser.page, "login_email")
    assert hidden(browser.page)["bio"] == "kept"
    assert browser.visit("/@ann").url.path == "/login"


def test_a_form_of_an_older_session_is_sent_once_more_with_all_that_was_typed(
    studio: Studio, browser: Browser
) -> None:
    sign_up(browser)
    form = {"form_token": browser.token()} | ABOUT | made_of(browser) | {"bio": TYPED}
    end_all_sessions(studio)
    browser.visit("/login")
    browser.send("/login", {"email": "ann@example.org", "password": PASSWORD})
    late = browser.http.post("/@ann", data=form)
    browser.page = late.text
    assert late.status_code == 403 and "once more" in late.text
    assert browser.send("/@ann", hidden(browser.page)).status_code == 200
    assert value(browser.page, "bio").strip() == TYPED.strip()


def test_passwords_are_never_written_into_a_page(studio: Studio, browser: Browser) -> None:
    sign_up(browser)
    browser.visit("/account")
    form = {"password": PASSWORD, "new_password": "another good one", "form_token": browser.token()}
    for sent in (form, form | LOGIN):
        end_all_sessions(studio)
        late = browser.http.post("/account/password", data=sent, headers={"referer": f"{studio.url}/account"})
        browser.page = late.text
        assert late.url.path == "/login" and value(browser.page, "next") == "/account"
        assert PASSWORD not in late.text and "another good one" not in late.text
    token = browser.token()
    browser.send("/login", {"email": "ann@example.org", "password": PASSWORD})
    stale = browser.http.post("/@ann", data={"form_token": token, "bio": "kept"} | LOGIN)
    assert stale.status_code == 403 and PASSWORD not in stale.text
    assert hidden(stale.text)["bio"] == "kept"


def test_a_late_form_from_another_site_is_refused_and_not_shown(studio: Studio, browser: Browser) -> None:
    sign_up(browser)
    end_all_sessions(studio)
    for evil in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        reply = browser.http.post("/@ann", data={"bio": "evil words"} | LOGIN, headers=evil)
        assert reply.status_code == 403 and "evil words" not in reply.text
    unbound = browser.http.post("/@ann", data={"bio": "x", "form_token": "x.y"} | LOGIN)
    assert unbound.status_code == 403 and browser.visit("/@ann").url.path == "/login"


def test_photos_sent_too_late_lead_to_the_log_in_and_back(studio: Studio, browser: Browser) -> None:
    sign_up(browser)
    browser.visit("/@ann/media")
    end_all_sessions(studio)
    reply = browser.http.post(
        "/@ann/media/upload",
        data={"form_token": browser.token()},
        files={"files": ("boat.png", png(), "image/png")},
        headers={"referer": f"{studio.url}/@ann/media"},
    )
    assert reply.url.path == "/login" and value(reply.text, "next") == "/@ann/media"


def test_a_log_in_page_left_open_in_another_tab_leads_on(browser: Browser) -> None:
    browser.visit("/login")
    old = {"form_token": browser.token(), "next": "/account"}
    sign_up(browser)
    reply = browser.http.post("/login", data=old | {"email": "ann@example.org", "password": PASSWORD})
    assert reply.status_code == 200 and reply.url.path == "/account"
