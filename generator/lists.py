"""The lists of a profile's posts: the paginated archive, and a page for each tag."""

from __future__ import annotations

from dataclasses import dataclass

from core import keys
from core.document import Document
from core.profile import Post
from generator import layout
from generator.frame import Frame, Preview
from generator.meta import Meta
from generator.pictures import Gallery
from generator.release import Release
from generator.urls import Urls

POSTS_PER_PAGE = 20


@dataclass(frozen=True, slots=True)
class List:
    """One page of a list. `tag` is empty for the archive, whose page `number` of `of` this is."""

    key: str
    posts: tuple[Post, ...]
    tag: str = ""
    number: int = 1
    of: int = 1


def all_of(document: Document) -> list[List]:
    """The archive's pages, then the tags' by first use; none without posts."""
    name, posts = document.name.username, document.posts
    of = -(-len(posts) // POSTS_PER_PAGE)
    archive = [
        List(
            keys.post_list(name, number),
            posts[(number - 1) * POSTS_PER_PAGE :][:POSTS_PER_PAGE],
            "",
            number,
            of,
        )
        for number in range(1, of + 1)
    ]
    tags = [List(keys.tag_list(name, tag), under, tag) for tag, under in by_tag(posts).values()]
    return archive + tags


def by_tag(posts: tuple[Post, ...]) -> dict[str, tuple[str, tuple[Post, ...]]]:
    """Slug → (the tag's first spelling, its posts). Tags without letters or digits have no page."""
    found: dict[str, tuple[str, tuple[Post, ...]]] = {}
    for post in posts:
        for slug, tag in {layout.tag_slug(tag): tag for tag in reversed(post.tags)}.items():
            if slug:
                spelling, earlier = found.get(slug, (tag, ()))
                found[slug] = (spelling, (*earlier, post))
    return found


def draw(one: List, document: Document, frame: Frame, release: Release, urls: Urls) -> str:
    gallery = Gallery(document, urls)
    cards = [layout.card(post, frame, gallery, urls) for post in one.posts]
    heading = one.tag or "Posts"
    page = f", page {one.number}" if one.number > 1 else ""
    meta = Meta(
        title=f"{heading}{page} — {frame.name}",
        description=f"Posts by {frame.name}" + (f" on {one.tag}" if one.tag else "") + page,
        canonical=urls.of(one.key),
        image=frame.card or Preview(frame.icon_of),
        wide_image=bool(frame.card),
        noindex=frame.noindex,
        feeds=True,
    )
    newer, older = (
        urls.at(keys.post_list(frame.username, number)) if not one.tag and 1 <= number <= one.of else ""
        for number in (one.number - 1, one.number + 1)
    )
    return layout.draw(
        "tag.html" if one.tag else "posts.html", release, urls, meta, frame,
        heading=heading, cards=cards, avatar=layout.small_avatar(frame, urls),
        number=one.number, of=one.of, newer_href=newer, older_href=older,
    )  # fmt: skip
