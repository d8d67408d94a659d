"""A little vendor: a real HTTP server on loopback that notes what it is asked, and answers as it is told to."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote

from core.rank import Rank, stamp_html


class Asked(NamedTuple):
    """One request, its header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Answer(NamedTuple):
    status: int = 200
    body: Any = b""
    headers: dict[str, str] = {}  # noqa: RUF012


class Vendor:
    """`usual` is what it answers, unless `next` holds something for this one call; GETs are answered by `pages`, with
    `status`. A purge that it says yes to does what `on_purge` does."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.next: deque[Answer] = deque()
        self.usual: Callable[[Asked], Answer] = lambda _: Answer()
        self.pages: dict[str, bytes] = {}
        self.status = 200
        self.on_purge: Callable[[], object] = lambda: None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def show(self, path: str, rank: str) -> None:
        self.pages[path] = stamp_html("<p>Ann", Rank.parse(rank))

    @property
    def purges(self) -> list[Asked]:
        return [one for one in self.asked if one.method != "GET"]

    @property
    def seen(self) -> list[Asked]:
        return [one for one in self.asked if one.method == "GET"]

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        if asked.method == "GET":
            found = self.pages.get(unquote(asked.path))
            return Answer(404) if found is None else Answer(self.status, found)
        answer = self.next.popleft() if self.next else self.usual(asked)
        if answer.status < 300:
            self.on_purge()
        return answer

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(vendor: Vendor) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = vendor.answer(Asked(self.command, self.path, headers, body))
            said = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_PURGE = do_BAN = answer

        def log_message(self, *_: Any) -> None:
            return

    return Handler


AnyVendor = TypeVar("AnyVendor", bound=Vendor)


def running(kind: type[AnyVendor] = Vendor) -> Iterator[AnyVendor]:  # type: ignore[assignment]
    vendor = kind()
    try:
        yield vendor
    finally:
        vendor.stop()
