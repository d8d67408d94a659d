"""The studio in a browser without JavaScript: every form keeps what was typed, and says what is wrong beside the field."""

from __future__ import annotations

import re
from html import unescape

import httpx
import pytest

from core import keys
from core.ids import digest, new_secret
from core.media import Rendition, RenditionFile
from core.objects import Headers
from core.profile import Profile, Snapshot
from core.store.naming import found
from core.store.revise import revise
from tests.ingest.pictures import HTML, mp4, png
from tests.ingest.studios import PASSWORD, Browser, Creator, Studio


def sign_up(browser: Browser, username: str = "ann", email: str = "ann@example.org") -> httpx.Response:
    browser.visit("/")
    return browser.send(
        "/signup",
        {
            "username": username,
            "name": "Ann Weaver",
            "email": email,
            "password": PASSWORD,
        },
    )


def value(page: str, name: str) -> str:
    """What stands in a field of the page."""
    area = re.search(rf'<textarea [^>]*name="{re.escape(name)}"[^>]*>\n?(.*?)</textarea>', page, re.S)
    if area:
        return unescape(area.group(1))
    found = re.search(rf'<input [^>]*name="{re.escape(name)}"[^>]*', page)
    assert found, f"no field {name}"
    text = re.search(r'value="([^"]*)"', found.group(0))
    return unescape(text.group(1)) if text else ""


def error_of(page: str, name: str) -> str:
    """The words beside a field, found by the field's own aria-describedby."""
    field = re.search(rf'<(?:input|textarea|select) [^>]*name="{re.escape(name)}"[^>]*', page)
    assert field, f"no field {name}"
    assert 'aria-invalid="true"' in field.group(0), f"{name} is not marked as wrong"
    described = re.search(r'aria-describedby="([^"]*)"', field.group(0))
    assert described
    error_id = next(one for one in described.group(1).split() if one.endswith("-error"))
    words = re.search(rf'id="{error_id}">(.*?)</p>', page, re.S)
    assert words
    return re.sub(r"<[^>]+>", "", words.group(1))


def made_of(browser: Browser) -> dict[str, str]:
    return {name: value(browser.page, name) for name in ("edit", "seen")}


ABOUT = {"name": "Ann", "language": "en", "theme": "plain", "visibility": "public"}


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
    assert "belong together" in error_of(browser.page, "password")


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


def test_saving_shows_a_receipt_that_goes_live(studio: Studio, browser: Browser) -> None:
    sign_up(browser)
    reply = browser.send("/@ann", ABOUT | made_of(browser) | {"bio": "Paints boats.", "tags": "boats, sea"})
    assert reply.status_code == 200 and "Publishing…" in reply.text
    assert '<noscript><meta http-equiv="refresh"' in reply.text and "Look again" in reply.text
    head = studio.store.profiles.head(studio.store.names.get("ann").profile_id)  # type: ignore[union-attr, arg-type]
    assert head and head.profile.bio == "Paints boats." and head.profile.tags == ("boats", "sea")
    studio.publish(head.id)
    again = browser.visit(str(reply.url)[len(studio.url) :])
    assert re.search(r"Live in \d+\.\d\d s", again.text) and "http-equiv" not in again.text


def test_a_mistake_keeps_every_field_and_is_told_beside_its_own(browser: Browser) -> None:
    sign_up(browser)
    typed = ABOUT | {
        "name": "",
        "bio": "Line one\r\n<script>alert(1)</script> & more",
        "tags": "a, b",
        "theme": "moss",
    }
    reply = browser.send("/@ann", typed | made_of(browser))
    assert reply.status_code == 422
    assert "is required" in error_of(browser.page, "name")
    assert value(browser.page, "bio").replace("\r\n", "\n") == typed["bio"].replace("\r\n", "\n")
    assert "<script>alert(1)" not in reply.text
    assert value(browser.page, "tags") == "a, b"
    assert re.search(r'value="moss" checked', reply.text)
    assert browser.send("/@ann", typed | {"name": "Ann"} | made_of(browser)).status_code == 200


def test_what_somebody_saved_meanwhile_is_told_and_saving_again_overwrites_it(
    studio: Studio, browser: Browser
) -> None:
    sign_up(browser)
    stale = made_of(browser)
    browser.send("/@ann", ABOUT | stale | {"bio": "from another window"})
    typed = ABOUT | {"bio": "what I typed", "tagline": "kept"}
    browser.visit("/@ann")
    reply = browser.send("/@ann", typed | stale)
    assert reply.status_code == 412 and "changed in the meantime" in reply.text
    assert value(browser.page, "bio") == "what I typed" and value(browser.page, "tagline") == "kept"
    assert browser.send("/@ann", typed | made_of(browser)).status_code == 200
    assert value(browser.visit("/@ann").text, "bio") == "what I typed"


def test_an_edit_of_other_fields_or_a_double_click_is_no_conflict(studio: Studio, browser: Browser) -> None:
    sign_up(browser)
    about = made_of(browser)
    browser.visit("/@ann/links")
    links = {"links.0.label": "Shop", "links.0.url": "shop.example.org"} | made_of(browser)
    assert browser.send("/@ann/links", links).status_code == 200
    assert browser.send("/@ann/links", links).status_code == 200
    assert browser.send("/@ann", ABOUT | about | {"bio": "new"}).status_code == 200


def test_links_are_added_moved_and_removed_by_plain_buttons(studio: Studio, browser: Browser) -> None:
    sign_up(browser)
    browser.visit("/@ann/links")
    assert "No links yet" in browser.page
    base = made_of(browser)
    typed = {
        "links.0.label": "Shop",
        "links.0.url": "shop.example.org",
        "links.1.label": "Mail",
        "links.1.url": "ann@example.org",
    }
    browser.send("/@ann/links", typed | base | {"do": "add:links"})
    assert (
        value(browser.page, "links.2.label") == ""
        and value(browser.page, "links.0.url") == "shop.example.org"
    )
    browser.send("/@ann/links", typed | base | {"do": "up:links.1"})
    assert value(browser.page, "links.0.label") == "Mail" and made_of(browser) == base
    browser.send("/@ann/links", typed | base | {"do": "remove:links.0"})
    assert value(browser.page, "links.0.label") == "Mail" and 'name="links.1.label"' not in browser.page
    for bad in ("remove:links.9", "up:nothing.0", "add:sections:evil", "explode:links.0", "add:links.0.url"):
        assert browser.send("/@ann/links", typed | base | {"do": bad}).status_code == 422
        assert value(browser.page, "links.0.label") == "Shop"
    assert (
        browser.send("/@ann/links", typed | base | {"links.2.label": "", "links.2.url": ""}).status_code
        == 200
    )
    head = studio.store.profiles.head(studio.store.names.get("ann").profile_id)  # type: ignore[union-attr, arg-type]
    assert head and [link.url for link in head.profile.links] == [
        "https://shop.example.org",
        "mailto:ann@example.org",
    ]


def test_a_bad_link_is_told_in_its_own_row(browser: Browser) -> None:
    sign_up(browser)
    browser.visit("/@ann/links")
    typed = {
        "links.0.label": "",
        "links.0.url": "",
        "links.1.label": "Evil",
        "links.1.url": "javascript:alert(1)",
    }
    reply = browser.send("/@ann/links", typed | made_of(browser))
    assert reply.status_code == 422
    assert "https://" in error_of(browser.page, "links.0.url")  # the empty row is gone
    assert value(browser.page, "links.0.url") == "javascript:alert(1)"


def test_sections_of_every_kind_are_written_without_javascript(studio: Studio, browser: Browser) -> None:
    sign_up(browser)
    ann = studio.sign_up("ann")
    photo, clip = ann.upload(png()).json()["id"], ann.upload(mp4()).json()["id"]
    browser.visit("/@ann/sections")
    base = made_of(browser)
    form: dict[str, object] = {}
    for number, kind in enumerate(("text", "gallery", "video", "timeline", "testimonials", "events")):
        browser.send("/@ann/sections", form | base | {"do": f"add:sections:{kind}"})
        form[f"sections.{number}.kind"] = kind
        form[f"sections.{number}.title"] = f"My {kind}"
        assert value(browser.page, f"sections.{number}.kind") == kind
    form |= {
        "sections.0.body": "Words.",
        "sections.1.media": [clip, photo],
        "sections.2.media": clip,
        "sections.3.milestones.0.title": "First show",
        "sections.3.milestones.1.title": "",
        "sections.4.testimonials.0.name": "Bo",
        "sections.4.testimonials.0.quote": "Good.",
        "sections.5.events.0.name": "Open day",
        "sections.5.events.0.url": "example.org/day",
    }
    moved = browser.send("/@ann/sections", form | base | {"do": "down:sections.1.media.0"})
    boxes = re.findall(r'name="sections\.1\.media" value="(\w+)" checked', moved.text)
    assert boxes == [photo, clip]
    assert browser.send("/@ann/sections", form | base).status_code == 200
    sections = ann.get().json()["profile"]["sections"]
    assert [one["kind"] for one in sections] == [
        "text",
        "gallery",
        "video",
        "timeline",
        "testimonials",
        "events",
    ]
    assert sections[1]["media"] == [clip, photo] and sections[2]["media"] == clip
    assert [one["title"] for one in sections[3]["milestones"]] == ["First show"]
    assert sections[5]["events"][0]["url"] == "https://example.org/day"


def test_a_video_section_without_its_video_is_told_beside_it(browser: Browser) -> None:
    sign_up(browser)
    browser.visit("/@ann/sections")
    typed = {"sections.0.kind": "video", "sections.0.media": "", "sections.0.title": "Film"}
    assert browser.send("/@ann/sections", typed | made_of(browser)).status_code == 422
    assert error_of(browser.page, "sections.0.media")
    assert value(browser.page, "sections.0.title") == "Film"


def test_files_are_sent_by_a_plain_form_and_refused_ones_are_named(studio: Studio, browser: Browser) -> None:
    sign_up(browser)
    browser.visit("/@ann/media")
    reply = browser.send(
        "/@ann/media/upload",
        {"purpose": "gallery"},
        files=[("files", ("boat.png", png(padding=3_000_000))), ("files", ("walk.mp4", mp4()))],
    )
    assert reply.status_code == 200 and reply.url.path == "/@ann/media"
    assert "boat.png" in reply.text and "walk.mp4" in reply.text and "waits its turn" in reply.text
    mixed = browser.send(
        "/@ann/media/upload", {}, files=[("files", ("page.jpg", HTML)), ("files", ("sea.png", png()))]
    )
    assert mixed.status_code == 422 and "<strong>page.jpg</strong> was not taken" in mixed.text
    assert "sea.png" in mixed.text
    assert len(list(studio.private.walk("_originals/"))) == 3
    nothing = browser.send("/@ann/media/upload", {}, files=[("files", ("", b""))])
    assert nothing.status_code == 422 and "choose a photo" in nothing.text


def test_a_plain_form_that_breaks_off_or_has_no_token_leaves_nothing(
    studio: Studio, browser: Browser
) -> None:
    sign_up(browser)
    head = b'--b\r\nContent-Disposition: form-data; name="form_token"\r\n\r\n'
    file = b'\r\n--b\r\nContent-Disposition: form-data; name="files"; filename="x.png"\r\n\r\n' + png(
        padding=2_000_000
    )
    headers = {"content-type": "multipart/form-data; boundary=b"}
    browser.visit("/@ann/media")
    for body, status in (
        (head + browser.token().encode() + file, 422),
        (head + b"wrong" + file + b"\r\n--b--\r\n", 403),
        (file[2:] + b"\r\n--b--\r\n", 403),
        (b"not a form", 422),
    ):
        assert browser.http.post("/@ann/media/upload", content=body, headers=headers).status_code == status
    assert (
        browser.http.post(
            "/@ann/media/upload", content=b"x", headers={"content-type": "text/plain"}
        ).status_code
        == 415
    )
    assert list(studio.private.walk("_originals/")) == []
    assert studio.private.abandon(-1) == 0


def test_a_portrait_is_set_by_its_own_form(studio: Studio, browser: Browser) -> None:
    sign_up(browser)
    reply = browser.send("/@ann/media/upload", {"purpose": "avatar"}, files={"files": ("me.png", png())})
    assert reply.url.path == "/@ann" and "being made ready" in reply.text
    ann = studio.sign_up("ann")
    assert ann.get().json()["profile"]["avatar"] == ann.get("/media").json()["media"][0]["id"]


def test_media_are_described_ordered_and_deleted_by_plain_buttons(studio: Studio, browser: Browser) -> None:
    sign_up(browser)
    ann = studio.sign_up("ann")
    one, two = (ann.upload(png(side)).json()["id"] for side in (8, 16))
    browser.visit("/@ann/media")
    fields = {f"items.{one}.alt": "A boat", f"items.{one}.alt_was": "", f"items.{one}.listed_was": "on"}
    browser.send("/@ann/media", fields | {"do": f"later:{one}"})
    media = ann.get("/media").json()["media"]
    assert [m["id"] for m in media] == [two, one]
    assert (media[1]["alt"], media[1]["listed"]) == ("A boat", False)
    browser.send("/@ann/media", {"do": f"cover:{two}"})
    assert ann.get().json()["profile"]["cover"] == two
    bad = browser.send("/@ann/media", {f"items.{one}.alt": "x" * 1001, f"items.{one}.alt_was": "A boat"})
    assert bad.status_code == 422 and "at most 1000" in error_of(browser.page, f"items.{one}.alt")
    browser.send("/@ann/media", {"do": f"delete:{two}"})
    assert [m["id"] for m in ann.get("/media").json()["media"]] == [one]
    assert ann.get().json()["profile"]["cover"] is None


def test_a_post_is_drafted_published_and_deleted(studio: Studio, browser: Browser) -> None:
    sign_up(browser)
    ann = studio.sign_up("ann")
    assert "No posts yet" in browser.visit("/@ann/posts").text
    browser.visit("/@ann/posts/new")
    typed = {
        "title": "Boats",
        "body": "Eleven.",
        "tags": "sea",
        "date": "2026-02-30",
        "key": value(browser.page, "key"),
    }
    bad = browser.send("/@ann/posts/new", typed | {"do": "draft"})
    assert bad.status_code == 422 and value(browser.page, "body") == "Eleven."
    assert "2026-03-14" in error_of(browser.page, "date")
    typed["date"] = "2026-02-03"
    for _ in range(2):  # a double click writes one post
        browser.send("/@ann/posts/new", typed | {"do": "draft"})
    (post,) = ann.get("/posts").json()["posts"]
    url = f"/@ann/posts/{post['id']}"
    assert (post["state"], post["tags"], post["date"]) == ("draft", ["sea"], "2026-02-03")
    stale = value(browser.visit(url).text, "edit")
    browser.send(url, typed | {"edit": stale, "do": "publish"})
    assert ann.get("/posts").json()["posts"][0]["state"] == "published"
    late = browser.send(url, typed | {"edit": stale, "title": "Ships", "do": "save"})
    assert late.status_code == 412 and value(browser.page, "title") == "Ships"
    assert browser.send(url, {"edit": value(browser.page, "edit"), "do": "delete"}).url.path == "/@ann/posts"
    assert ann.get("/posts").json()["posts"] == []


def test_a_post_is_scheduled_for_a_moment_in_the_future(studio: Studio, browser: Browser) -> None:
    sign_up(browser)
    ann = studio.sign_up("ann")
    browser.visit("/@ann/posts/new")
    typed = {"title": "Later", "date": "2026-02-03", "do": "schedule", "key": "k"}
    for bad in ("", "2020-01-01T10:00", "soon"):
        assert browser.send("/@ann/posts/new", typed | {"publish_at": bad}).status_code == 422
        assert error_of(browser.page, "publish_at") and value(browser.page, "publish_at") == bad
    browser.send("/@ann/posts/new", typed | {"publish_at": "2029-05-01T10:30"})
    (post,) = ann.get("/posts").json()["posts"]
    assert (post["state"], post["publish_at"]) == ("scheduled", 1872325800)
    assert value(browser.visit(f"/@ann/posts/{post['id']}").text, "publish_at") == "2029-05-01T10:30"


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


def test_a_private_page_and_a_draft_are_looked_at_in_the_studio_by_their_editor_only(
    studio: Studio, browser: Browser
) -> None:
    sign_up(browser)
    ann = studio.sign_up("ann")
    media_id = ann.upload(png()).json()["id"]
    make_ready(studio, ann, media_id)
    ann.edit(visibility="private", bio="Not yet for *everybody*.")
    ann.http.post(ann.path + "/posts", json={"title": "Secret boats"})
    assert 'href="/@ann/preview"' in browser.visit("/@ann").text
    reply = browser.visit("/@ann/preview")
    assert "Not yet for <em>everybody</em>." in reply.text and "Secret boats" not in reply.text
    assert "script-src" not in reply.headers["content-security-policy"]
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    for url in re.findall(r'(?:href|src)="(/%40ann/preview/_[^"]+)"', reply.text):
        assert browser.http.get(unescape(url)).status_code == 200
    picture = re.search(r'"(/%40ann/preview/_media/[^"\s]+\.webp)', reply.text)
    assert picture and browser.http.get(picture.group(1)).content == b"webp-bytes"
    part = browser.http.get(picture.group(1), headers={"range": "bytes=5-"})
    assert part.status_code == 206 and part.content == b"bytes"
    assert browser.http.get(picture.group(1), headers={"range": "bytes=99-"}).status_code == 416
    assert "Secret boats" in browser.visit("/@ann/preview/ann/posts/secret-boats").text
    other = Browser(studio)
    sign_up(other, "bob", "bob@example.org")
    for path in ("/@ann/preview", "/@ann/preview/ann", picture.group(1)):
        assert other.visit(path).status_code == 404
    for path in (
        "bob",
        "_manifests/x.json",
        "_originals/" + media_id,
        "_media/x",
        "..%2fapp",
        "ann/posts/none",
    ):
        assert browser.visit("/@ann/preview/" + path).status_code == 404


def make_ready(studio: Studio, ann: Creator, media_id: str) -> None:
    """Plays the worker: one small picture is made."""
    file = RenditionFile(name="160.webp", type="image/webp", bytes=10, width=160, height=160)
    made = Rendition(recipe="still", attempt="attempt1", files=(file,))
    studio.private.put(keys.rendition(media_id, "still", "attempt1", "160.webp"), b"webp-bytes", Headers())

    def ready(old: Snapshot) -> Snapshot:
        done = {"state": "ready", "width": 160, "height": 160}
        return old.model_copy(
            update={"media": tuple(m.with_rendition(made).model_copy(update=done) for m in old.media)}
        )

    revise(studio.store, ann.profile_id, ready, writer="worker01", what="still made", by_creator=False)


def test_a_ready_picture_is_shown_small_to_its_editor_only(
    studio: Studio, browser: Browser, bob: Creator
) -> None:
    sign_up(browser)
    ann = studio.sign_up("ann")
    make_ready(studio, ann, ann.upload(png()).json()["id"])
    found = re.search(r'src="(/@ann/media/[^"]+)"', browser.visit("/@ann/media").text)
    assert found and ">Ready<" in browser.page
    reply = browser.http.get(found.group(1))
    assert reply.content == b"webp-bytes" and reply.headers["content-type"] == "image/webp"
    assert bob.http.get(found.group(1)).status_code == 404
    assert browser.http.get(found.group(1)[:-1] + "2").status_code == 404
