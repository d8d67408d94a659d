"""One rich profile as a data document, with every kind of section, and the release it is drawn with."""

from __future__ import annotations

from typing import Any

import pytest

from core.document import Document
from core.parsing import parse
from core.settings import SiteSettings
from generator.release import Release, load_release
from generator.urls import Urls

PIXEL = "data:image/webp;base64,UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="


def picture(media_id: str, **changes: Any) -> dict[str, Any]:
    """An image with WebP and JPEG at two widths, and AVIF at one."""
    sizes = [(320, 240), (960, 720)]
    still = [
        {"name": f"{w}.{end}", "type": kind, "bytes": 9, "width": w, "height": h}
        for end, kind in (("webp", "image/webp"), ("jpg", "image/jpeg"))
        for w, h in sizes
    ]
    avif = [{"name": "320.avif", "type": "image/avif", "bytes": 9, "width": 320, "height": 240}]
    return {
        "id": media_id,
        "kind": "image",
        "state": "ready",
        "alt": f"Alt of {media_id}",
        "width": 1600,
        "height": 1200,
        "placeholder": PIXEL,
        "colour": "#336699",
        "publication": "pub00001",
        "revision": 4,
        "renditions": [
            {"recipe": "still", "attempt": "attempt1", "files": still},
            {"recipe": "avif", "attempt": "attempt2", "files": avif},
        ],
    } | changes


def video(media_id: str, **changes: Any) -> dict[str, Any]:
    poster = [{"name": "640.jpg", "type": "image/jpeg", "bytes": 9, "width": 640, "height": 360}]
    playlist = [{"name": "master.m3u8", "type": "application/vnd.apple.mpegurl", "bytes": 9}]
    whole = [{"name": "video.mp4", "type": "video/mp4", "bytes": 9, "width": 640, "height": 360}]
    return (
        picture(media_id)
        | {
            "kind": "video",
            "width": 640,
            "height": 360,
            "renditions": [
                {"recipe": "poster", "attempt": "attempt1", "files": poster},
                {"recipe": "hls", "attempt": "attempt2", "files": playlist},
                {"recipe": "mp4", "attempt": "attempt3", "files": whole},
            ],
        }
        | changes
    )


def post(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"post000{number}",
        "slug": f"post-{number}",
        "title": f"Post {number}",
        "body": f"# Heading\n\nBody of post {number}.",
        "tags": ["Boats"],
        "date": f"2026-03-0{number}",
        "state": "published",
        "revision": 3,
    } | changes


PROFILE: dict[str, Any] = {
    "name": "Ann Lee",
    "tagline": "Paints boats",
    "bio": "I **paint**. See https://example.org/boats.",
    "avatar": "avatar01",
    "cover": "cover001",
    "pronouns": "she/her",
    "place": "Lisbon",
    "tags": ["Boats", "Tea"],
    "links": [
        {"label": "Code", "url": "https://github.com/ann"},
        {"label": "Mail", "url": "mailto:ann@example.org", "group": "Write"},
        {"label": "Shop", "url": "https://shop.example.org/ann?a=1&b=2", "icon": "shop"},
    ],
    "sections": [
        {"kind": "text", "title": "About", "body": "# Loud\n\nText."},
        {"kind": "gallery", "title": "Works", "media": ["gallery1", "gallery2", "missing1"]},
        {"kind": "video", "title": "Film", "media": "video001", "caption": "Two minutes"},
        {
            "kind": "timeline",
            "title": "Path",
            "milestones": [{"title": "Born", "date": "1990", "icon": "star"}],
        },
        {"kind": "testimonials", "testimonials": [{"name": "Bo", "quote": "Fine boats.", "role": "Captain"}]},
        {
            "kind": "events",
            "title": "Dates",
            "events": [{"name": "Regatta", "when": "June", "place": "Tejo"}],
        },
    ],
}


def document(**changes: Any) -> Document:
    """The rich profile; `profile` holds changes of its own fields."""
    profile = PROFILE | changes.pop("profile", {})
    data: dict[str, Any] = {
        "id": "profile1",
        "name": {"username": "ann", "claim": 3},
        "revision": 9,
        "frame_revision": 2,
        "posts_revision": 5,
        "created_at": 1_700_000_000,
        "edited_at": 1_750_000_000,
        "profile": profile,
        "posts": [post(2, media=["inpost01", "video001"]), post(1)],
        "media": [*map(picture, ("avatar01", "cover001", "gallery1", "gallery2", "inpost01", "closing1")), video("video001")],
        "gallery": ["closing1"],
    }  # fmt: skip
    return parse(Document, data | changes)


@pytest.fixture(scope="session")
def release() -> Release:
    return load_release(SiteSettings(name="Quay", url="https://quay.example"))


@pytest.fixture
def urls() -> Urls:
    return Urls("https://quay.example")


@pytest.fixture
def ann() -> Document:
    return document()
