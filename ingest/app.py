"""The app: puts the API and the studio together over a store and the private bucket; keeps no state of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from core.errors import HoldfastError, NotFound, Unavailable
from core.grants import Grants
from core.objects import UploadObjects
from core.rate import Rate
from core.settings import Settings
from core.store import Store
from ingest import problems
from ingest.api import app as api
from ingest.api.accounts import AccountsApi
from ingest.api.links import LinksApi
from ingest.api.media import MediaApi
from ingest.api.operations import Operation
from ingest.api.posts import PostsApi
from ingest.api.profiles import ProfilesApi
from ingest.api.receipts import ReceiptsApi
from ingest.api.uploads import UploadsApi
from ingest.calls import Call, Door, write_rates
from ingest.crossing import Crossing
from ingest.limits import FORM_BYTES_MAX, Slots
from ingest.links import Links
from ingest.passwords import Passwords
from ingest.security import SecurityHeaders
from ingest.sessions import Sessions
from ingest.studio.again import Again
from ingest.studio.app import StudioApp
from ingest.tokens import Signer
from ingest.uploads import Uploads

STREAMS_EACH, UPLOADS_EACH = 12, 8


def create_app(
    store: Store, private: UploadObjects, settings: Settings, secret: bytes, grants: Grants
) -> Starlette:
    """The studio and its API. `secret` (16 bytes at least) signs forms and uploads, `grants` links to what is private: the
    same for every instance, `grants` for every edge, too.

    Whoever opened store and bucket closes them, after the app has stopped.
    """
    crossing = Crossing(settings.studio.threads)
    signer = Signer(secret)
    sessions = Sessions(store.accounts, settings.studio)
    hashes = Passwords()
    logins = Rate(settings.studio.logins_per_minute, "attempts")
    uploads = Uploads(store, private, settings.uploads, signer)
    sending = Slots(UPLOADS_EACH, "uploads")
    watching = Slots(STREAMS_EACH, "live views")
    links = Links(store, grants, settings)
    operations: list[Operation] = [
        *AccountsApi(store, settings, hashes, sessions, logins).operations(),
        *ProfilesApi(store, settings.site).operations(),
        *PostsApi(store, settings.site).operations(),
        *LinksApi(store, settings.site, links).operations(),
        *MediaApi(store, private, settings.site).operations(),
        *UploadsApi(store, settings.site, uploads, crossing, sending).operations(),
        *ReceiptsApi(store, settings, crossing, watching).operations(),
    ]
    studio = StudioApp(store, private, settings, sessions, signer, links)
    rates = write_rates(settings.studio)
    api_door = Door(crossing, sessions, settings.studio, rates, _problem)
    again = Again(store, studio.pages, sessions, hashes, logins)
    page_door = Door(
        crossing,
        sessions,
        settings.studio,
        rates,
        studio.pages.error,
        log_in_again=again.receive,
        body_bytes_max=FORM_BYTES_MAX,
    )

    def no_route(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        if request.url.path.startswith("/api/"):
            return problems.routing_problem(error, request.url.path)
        return page_door.refusal(request, NotFound("There is no such page here."))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        crossing.close()

    return Starlette(
        routes=[
            _health(store, crossing),
            *api.routes(api_door, operations, settings),
            *studio.routes(page_door, crossing, uploads, sending, hashes, logins),
        ],
        middleware=[Middleware(SecurityHeaders, secure=sessions.secure)],
        exception_handlers={HTTPException: no_route},
        lifespan=lifespan,
    )


def _problem(error: HoldfastError, call: Call) -> Response:
    return problems.problem(error, call.path)


def _health(store: Store, crossing: Crossing) -> Route:
    """/-/health: 200 while the store answers, else 503."""

    async def health(_: Request) -> Response:
        try:
            await crossing.run(store.rollouts.current)
        except Unavailable as error:
            return PlainTextResponse(f"unavailable: {error.detail}\n", 503)
        return PlainTextResponse("ok\n", headers={"cache-control": "no-store"})

    return Route("/-/health", health)
