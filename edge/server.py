"""uvicorn's HTTP/1.1 for readers, with bounds: how long and large a request's head may be, how many connections there are,
and how long one may stand still.

uvicorn (0.54) bounds none of these with httptools: a head that never ends is kept in memory, a connection that says
nothing, or takes nothing, stays open.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from core.addresses import counted, parse
from edge.address import host_of

HEAD_S_MAX = 10.0
"""From a connection's, or a request's, first byte to the end of the head."""
HEAD_BYTES_MAX = 32_768
REST_BYTES_MAX = 2_000_000
"""Of all that follows a head: body, the marks between its chunks, trailers. The purger's calls are the largest that we take."""
WAITING_MAX = 100
"""Requests that may wait for the answers to those before them."""
STALLED_S_MAX = 60.0
"""How long a reader may take nothing of what waits for it."""
RETRY_AFTER_S = 5
_HOST = re.compile(rb"(\[[\w:.%~-]+\]|[\w.~!$&'()*+,;=%-]{1,255})(:[0-9]{0,5})?")
"""What may stand in a Host header (RFC 3986, 3.2.2), but for an empty one, which names no host of ours."""
_ABSOLUTE = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")


def bounded(connections: int, each: int, trusted: Sequence[str]) -> type[asyncio.Protocol]:
    """The protocol for `uvicorn.Config(http=…)`: so many connections in all, and so many from one address (0: any number)
    that is neither one of the `trusted` networks nor this machine."""
    doors = Doors(connections, each, trusted)

    class Bounded(_Bounded):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._doors = doors

    return Bounded


class Doors:
    """Who is connected; a household with IPv6 counts as one, however many addresses it has."""

    def __init__(self, connections: int, each: int, trusted: Sequence[str]) -> None:
        self._connections = connections
        self._each = each
        self._trusted = [ipaddress.ip_network(one, strict=False) for one in trusted]
        self._from: Counter[str] = Counter()
        self._open = 0

    def enter(self, host: str) -> bool:
        """Notes a connection; whether it is one of those that are served."""
        self._open += 1
        who = _counted(host)
        self._from[who] += 1
        if self._open > self._connections:
            return False
        return not self._each or self._from[who] <= self._each or self._is_trusted(host)

    @property
    def are_blocked(self) -> bool:
        """Whether as many again wait to be refused: there must be an end to them, too."""
        return self._open > 2 * self._connections

    def leave(self, host: str) -> None:
        self._open -= 1
        who = _counted(host)
        self._from[who] -= 1
        if not self._from[who]:
            del self._from[who]

    def _is_trusted(self, host: str) -> bool:
        address = parse(host)
        if address is None:
            return True  # a Unix socket's
        return address.is_loopback or any(address in network for network in self._trusted)


def _counted(host: str) -> str:
    address = parse(host)
    return counted(address) if address else host


class _Dropped(list[tuple[bytes, bytes]]):
    """Takes the fields behind a body, which must not be taken for those of the head (RFC 9110, 6.5.1) and have no end."""

    def append(self, field: tuple[bytes, bytes], /) -> None:
        return


_TRAILERS = _Dropped()


class _Bounded(HttpToolsProtocol):
    """One connection. A timer runs only while something is late: most requests come whole, and start none."""

    _doors: Doors
    cycle: RequestResponseCycle | None  # type: ignore[assignment]  # uvicorn's own begins as None, too

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._host = self.client[0] if self.client else ""
        if not self._doors.enter(self._host):
            self.app = busy
        if self._doors.are_blocked:
            transport.abort()
        self._head_bytes, self._piece_bytes, self._rest_bytes, self._watched_bytes = 0, 0, 0, 0
        self._named: list[bytes] | None = None  # the right Host header of the request before
        self._stalled: asyncio.TimerHandle | None = None
        self._late: asyncio.TimerHandle | None = self.loop.call_later(HEAD_S_MAX, self._is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._doors.leave(self._host)
        for timer in (self._late, self._stalled):
            if timer is not None:
                timer.cancel()

    # ── the head ──────────────────────────────────────────────────────────────────────────────────

    def data_received(self, data: bytes) -> None:
        self._piece_bytes = len(data)
        super().data_received(data)
        self._rest_bytes += len(data)
        if self.transport.is_closing():
            return
        if self._rest_bytes > REST_BYTES_MAX:
            self.transport.close()
            return
        # Once for each request that is whole: it shall cost next to nothing.
        cycle = self.cycle
        if cycle is None or self._is_head_open() or (cycle.response_complete and self._is_uncounted):
            self._wait_for_head(len(data))
        elif self._late is not None:
            self._late.cancel()
            self._late, self._head_bytes = None, 0

    def _is_head_open(self) -> bool:
        """Whether uvicorn has begun to read another request, and not yet all of its head."""
        return "method" not in self.scope

    def _wait_for_head(self, more_bytes: int) -> None:
        if not self._is_draining or self._is_head_open():
            self._head_bytes += more_bytes
        if self._head_bytes > HEAD_BYTES_MAX:
            self._refuse(431, "The head of this request is too large.")
        elif self._late is None:
            self._late = self.loop.call_later(HEAD_S_MAX, self._is_late)

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= WAITING_MAX:
            raise OverflowError(f"{WAITING_MAX} requests wait already.")  # reaches send_400_response
        self._rest_bytes = 0
        if self._head_bytes + self._piece_bytes > HEAD_BYTES_MAX and self._size() > HEAD_BYTES_MAX:
            self.app = too_large
        elif not self._names_one_host():
            self.app = no_host
        super().on_headers_complete()
        self.headers = _TRAILERS
        if self.parser.should_upgrade() and self.cycle is not None:
            # To nothing that we speak; and the parser reads no further request.
            self.cycle.keep_alive = False

    def send_400_response(self, msg: str) -> None:
        """Behind answers that are under way, and never within one, whose reader would take it for a part of that."""
        cycle = self.cycle
        if cycle is not None and (self.pipeline or (cycle.response_started and not cycle.response_complete)):
            cycle.keep_alive = False
        else:
            self._say(400, msg)
            self.transport.close()

    def _names_one_host(self) -> bool:
        """RFC 9112, 3.2: who is behind a proxy could else be asked in another's name."""
        hosts = [value for name, value in self.headers if name == b"host"]
        if hosts != self._named:
            if len(hosts) != 1:
                return not hosts and self.url.startswith(b"/") and self.parser.get_http_version() == "1.0"
            if not _HOST.fullmatch(hosts[0]):
                return False
            self._named = hosts
        return self.url.startswith(b"/") or self._is_of(hosts[0])

    def _is_of(self, host: bytes) -> bool:
        """Whether an address in absolute form, which goes before the Host header (RFC 9112, 3.2.2), names the same. What is of
        neither form is refused elsewhere."""
        absolute = _ABSOLUTE.match(self.url)
        return not absolute or host_of(absolute[1].decode("latin-1")) == host_of(host.decode("latin-1"))

    @property
    def _is_uncounted(self) -> bool:
        """Whether uvicorn has stopped counting for how long nothing is asked."""
        return self.timeout_keep_alive_task is None

    @property
    def _is_draining(self) -> bool:
        """Whether a request was answered before all of its body came. The rest is nobody's, but to close at once could
        cost the sender the answer."""
        return self.cycle is not None and self.cycle.response_complete and self.cycle.more_body

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _is_late(self) -> None:
        self._late = None
        if self._is_answering:
            self._late = self.loop.call_later(HEAD_S_MAX, self._is_late)
        elif self._head_bytes:
            self._refuse(408, "This request took too long.")
        else:
            self.transport.close()

    def _refuse(self, status: int, words: str) -> None:
        if self.transport.is_closing():
            return
        if not self._is_answering:
            self._say(status, words)
        self.transport.close()

    def _say(self, status: int, words: str) -> None:
        head = [STATUS_LINE[status], *(b"%s: %s\r\n" % field for field in _fields(words)), b"\r\n"]
        self.transport.write(b"".join([*head, words.encode()]))

    # ── readers who take nothing ──────────────────────────────────────────────────────────────────

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def timeout_keep_alive_handler(self) -> None:
        # Closing would wait for what the reader has not taken yet, for ever if need be.
        if self.transport.get_write_buffer_size():
            self.timeout_keep_alive_task = None
            self._watch()
        else:
            super().timeout_keep_alive_handler()

    def _watch(self) -> None:
        self._watched_bytes = self.transport.get_write_buffer_size()
        if self._stalled is None:
            self._stalled = self.loop.call_later(STALLED_S_MAX, self._is_stalled)

    def _is_stalled(self) -> None:
        self._stalled = None
        left = self.transport.get_write_buffer_size()
        if left and left >= self._watched_bytes:
            self.transport.abort()
        elif left:
            self._watch()
        elif not self._is_answering and self._is_uncounted:
            self.transport.close()


def refusal(status: int, words: str, *more: tuple[bytes, bytes]) -> ASGIApp:
    """An app that says so and ends the connection."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [*_fields(words), *more]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": words.encode()})

    return refuse


def _fields(words: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(words)),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]


busy = refusal(
    503,
    "Too many readers are here for the moment. Please try again.",
    (b"retry-after", b"%d" % RETRY_AFTER_S),
)
no_host = refusal(400, "A request names one host.")
too_large = refusal(431, "The head of this request is too large.")
