"""Answers a reader: routes the path, asks the cache, and chooses what is said where nothing, or no longer, lies."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from core import keys
from core.errors import BadInput, TooMany, Unavailable
from core.log import get_logger
from edge.address import URL_BYTES_MAX, below, decoded
from edge.cache import Answer, Cache
from edge.entry import BUILT_IN, Entry, missing
from edge.private import Private
from edge.respond import Responder
from edge.rules import Kind, Rules
from edge.visitors import Visitors

log = get_logger("edge")

RETRY_AFTER_S = 5
LOOK_S = 1.0
"""How long who has misspelled an address waits for storage to say whether the page has moved on."""
MOVED = (301, 302, 307, 308)
FAILED = "holdfast.failed"
"""In the scope: the error of whoever looked up where a request leads, to be answered as one of our own."""


class Reader:
    """Pages, media, and what is told about names under which nothing lies; an ASGI app."""

    def __init__(
        self,
        cache: Cache,
        responder: Responder,
        rules: Rules,
        visitors: Visitors,
        sub_path: str,
        private: Private | None = None,
    ) -> None:
        self._cache = cache
        self._responder = responder
        self._rules = rules
        self._visitors = visitors
        self._sub_path = sub_path
        self._private = private

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            response = await self.read(request)
        except Unavailable as error:
            log.error("unavailable", path=scope["path"], error=str(error))
            response = self._plain(503, "This page can't be read for the moment. Please try again.")
            response.headers["retry-after"] = str(RETRY_AFTER_S)
        except TooMany as error:
            response = self._plain(429, error.detail)
            response.headers["retry-after"] = str(error.retry_after_s)
        except Exception:
            log.exception("failed", path=scope["path"])
            response = self._plain(500, "Something went wrong here. Please try again later.")
        self._cache.counts.answered(response.status_code, response.headers)
        try:
            await response(scope, receive, send)
        except ClientDisconnect:
            return

    async def read(self, request: Request) -> Response:
        if failed := request.scope.get(FAILED):
            raise failed
        if request.method not in ("GET", "HEAD"):
            response = self._plain(405, "Pages here can only be read.")
            response.headers["allow"] = "GET, HEAD"
            return response
        raw: bytes = request.scope.get("raw_path") or quote(request.scope["path"]).encode()
        query: bytes = request.scope["query_string"]
        if len(raw) + len(query) > URL_BYTES_MAX:
            return self._plain(414, "This address is too long.")
        path = decoded(raw)
        if path is None:
            return self._plain(400, "This address is not spelled as addresses are.")
        return await self._route(request, path, query.decode("latin-1"))

    async def _route(self, request: Request, path: str, query: str) -> Response:
        inner = below(path, self._sub_path)
        if inner is None:
            return await self._missing(request, "")
        if inner.startswith(keys.GRANTS + "/"):
            found = await self._private.read(request, inner, query) if self._private else None
            return found or await self._missing(request, "")
        key, redirect = keys.route(inner)
        if redirect is not None:
            if stone := await self._stone(request, redirect):
                return self._moved(stone.headers.location, stone.tags, keep=False)
            return self._moved(quote(self._sub_path + redirect) + (f"?{query}" if query else ""))
        try:
            key = keys.check(key or "")
        except BadInput:
            return await self._missing(request, "")
        if not self._cache.knows(key):
            self._visitors.take(request)
        answer = await self._cache.answer(key)
        if answer.entry.missing:
            return await self._missing(request, key, answer)
        return await self._show(request, answer)

    async def _stone(self, request: Request, path: str) -> Entry | None:
        """What says that the page at this path, which was asked for in another spelling, has moved on: then its readers are led
        there straight. No cache keeps that, since no purge would know the spelling. Where storage can't be asked, two steps
        lead there, too."""
        key = keys.route(path).key
        if key is None:
            return None
        try:
            if not self._cache.knows(key):
                self._visitors.take(request)
            async with asyncio.timeout(LOOK_S):
                entry = (await self._cache.answer(key)).entry
        except (Unavailable, TooMany, TimeoutError):
            return None
        return entry if entry.headers.status in MOVED else None

    async def _show(self, request: Request, answer: Answer) -> Response:
        entry, status = answer.entry, answer.entry.headers.status
        headers = self._rules.headers(
            entry.kind,
            entry.tags,
            keep=answer.keep,
            rendered=bool(entry.source),
            scripts=entry.scripts,
            stale_left_s=answer.stale_left_s,
        )
        if status in MOVED:
            headers["location"] = entry.headers.location
        elif status != 200 and not entry.body:
            # Only the data document says so; the words are the site's.
            page = await self._site_page(keys.GONE if status == 410 else keys.NOT_FOUND)
            answer = answer._replace(entry=page)
        return await self._responder.respond(request, answer, headers, status)

    async def _missing(self, request: Request, key: str, answer: Answer | None = None) -> Response:
        """404 in the site's own words, tagged with the name that was asked for."""
        answer = answer or Answer(missing(key), "fwd=bypass")
        headers = self._rules.headers(Kind.MISSING, answer.entry.tags, keep=answer.keep)
        page = await self._site_page(keys.NOT_FOUND)
        return await self._responder.respond(request, answer._replace(entry=page), headers, 404)

    async def _site_page(self, key: str) -> Entry:
        """The site's page for what isn't there, or a few words of ours while there is none."""
        try:
            entry = (await self._cache.answer(key)).entry
        except Unavailable:
            entry = missing(key)
        return BUILT_IN[key] if entry.missing else entry

    def _moved(self, location: str, tags: str = "", *, keep: bool = True) -> Response:
        headers = self._rules.headers(Kind.TOMBSTONE, tags, keep=keep)
        return Response(status_code=301, headers=headers | {"location": location or "/"})

    def _plain(self, status: int, words: str) -> Response:
        return PlainTextResponse(words + "\n", status, self._rules.security | {"cache-control": "no-store"})
