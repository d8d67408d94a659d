"""Creators' own domains: a request for one is answered as one for its profile's page, and who makes certificates may ask.

Whose a domain is lies in storage beside the pages (`keys.domain`), so it is kept, purged and served while all else is down
as they are. A host that is nobody's domain is the site's, by whatever name it was reached.
"""

from __future__ import annotations

import json
from urllib.parse import quote, unquote_to_bytes, urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core import keys
from core.errors import TooMany, Unavailable
from core.fields import is_domain
from core.rate import Rate
from core.settings import SiteSettings
from edge.address import decoded, host_of
from edge.cache import Cache
from edge.entry import Entry
from edge.hot import Hot
from edge.reader import FAILED
from edge.rules import HTTPS_ONLY, SECURITY
from edge.visitors import Visitors

ASK = "/-/domains/ask"
ASKED_PER_MINUTE = 600
"""Domains that nobody has asked about lately, for each who asks: a stranger's share is not that of who makes
certificates. Whoever opens a connection to that one can make us look one up."""
SITES_MAX, SITE_BYTES_MAX = 1000, 255
"""How many spellings of hosts are remembered to be no domains, and how long each may be."""
OURS = b"/-/"
"""What is the edge's own, at any host."""
SHARED = tuple(f"/{key.partition('/')[0]}/" for key in (keys.asset("style.css", "0"), keys.media_folder("0")))
"""What pages load, which isn't their profile's alone."""


class Domains(Hot):
    """The hot path, for the site and for domains: what is asked of one leads to its profile's pages."""

    def __init__(self, cache: Cache, rest: ASGIApp, visitors: Visitors, site: SiteSettings) -> None:
        super().__init__(cache, rest, site.path)
        self._visitors = visitors
        self._own = spelled(urlsplit(site.url).netloc)
        self._sites = {urlsplit(site.url).netloc.encode()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not (domain := self._named(scope)):
            await super().__call__(scope, receive, send)
            return
        send = send if _came_by_https(scope) else _over_http(send)
        try:
            scope, send = await self._led(scope, send, domain)
        except (Unavailable, TooMany) as error:
            await self._rest({**scope, FAILED: error}, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def _named(self, scope: Scope) -> str:
        """The domain that a request is for, perhaps; empty for the site."""
        for name, host in scope["headers"]:
            if name == b"host":
                return "" if host in self._sites else self._domain(host)
        return ""

    def _domain(self, host: bytes) -> str:
        """The domain that a Host header names, perhaps; empty for what can be none, which is remembered."""
        domain = spelled(host.decode("latin-1"))
        if domain and domain != self._own:
            return domain
        if len(self._sites) < SITES_MAX and len(host) <= SITE_BYTES_MAX:
            self._sites.add(host)
        return ""

    async def _led(self, scope: Scope, send: Send, domain: str) -> tuple[Scope, Send]:
        raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
        if raw.startswith(OURS):
            return scope, send
        key = keys.domain(domain)
        if not self._cache.knows(key):
            self._visitors.take(Request(scope))
        entry = (await self._cache.answer(key)).entry
        if entry.missing:
            return scope, send
        name = username_in(entry)
        path = self._path(raw, name) if name else f"{self._sub_path}{keys.path_of(key)}".encode()
        return _with_path(scope, path), _tagging(send, keys.name_tag(domain))

    def _path(self, raw: bytes, name: str) -> bytes:
        page = f"{self._sub_path}/{name}"
        if raw.rstrip(b"/") in (b"", self._sub_path.encode()):
            return page.encode()
        # Whatever the case and the signs: its one spelling is then the redirect's to find, as at the site's own host.
        path = (decoded(raw) or "").lower()
        is_whole = path == page or path.startswith((page + "/", *(self._sub_path + one for one in SHARED)))
        return raw if is_whole else page.encode() + raw


class Ask:
    """`GET /-/domains/ask?domain=…`: 200 for a domain that a published profile has, else 404 (Caddy's `on_demand_tls`)."""

    def __init__(self, cache: Cache, rate: Rate, visitors: Visitors) -> None:
        self._cache = cache
        self._rate = rate
        self._visitors = visitors

    async def asked(self, request: Request) -> Response:
        domain = spelled(request.query_params.get("domain", ""))
        if not domain:
            return _said(404, "This is no domain.")
        key = keys.domain(domain)
        try:
            if not self._cache.knows(key):
                self._visitors.take(request)
                self._rate.take(self._visitors.address(request))
            entry = (await self._cache.answer(key)).entry
        except (Unavailable, TooMany) as error:
            return _said(error.status, error.detail)
        return _said(200, "Yes.") if username_in(entry) else _said(404, "Nobody here has this domain.")


def spelled(host: str) -> str:
    """The one spelling of a domain that somebody here could have; empty for addresses, this machine, and nonsense."""
    domain = host_of(host).partition(":")[0].removeprefix("www.")
    return domain if is_domain(domain) and not domain.endswith(".localhost") else ""


def username_in(entry: Entry) -> str:
    """Whose the domain is; empty if it is nobody's, or nobody's any more."""
    if entry.missing or entry.headers.status != 200:
        return ""
    try:
        name = str(json.loads(entry.body or b"")["username"])
    except (ValueError, KeyError, TypeError):
        return ""
    return name if keys.is_username(name) else ""


def _came_by_https(scope: Scope) -> bool:
    """As far as whoever ends TLS says so. Who lies about it is told no more than a header that their browser would not heed."""
    said = [value for name, value in scope["headers"] if name == b"x-forwarded-proto"]
    by: bytes = said[-1].rpartition(b",")[2].strip() if said else scope["scheme"].encode()
    return by == b"https"


def _over_http(send: Send) -> Send:
    """Without the header that only https may carry (RFC 6797, 7.2): at the site's own host `site.url` says what readers come
    by, at a creator's each request."""
    left_out = {name.encode() for name in HTTPS_ONLY}

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [one for one in message["headers"] if one[0] not in left_out]
            message = {**message, "headers": kept}
        await send(message)

    return sent


def _with_path(scope: Scope, raw: bytes) -> Scope:
    return {**scope, "raw_path": raw, "path": unquote_to_bytes(raw).decode(errors="replace")}


def _tagging(send: Send, tag: str) -> Send:
    """With the domain's tag on the answer: by it caches that keep answers by host know that this one is somebody's."""

    async def tagged(message: Message) -> None:
        if message["type"] == "http.response.start":
            had = dict(message["headers"])
            tags = {
                name: sign.join(filter(None, (had.get(name), tag.encode())))
                for name, sign in ((b"cache-tag", b","), (b"surrogate-key", b" "))
            }
            others = [one for one in message["headers"] if one[0] not in tags]
            message = {**message, "headers": [*others, *tags.items()]}
        await send(message)

    return tagged


def _said(status: int, words: str) -> Response:
    return PlainTextResponse(words + "\n", status, SECURITY | {"cache-control": "no-store"})
