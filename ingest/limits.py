"""Limits at the door: how large and slow a body may be, how often who may come, and who that is."""

from __future__ import annotations

import asyncio
import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
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
KEYS_MAX = 20_000
"""Accounts and addresses remembered by one limit; the one not seen for longest is forgotten first."""


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


class Rate:
    """So many a minute for each key, in this process: a bucket that fills evenly and holds one minute's worth."""

    def __init__(self, per_minute: int, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_minute / 60
        self._full = float(per_minute)
        self._what = what
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str) -> None:
        """Counts one; raises TooMany with the time after which there is room again."""
        now = self._clock()
        with self._lock:
            level, seen = self._buckets.pop(key, (self._full, now))
            level = min(self._full, level + (now - seen) * self._per_s)
            allowed = level >= 1
            self._buckets[key] = (level - 1 if allowed else level, now)
            if len(self._buckets) > KEYS_MAX:
                self._buckets.popitem(last=False)
        if not allowed:
            wait_s = math.ceil((1 - level) / self._per_s)
            raise TooMany(f"Too many {self._what}; please wait {wait_s} s and try again.", wait_s)


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


def client_address(request: Request, trusted: Sequence[str]) -> str:
    """The address that limits count by: behind trusted proxies the last one in X-Forwarded-For that isn't theirs.

    An IPv6 client counts by its /64, since that is what one household gets.
    """
    networks = [ipaddress.ip_network(one, strict=False) for one in trusted]
    here = request.client.host if request.client else ""
    for hop in reversed([*request.headers.get("x-forwarded-for", "").split(","), here]):
        address = _address(hop.strip())
        if address is None:
            break
        here = _spelled(address)
        if not any(address in network for network in networks):
            break
    return here


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _spelled(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False))
