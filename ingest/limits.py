"""Limits at the door: how large and slow a body may be, and how many may be open at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from starlette.requests import ClientDisconnect, Request

from core.errors import TooLarge, TooMany, TooSlow

BODY_BYTES_MAX = 1_000_000
"""Of JSON, and of the forms that strangers send."""
FORM_BYTES_MAX = 8_000_000
"""Of a creator's forms. What is a megabyte in JSON may be three in a form, where a byte is written as %C3; the
descriptions of as many photos as a profile may hold are more than that."""
BODY_IDLE_S = 30.0
"""How long a body may stand still."""
BODY_S_MAX = 60.0
"""How long a body of JSON or a form may take in all; uploads have no such limit."""
DRAIN_BYTES_MAX, DRAIN_S_MAX = 16_000_000, 5.0


async def read_body(request: Request, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """The whole body. Raises TooLarge as soon as that is known, TooSlow."""
    if declared_bytes(request) > bytes_max:
        raise TooLarge(f"A request may hold {bytes_max:,} bytes at most.")
    parts, total = [], 0
    try:
        async with asyncio.timeout(BODY_S_MAX):
            async for chunk in body_chunks(request):
                total += len(chunk)
                if total > bytes_max:
                    raise TooLarge(f"A request may hold {bytes_max:,} bytes at most.")
                parts.append(chunk)
    except TimeoutError:
        raise TooSlow from None
    return b"".join(parts)


async def body_chunks(request: Request, idle_s: float = BODY_IDLE_S) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises TooSlow when nothing has come for `idle_s`."""
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(idle_s):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise TooSlow from None
        if chunk:
            yield chunk


async def drain(request: Request) -> None:
    """Reads on for a while after a refusal: who is still sending would else see a broken connection, and no answer."""
    left = DRAIN_BYTES_MAX
    try:
        async with asyncio.timeout(DRAIN_S_MAX):
            async for chunk in request.stream():
                left -= len(chunk)
                if left < 0:
                    return
    except (TimeoutError, ClientDisconnect, RuntimeError):
        return  # RuntimeError: all of it has been read already


def declared_bytes(request: Request) -> int:
    """The body's size as its header tells it; 0 if it doesn't."""
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isascii() and declared.isdigit() else 0


class Slots:
    """So many at once for each key: event streams, uploads of one account."""

    def __init__(self, each: int, what: str) -> None:
        self._each = each
        self._what = what
        self._open: dict[str, int] = {}

    def require(self, key: str) -> None:
        """Raises TooMany if all are taken."""
        if self._open.get(key, 0) >= self._each:
            raise TooMany(f"More than {self._each} {self._what} at once; please try again in a moment.", 5)

    @contextmanager
    def hold(self, key: str) -> Iterator[None]:
        """Takes one for as long as the block runs. On the event loop only, so without a lock."""
        self._open[key] = self._open.get(key, 0) + 1
        try:
            yield
        finally:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]
