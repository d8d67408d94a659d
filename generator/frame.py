"""What every page of a profile shows or depends on, so that no page but the profile's own can show more of it.

The head's `frame_revision` moves with exactly these fields; a page that reads another one would change its bytes
without its rank.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from core import keys
from core.document import Document
from core.media import Media
from generator.pictures import icon
from generator.urls import Urls

FAVICON_PX, TOUCH_ICON_PX = 48, 180
_RTL = {"ar", "arc", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi"}


class Preview(NamedTuple):
    """The picture that others show beside a link: its absolute address, and what is known of it."""

    href: str
    type: str = ""
    width: int | None = None
    height: int | None = None
    alt: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """Who the page is of, in which theme and language; addresses are root-relative unless they end in `_of`."""

    profile_id: str
    username: str
    name: str
    theme: str
    language: str
    direction: str
    noindex: bool
    sensitive: bool
    created_at: int
    avatar: Media | None
    card: Preview | None
    profile_href: str
    profile_of: str
    posts_href: str
    atom_href: str
    atom_of: str
    json_feed_of: str
    icon_href: str
    icon_of: str
    favicon_href: str
    touch_icon_href: str


def frame(document: Document, urls: Urls) -> Frame:
    profile, username = document.profile, document.name.username
    avatar = document.medium(profile.avatar) if profile.avatar else None
    return Frame(
        profile_id=document.id,
        username=username,
        name=profile.name,
        theme=profile.theme,
        language=profile.language,
        direction=direction(profile.language),
        noindex=profile.visibility != "public",
        sensitive=profile.sensitive,
        created_at=document.created_at,
        avatar=avatar,
        card=card(document, urls),
        profile_href=urls.at(keys.page(username)),
        profile_of=urls.profile(username),
        posts_href=urls.at(keys.post_list(username)),
        atom_href=urls.at(keys.atom(username)),
        atom_of=urls.of(keys.atom(username)),
        json_feed_of=urls.of(keys.json_feed(username)),
        icon_href=urls.at(keys.icon(username)),
        icon_of=urls.of(keys.icon(username)),
        favicon_href=(avatar and icon(avatar, urls, FAVICON_PX)) or urls.at(keys.icon(username)),
        touch_icon_href=(avatar and icon(avatar, urls, TOUCH_ICON_PX)) or urls.at(keys.icon(username)),
    )


def card(document: Document, urls: Urls) -> Preview | None:
    """The card that others show beside a link to the profile; None while there is none."""
    medium = document.medium(document.id)
    made = medium.rendition("card") if medium else None
    if medium is None or made is None:
        return None
    file = made.files[0]
    href = urls.media_of(keys.media(medium.id, medium.publication, made.recipe, made.attempt, file.name))
    alt = f"{document.profile.name} (@{document.name.username})"
    return Preview(href, file.type, file.width, file.height, alt)


def direction(language: str) -> str:
    """The writing direction of a language: "rtl" or "ltr" ("az-Arab" says its script)."""
    first, *rest = language.lower().split("-")
    return "rtl" if (first in _RTL and "latn" not in rest) or "arab" in rest or "hebr" in rest else "ltr"


def has_feeds(document: Document) -> bool:
    """Whether the profile has, or ever had, a published post: a feed that a reader follows isn't gone with its last
    post. `posts_revision` is 1 from the first revision on and grows with what lists and feeds show."""
    return bool(document.posts) or document.posts_revision > 1
