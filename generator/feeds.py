"""Atom (RFC 4287) and JSON Feed 1.1 of a profile's newest posts, whole, with absolute addresses."""

from __future__ import annotations

import json
from urllib.parse import urlsplit
from xml.sax.saxutils import escape, quoteattr

from markupsafe import Markup

from core import keys
from core.document import Document
from core.profile import Post
from core.rank import Rank, stamp_json
from generator import markup
from generator.frame import Frame
from generator.meta import instant
from generator.pictures import Gallery
from generator.release import Release
from generator.urls import Urls

ENTRIES_MAX = 30


def atom(document: Document, frame: Frame, release: Release, urls: Urls) -> str:
    """The Atom feed without its XML declaration. Dates come from the posts only: an edit of something else must not
    change a byte here."""
    newest = document.posts[0].date + "T00:00:00Z" if document.posts else instant(frame.created_at)
    entries = "".join(_atom_entry(post, document, frame, urls) for post in document.posts[:ENTRIES_MAX])
    return (
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang={quoteattr(frame.language)}>\n'
        f"<id>{escape(_id(frame, urls))}</id>\n"
        f"<title>{escape(frame.name)}</title>\n"
        f"<updated>{newest}</updated>\n"
        f"<author><name>{escape(frame.name)}</name><uri>{escape(frame.profile_of)}</uri></author>\n"
        f'<link rel="self" type="application/atom+xml" href={quoteattr(frame.atom_of)}/>\n'
        f'<link rel="alternate" type="text/html" href={quoteattr(frame.profile_of)}/>\n'
        f"<icon>{escape(frame.icon_of)}</icon>\n"
        f"<generator>{escape(release.site.name)}</generator>\n"
        f"{entries}</feed>\n"
    )


def json_feed(document: Document, frame: Frame, release: Release, urls: Urls, rank: Rank) -> bytes:
    """The JSON Feed's bytes."""
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": frame.name,
        "home_page_url": frame.profile_of,
        "feed_url": frame.json_feed_of,
        "icon": frame.icon_of,
        "language": frame.language,
        "authors": [{"name": frame.name, "url": frame.profile_of}],
        "items": [_json_item(post, document, frame, urls) for post in document.posts[:ENTRIES_MAX]],
    }
    return stamp_json(json.dumps(feed, ensure_ascii=False, separators=(",", ":")), rank)


def _atom_entry(post: Post, document: Document, frame: Frame, urls: Urls) -> str:
    tags = "".join(f"<category term={quoteattr(tag)}/>" for tag in post.tags)
    address = urls.of(keys.post(frame.username, post.slug))
    return (
        f"<entry>\n<id>{escape(_id(frame, urls, post))}</id>\n<title>{escape(post.title)}</title>\n"
        f"<published>{post.date}T00:00:00Z</published>\n<updated>{post.date}T00:00:00Z</updated>\n"
        f'<link rel="alternate" type="text/html" href={quoteattr(address)}/>\n{tags}'
        f'<content type="html">{escape(_content(post, document, frame, urls))}</content>\n</entry>\n'
    )


def _json_item(post: Post, document: Document, frame: Frame, urls: Urls) -> dict[str, object]:
    image = next(filter(None, map(_gallery(document, frame, urls).card, post.media)), "")
    item: dict[str, object] = {
        "id": _id(frame, urls, post),
        "url": urls.of(keys.post(frame.username, post.slug)),
        "title": post.title,
        "content_html": _content(post, document, frame, urls),
        "date_published": f"{post.date}T00:00:00Z",
        "tags": list(post.tags),
        "image": image,
    }
    return {name: value for name, value in item.items() if value != ""}


def _content(post: Post, document: Document, frame: Frame, urls: Urls) -> str:
    """The post's pictures (of videos: posters) and its text."""
    gallery, parts = _gallery(document, frame, urls), []
    for media_id in post.media:
        shown = gallery.picture(media_id, "100vw")
        if shown and (src := gallery.card(media_id)):
            figure = Markup('<p><img src="{}" alt="{}" width="{}" height="{}"></p>\n')
            parts.append(figure.format(src, shown.alt, shown.width, shown.height))
    return "".join([*parts, markup.html(post.body)])


def _gallery(document: Document, frame: Frame, urls: Urls) -> Gallery:
    """No media where a feed reader would show them without the page's note."""
    return Gallery(document.model_copy(update={"media": ()}) if frame.sensitive else document, urls)


def _id(frame: Frame, urls: Urls, post: Post | None = None) -> str:
    """An id that a rename keeps (RFC 4151); feed readers would show every post as new otherwise."""
    host = urlsplit(urls.origin).hostname
    return f"tag:{host},{instant(frame.created_at)[:10]}:{frame.profile_id}" + (f"/{post.id}" if post else "")
