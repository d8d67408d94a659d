"""The edge as an ASGI app: wiring, health, and the purger's signed calls; it is given nothing that can write."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from standardwebhooks.webhooks import Webhook
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from core import keys
from core.errors import HoldfastError, TooLarge, TooMany
from core.grants import Grants
from core.log import get_logger
from core.objects.regions import Regions
from core.rate import Rate
from core.settings import EdgeSettings, SiteSettings
from edge.cache import Cache
from edge.counts import Counts
from edge.domains import ASK, ASKED_PER_MINUTE, Ask, Domains
from edge.fetch import Fetcher
from edge.flight import Crossing
from edge.media_host import beside
from edge.private import Private
from edge.purge import BODY_BYTES_MAX, Calls, Heard, Purges, open_call
from edge.reader import Reader
from edge.render import Renderer
from edge.respond import Responder
from edge.rules import SECURITY, Rules
from edge.visitors import Visitors
from generator.release import Release, urls_of

log = get_logger("edge")

HEALTH, PURGE = "/-/health", "/-/purge"
"""Under the origin itself, not under the site's sub-path; no username may begin with a sign."""
THREADS = 16
SILENCE_HEARTBEATS = 3
"""An edge that has missed so many calls no longer trusts what it remembers."""
UNCACHED = SECURITY | {"cache-control": "no-store"}
BODY_S_MAX = 10.0
"""A call of the purger's comes in one piece; who drips one is not the purger."""
BODIES_EACH_MAX = 16
"""Calls that are read at once from an address which none has come from that was signed."""


uptime_s = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
"""Seconds that never go back and, where the system counts them, also pass while the machine is suspended: a purge may have
been missed meanwhile."""


def create_app(
    objects: Regions,
    release: Release,
    settings: EdgeSettings,
    site: SiteSettings,
    secret: str | bytes,
    *,
    heartbeat_s: float = 5.0,
    clock: Callable[[], float] = uptime_s,
    private: Regions | None = None,
    grants: Grants | None = None,
    wall_clock: Callable[[], float] = time.time,
    counts: Counts | None = None,
) -> ASGIApp:
    """The edge over the public bucket, in all of its regions; with `private` and `grants` also over what these open.

    `secret` signs the purger's calls (Standard Webhooks: "whsec_…" in base64, or bytes), which are awaited every
    `heartbeat_s`. `clock` counts seconds and never goes back; `wall_clock` tells the time of day, as storage dates by it.
    `counts` hears what happens.
    """
    crossing, counts, clocks = Crossing(THREADS), counts or Counts(), (clock, wall_clock)
    purges, calls = Purges(clock), Calls(SILENCE_HEARTBEATS * heartbeat_s, clock)
    renderer = Renderer(objects, release, urls_of(site), crossing, counts)
    cache = Cache(Fetcher(objects, renderer, crossing), crossing, settings, purges, calls, clock, counts)
    counts.weigh("public", *cache.shelves)
    visitors = Visitors(settings.reads_per_minute, settings.trusted_proxies, clock)
    rules = Rules(settings, https=site.url.startswith("https:"), media=site.media_url)
    behind = (
        Private(grants, private, release, settings, site, crossing, calls, rules, visitors, counts, *clocks)
        if private and grants
        else None
    )
    responder = Responder(cache, objects, crossing, wall_clock)
    reader = Reader(cache, responder, rules, visitors, site.path, behind)
    regions = (objects, private) if private else (objects,)
    purger = Purger(cache, calls, Heard(clock), regions, visitors, Webhook(secret), behind)

    rate = Rate(ASKED_PER_MINUTE, "unknown domains", clock)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        crossing.close()

    app = Starlette(
        routes=[
            Route(HEALTH, health, methods=["GET"]),
            Route(ASK, Ask(cache, rate, visitors).asked, methods=["GET"]),
            Route(PURGE, purger.called, methods=["POST"]),
        ],
        lifespan=lifespan,
        exception_handlers={HTTPException: _refused},
    )
    # Not a route of its own: a pattern would miss paths that hold a line break.
    app.router.default = reader
    app.router.redirect_slashes = False
    whole = Domains(cache, app, visitors, site)
    return beside(whole, site.media_url, cache, responder, rules, visitors) if site.media_url else whole


async def health(request: Request) -> Response:
    return JSONResponse({"ok": True}, headers=UNCACHED)


def _refused(request: Request, error: Exception) -> Response:
    """Another method than that of an endpoint of ours."""
    assert isinstance(error, HTTPException)
    return PlainTextResponse(error.detail + "\n", error.status_code, UNCACHED | dict(error.headers or {}))


class Purger:
    """`POST /-/purge`: believes only what is signed."""

    def __init__(
        self,
        cache: Cache,
        calls: Calls,
        heard: Heard,
        regions: Sequence[Regions],
        visitors: Visitors,
        webhook: Webhook,
        private: Private | None,
    ) -> None:
        self._cache = cache
        self._calls = calls
        self._heard = heard
        self._regions = regions
        self._visitors = visitors
        self._webhook = webhook
        self._private = private
        self._counts = cache.counts
        self._reading: Counter[str] = Counter()

    async def called(self, request: Request) -> Response:
        """200 with how many paths were purged, none by a call that comes again; 401 wrong signature, 400 malformed, 413 too
        large, 429 too many at once."""
        try:
            call = open_call(self._webhook, await self._read(request), request.headers)
        except HoldfastError as error:
            # 400 and not 422: the sender is a machine of ours, whose call makes no sense.
            status = 400 if error.status == 422 else error.status
            log.warning("purge_refused", status=status, reason=error.detail)
            self._counts.heard["refused"] += 1
            wait = {"retry-after": str(error.retry_after_s)} if isinstance(error, TooMany) else {}
            return JSONResponse({"error": error.detail}, status, UNCACHED | wait)
        except ClientDisconnect:
            return Response(status_code=400, headers=UNCACHED)
        except TimeoutError:
            return JSONResponse(
                {"error": "This call took too long."}, 408, UNCACHED | {"connection": "close"}
            )
        if self._heard.is_replay(request.headers["webhook-id"]):
            # Not even a heartbeat: somebody's recording of one must not keep us trusting.
            log.warning("purge_replayed", number=call.number)
            self._counts.heard["replayed"] += 1
            answer = {"number": call.number, "purged": 0, "reads": self._regions[0].reads}
            return JSONResponse(answer, headers=UNCACHED)
        self._calls.heard()
        self._counts.heard["taken"] += 1
        self._counts.purged += len(call.purges)
        self._visitors.welcome(request)
        if call.in_sync:
            for regions in self._regions:
                regions.use(call.in_sync.epoch, call.in_sync.names)
        for purge in call.purges:
            if not purge.path.startswith(keys.GRANTS):
                self._cache.purge(purge.path, purge.rank, hard=purge.hard)
            elif self._private:
                self._private.purge(purge.path, purge.rank, hard=purge.hard)
        if call.purges:
            log.info("purged", number=call.number, paths=len(call.purges), first=call.purges[0].path)
        answer = {"number": call.number, "purged": len(call.purges), "reads": self._regions[0].reads}
        return JSONResponse(answer, headers=UNCACHED)

    async def _read(self, request: Request) -> bytes:
        """The body of a call. Whose it is shows only when all of it is there, so strangers' have a number, too."""
        if self._visitors.is_ours(request):
            return await _body(request)
        address = self._visitors.address(request)
        if self._reading[address] >= BODIES_EACH_MAX:
            raise TooMany("Too many calls at once; please wait 10 s and try again.", int(BODY_S_MAX))
        self._reading[address] += 1
        try:
            return await _body(request)
        finally:
            self._reading[address] -= 1
            if not self._reading[address]:
                del self._reading[address]


async def _body(request: Request) -> bytes:
    body = bytearray()
    async with asyncio.timeout(BODY_S_MAX):
        async for piece in request.stream():
            body += piece
            if len(body) > BODY_BYTES_MAX:
                raise TooLarge(f"A call may hold {BODY_BYTES_MAX} bytes; send the purges in several.")
    return bytes(body)
