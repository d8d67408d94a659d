"""The host that pictures and videos have for themselves: what strangers uploaded lies at another origin than pages do.

The site's own host goes on serving it, too: pages that caches still have from before name it there, under a policy that
allows no other place, as do feeds and cards that others have kept.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from core import keys
from core.objects import Headers, Object
from edge.address import host_of
from edge.cache import Cache
from edge.entry import Entry, whole
from edge.hot import Hot
from edge.reader import Reader
from edge.respond import Responder
from edge.rules import Kind, Rules, kind_of
from edge.visitors import Visitors

FOLDER = keys.MEDIA.encode()
NOTHING = whole(
    "", Object(b"There is nothing at this address.\n", "", Headers(type="text/plain; charset=utf-8"))
)
"""No page of the site's: its style lies at the site's origin."""


def beside(
    site: ASGIApp, media_url: str, cache: Cache, responder: Responder, rules: Rules, visitors: Visitors
) -> ASGIApp:
    """`site`, and the media host beside it, over the same memory."""
    return ByHost(site, MediaHost(cache, MediaReader(cache, responder, rules, visitors, "")), media_url)


class ByHost:
    """Requests for the media host go there, all others to the site."""

    def __init__(self, site: ASGIApp, media: ASGIApp, media_url: str) -> None:
        self._site = site
        self._media = media
        self._host = host_of(urlsplit(media_url).netloc)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_media = scope["type"] == "http" and _host(scope) == self._host
        await (self._media if is_media else self._site)(scope, receive, send)


class MediaHost:
    """The hot path for what is spelled as media; nothing else that is in memory."""

    def __init__(self, cache: Cache, reader: ASGIApp) -> None:
        self._hot = Hot(cache, reader, "")
        self._reader = reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_media = (scope.get("raw_path") or b"").startswith(FOLDER)
        await (self._hot if is_media else self._reader)(scope, receive, send)


class MediaReader(Reader):
    """Media, never under a sub-path, and 404s."""

    async def _route(self, request: Request, path: str, query: str) -> Response:
        key = keys.route(path).key
        if key is None or kind_of(key) is not Kind.MEDIA:
            return await self._missing(request, "")
        return await super()._route(request, path, query)

    async def _site_page(self, key: str) -> Entry:
        return NOTHING


def _host(scope: Scope) -> str:
    named = [value for name, value in scope["headers"] if name == b"host"]
    return host_of(named[0].decode("latin-1")) if len(named) == 1 else ""
