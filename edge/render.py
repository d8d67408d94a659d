"""Draws a page that is missing in storage from its profile's published data document; it writes nothing."""

from __future__ import annotations

import asyncio

from core import keys
from core.document import read
from core.errors import BadInput, ObjectMissing, Unavailable
from core.log import get_logger
from core.objects import Object, ReadObjects
from core.rank import Edition, read_rank
from edge.entry import Entry, gone, missing, rendered
from edge.flight import Crossing
from generator.build import render
from generator.release import Release
from generator.urls import Urls

log = get_logger("edge")

RENDERS_MAX = 2
"""Renders side by side: they keep a core busy each, which readers of stored pages need more."""
TURN_S_MAX = 5.0
"""How long one may wait for its turn. No thread can be stopped, so a render keeps its place until it ends, however long that
takes; what it draws is bounded by what a profile may hold."""


class Renderer:
    """The generator, bounded. Those who wait for one page share one render: the cache sees to that."""

    def __init__(self, objects: ReadObjects, release: Release, urls: Urls, crossing: Crossing) -> None:
        self._objects = objects
        self._release = release
        self._urls = urls
        self._crossing = crossing
        self._free = asyncio.Semaphore(RENDERS_MAX)

    async def page(self, key: str, source: str) -> Entry:
        """The page under `key`, drawn from the data document `source`.

        Missing if there is no such document, or the profile has no such page; gone if the document is. Unavailable
        if the document can't be read or drawn.
        """
        try:
            document = await self._crossing(self._objects.get, source)
        except ObjectMissing:
            return missing(key, keys.path_of(source))
        if document is None:
            raise Unavailable(f"{source} was not given, though any version would have done.")
        if document.headers.status != 200:
            return gone(key, document.headers, keys.path_of(source), read_rank(document.body))
        try:
            async with asyncio.timeout(TURN_S_MAX):
                await self._free.acquire()
        except TimeoutError:
            raise Unavailable(f"{key} would have to be drawn, after too many others.") from None
        try:
            return await self._crossing(self._draw, key, source, document)
        finally:
            self._free.release()

    def _draw(self, key: str, source: str, stored: Object) -> Entry:
        try:
            document, rank = read(stored.body)
            # The document's roll-out is never later than its page's; so whatever was published since outranks this page.
            edition = Edition(rank.life, rank.rollout, rank.rollout)
            file = render(key, document, self._release, self._urls, edition)
        except BadInput as error:
            log.error("render_failed", key=key, error=str(error))
            raise Unavailable(f"{source} can't be read.") from error
        except Exception as error:
            # Whatever a document makes the generator stumble over, it must not take the edge's other readers along.
            log.exception("render_failed", key=key)
            raise Unavailable(f"{key} can't be drawn.") from error
        if file is None:
            return missing(key, keys.path_of(source), rank)
        log.info("rendered", key=key, rank=file.headers.rank)
        return rendered(key, file.body, file.headers, keys.path_of(source), rank, stored.modified_s)
