"""Stands between boto3 and a real S3 server, and does to calls what networks and busy stores do to them."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

TIMEOUT_S = 30.0


class Call(NamedTuple):
    """A request on its way. `key` is without the bucket; `number` counts them from 0."""

    number: int
    method: str
    key: str
    headers: Mapping[str, str]
    body: bytes
    path: str

    @property
    def writes(self) -> bool:
        return self.method != "GET" and self.method != "HEAD"


class Fault(NamedTuple):
    """What becomes of a call: it `arrives` at the server (`late_s` later), and is answered, or its line breaks. `status`
    and `code` answer in the server's stead. `whole` is False for an answer that breaks off in the middle."""

    arrives: bool = True
    late_s: float = 0.0
    answered: bool = True
    status: int = 0
    code: str = ""
    whole: bool = True


PASS = Fault()
LOST_REPLY = Fault(answered=False)
LOST_CALL = Fault(arrives=False, answered=False)
BROKEN_BODY = Fault(whole=False)


def late(seconds: float) -> Fault:
    """The line breaks, and the call arrives all the same."""
    return Fault(late_s=seconds, answered=False)


def says(status: int, code: str, *, arrives: bool = False) -> Fault:
    """Answers in the server's stead; it `arrives` all the same where the server has done it, and says that it hasn't."""
    return Fault(arrives=arrives, status=status, code=code)


Decide = Callable[[Call], Fault]


class Proxy:
    """`decide` may be set anew at any time; `calls` is what has come since it was."""

    def __init__(self, endpoint: str) -> None:
        target = urlsplit(endpoint)
        self.host, self.port = target.hostname or "", target.port or 80
        self.calls: list[Call] = []
        self._decide: Decide = lambda _: PASS
        self._guard = threading.Lock()
        self._late: list[threading.Timer] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def decide(self) -> Decide:
        return self._decide

    @decide.setter
    def decide(self, decide: Decide) -> None:
        with self._guard:
            self.calls, self._decide = [], decide

    def close(self) -> None:
        for timer in self._late:
            timer.cancel()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def settle(self) -> None:
        """Returns once every late call has arrived."""
        for timer in self._late:
            timer.join()

    def take(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[Call, Fault]:
        key = unquote(urlsplit(path).path).lstrip("/").partition("/")[2]
        with self._guard:
            call = Call(len(self.calls), method, key, headers, body, path)
            self.calls.append(call)
            return call, self._decide(call)

    def forward(self, call: Call) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)
        try:
            connection.request(call.method, call.path, call.body or None, dict(call.headers))
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def forward_later(self, call: Call, seconds: float) -> None:
        def arrive() -> None:
            with suppress(OSError, http.client.HTTPException):
                self.forward(call)

        timer = threading.Timer(seconds, arrive)
        timer.daemon = True
        self._late.append(timer)
        timer.start()


@contextmanager
def proxy_to(endpoint: str) -> Iterator[Proxy]:
    proxy = Proxy(endpoint)
    try:
        yield proxy
    finally:
        proxy.close()


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = TIMEOUT_S

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            call, fault = proxy.take(self.command, self.path, self.headers, body)
            if fault.status:
                if fault.arrives:
                    proxy.forward(call)
                words = f"<Error><Code>{fault.code}</Code><Message>{fault.code}</Message></Error>".encode()
                kind = [("Content-Type", "application/xml")]
                self._answer(fault.status, kind, words, call.method, whole=fault.whole)
                return
            if fault.late_s:
                proxy.forward_later(call, fault.late_s)
            answer = proxy.forward(call) if fault.arrives and not fault.late_s else None
            if answer is None or not fault.answered:
                self.close_connection = True
                return
            status, headers, content = answer
            self._answer(status, headers, content, call.method, whole=fault.whole)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_one

        def _answer(
            self, status: int, headers: list[tuple[str, str]], body: bytes, method: str, *, whole: bool = True
        ) -> None:
            self.send_response_only(status)
            sizes = {"content-length", "transfer-encoding", "connection"}
            for name, value in headers:
                if name.lower() not in sizes or (method == "HEAD" and name.lower() == "content-length"):
                    self.send_header(name, value)
            if method != "HEAD":
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if method == "HEAD":
                return
            self.wfile.write(body if whole else body[: len(body) // 2])
            if not whole:
                # A reset, by which a client tells it from an end.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
