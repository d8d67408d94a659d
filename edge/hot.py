"""The hot path: what is in memory and may be served as it is, from prepared answers; an ASGI app in front of the rest.

No request or response objects, no routing, no task: a look at the path and at the few headers that change an answer.
Whatever is not plain (a range, a header given twice, another method) goes to the rest, which answers all the same.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.address import URL_BYTES_MAX, below, decoded
from edge.cache import Cache
from edge.conditional import not_modified
from edge.encodings import choose

LEFT = frozenset({b"range", b"if-match", b"if-unmodified-since"})
"""Headers that hardly any reader sends: whoever does is answered by the rest."""
LOOKED_AT = LEFT | {b"accept-encoding", b"if-none-match", b"if-modified-since"}


class Hot:
    """Asks the cache, which alone knows what is fresh."""

    def __init__(self, cache: Cache, rest: ASGIApp, sub_path: str) -> None:
        self._cache = cache
        self._answers = cache.counts.answers
        self._rest = rest
        self._sub_path = sub_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (answer := self._answer(scope)):
            start, body = answer
            self._answers["hit"] += 1
            await send(start)
            await send(body)
        else:
            await self._rest(scope, receive, send)

    def _answer(self, scope: Scope) -> tuple[Message, Message] | None:
        method, raw = scope["method"], scope.get("raw_path")
        if not raw or method not in ("GET", "HEAD") or len(raw) + len(scope["query_string"]) > URL_BYTES_MAX:
            return None
        path = decoded(raw) if b"%" in raw else scope["path"]
        if path is None or (path := below(path, self._sub_path)) is None:
            return None
        hit = self._cache.hit(path or "/")
        if hit is None:
            return None
        asked: dict[bytes, str] = {}
        for name, value in scope["headers"]:
            if name in LOOKED_AT:
                if name in asked or name in LEFT:
                    return None
                asked[name] = value.decode("latin-1")
        entry, age_s = hit
        prepared = entry.prepared.get(choose(asked.get(b"accept-encoding", "")))
        if prepared is None:
            return None
        headers, body, status = prepared.headers, prepared.body, prepared.status
        known, since = asked.get(b"if-none-match"), asked.get(b"if-modified-since")
        if (
            (known or since)
            and prepared.etag
            and not_modified(known, since, prepared.etag, prepared.modified)
        ):
            headers, body, status = prepared.unchanged, b"", 304
        elif method == "HEAD":
            body = b""
        headers = [*headers, (b"age", b"%d" % age_s)]
        return (
            {"type": "http.response.start", "status": status, "headers": headers},
            {"type": "http.response.body", "body": body},
        )
