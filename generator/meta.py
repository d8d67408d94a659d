"""What a page says about itself to machines: title, canonical address, Open Graph, JSON-LD."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from core.document import Document
from core.profile import Post
from generator import markup
from generator.frame import Frame, Preview

DESCRIPTION_CHARS_MAX = 200
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Meta:
    """`canonical` is absolute. `kind` is Open Graph's type. `feeds` offers the profile's feeds."""

    title: str
    description: str = ""
    canonical: str = ""
    kind: str = "website"
    image: Preview | None = None
    wide_image: bool = False
    noindex: bool = False
    feeds: bool = False
    ld: Markup | None = None


def profile_meta(document: Document, frame: Frame, photo: str, wide: bool, feeds: bool) -> Meta:
    profile = document.profile
    description = profile.tagline or markup.excerpt(profile.bio, DESCRIPTION_CHARS_MAX)
    person = _person(frame) | {
        "description": description,
        "image": photo or frame.icon_of,
        "sameAs": [link.url for link in profile.links if link.url.lower().startswith("http")],
        "homeLocation": {"@type": "Place", "name": profile.place} if profile.place else None,
        "knowsAbout": list(profile.tags),
    }
    ld = {
        "@context": "https://schema.org",
        "@type": "ProfilePage",
        "url": frame.profile_of,
        "inLanguage": frame.language,
        "dateCreated": instant(document.created_at),
        "dateModified": instant(document.edited_at),
        "mainEntity": {name: value for name, value in person.items() if value},
    }
    return Meta(
        title=f"{profile.name} (@{frame.username})",
        description=description,
        canonical=frame.profile_of,
        kind="profile",
        image=frame.card or Preview(photo or frame.icon_of),
        wide_image=wide or bool(frame.card),
        noindex=frame.noindex,
        feeds=feeds,
        ld=script(ld),
    )


def post_meta(post: Post, frame: Frame, address: str, card: str) -> Meta:
    description = markup.excerpt(post.body, DESCRIPTION_CHARS_MAX)
    image = (Preview(card) if card else frame.card) or Preview(frame.icon_of)
    ld = {
        "@context": "https://schema.org",
        "@type": "BlogPosting",
        "headline": post.title,
        "description": description,
        "url": address,
        "mainEntityOfPage": address,
        "inLanguage": frame.language,
        "datePublished": post.date,
        "image": image.href,
        "keywords": list(post.tags),
        "author": _person(frame),
    }
    return Meta(
        title=f"{post.title} — {frame.name}",
        description=description,
        canonical=address,
        kind="article",
        image=image,
        wide_image=bool(card or frame.card),
        noindex=frame.noindex,
        feeds=True,
        ld=script({name: value for name, value in ld.items() if value}),
    )


def script(data: Mapping[str, object]) -> Markup:
    """JSON for a `<script>`: no character in it can end the element or begin another (HTML, "restrictions for
    contents of script elements")."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704


def instant(seconds: int) -> str:
    """Seconds since 1970 as RFC 3339, UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat().removesuffix('+00:00')}Z"


def day(date: str, language: str) -> str:
    """YYYY-MM-DD for people: "May 3, 2026" on a page in English, ISO 8601 elsewhere: everybody reads that."""
    year, month, number = date.split("-")
    return f"{MONTHS[int(month) - 1]} {int(number)}, {year}" if language.split("-")[0] == "en" else date


def _person(frame: Frame) -> dict[str, object]:
    return {
        "@type": "Person",
        "name": frame.name,
        "alternateName": frame.username,
        "identifier": frame.profile_id,
        "url": frame.profile_of,
    }
