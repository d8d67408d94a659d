"""A real edge over a real little site, on a port of its own; it counts what it is asked, can be stopped and started again."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.types import Receive, Scope, Send

from core import keys
from core.objects import Headers
from core.objects.folder import FolderObjects, FolderReader
from core.objects.regions import Regions
from core.rank import Rank, stamp_html, stamp_json
from core.settings import Settings
from edge.app import PURGE, create_app
from edge.rules import SECURITY
from generator.release import Release
from tests.clock import Clock
from tests.edge.conftest import HTML, SECRET, signed
from tests.house import free_port

WORDS = "Paints boats, and sometimes the sea. " * 40
"""Long enough to be worth compressing."""
PICTURE = keys.media("m1234567", "pub1", "still", "a1234567", "640.webp")
SEGMENT = keys.media("v1234567", "pub1", "rung", "a1234567", "video-00001.m4s")
FILM = keys.media("v1234567", "pub1", "mp4", "a1234567", "video.mp4")
LARGE = bytes(range(256)) * 8_000
SECRETS = "/secrets"
"""Answered as private profiles are: for one reader alone."""


class Edge:
    def __init__(self, folder: Path, release: Release, settings: Settings) -> None:
        self.settings, self._release = settings, release
        self.objects, self._reader = FolderObjects(folder), FolderReader(folder)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.asked: Counter[str] = Counter()
        self.heard: list[dict[str, str]] = []
        self.slow = threading.Event()
        """While it is set, answers are kept back."""
        self.broken = False
        self._server: uvicorn.Server | None = None
        self._number = 0

    # ── the server ──

    def start(self) -> None:
        site = self.settings.site
        app = create_app(
            Regions({"main": self._reader}), self._release, self.settings.edge, site, SECRET, clock=Clock()
        )

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            path = scope.get("path", "")
            behind = path.startswith(f"{keys.GRANTS}/")
            if scope["type"] != "http" or (path.startswith("/-/") and not behind):
                return await app(scope, receive, send)
            self.asked[path] += 1
            query = scope["query_string"].decode()
            self.heard.append(
                {name.decode(): value.decode() for name, value in scope["headers"]} | {"?": query}
            )
            while self.slow.is_set():
                await asyncio.sleep(0.02)
            if self.broken:
                return await _say(send, 503, b"cache-control: no-store", b"broken")
            if behind:
                return await _say(send, 200, b"cache-control: public, max-age=300", b"behind a grant")
            if path == SECRETS:
                return await _say(send, 200, b"cache-control: private, max-age=60", b"for you alone")
            return await app(scope, receive, send)

        # A socket of our own: the port stays ours between two starts.
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        config = uvicorn.Config(counted, ws="none", log_config=None, access_log=False, server_header=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(listener)))
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
            threading.Event().wait(0.01)
        self.call()

    async def _serve(self, listener: socket.socket) -> None:
        assert self._server
        await self._server.serve(sockets=[listener])

    def stop(self) -> None:
        if self._server:
            self._server.should_exit = True
            self._thread.join(10)
            assert not self._thread.is_alive()
            self._server = None

    # ── the worker's side ──

    def put(self, key: str, body: bytes, **headers: Any) -> None:
        self.objects.put(key, body, Headers(**{"type": HTML} | headers), durable=False)

    def put_page(
        self, words: str, revision: int = 1, key: str = "ann/index.html", profile: str = "p1234567"
    ) -> None:
        rank = Rank(1, 1, revision, 1)
        body = stamp_html(f"<title>Ann</title><p>{words}</p>", rank)
        self.put(key, body, tags=keys.tag(profile), rank=str(rank))

    def put_domain(self, domain: str, username: str, revision: int = 1) -> None:
        body = stamp_json(f'{{"username":"{username}"}}', Rank(1, 1, revision, 1))
        self.put(keys.domain(domain), body, type="application/json")

    def publish(self) -> None:
        """A site with something of every kind."""
        self.put_page(WORDS)
        self.put_page("A post. " + WORDS, key=keys.post("ann", "boats"))
        self.put_page("舟. " + WORDS, key=keys.post("ann", "小舟"))
        self.put_page("Bea. " + WORDS, key=keys.page("bea"), profile="p7654321")
        self.put(keys.HOME, b"<title>Home</title>" + WORDS.encode())
        self.put(keys.NOT_FOUND, b"<title>Not here</title>" + WORDS.encode())
        self.put(keys.atom("ann"), b"<feed>" + WORDS.encode() + b"</feed>", type="application/atom+xml")
        self.put(keys.ROBOTS, b"User-agent: *\n", type="text/plain; charset=utf-8")
        self.put(keys.asset("style.css", "0a1b2c3d"), b"p { margin: 0 } " * 100, type="text/css")
        self.put(PICTURE, bytes(range(256)) * 40, type="image/webp")
        self.put(SEGMENT, LARGE, type="video/iso.segment")
        self.put(FILM, LARGE, type="video/mp4")
        self.put(keys.page("cid"), b"<title>Gone</title>", status=410, tags=keys.tag("p2345678"))
        self.put(keys.page("dan"), b"<title>Not here</title>", status=404, tags=keys.tag("p3456789"))
        self.put(keys.page("eva"), b"", status=301, location="/ann", tags=keys.tag("p1234567"))
        self.put_domain("ann.example", "ann")
        gone = b"<title>Gone</title>"
        self.put(keys.domain("former.example"), gone, status=410, tags=keys.tag("p2345678"))

    def call(self, *purges: dict[str, Any]) -> None:
        """The purger's call; without purges its heartbeat."""
        self._number += 1
        body = json.dumps({"number": self._number, "purges": purges})
        assert httpx.post(self.url + PURGE, content=body, headers=signed(body)).status_code == 200

    def edit(self, words: str, revision: int, **page: str) -> None:
        """A new page, of which the edge has heard; what stands before it has not."""
        self.put_page(words, revision, **page)
        path = keys.path_of(page.get("key", "ann/index.html"))
        self.call({"path": path, "rank": f"1.1.{revision}.1"})


async def _say(send: Send, status: int, header: bytes, body: bytes) -> None:
    name, _, value = header.partition(b": ")
    headers = [(name, value), (b"content-length", str(len(body)).encode())]
    headers += [(name.encode(), value.encode()) for name, value in SECURITY.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
