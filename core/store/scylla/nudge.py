"""Nudges: whoever commits an edit tells the workers by a datagram that there is something to read. Best effort.

A datagram holds the number of a log shard and nothing else; who gets a wrong one looks once in vain. Polling finds
whatever no nudge told of.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable
from zlib import crc32

from core.errors import OperatorError

LISTENERS_S = 2.0
"""How long the addresses of listeners are believed."""


def shard_of(profile_id: str, shards: int) -> int:
    """The log shard of a profile; the same in every process and release."""
    return crc32(profile_id.encode()) % shards


class Nudger:
    """Sends nudges to all listeners ("host:port"). `ask` calls back with their list, later: no edit waits for that."""

    def __init__(self, shards: int, ask: Callable[[Callable[[Iterable[str]], None]], None]) -> None:
        self._shards, self._ask = shards, ask
        self._guard = threading.Lock()
        self._asked_at = float("-inf")
        self._listeners: list[tuple[str, int]] = []
        self._sockets = {
            family: socket.socket(family, socket.SOCK_DGRAM) for family in (socket.AF_INET, socket.AF_INET6)
        }

    def nudge(self, profile_id: str) -> None:
        body = shard_of(profile_id, self._shards).to_bytes(2, "big")
        for host, port in self._known():
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            with contextlib.suppress(OSError):
                self._sockets[family].sendto(body, (host, port))

    def close(self) -> None:
        for one in self._sockets.values():
            one.close()

    def _known(self) -> list[tuple[str, int]]:
        with self._guard:
            if time.monotonic() - self._asked_at < LISTENERS_S:
                return self._listeners
            self._asked_at = time.monotonic()
        # A failure costs the nudge, never the edit, which is acknowledged already.
        with contextlib.suppress(Exception):
            self._ask(self._hear)
        return self._listeners

    def _hear(self, listeners: Iterable[str]) -> None:
        self._listeners = [_address(one) for one in listeners if one]


class Ear:
    """Where this process hears nudges. `address` is what others send to; empty where there is none."""

    def __init__(self, host: str) -> None:
        self._socket: socket.socket | None = None
        self.address = ""
        if not host:
            return
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.bind((host, 0))
        except OSError as error:
            self._socket.close()
            raise OperatorError(
                f"Nudges can't be heard at {host} ({error}): set store.nudge to an address of this machine, auto, or off"
            ) from None
        self.address = f"{host}:{self._socket.getsockname()[1]}"

    def listen(self, timeout_s: float) -> set[int]:
        """Shards that somebody nudged about, waiting for the first; empty if nothing came in time."""
        if self._socket is None:
            time.sleep(timeout_s)
            return set()
        heard: set[int] = set()
        self._socket.settimeout(max(0.001, timeout_s))
        with contextlib.suppress(OSError):  # nothing (more) to hear; or closed
            while True:
                heard.add(int.from_bytes(self._socket.recv(2), "big"))
                self._socket.setblocking(False)
        return heard

    def close(self) -> None:
        if self._socket:
            self._socket.close()


def own_address(towards: str, port: int) -> str:
    """The address of this machine by which it reaches a node; nothing is sent."""
    family = socket.AF_INET6 if ":" in towards else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((towards, port))
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)
