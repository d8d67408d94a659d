"""Spells every address that pages, feeds and sitemaps hold; no template spells one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import quote

from core import keys


@dataclass(frozen=True, slots=True)
class Urls:
    """Addresses of a site: `origin` is scheme://host[:port], `path` the sub-path that the pages live under ("" or
    "/people"), `media_origin` another host that serves the media, if there is one. `grants` says that private profiles are
    read behind a grant (previews have addresses of their own); `private_name` is whose, in the addresses of such a one.

    All addresses are percent-encoded ASCII (RFC 3986), so they fit in headers as well.
    """

    origin: str
    path: str = ""
    media_origin: str | None = None
    grants: bool = True
    private_name: str = ""

    def inside(self, name: str) -> Urls:
        """The addresses that pages of a private profile hold: all that is its own lies behind the reader's grant, for which
        a word stands here (`core.keys.GRANT`)."""
        return replace(self, private_name=name) if self.grants else self

    def at(self, key: str) -> str:
        """The root-relative address under which the edge serves `key`: `ann/index.html` → `/people/ann`."""
        inner = keys.path_of(key)
        if self.private_name and key.startswith((f"{self.private_name}/", "_media/")):
            inner = keys.granted(key, self.private_name)
        return quote(self.path + inner) if inner != "/" else quote(self.path) or "/"

    def of(self, key: str) -> str:
        """The absolute address of `key`."""
        return self.origin + self.at(key)

    def media(self, key: str) -> str:
        """The address of a media file as pages hold it: root-relative, or absolute on the media host."""
        if not self.media_origin or self.private_name:
            return self.at(key)
        return self.media_origin + quote(keys.path_of(key))

    def media_of(self, key: str) -> str:
        """The absolute address of a media file, as feeds and social cards need it."""
        return self.media(key) if self.media_origin and not self.private_name else self.of(key)

    @property
    def home(self) -> str:
        return self.at(keys.HOME)

    def profile(self, name: str) -> str:
        """The absolute, canonical address of a profile page; where a 301 of an old username leads."""
        return self.of(keys.page(name))
