"""The studio's picker of what crops must show, in a real browser: a click on the picture, then the arrow keys."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from tests.browser.test_accessibility import log_in
from tests.house import Creator, House

pytestmark = pytest.mark.server("chromium")
PATIENCE_S = 60.0


def test_a_click_on_the_picture_sets_the_point_and_moves_the_crop(
    visit: Any, house: House, ada: Creator
) -> None:
    ada.wait_settled()
    before = crop_of(house)
    assert before, "else the first crop would be taken for the new one"
    page = visit().page
    log_in(page, house, "ada")
    page.goto(f"{house.studio}/@ada/media")
    row = page.locator("[data-medium]").first
    row.locator("summary", has_text="What crops must show").click()
    picture = row.locator("[data-focus-picker] img")
    box = picture.bounding_box()
    picture.click(position={"x": box["width"] * 0.25, "y": box["height"] * 0.8})
    assert row.locator("input[value=own]").is_checked()
    assert row.locator(".point").is_visible()
    across, down = row.locator("input[type=range]").all()
    assert (across.input_value(), down.input_value()) == ("25", "80")
    across.focus()
    page.keyboard.press("ArrowLeft")
    page.click("text=Save descriptions")
    page.wait_for_url("**saved=*")
    assert row.locator("input[name$=focus_was]").input_value() == "24 80"
    ends = time.monotonic() + PATIENCE_S
    while crop_of(house) in ("", before):
        assert time.monotonic() < ends, "the crop did not move"
        time.sleep(0.2)


def crop_of(house: House) -> str:
    """The attempt of the avatar's crop that the page shows."""
    found = re.search(r"_media/[0-9a-z]+/[0-9a-z]+/avatar-([0-9a-z]+)/", house.visit("/ada").text)
    return found[1] if found else ""
