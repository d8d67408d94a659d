"""A little edge: a real HTTP server on loopback that checks the purger's signature and serves what it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from standardwebhooks import Webhook, WebhookVerificationError

from core.rank import Rank, stamp_html
from edge.purge import BODY_BYTES_MAX


class LittleEdge:
    """`pages` holds status and body by path; `calls` the signed calls it took. `stale` says how many purges a path
    outlives; `answer` what it answers to calls, where None is silence after having heard; `dropping` how many calls it
    drops with their connection."""

    def __init__(self, secret: bytes, port: int = 0) -> None:
        self.pages: dict[str, tuple[int, bytes]] = {}
        self.stale: dict[str, tuple[int, bytes]] = {}
        self.calls: list[dict[str, Any]] = []
        self.answer: int | None = 200
        self.dropping = 0
        self.hung = threading.Event()
        self._webhook = Webhook(secret)
        self._server = _Server(("127.0.0.1", port), _handler(self))
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def show(self, path: str, rank: str, status: int = 200) -> None:
        self.pages[path] = status, stamp_html("<p>Ann", Rank.parse(rank))

    def purged(self) -> list[str]:
        """Paths in the order in which they were purged."""
        return [purge["path"] for call in self.calls for purge in call["purges"]]

    def called(self, body: bytes, headers: Any) -> int | None:
        if len(body) > BODY_BYTES_MAX:
            return 413
        try:
            self._webhook.verify(body, dict(headers), json_parse=False)
        except WebhookVerificationError:
            return 401
        call = json.loads(body)
        self.calls.append(call)
        for purge in call["purges"]:
            left, old = self.stale.get(purge["path"], (0, b""))
            if left > 1:
                self.stale[purge["path"]] = left - 1, old
            else:
                self.stale.pop(purge["path"], None)
        return self.answer

    def page(self, path: str) -> tuple[int, bytes]:
        if path in self.stale:
            return 200, self.stale[path][1]
        return self.pages.get(path, (404, b"nothing here"))

    def stop(self) -> None:
        """As a crash does: kept connections end as well."""
        self.hung.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, *given: Any) -> None:
        self.open: set[Any] = set()
        super().__init__(*given)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def server_close(self) -> None:
        super().server_close()
        for connection in self.open:
            self.shutdown_request(connection)


def _handler(edge: LittleEdge) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            if edge.dropping:
                edge.dropping -= 1
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers["content-length"]))
            status = edge.called(body, self.headers) if self.path == "/-/purge" else 404
            if status is None:
                edge.hung.wait(30)
                self.close_connection = True
                return
            self._send(status, b"{}")

        def do_GET(self) -> None:
            status, body = edge.page(unquote(self.path))
            self._send(status, body)

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if status == 301:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    return Handler


def running(secret: bytes, port: int = 0) -> Iterator[LittleEdge]:
    edge = LittleEdge(secret, port)
    try:
        yield edge
    finally:
        edge.stop()
