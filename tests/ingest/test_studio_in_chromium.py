"""The studio in a real browser: what JavaScript adds, and that nothing of it offends the content policy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from core.store import Making, MediaTask
from tests.ingest.forms import end_all_sessions
from tests.ingest.pictures import HTML, png
from tests.ingest.studios import PASSWORD, Creator, Studio
from tests.ingest.test_studio_media import make_ready


@contextmanager
def anns_window(chromium: Browser, studio: Studio, javascript: bool = True, **options: str) -> Iterator[Page]:
    """Ann's browser, logged in; whatever its console complains of fails the test."""
    context = chromium.new_context(
        viewport={"width": 390, "height": 844},
        base_url=studio.url,
        java_script_enabled=javascript,
        **options,  # type: ignore[arg-type]
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
    page.goto("/login")
    page.fill("#email", "ann@example.org")
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/profiles")
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def page(chromium: Browser, studio: Studio, ann: Creator) -> Iterator[Page]:
    with anns_window(chromium, studio) as page:
        yield page


def test_the_receipt_goes_live_before_ones_eyes(studio: Studio, ann: Creator, page: Page) -> None:
    page.goto("/@ann")
    expect(page.get_by_text("Not saved yet")).to_be_hidden()
    page.fill("#bio", "Paints boats.")
    expect(page.get_by_text("Not saved yet")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Publishing…")).to_be_visible()
    studio.publish(ann.profile_id, "published")
    expect(page.get_by_text("clearing caches")).to_be_visible()
    studio.publish(ann.profile_id)
    expect(page.locator(".receipt.live")).to_contain_text("Saved. Live in")
    expect(page.locator(".receipt a")).to_have_attribute("href", "https://pages.example/ann")


def test_rows_are_added_and_moved_without_a_new_page(ann: Creator, page: Page) -> None:
    page.goto("/@ann/links")
    page.evaluate("window.here = true")
    for number, label in enumerate(("Shop", "Mail")):
        page.get_by_role("button", name="Add a link").click()
        expect(page.locator(f"#links-{number}-label")).to_be_focused()
        page.keyboard.type(label)
        page.keyboard.press("Tab")
        page.keyboard.type("example.org")
    page.get_by_role("button", name="Move link 2 up").click()
    expect(page.locator("#links-0-label")).to_have_value("Mail")
    assert page.evaluate("window.here") is True
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.locator(".receipt")).to_be_visible()
    assert [link["label"] for link in ann.get().json()["profile"]["links"]] == ["Mail", "Shop"]


def test_an_upload_shows_its_progress_and_goes_on_after_a_broken_connection(
    studio: Studio, ann: Creator, page: Page, tmp_path: Path
) -> None:
    photo = tmp_path / "boat.png"
    photo.write_bytes(png(padding=9_000_000))  # two pieces
    pieces: list[str] = []

    def break_the_second(route: Route) -> None:
        pieces.append(route.request.headers["upload-offset"])
        if len(pieces) == 2:
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(
        "**/uploads/*",
        lambda route: break_the_second(route) if route.request.method == "PATCH" else route.continue_(),
    )
    page.goto("/@ann/media")
    page.set_input_files("#files", photo)
    expect(page.locator("[data-medium]")).to_contain_text("boat.png", timeout=20_000)
    assert pieces[0] == "0" and pieces[1] == pieces[2] == "8000000"
    (medium,) = ann.get("/media").json()["media"]
    assert medium["bytes"] == photo.stat().st_size


def test_what_is_being_made_comes_on_before_ones_eyes(studio: Studio, ann: Creator, page: Page) -> None:
    media_id = ann.upload(png()).json()["id"]
    work = studio.store.media_work
    work.add(MediaTask(media_id, ann.profile_id, 1000))
    page.goto("/@ann/media")
    medium = page.locator(f"[data-medium='{media_id}']")
    bar = medium.locator("progress")
    expect(medium).to_contain_text("waits its turn")
    expect(bar).to_be_hidden()
    work.tell(media_id, Making("still", 0, 2, 10))
    expect(medium).to_contain_text("step 1 of 2")
    work.tell(media_id, Making("still", 0, 2, 80))
    expect(bar).to_have_js_property("value", 80)
    work.tell(media_id, Making("avif", 1, 2, 5))
    expect(medium).to_contain_text("AVIF, step 2 of 2")
    work.done(media_id)
    expect(bar).to_be_hidden()


def test_a_new_crop_comes_on_before_ones_eyes(studio: Studio, ann: Creator, page: Page) -> None:
    media_id = ann.upload(png()).json()["id"]
    make_ready(studio, ann, media_id)
    page.goto("/@ann/media")
    medium = page.locator(f"[data-medium='{media_id}']")
    expect(medium.locator("[data-progress]")).to_have_text("Ready")
    page.get_by_role("button", name="Use as portrait").click()
    studio.publish(ann.profile_id)
    expect(page.locator(".receipt.live")).to_contain_text("A new crop follows in a moment.")
    expect(medium).to_contain_text("a new crop is being made")
    make_ready(studio, ann, media_id, "avatar")
    expect(medium.locator("[data-progress]")).to_have_text("Ready")


def test_a_refused_upload_says_why_beside_its_name(page: Page, tmp_path: Path) -> None:
    lie = tmp_path / "holiday.jpg"
    lie.write_bytes(HTML)
    page.goto("/@ann/media")
    page.set_input_files("#files", lie)
    expect(page.locator(".queue li")).to_contain_text("This file is a web page")


def test_no_page_is_wider_than_a_phone_and_every_field_has_a_name(ann: Creator, page: Page) -> None:
    ann.upload(png(), filename="a-very-long-name-without-any-space-in-it-at-all-really-not.png")
    ann.edit(
        name="Donaudampfschifffahrtsgesellschaftskapitän",
        links=[{"label": "x" * 100, "url": "https://example.org/" + "y" * 500}],
        sections=[{"kind": "timeline", "title": "T", "milestones": [{"title": "M"}]}, {"kind": "gallery"}],
    )
    ann.http.post(ann.path + "/posts", json={"title": "z" * 200})
    for path in (
        "/@ann",
        "/@ann/links",
        "/@ann/sections",
        "/@ann/media",
        "/@ann/posts",
        "/@ann/posts/new",
        "/@ann/settings",
        "/account",
        "/profiles",
    ):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        nameless = page.evaluate(
            """() => [...document.querySelectorAll('input:not([type=hidden]), textarea, select, button, a')]
                .filter(e => !e.labels?.length && !e.textContent.trim() && !e.getAttribute('aria-label') && !e.querySelector('img[alt]:not([alt=""])'))
                .map(e => e.outerHTML)"""
        )
        assert nameless == [], path


@pytest.mark.parametrize("javascript", [True, False])
def test_nothing_typed_is_lost_when_the_session_ends(
    chromium: Browser, studio: Studio, ann: Creator, javascript: bool
) -> None:
    with anns_window(chromium, studio, javascript) as page:
        page.goto("/@ann/links")
        page.get_by_role("button", name="Add a link").click()
        page.fill("#links-0-label", "Shop")
        page.fill("#links-0-url", "shop.example")
        end_all_sessions(studio)
        page.get_by_role("button", name="Add a link").click()
        expect(page.get_by_role("heading", name="Please log in again")).to_be_visible()
        page.fill("#login_email", "ann@example.org")
        page.fill("#login_password", PASSWORD)
        page.get_by_role("button", name="Log in and go on").click()
        expect(page.locator("#links-0-label")).to_have_value("Shop")
        page.fill("#links-1-label", "Mail")
        page.fill("#links-1-url", "ann@example.org")
        page.get_by_role("button", name="Save", exact=True).last.click()
        expect(page.locator(".receipt")).to_be_visible()
    head = studio.store.profiles.head(ann.profile_id)
    assert head and [link.label for link in head.profile.links] == ["Shop", "Mail"]


def test_a_post_is_scheduled_in_the_creators_own_time(
    chromium: Browser, studio: Studio, ann: Creator
) -> None:
    with anns_window(chromium, studio, timezone_id="America/St_Johns") as page:  # UTC − 2:30 in May
        page.goto("/@ann/posts/new")
        page.fill("#title", "Dawn")
        when = page.get_by_label("day and time where you are (America/St Johns)")
        when.fill("2029-05-01T05:00")
        page.get_by_role("button", name="Schedule").click()
        expect(page.get_by_role("heading", name="Edit the post")).to_be_visible()
        expect(when).to_have_value("2029-05-01T05:00")
        when.fill("2020-05-01T05:00")
        page.get_by_role("button", name="Save, still scheduled").click()
        expect(page.locator("#publish_at-error")).to_contain_text("must be in the future")
        expect(when).to_have_value("2020-05-01T05:00")
        page.goto("/@ann/posts")
        expect(page.locator("time")).to_have_text("1 May 2029 at 05:00")
    (post,) = ann.get("/posts").json()["posts"]
    assert datetime.fromtimestamp(post["publish_at"], UTC).isoformat() == "2029-05-01T07:30:00+00:00"


def test_without_javascript_a_post_is_scheduled_in_utc_and_the_form_says_so(
    chromium: Browser, studio: Studio, ann: Creator
) -> None:
    with anns_window(chromium, studio, javascript=False, timezone_id="America/St_Johns") as page:
        page.goto("/@ann/posts/new")
        page.fill("#title", "Dawn")
        page.get_by_label("day and time in UTC").fill("2029-05-01T05:00")
        page.get_by_role("button", name="Schedule").click()
        expect(page.get_by_role("heading", name="Edit the post")).to_be_visible()
        page.goto("/@ann/posts")
        expect(page.locator("time")).to_have_text("1 May 2029, 05:00 UTC")
    (post,) = ann.get("/posts").json()["posts"]
    assert datetime.fromtimestamp(post["publish_at"], UTC).isoformat() == "2029-05-01T05:00:00+00:00"


@pytest.mark.parametrize("javascript", [True, False])
def test_the_save_button_never_lies_over_the_field_that_is_being_typed_in(
    chromium: Browser, studio: Studio, ann: Creator, javascript: bool
) -> None:
    ann.edit(bio="word\n" * 60, links=[{"label": "x", "url": "https://example.org"}] * 9)
    with anns_window(chromium, studio, javascript) as page:
        page.set_viewport_size({"width": 390, "height": 600})
        for path, fields in (("/@ann", 5), ("/@ann/links", 27)):
            page.goto(path)
            bar = page.locator(".savebar")
            page.locator("#edit").evaluate("form => form.scrollIntoView()")
            expect(bar).to_be_in_viewport(ratio=1)
            typed_in = page.locator("#edit").locator("textarea:visible, input:visible:not([type=radio])")
            assert typed_in.count() >= fields
            for field in typed_in.all():
                field.scroll_into_view_if_needed()
                field.focus()
                field.press("End")
                page.mouse.wheel(0, -40)  # now it would stand behind the bar
                expect(field).to_be_focused()
                page.wait_for_timeout(50)
                mine, bars = field.bounding_box(), bar.bounding_box()
                assert mine and bars
                assert mine["y"] + mine["height"] <= bars["y"] or mine["y"] >= bars["y"] + bars["height"]
            page.locator("#edit h1").click()
            expect(bar).to_be_in_viewport(ratio=1)
