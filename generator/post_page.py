"""The page of one post: what it shows is its own, its media and the frame, never another post."""

from __future__ import annotations

from core import keys
from core.document import Document
from core.profile import Post
from generator import layout, markup
from generator.frame import Frame
from generator.meta import day, post_meta
from generator.pictures import Gallery
from generator.release import Release
from generator.urls import Urls

HERO_SIZES = "(min-width: 46rem) 44rem, 100vw"


def draw(post: Post, document: Document, frame: Frame, release: Release, urls: Urls) -> str:
    gallery = Gallery(document, urls, lazy=frame.sensitive)
    shown = [*gallery.items(post.media[:1], HERO_SIZES), *gallery.items(post.media[1:])]
    card = "" if frame.sensitive else next(filter(None, map(gallery.card, post.media)), "")
    meta = post_meta(post, frame, urls.of(keys.post(frame.username, post.slug)), card)
    return layout.draw(
        "post.html",
        release,
        urls,
        meta,
        frame,
        post=post,
        day=day(post.date, frame.language),
        body=markup.html(post.body, heading=2),
        hero=shown[0] if shown else None,
        others=shown[1:],
        chips=layout.chips(post.tags, frame, urls, frozenset(map(layout.tag_slug, post.tags)) - {""}),
        avatar=layout.small_avatar(frame, urls),
    )
