"""The studio without JavaScript: every form keeps what was typed, and says what is wrong beside the field."""

from __future__ import annotations

import re

from tests.ingest.forms import ABOUT, error_of, made_of, sign_up, value
from tests.ingest.pictures import mp4, png
from tests.ingest.studios import Browser, Studio


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
