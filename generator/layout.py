"""Puts a page together: its template, with what every template of ours is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from core import keys
from core.profile import Post
from generator import markup
from generator.frame import Frame, direction
from generator.icons import IconSheet
from generator.meta import Meta, day
from generator.pictures import Gallery, Picture, picture
from generator.release import Release
from generator.urls import Urls
from generator.videos import Player

SMALL_AVATAR_SIZES = "2.5rem"
THUMB_SIZES = "(min-width: 40rem) 11rem, 6rem"
EXCERPT_CHARS = 180


def draw(
    template: str, release: Release, urls: Urls, meta: Meta, frame: Frame | None = None, **context: object
) -> str:
    """The page's HTML from `<html>` on. Without a frame it is a page of the site's own, in the site's language."""
    sheet = IconSheet(release.icons)
    language = frame.language if frame else release.site.language
    shared: dict[str, object] = {
        "meta": meta,
        "frame": frame,
        "site": release.site,
        "language": language,
        "direction": direction(language),
        "theme": frame.theme if frame else "plain",
        "icon": sheet.use,
        "symbols": sheet.symbols,
        "player": Player(release.asset_url("hls.min.mjs", urls)),
        "video_script_href": release.asset_url("video.js", urls),
        "home_href": urls.home,
        "style_href": release.asset_url("style.css", urls),
        "mark_href": release.asset_url("mark.svg", urls),
    }
    return release.draw(template, shared | context)


def small_avatar(frame: Frame, urls: Urls) -> Picture | None:
    """The avatar in the head of posts and lists; never the picture that a page loads first."""
    return picture(frame.avatar, urls, SMALL_AVATAR_SIZES, "avatar") if frame.avatar else None


class Chip(NamedTuple):
    """A tag; with an address when there is a page of posts under it."""

    label: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A post as lists show it."""

    title: str
    href: str
    date: str
    day: str
    excerpt: str
    picture: Picture | None


def card(post: Post, frame: Frame, gallery: Gallery, urls: Urls) -> Card:
    pictures = (gallery.picture(one, THUMB_SIZES, cut=True) for one in post.media)
    return Card(
        title=post.title,
        href=urls.at(keys.post(frame.username, post.slug)),
        date=post.date,
        day=day(post.date, frame.language),
        excerpt=markup.excerpt(post.body, EXCERPT_CHARS),
        picture=None if frame.sensitive else next((one for one in pictures if one), None),
    )


def chips(tags: tuple[str, ...], frame: Frame, urls: Urls, with_pages: frozenset[str]) -> list[Chip]:
    """Tags, linked where `with_pages` (slugs of tags) says that a page of posts exists."""
    return [
        Chip(tag, urls.at(keys.tag_list(frame.username, tag)) if tag_slug(tag) in with_pages else "")
        for tag in tags
    ]


def tag_slug(tag: str) -> str:
    """What tells one tag's page from another's: "C++" and "C" share one; "" has none."""
    return keys.slug(tag, keys.TAG_SLUG_CHARS_MAX)
