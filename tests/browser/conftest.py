"""One Holdfast with a rich profile, and a browser page that reports what went wrong in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Request

from tests.house import Creator, House
from tests.walks.test_upload import make_clip


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with House(folder, studio__writes_per_minute="10000", studio__logins_per_minute="10000") as running:
        yield running


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A photo and a clip, made here."""
    folder = tmp_path_factory.mktemp("pictures")
    photo, clip = folder / "harbour.jpg", folder / "waves.mp4"
    Image.linear_gradient("L").resize((1400, 900)).convert("RGB").save(photo, quality=85)
    make_clip(clip, "640x480", 2)
    return {"photo": photo, "clip": clip}


@pytest.fixture(scope="module")
def ada(house: House, pictures: dict[str, Path]) -> Creator:
    """A profile with everything on it."""
    ada = house.sign_up("ada", "Ada of the Harbour")
    photo = ada.upload(pictures["photo"], alt="The harbour at noon")
    clip = ada.upload(pictures["clip"], alt="Waves")
    ada.post(
        title="A long day", body="It **began** early.\n\n- rope\n- tar", state="published", tags=["work"]
    )
    ada.edit(
        bio="Mends *everything* that floats.",
        avatar=photo,
        cover=photo,
        tags=["boats", "rope"],
        links=[{"label": "A very long label that has to wrap somewhere", "url": "https://example.org/a"}] * 5,
        sections=[
            {"kind": "gallery", "title": "Pictures", "media": [photo]},
            {"kind": "video", "title": "Film", "media": clip},
            {
                "kind": "timeline",
                "title": "Years",
                "milestones": [{"title": "First boat", "date": "Spring 1999"}],
            },
            {"kind": "testimonials", "title": "Said", "testimonials": [{"name": "Bo", "quote": "Good."}]},
            {"kind": "events", "title": "Soon", "events": [{"name": "Open day", "when": "May"}]},
        ],
    )
    ada.wait_live(media=True, timeout_s=120)
    return ada


@dataclass
class Visit:
    """A page of a browser, and its complaints: console errors, failed requests, scripts that threw."""

    page: Page
    complaints: list[str] = field(default_factory=list)


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Any]:
    """`visit(width, scheme, javascript=True)` opens a new, empty browser window."""
    contexts = []

    def open_window(width: int = 1280, scheme: Any = "light", javascript: bool = True) -> Visit:
        context = chromium.new_context(
            viewport={"width": width, "height": 850}, color_scheme=scheme, java_script_enabled=javascript
        )
        contexts.append(context)
        opened = Visit(context.new_page())
        opened.page.on(
            "console", lambda said: opened.complaints.append(said.text) if said.type == "error" else None
        )
        opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.page.on("requestfailed", lambda request: opened.complaints.extend(_failure(request)))
        return opened

    yield open_window
    for context in contexts:
        context.close()


def _failure(request: Request) -> list[str]:
    """A player, the browser's or hls.js, gives up what it has begun to load and needs no more after a jump."""
    is_piece = request.resource_type == "media" or request.url.endswith((".m4s", ".mp4"))
    given_up = is_piece and request.failure == "net::ERR_ABORTED"
    return [] if given_up else [f"{request.url} failed: {request.failure}"]
