"""Reads a key from storage, or what stands in for it: a render from the data document, a tombstone's word, nothing."""

from __future__ import annotations

from collections.abc import Callable

from core import keys
from core.errors import ObjectMissing
from core.objects import Object, ReadObjects
from edge.entry import Entry, missing, streamed, whole
from edge.flight import Crossing
from edge.render import Renderer
from edge.rules import Kind, kind_of

HELD_BYTES_MAX = 1_000_000
"""A medium above this is streamed from storage, never held."""


class Fetcher:
    """What fills the cache; reads and never writes. `made` makes an entry of what was read, in the thread that read it."""

    def __init__(
        self,
        objects: ReadObjects,
        renderer: Renderer,
        crossing: Crossing,
        made: Callable[[str, Object], Entry] = whole,
    ) -> None:
        self._objects = objects
        self._renderer = renderer
        self._crossing = crossing
        self._made = made

    async def __call__(self, key: str, known: Entry | None) -> Entry:
        """`known` itself if storage still holds just that; raises what storage raises, but for ObjectMissing."""
        try:
            return await self._crossing(self._stored, key, known)
        except ObjectMissing:
            source = keys.data_of(key)
            return await self._renderer.page(key, source) if source else missing(key)

    def _stored(self, key: str, known: Entry | None) -> Entry:
        large = known is not None and known.body is None
        if large or (known is None and kind_of(key) is Kind.MEDIA):
            stat = self._objects.stat(key)
            if known is not None and stat.etag == known.stored_etag:
                return known
            if stat.size > HELD_BYTES_MAX:
                return streamed(key, stat)
            known = None
        found = self._objects.get(key, unless=known.stored_etag if known else None)
        if found is not None:
            return self._made(key, found)
        if known is None:
            raise ObjectMissing(f"{key} was not given, though any version would have done.")
        return known
