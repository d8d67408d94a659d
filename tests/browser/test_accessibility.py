"""axe-core looks through every page of the studio and every kind of public page: on a phone, in light and dark."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.house import PASSWORD, Creator, House

pytestmark = pytest.mark.server("chromium")

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
PHONE_PX = 390
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def barriers(page: Page) -> list[str]:
    """What keeps somebody out of the page as it stands now: a line for each element."""
    page.evaluate("scrollTo(0, 0)")
    page.evaluate(AXE)
    found = page.evaluate("tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", RULES)
    assert found["passes"], "it looked at nothing"
    return [
        f"{page.url}: {rule['id']} ({rule['help']}): {node['html'][:200]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def open_folds(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true })")


@pytest.fixture(scope="module")
def sam(house: House) -> Creator:
    """A profile with a name, a post in each state, and a question before it."""
    sam = house.sign_up("sam")
    sam.post(title="A draft")
    sam.post(title="Tomorrow", state="scheduled", publish_at=int(time.time()) + 86_400)
    sam.post(title="Today", state="published")
    sam.edit(sensitive=True)
    sam.wait_live()
    return sam


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_in_front_of_the_studio_keeps_anybody_out(visit: Any, house: House, scheme: str) -> None:
    page: Page = visit(PHONE_PX, scheme).page
    found = []
    for path in ("/", "/signup", "/login", "/nothing-here"):
        page.goto(house.studio + path)
        found += barriers(page)
    for path in ("/login", "/signup"):
        page.goto(house.studio + path)
        page.evaluate("document.querySelectorAll('form').forEach(form => { form.noValidate = true })")
        page.locator("form .button").click()
        page.locator("[role=alert]").first.wait_for()
        found += barriers(page)
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_in_the_studio_keeps_anybody_out(visit: Any, house: House, ada: Creator, scheme: str) -> None:
    page: Page = visit(PHONE_PX, scheme).page
    log_in(page, house, "ada")
    posts = ada.client.call("GET", f"/profiles/{ada.id}/posts")["posts"]
    found = []
    for path in (
        "/profiles",
        "/account",
        "/@ada?welcome=1",
        "/@ada/links",
        "/@ada/sections",
        "/@ada/media",
        "/@ada/posts",
        "/@ada/posts/new",
        f"/@ada/posts/{posts[0]['id']}",
        "/@ada/settings",
    ):
        page.goto(house.studio + path)
        open_folds(page)
        found += barriers(page)
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_news_from_the_studio_keeps_anybody_out(
    visit: Any, house: House, sam: Creator, scheme: str, tmp_path: Path
) -> None:
    page: Page = visit(PHONE_PX, scheme).page
    log_in(page, house, "sam")
    page.goto(f"{house.studio}/@sam/posts")
    found = barriers(page)
    page.goto(f"{house.studio}/@sam")
    page.fill("#tagline", f"In {scheme} colours")
    save(page)
    page.locator(".receipt.live").wait_for()
    found += barriers(page)
    page.goto(f"{house.studio}/@sam/links")
    page.get_by_role("button", name="Add a link").click()
    page.fill("#links-0-label", "Shop")
    save(page)
    page.locator("[role=alert]").first.wait_for()
    found += barriers(page)
    page.goto(f"{house.studio}/@sam/media")
    lie = tmp_path / "holiday.jpg"
    lie.write_bytes(b"no picture at all" * 100)
    page.set_input_files("#files", lie)
    page.locator(".queue .bad").wait_for()
    found += barriers(page)
    page.goto(f"{house.studio}/@sam")
    page.fill("#tagline", "Too late")
    page.context.clear_cookies()
    save(page)
    page.get_by_role("heading", name="Please log in again").wait_for()
    open_folds(page)
    found += barriers(page)
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("theme", ["plain", "dusk", "paper", "moss"])
def test_no_public_page_keeps_anybody_out(
    visit: Any, house: House, ada: Creator, sam: Creator, theme: str, scheme: str
) -> None:
    for creator in (ada, sam):
        creator.edit(theme=theme)
        creator.wait_live()
    page: Page = visit(PHONE_PX, scheme).page
    found = []
    for path in ("/ada", "/ada/posts", "/ada/posts/a-long-day", "/ada/tags/work", "/sam", "/nobody-at-all"):
        page.goto(house.edge + path)
        found += barriers(page)
    assert found == []


def test_what_would_keep_somebody_out_is_found(visit: Any, house: House) -> None:
    page: Page = visit(PHONE_PX, "dark").page
    page.goto(f"{house.studio}/login")
    page.evaluate("document.querySelector('label[for=email]').remove()")
    page.evaluate("document.querySelector('h1').style.color = '#333'")
    found = barriers(page)
    assert len(found) == 2
    assert any("label" in one for one in found) and any("color-contrast" in one for one in found)


def log_in(page: Page, house: House, username: str) -> None:
    page.goto(f"{house.studio}/login")
    page.fill("#email", f"{username}@example.org")
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/profiles")


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).last.click()
