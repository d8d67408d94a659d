"""Spells every address that pages, feeds and sitemaps hold; no template spells one."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from core import keys


@dataclass(frozen=True, slots=True)
class Urls:
    """Addresses of a site: `origin` is scheme://host[:port], `path` the sub-path that the pages live under ("" or
    "/people"), `media_origin` another host that serves the media, if there is one.

    All addresses are percent-encoded ASCII (RFC 3986), so they fit in headers as well.
    """

    origin: str
    path: str = ""
    media_origin: str | None = None

    def at(self, key: str) -> str:
        """The root-relative address under which the edge serves `key`: `ann/index.html` → `/people/ann`."""
        inner = keys.path_of(key)
        return quote(self.path + inner) if inner != "/" else quote(self.path) or "/"

    def of(self, key: str) -> str:
        """The absolute address of `key`."""
        return self.origin + self.at(key)

    def media(self, key: str) -> str:
        """The address of a media file as pages hold it: root-relative, or absolute on the media host."""
        return self.media_origin + quote(keys.path_of(key)) if self.media_origin else self.at(key)

    def media_of(self, key: str) -> str:
        """The absolute address of a media file, as feeds and social cards need it."""
        return self.media(key) if self.media_origin else self.of(key)

    @property
    def home(self) -> str:
        return self.at(keys.HOME)

    def profile(self, name: str) -> str:
        """The absolute, canonical address of a profile page; where a 301 of an old username leads."""
        return self.of(keys.page(name))
