"""What a creator takes back is on no card either, from that moment on."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house import Creator, House

pytestmark = pytest.mark.slow


def delete(creator: Creator, media_id: str) -> None:
    creator.newest = creator.client.call("DELETE", f"/profiles/{creator.id}/media/{media_id}")["revision"]


def replace_and_delete(creator: Creator, media_id: str) -> None:
    creator.edit(avatar=None)
    delete(creator, media_id)


def make_sensitive(creator: Creator, _: str) -> None:
    creator.edit(sensitive=True)


@pytest.mark.parametrize("take_back", [delete, replace_and_delete, make_sensitive])
def test_a_face_that_is_taken_back_is_on_no_card(
    house: House, photo: Path, take_back: Callable[[Creator, str], None]
) -> None:
    name = f"amy-{take_back.__name__[:2]}"
    amy = house.sign_up(name)
    media_id = amy.upload(photo, purpose="avatar")
    amy.wait_settled()
    old = card_of(house, name)
    assert house.visit(old).status_code == 200, "now the edge has it, too"
    take_back(amy, media_id)
    amy.wait_live()
    # The purge of pages says when an edit is live; that of the folder is with it.
    assert house.visit(old).status_code in (404, 410)
    amy.wait_settled()
    new = card_of(house, name)
    assert new != old
    assert house.visit(new).status_code == 200
    assert house.visit(old).status_code in (404, 410)


def card_of(house: House, name: str) -> str:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        page = house.visit(f"/{name}").text
        if found := re.search(r"/_media/[^\"' ]+/card-[^\"' ]+\.jpg", page):
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"no card: {page}")
