"""A small published site in a real folder, and an edge in front of it whose storage and clock can be played with."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from anyio.from_thread import BlockingPortal, start_blocking_portal
from httpx import ASGITransport, AsyncClient, Response
from standardwebhooks.webhooks import Webhook
from starlette.types import ASGIApp, Message

from core import keys
from core.document import Document, write
from core.errors import Unavailable
from core.grants import Grants
from core.ids import new_id
from core.objects import Headers, Object, ReadObjects, Stat
from core.objects.folder import FolderObjects, FolderReader
from core.objects.regions import Regions
from core.objects.shown import Shown
from core.profile import HeldName, Profile
from core.rank import Rank, stamp_html
from core.settings import EdgeSettings, SiteSettings
from edge.app import PURGE, create_app
from edge.counts import Counts
from edge.server import bounded
from generator.release import Release, load_release
from tests.clock import Clock

HTML = "text/html; charset=utf-8"
SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSB0ZXN0cyBhbmQgbm9ib2R5IGVsc2U="
RENDITION = keys.media("m1234567", "pub1", "still", "a1234567", "640.webp")


class Storage:
    """The public bucket as the edge is given it: read-only, counted; it can be away, and slow at one key."""

    def __init__(self, objects: ReadObjects) -> None:
        self._objects = objects
        self.calls: Counter[str] = Counter()
        self.biggest_read = 0
        self.away: BaseException | None = None
        self.slow: dict[str, tuple[threading.Event, threading.Event]] = {}

    def get(self, key: str, *, unless: str | None = None) -> Object | None:
        return self._called("get", key, lambda: self._objects.get(key, unless=unless))

    def stat(self, key: str) -> Stat:
        return self._called("stat", key, lambda: self._objects.stat(key))

    def read(self, key: str, start: int, size: int) -> bytes:
        self.biggest_read = max(self.biggest_read, size)
        return self._called("read", key, lambda: self._objects.read(key, start, size))

    def hold(self, key: str) -> tuple[threading.Event, threading.Event]:
        """The next read of `key` has its answer when the first event is set, and gives it when the second is."""
        self.slow[key] = threading.Event(), threading.Event()
        return self.slow[key]

    def _called(self, verb: str, key: str, work: Callable[[], Any]) -> Any:
        self.calls[f"{verb} {key}"] += 1
        if self.away:
            raise self.away
        found = work()
        if key in self.slow:
            has_it, go_on = self.slow.pop(key)
            has_it.set()
            assert go_on.wait(10)
        return found


class Reader:
    """A browser without a cache, in front of an app that runs in one event loop, as it does in a server."""

    def __init__(self, app: ASGIApp, portal: BlockingPortal, address: str = "127.0.0.1") -> None:
        self._portal = portal
        transport = ASGITransport(app, client=(address, 1234))
        self._client = AsyncClient(transport=transport, headers={"accept-encoding": ""})

    def at(self, address: str) -> Reader:
        """Another reader, who comes from there."""
        assert isinstance(self._client._transport, ASGITransport)
        return Reader(self._client._transport.app, self._portal, address)

    def request(self, method: str, path: str, **details: Any) -> Response:
        # The whole address, or httpx would take "//evil.example/" for one.
        return self._portal.call(lambda: self._client.request(method, f"http://edge{path}", **details))

    def get(self, path: str, **details: Any) -> Response:
        return self.request("GET", path, **details)

    def head(self, path: str) -> Response:
        return self.request("HEAD", path)

    def post(self, path: str, **details: Any) -> Response:
        return self.request("POST", path, **details)

    def get_raw(self, path: str, accepted: str) -> tuple[Response, bytes]:
        """The response with its body as it came, not decompressed."""

        async def fetch() -> tuple[Response, bytes]:
            headers = {"accept-encoding": accepted}
            async with self._client.stream("GET", f"http://edge{path}", headers=headers) as response:
                return response, b"".join([piece async for piece in response.aiter_raw()])

        return self._portal.call(fetch)


class Site:
    """What a worker would have published, and the readers' and the purger's view of it."""

    def __init__(self, folder: Path, release: Release, portal: BlockingPortal, **changes: Any) -> None:
        self.objects = FolderObjects(folder)
        self.storage = Storage(FolderReader(folder))
        self.clock = Clock()
        self.ahead_s = 0.0  # how far the edge thinks that the day is
        settings = EdgeSettings().model_copy(update=changes.pop("edge", {}))
        site = SiteSettings().model_copy(update=changes)
        self.regions = Regions({"main": self.storage})
        self.private = FolderObjects(folder.parent / "private")
        self.private_storage = Storage(FolderReader(folder.parent / "private"))
        self.grants = Grants([SECRET.encode()])
        self.counts = Counts()
        self.app: ASGIApp = create_app(
            self.regions,
            release,
            settings,
            site,
            SECRET,
            clock=self.clock,
            wall_clock=lambda: time.time() + self.ahead_s,
            private=Regions({"main": Shown(self.private_storage)}),
            grants=self.grants,
            counts=self.counts,
        )
        self.reader = Reader(self.app, portal)
        self.number = 0

    def put(self, key: str, body: bytes, **headers: Any) -> None:
        self.objects.put(key, body, Headers(**{"type": HTML} | headers), durable=False)

    def put_page(self, words: str, revision: int = 1, *, key: str = "ann/index.html", **headers: Any) -> None:
        rank = Rank(1, 1, revision, 1)
        body = stamp_html(f"<title>Ann</title><p>{words}</p>", rank)
        self.put(key, body, **{"tags": keys.tag("p1234567"), "rank": str(rank)} | headers)

    def put_document(self, bio: str, revision: int = 1) -> None:
        body = write(new_document(bio, revision), life=1, rollout=1)
        self.put(keys.data("ann"), body, type="application/json")

    def get(self, path: str, **headers: str) -> Response:
        return self.reader.get(
            path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )

    def call(self, *purges: dict[str, Any]) -> Response:
        """The purger's signed call; without purges its heartbeat."""
        self.number += 1
        body = json.dumps({"number": self.number, "purges": purges})
        return self.reader.post(PURGE, content=body, headers=signed(body))

    def tell_in_sync(self, epoch: object, names: object) -> Response:
        body = json.dumps({"number": 1, "in_sync": {"epoch": epoch, "names": names}})
        return self.reader.post(PURGE, content=body, headers=signed(body))

    def purge(self, path: str, revision: int = 1, *, hard: bool = False) -> Response:
        return self.call({"path": path, "rank": f"1.1.{revision}.1", "hard": hard})


def new_document(bio: str, revision: int = 1) -> Document:
    return Document(
        id="p1234567",
        name=HeldName(username="ann", claim=1),
        revision=revision,
        frame_revision=revision,
        posts_revision=revision,
        created_at=0,
        edited_at=0,
        profile=Profile(name="Ann", bio=bio),
    )


def signed(
    body: str, secret: str = SECRET, *, ago_s: float = 0, message_id: str | None = None
) -> dict[str, str]:
    message_id = message_id or new_id()
    at = datetime.now(UTC) - timedelta(seconds=ago_s)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, at, body),
    }


@asynccontextmanager
async def lifespan(app: ASGIApp) -> AsyncIterator[None]:
    """Starts and ends the app, as a server does."""
    asked: asyncio.Queue[Message] = asyncio.Queue()
    told: asyncio.Queue[Message] = asyncio.Queue()
    serving = asyncio.create_task(app({"type": "lifespan", "asgi": {}}, asked.get, told.put))
    for step in ("startup", "shutdown"):
        await asked.put({"type": f"lifespan.{step}"})
        assert (await told.get())["type"] == f"lifespan.{step}.complete"
        if step == "startup":
            yield
    await serving


@contextmanager
def serving(app: ASGIApp, connections: int = 100, each: int = 0) -> Iterator[int]:
    """The app in a real server, as `holdfast serve edge` starts it; its port."""
    config = uvicorn.Config(
        app, port=0, http=bounded(connections, each, ()), ws="none", log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    started = threading.Event()
    while not server.started and thread.is_alive():
        started.wait(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


def raw(port: int, request: bytes) -> bytes:
    """The whole reply to bytes as no well-behaved client would send them."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture(scope="session")
def release() -> Release:
    return load_release(SiteSettings())


@pytest.fixture
def new_site(tmp_path: Path, release: Release) -> Iterator[Callable[..., Site]]:
    """Makes a site with other settings: `new_site(path="/people", edge={"cdn_s": 60})`."""
    with start_blocking_portal() as portal, ExitStack() as running:

        def make(**changes: Any) -> Site:
            site = Site(tmp_path / "public", release, portal, **changes)
            running.enter_context(portal.wrap_async_context_manager(lifespan(site.app)))
            return site

        yield make


@pytest.fixture
def site(new_site: Callable[..., Site]) -> Site:
    """Ann's page, called upon by the purger a moment ago."""
    site = new_site()
    site.put_page("Paints boats.")
    site.call()
    return site


@pytest.fixture
def away() -> Unavailable:
    return Unavailable("the bucket does not answer")
