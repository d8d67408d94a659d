"""Decides which files a profile has: a data document, a release and a roll-out in, pages in publishing order out.

Pure: equal input gives equal bytes, in any process. A page's revision comes from what it shows (design, 6.1), never
from comparing renders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from core import keys
from core.document import Document, write
from core.profile import Post
from core.rank import Edition, Rank, stamp_html, stamp_png, stamp_xml
from generator import feeds, files, initials, lists, post_page, profile_page
from generator.files import File, Page
from generator.frame import Frame, frame, has_feeds
from generator.release import Release
from generator.urls import Urls


def plan(document: Document, release: Release, urls: Urls, edition: Edition) -> list[Page]:
    """Every mutable file of the profile, in the order in which they are to be published: post pages, archive and tag
    pages, feeds, icon, data document, and the profile page last.

    Nothing is drawn before `Page.render()` is called, so a page that needn't be written costs nothing. What is not in
    the list but in the manifest is gone. Ranks are (life, claim of the document's name, revision of what it shows, roll-out;
    that of `edition.bare` for icon and data document):
    profile page and data document: the head's revision; a post page: the newest of its post, the media it shows and the
    frame; archive, tag pages and feeds: the newest of posts and frame; the icon: the frame's.
    """
    return list(_Plan(document, release, urls, edition).pages())


def build(document: Document, release: Release, urls: Urls, edition: Edition) -> list[File]:
    """`plan`, with everything drawn."""
    return [page.file() for page in plan(document, release, urls, edition)]


def render(key: str, document: Document, release: Release, urls: Urls, edition: Edition) -> File | None:
    """One file of the profile by its key, as a preview shows it; None if the profile has no such file."""
    for page in plan(document, release, urls, edition):
        if page.key == key:
            return page.file()
    return None


class _Plan:
    def __init__(self, document: Document, release: Release, urls: Urls, edition: Edition) -> None:
        self.document, self.release, self.edition = document, release, edition
        self.name = document.name.username
        self.urls = urls.inside(self.name) if document.profile.visibility == "private" else urls
        self.frame: Frame = frame(document, self.urls)

    def pages(self) -> Iterator[Page]:
        yield from map(self.post, self.document.posts)
        yield from self.lists()
        yield from self.feeds()
        yield self.icon()
        yield self.data()
        yield self.profile()

    def post(self, post: Post) -> Page:
        shown = (self.document.medium(one) for one in post.media)
        revision = max(post.revision, self.document.frame_revision, *(m.revision for m in shown if m))
        drawn = partial(post_page.draw, post, self.document, self.frame, self.release, self.urls)
        return self.html(keys.post(self.name, post.slug), revision, drawn)

    def lists(self) -> Iterator[Page]:
        for one in lists.all_of(self.document):
            drawn = partial(lists.draw, one, self.document, self.frame, self.release, self.urls)
            yield self.html(one.key, self.posts_revision, drawn)

    def feeds(self) -> Iterator[Page]:
        if not has_feeds(self.document):
            return
        rank = self.rank(keys.atom(self.name), self.posts_revision)
        atom = partial(feeds.atom, self.document, self.frame, self.release, self.urls)
        json_feed = partial(feeds.json_feed, self.document, self.frame, self.release, self.urls, rank)
        yield self.page(keys.atom(self.name), rank, files.ATOM, lambda: stamp_xml(atom(), rank))
        yield self.page(keys.json_feed(self.name), rank, files.JSON_FEED, json_feed)

    def icon(self) -> Page:
        key, profile = keys.icon(self.name), self.document.profile
        rank = self.rank(key, self.document.frame_revision)
        drawn = partial(initials.draw, profile.name, self.document.id, profile.theme)
        return self.page(key, rank, files.PNG, lambda: stamp_png(drawn(), rank))

    def data(self) -> Page:
        drawn = partial(write, self.document, self.edition.life, self.edition.bare)
        key = keys.data(self.name)
        return self.page(key, self.rank(key, self.document.revision), files.JSON, drawn)

    def profile(self) -> Page:
        drawn = partial(profile_page.draw, self.document, self.frame, self.release, self.urls)
        return self.html(keys.page(self.name), self.document.revision, drawn)

    @property
    def posts_revision(self) -> int:
        return max(self.document.posts_revision, self.document.frame_revision)

    def html(self, key: str, revision: int, draw: Callable[[], str]) -> Page:
        rank = self.rank(key, revision)
        return self.page(key, rank, files.HTML, lambda: stamp_html(draw(), rank))

    def rank(self, key: str, revision: int) -> Rank:
        return self.edition.rank(key, self.document.name.claim, revision)

    def page(self, key: str, rank: Rank, content_type: str, draw: Callable[[], bytes]) -> Page:
        return Page(key, rank, files.headers(content_type, rank, self.document.id), draw)
