"""A private page by its link, in a real browser: every picture loads, the film plays, and nobody learns the link."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Request

from tests.browser.test_accessibility import barriers, log_in, open_folds
from tests.browser.test_public_page import BROKEN
from tests.browser.test_video import SECONDS, wait_until
from tests.house import Creator, House

pytestmark = [pytest.mark.server("chromium"), pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def link(house: House, ada: Creator) -> str:
    ada.edit(visibility="private")
    ada.wait_live()
    made = ada.client.call("POST", f"/profiles/{ada.id}/grants", json={"days": 1})
    return str(made["url"])


def test_a_link_shows_the_page_with_every_picture(visit: Any, link: str) -> None:
    window = visit()
    window.page.goto(link)
    for picture in window.page.locator("img").all():
        picture.scroll_into_view_if_needed()
    window.page.wait_for_load_state("networkidle")
    assert window.page.locator("h1").inner_text() == "Ada of the Harbour"
    assert window.page.locator("img").count() > 1
    assert window.page.evaluate(BROKEN) == []
    assert window.complaints == []


def test_the_film_on_a_private_page_plays(visit: Any, link: str) -> None:
    window = visit()
    page, asked = window.page, []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(link)
    page.evaluate("document.querySelector('video').muted = true")
    page.evaluate("document.querySelector('video').play()")
    wait_until(page, f"{SECONDS} > 0.5")
    begin = link.rpartition("/")[0]
    assert any(url.startswith(begin) and url.endswith((".m4s", ".mp4")) for url in asked)
    assert window.complaints == []


def test_who_is_visited_from_a_private_page_does_not_learn_its_address(visit: Any, link: str) -> None:
    window = visit()
    page, told = window.page, []

    def note(route: Any, request: Request) -> None:
        told.append(request.all_headers())
        route.fulfill(status=200, content_type="text/html", body="<p>elsewhere")

    page.route("https://example.org/**", note)
    page.goto(link)
    page.evaluate("document.querySelectorAll('a[target]').forEach(a => a.removeAttribute('target'))")
    page.locator('a[href="https://example.org/a"]').first.click()
    page.wait_for_url("https://example.org/a")
    (headers,) = told
    assert "referer" not in headers


def test_a_page_of_the_private_profile_leads_to_its_others(visit: Any, house: House, link: str) -> None:
    window = visit()
    page = window.page
    page.goto(link)
    page.wait_for_load_state("networkidle")
    page.locator('a[href*="/posts/a-long-day"]').first.click()
    page.wait_for_url("**/posts/a-long-day")
    assert page.url == f"{link}/posts/a-long-day"
    assert page.locator("h1").inner_text() == "A long day"
    assert window.complaints == []


def test_a_creator_makes_the_link_in_the_studio_and_nothing_there_keeps_anybody_out(
    visit: Any, house: House, ada: Creator, link: str
) -> None:
    window = visit(390)
    page = window.page
    log_in(page, house, "ada")
    page.goto(f"{house.studio}/@ada/settings")
    page.get_by_label("How long it opens").select_option("1")
    page.get_by_role("button", name="Make a link").click()
    made = page.get_by_label("Link", exact=True).input_value()
    assert made.startswith(f"{house.edge}/-/g/")
    assert page.get_by_role("button", name="Copy the link").is_visible()
    open_folds(page)
    assert barriers(page) == []
    assert window.complaints == []
    assert page.goto(made).status == 200
