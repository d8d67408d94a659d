"""Pictures and videos from a host of their own, in a real browser: another origin, which pages' policy allows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser.test_video import NO_HLS, SECONDS, wait_until
from tests.house import Creator, House
from tests.walks.test_upload import make_clip

pytestmark = [pytest.mark.server("chromium"), pytest.mark.timeout(240)]

BROKEN = "[...document.images].filter(i => !(i.complete && i.naturalWidth)).map(i => i.src)"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Browsers find every name below .localhost on this machine (RFC 6761, 6.3)."""
    house = House(tmp_path_factory.mktemp("house"))
    house.environment["HOLDFAST_SITE__MEDIA_URL"] = f"http://media.localhost:{house.edge_port}"
    with house:
        yield house


@pytest.fixture(scope="module")
def bea(house: House, pictures: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Creator:
    """A gallery and a film, long enough for a storyboard."""
    film = tmp_path_factory.mktemp("film") / "waves.mp4"
    make_clip(film, "480x270", 12)
    bea = house.sign_up("bea", "Bea")
    photo, clip = bea.upload(pictures["photo"], alt="The harbour"), bea.upload(film, alt="Waves")
    bea.edit(
        avatar=photo,
        cover=photo,
        sections=[{"kind": "gallery", "media": [photo]}, {"kind": "video", "media": clip}],
    )
    bea.wait_live(media=True, timeout_s=120)
    return bea


@pytest.mark.parametrize("hls", ["by the browser", "by hls.js"])
def test_pictures_and_the_film_come_from_there(visit: Any, house: House, bea: Creator, hls: str) -> None:
    window = visit()
    page = window.page
    if hls == "by hls.js":
        page.add_init_script(NO_HLS)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{house.edge}/{bea.username}")
    for picture in page.locator("img").all():
        picture.scroll_into_view_if_needed()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.images.length") >= 3
    assert page.evaluate(BROKEN) == []
    page.evaluate("document.querySelector('video').muted = true")
    page.evaluate("document.querySelector('video').play().catch(() => {})")
    wait_until(page, f"{SECONDS} > 0.5")
    wait_until(page, "document.querySelector('.strip input') !== null")
    media = [one for one in asked if "/_media/" in one]
    assert {urlsplit(one).hostname for one in media} == {"media.localhost"}
    for ending in (".avif", ".m3u8", ".m4s", "storyboard.vtt"):
        assert any(one.endswith(ending) for one in media), ending
    assert window.complaints == []


def test_the_media_host_has_no_pages(house: House, bea: Creator) -> None:
    host = f"media.localhost:{house.edge_port}"
    assert house.visit(f"/{bea.username}").status_code == 200
    assert house.visit(f"/{bea.username}", host=host).status_code == 404


def test_a_picture_is_nobodys_page_there(visit: Any, house: House, bea: Creator) -> None:
    page = visit().page
    page.goto(f"{house.edge}/{bea.username}")
    page.goto(page.evaluate("document.querySelector('img').currentSrc"))
    assert page.evaluate("location.hostname") == "media.localhost"
    assert page.evaluate("origin") == "null"
