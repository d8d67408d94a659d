"""Draws a page that is missing in storage from its profile's published data document; it writes nothing."""

from __future__ import annotations

import asyncio
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from core import keys
from core.document import read
from core.errors import BadInput, ObjectMissing, Unavailable
from core.log import get_logger
from core.objects import Headers, Object, ReadObjects
from core.rank import Edition, Rank, read_rank
from edge.counts import Counts
from edge.entry import Entry, gone, missing, rendered
from edge.flight import Crossing
from generator.build import plan
from generator.release import Release
from generator.urls import Urls

log = get_logger("edge")

RENDERS_MAX = 2
"""Renders side by side: they keep a core busy each, which readers of stored pages need more."""
TURN_S_MAX = 5.0
"""How long one may wait for its turn. No thread can be stopped, so a render keeps its place until it ends, however long that
takes; what it draws is bounded by what a profile may hold."""
REMEMBERED_BYTES_MAX = 8_000_000
"""Of what is remembered of documents; the last one is, whatever it weighs (5 MB, with as many tags as there can be)."""


class NotDrawn(Unavailable):
    """Its document is there, and yet there is no page of it."""


class Renderer:
    """The generator, bounded. Those who wait for one page share one render: the cache sees to that."""

    def __init__(
        self, objects: ReadObjects, release: Release, urls: Urls, crossing: Crossing, counts: Counts
    ) -> None:
        self._objects = objects
        self._release = release
        self._urls = urls
        self._crossing = crossing
        self._renders = counts.renders
        self._free = asyncio.Semaphore(RENDERS_MAX)
        self._remembered: OrderedDict[str, _Said] = OrderedDict()

    async def page(self, key: str, source: str) -> Entry:
        """The page under `key`, drawn from the data document `source`.

        Missing if there is no such document, or the profile has no such page; gone if the document is. Unavailable
        if the document can't be read or drawn. A document is read only in a turn, so that few are in memory at a time; what
        it has is remembered, so that made-up paths need none.
        """
        path = keys.path_of(source)
        try:
            etag = (await self._crossing(self._objects.stat, source)).etag
            if said := self._without(key, source, etag):
                return said.nothing(key, path)
            async with self._turn(key):
                if said := self._without(key, source, etag):  # by whoever came before
                    return said.nothing(key, path)
                fresh, drawn = await self._crossing(self._draw, key, source)
                self._remember(source, fresh)
            self._renders["drawn"] += drawn is not None
            return drawn or fresh.nothing(key, path)
        except ObjectMissing:
            return missing(key, path)
        except NotDrawn:
            self._renders["failed"] += 1
            raise

    def _without(self, key: str, source: str, etag: str) -> _Said | None:
        """What is remembered of just that document, if it has no such file."""
        said = self._remembered.get(source)
        return said if said and said.etag == etag and key not in said.files else None

    def _remember(self, source: str, said: _Said) -> None:
        self._remembered[source] = said
        self._remembered.move_to_end(source)
        weight = sum(one.weight_bytes for one in self._remembered.values())
        while weight > REMEMBERED_BYTES_MAX and len(self._remembered) > 1:
            _, oldest = self._remembered.popitem(last=False)
            weight -= oldest.weight_bytes

    @asynccontextmanager
    async def _turn(self, key: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(TURN_S_MAX):
                await self._free.acquire()
        except TimeoutError:
            raise NotDrawn(f"{key} would have to be drawn, after too many others.") from None
        try:
            yield
        finally:
            self._free.release()

    def _draw(self, key: str, source: str) -> tuple[_Said, Entry | None]:
        """What the document says, and the page if it has that."""
        stored = self._objects.get(source)
        if stored is None:
            raise Unavailable(f"{source} was not given, though any version would have done.")
        if stored.headers.status != 200:
            return _said(stored, read_rank(stored.body), frozenset()), None
        try:
            document, rank = read(stored.body)
            # The document's roll-out is never later than its page's; so whatever was published since outranks this page.
            edition = Edition(rank.life, rank.rollout, rank.rollout)
            pages = {page.key: page for page in plan(document, self._release, self._urls, edition)}
            file = pages[key].file() if key in pages else None
        except BadInput as error:
            log.error("render_failed", key=key, error=str(error))
            raise NotDrawn(f"{source} can't be read.") from error
        except Exception as error:
            # Whatever a document makes the generator stumble over, it must not take the edge's other readers along.
            log.exception("render_failed", key=key)
            raise NotDrawn(f"{key} can't be drawn.") from error
        said = _said(stored, rank, frozenset(pages))
        if file is None:
            return said, None
        log.info("rendered", key=key, rank=file.headers.rank)
        return said, rendered(key, file.body, file.headers, keys.path_of(source), rank, stored.modified_s)


class _Said(NamedTuple):
    """What is remembered of a data document: which files its profile has, or what its tombstone says."""

    etag: str
    headers: Headers
    rank: Rank | None
    files: frozenset[str]
    weight_bytes: int

    def nothing(self, key: str, path: str) -> Entry:
        """The answer about a file that it doesn't have."""
        if self.headers.status != 200:
            return gone(key, self.headers, path, self.rank)
        return missing(key, path, self.rank)


def _said(stored: Object, rank: Rank | None, files: frozenset[str]) -> _Said:
    weight = 1024 + sys.getsizeof(files) + sum(map(sys.getsizeof, files))
    return _Said(stored.etag, stored.headers, rank, files, weight)
