"""The profile's own page: who it is of, links in groups, newest posts, the sections."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

from core.document import Document
from core.profile import Link
from generator import layout, lists, markup, sections
from generator.frame import Frame, has_feeds
from generator.icons import Icons, host_of
from generator.meta import day, instant, profile_meta
from generator.pictures import Gallery
from generator.release import Release
from generator.urls import Urls

AVATAR_SIZES = "8rem"
COVER_SIZES = "(min-width: 62rem) 60rem, 100vw"
NEWEST_POSTS = 3


class LinkCard(NamedTuple):
    """`where` is the address for people: the host, a mailbox or a number."""

    label: str
    href: str
    icon: str
    where: str


class Group(NamedTuple):
    """Links under one heading; the first group may have none."""

    title: str
    links: tuple[LinkCard, ...]


def draw(document: Document, frame: Frame, release: Release, urls: Urls) -> str:
    profile = document.profile
    # A sensitive page loads nothing before its reader asks; its avatar stands for the person everywhere, as on others.
    gallery = Gallery(document, urls, lazy=frame.sensitive)
    cover = gallery.picture(profile.cover, COVER_SIZES, use="cover")
    avatar = gallery.picture(profile.avatar, AVATAR_SIZES, profile.name, use="avatar")
    shown = sections.shown(document, gallery, release.icons)
    cards = [layout.card(post, frame, gallery, urls) for post in document.posts[:NEWEST_POSTS]]
    # Until the profile's own card is drawn.
    photo = "" if frame.sensitive else gallery.card(profile.cover) or gallery.card(profile.avatar)
    edited = instant(document.edited_at)[:10] if document.edited_at else ""
    return layout.draw(
        "profile.html",
        release,
        urls,
        profile_meta(document, frame, photo, bool(photo and cover), has_feeds(document)),
        frame,
        profile=profile,
        bio=markup.html(profile.bio),
        cover=cover,
        avatar=avatar,
        chips=layout.chips(profile.tags, frame, urls, frozenset(lists.by_tag(document.posts))),
        groups=groups(profile.links, release.icons),
        cards=cards,
        more_posts=len(document.posts) - len(cards),
        sections=shown,
        edited=edited,
        edited_day=day(edited, frame.language) if edited else "",
    )


def groups(links: tuple[Link, ...], icons: Icons) -> list[Group]:
    """Links by heading, in the order in which headings first come; those without one first."""
    order = {title: at for at, title in enumerate(dict.fromkeys(["", *(link.group for link in links)]))}
    ordered = sorted(links, key=lambda link: order[link.group])
    return [
        Group(title, tuple(_card(link, icons) for link in under))
        for title, under in groupby(ordered, key=lambda link: link.group)
    ]


def _card(link: Link, icons: Icons) -> LinkCard:
    return LinkCard(link.label, link.url, icons.name_for(link.icon, link.url), _where(link.url))


def _where(url: str) -> str:
    scheme, _, rest = url.partition(":")
    if scheme.lower() in ("mailto", "tel"):
        return rest.partition("?")[0]
    return host_of(url)
