"""An entry and a reader's request → the response: conditional requests, ranges, content codings (RFC 9110)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from email.utils import formatdate

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from core.errors import HoldfastError
from core.log import get_logger
from core.objects import ReadObjects
from edge.cache import Answer, Cache
from edge.conditional import Span, if_range, is_another, not_modified, parse_range
from edge.encodings import choose, compressible
from edge.entry import Entry
from edge.flight import Crossing
from edge.prepared import prepare, unchanged

log = get_logger("edge")

PIECE_BYTES = 256 * 1024
"""What is read of a large object at once, for each of its readers."""


class Responder:
    """Answers with what the cache gave."""

    def __init__(
        self,
        cache: Cache,
        objects: ReadObjects,
        crossing: Crossing,
        wall_clock: Callable[[], float],
    ) -> None:
        self._cache = cache
        self._objects = objects
        self._crossing = crossing
        self._wall_clock = wall_clock

    async def respond(
        self, request: Request, answer: Answer, headers: dict[str, str], status: int
    ) -> Response:
        """`headers` are those of the table of rules; what depends on bytes and request is added here."""
        entry, told = answer.entry, {"cache-status": f"holdfast; {answer.status}"}
        if answer.age_s is not None:
            told["age"] = str(answer.age_s)
        headers = headers | {"content-type": entry.headers.type}
        body, etag = entry.body, f'"{entry.etag}"'
        liked = choose(", ".join(request.headers.getlist("accept-encoding")))
        if compressible(entry.headers.type) and body:
            headers["vary"] = "Accept-Encoding"
            # A range is of the body as it is: what readers resume are downloads, not pages.
            if liked and not _ranged(request):
                try:
                    small = await self._cache.encoded(entry, liked)
                except TimeoutError:
                    # As it is, then; and what is prepared of that is for readers who like it so.
                    small, liked = b"", None
                if small and liked:
                    headers["content-encoding"] = liked
                    body, etag = small, f'"{entry.etag}-{liked}"'
        if status != 200:
            # Not where the words are another entry's, the site's own.
            if body is not None and entry.headers.status == status and _is_kept(answer):
                self._cache.prepare(entry, liked, prepare(status, headers, body))
            return _send(request, status, headers | told, body or b"")
        headers |= {"etag": etag, "accept-ranges": "bytes"}
        if modified := self._last_modified(entry):
            headers["last-modified"] = modified
        # Made ready for the next reader, but while the date is withheld, which changes with time.
        if (
            body is not None
            and not _ranged(request)
            and _is_kept(answer)
            and (modified or not entry.modified_s)
        ):
            self._cache.prepare(entry, liked, prepare(200, headers, body, etag, modified))
        # In the order of RFC 9110, 13.2.2.
        wanted, since = _listed(request, "if-match"), request.headers.get("if-unmodified-since")
        if is_another(wanted, since, etag, modified):
            return _send(request, 412, _of_nothing(headers | told), b"")
        known, since = _listed(request, "if-none-match"), request.headers.get("if-modified-since")
        if not_modified(known, since, etag, modified):
            return Response(status_code=304, headers=unchanged(headers) | told)
        return self._ok(request, entry, headers | told, body, etag, modified)

    def _ok(
        self,
        request: Request,
        entry: Entry,
        headers: dict[str, str],
        body: bytes | None,
        etag: str,
        modified: str,
    ) -> Response:
        size = entry.size if body is None else len(body)
        status, span = 200, Span(0, size)
        if _ranged(request) and if_range(request.headers.get("if-range"), etag, modified):
            asked = parse_range(request.headers["range"], size)
            if asked == "unsatisfiable":
                return _send(request, 416, _of_nothing(headers) | {"content-range": f"bytes */{size}"}, b"")
            if isinstance(asked, Span):
                status, span = 206, asked
                headers["content-range"] = f"bytes {span.start}-{span.end - 1}/{size}"
        if body is not None:
            return _send(request, status, headers, body[span.start : span.end])
        headers["content-length"] = str(span.end - span.start)
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers)
        return Pieces(self._pieces(entry.key, span), status, headers)

    async def _pieces(self, key: str, span: Span) -> AsyncIterator[bytes]:
        start = span.start
        while start < span.end:
            piece = await self._crossing(self._objects.read, key, start, min(PIECE_BYTES, span.end - start))
            if not piece:
                raise OSError(f"{key} ended at byte {start} of {span.end}")
            yield piece
            start += len(piece)

    def _last_modified(self, entry: Entry) -> str:
        """Empty within the same second: another edit could still come in it, which no If-Modified-Since would tell
        from this one."""
        modified_s = int(entry.modified_s)
        return formatdate(modified_s, usegmt=True) if 0 < modified_s < int(self._wall_clock()) else ""


class Pieces(StreamingResponse):
    """A large body. If storage fails under way, the connection ends before the promised length: no reader can take
    the part for the whole, and no traceback is made of it."""

    async def stream_response(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async for piece in self.body_iterator:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except (HoldfastError, OSError) as error:
            log.error("stream_broken", error=str(error))
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _send(request: Request, status: int, headers: dict[str, str], body: bytes) -> Response:
    length = {"content-length": str(len(body))}
    return Response(b"" if request.method == "HEAD" else body, status, headers | length)


def _is_kept(answer: Answer) -> bool:
    """Whether the cache will give the same once more, and call it a hit."""
    return answer.keep and answer.stale_left_s is None


def _of_nothing(headers: dict[str, str]) -> dict[str, str]:
    """The headers of a refusal, which has an empty body: nothing about the object's holds for it."""
    about = ("content-type", "content-encoding", "etag", "last-modified", "vary", "age")
    kept = {name: value for name, value in headers.items() if name not in about}
    return kept | {"cache-control": "no-store", "cdn-cache-control": "no-store"}


def _listed(request: Request, name: str) -> str | None:
    """A header's several lines are one list (RFC 9110, 5.3)."""
    lines = request.headers.getlist(name)
    return ", ".join(lines) if lines else None


def _ranged(request: Request) -> bool:
    return request.method == "GET" and "range" in request.headers
