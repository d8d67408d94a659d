"""A public page in a real browser: phone and desktop, light and dark; only a video has a script, and it can do without."""

from __future__ import annotations

from typing import Any

import pytest

from tests.house import Creator, House

pytestmark = pytest.mark.server("chromium")

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
BROKEN = "[...document.images].filter(i => !(i.complete && i.naturalWidth)).map(i => i.src)"
SHIFTY = (
    "[...document.querySelectorAll('img,video')].filter(i => !i.getAttribute('width')).map(i => i.outerHTML)"
)


@pytest.fixture(scope="module")
def rich(house: House, ada: Creator) -> str:
    """The address of a profile with everything on it."""
    return f"{house.edge}/{ada.username}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_is_whole_at_every_width_and_in_both_schemes(
    visit: Any, rich: str, width: int, scheme: str
) -> None:
    window = visit(width, scheme)
    window.page.goto(rich)
    for picture in window.page.locator("img").all():
        picture.scroll_into_view_if_needed()
    window.page.wait_for_load_state("networkidle")
    assert window.page.locator("h1").inner_text() == "Ada of the Harbour"
    assert window.page.evaluate(OVERFLOW) <= 0
    assert window.page.evaluate(BROKEN) == []
    assert window.page.evaluate(SHIFTY) == []
    assert window.complaints == []
    dark = window.page.evaluate("getComputedStyle(document.body).backgroundColor")
    luminance = sum(int(part) for part in dark.removeprefix("rgb(").removesuffix(")").split(",")[:3])
    assert (luminance < 200) == (scheme == "dark"), dark


def test_the_browser_takes_the_best_picture_format_that_it_knows(visit: Any, rich: str) -> None:
    window = visit()
    window.page.goto(rich)
    chosen = window.page.evaluate("document.querySelector('picture img').currentSrc")
    assert chosen.endswith(".avif")


def test_the_video_plays_without_javascript(visit: Any, rich: str) -> None:
    window = visit(javascript=False)
    window.page.goto(rich)
    video = window.page.locator("video").first
    video.evaluate("v => { v.muted = true; return v.play() }")
    for _ in range(100):
        if video.evaluate("v => v.currentTime") > 0.2:
            break
        window.page.wait_for_timeout(100)
    assert video.evaluate("v => v.currentTime") > 0.2
    assert window.complaints == []


def test_a_missing_page_says_so_kindly(visit: Any, house: House) -> None:
    window = visit(390)
    answer = window.page.goto(f"{house.edge}/nobody-at-all")
    assert answer.status == 404
    assert window.page.locator("h1").inner_text()
