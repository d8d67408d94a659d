"""A request as the synchronous code sees it (Call), and the door that lets it in: body, session, limits, errors."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from core.addresses import client_address
from core.errors import BadInput, HoldfastError, NotSignedIn, UnsupportedMedia
from core.rate import Rate
from core.settings import StudioSettings
from ingest.crossing import Crossing
from ingest.forgery import require_same_origin
from ingest.limits import BODY_BYTES_MAX, drain, read_body
from ingest.problems import expected
from ingest.sessions import Session, Sessions, cookies

FIELDS_MAX = 20_000
SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Call:
    """One request, its body read. `route` is the pattern of its path: unlike the path it never holds a secret."""

    method: str
    path: str
    route: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Headers
    address: str
    body: bytes = b""
    session: Session | None = None

    @property
    def account_id(self) -> str:
        """Who is logged in; raises NotSignedIn."""
        if self.session is None:
            raise NotSignedIn
        return self.session.account_id

    @property
    def cookies(self) -> Mapping[str, str]:
        return cookies(self.headers)

    def json(self) -> Any:
        """The body as JSON. Requiring its type keeps other sites' forms out: browsers ask before they send it."""
        if self.headers.get("content-type", "").split(";")[0].strip().lower() not in _JSON_TYPES:
            raise UnsupportedMedia("Please send JSON, as Content-Type: application/json.")
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise BadInput({"body": "is not JSON"}) from None

    def form(self) -> list[tuple[str, str]]:
        """The fields of a form, in their order."""
        try:
            text = self.body.decode("ascii")
            return parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX)
        except ValueError:
            raise BadInput({"body": "is not a form, or one with too many fields"}) from None


_JSON_TYPES = ("application/json", "application/merge-patch+json")

Handler = Callable[[Call], Response]
StreamHandler = Callable[[Request, Call], Awaitable[Response]]
Counted = Literal["writes", "pieces"]


Rates = Mapping[Counted, Rate]


def write_rates(settings: StudioSettings) -> Rates:
    """How often one account may write, through whatever door."""
    return {
        "writes": Rate(settings.writes_per_minute, "changes"),
        # Pieces of uploads are bounded by the size of the upload; only senseless repetition meets this limit.
        "pieces": Rate(settings.writes_per_minute * 100, "pieces"),
    }


class Door:
    """Makes routes of handlers. What every request needs before its handler, and every error after it, is here.

    `answer_error` says it in the door's own language: a problem document, or a page. `log_in_again` answers a form that
    came without a session, given the handler that it was for. `body_bytes_max` is for who is logged in.
    """

    def __init__(
        self,
        crossing: Crossing,
        sessions: Sessions,
        settings: StudioSettings,
        rates: Rates,
        answer_error: Callable[[HoldfastError, Call], Response],
        log_in_again: Callable[[Handler, Call], Response] | None = None,
        body_bytes_max: int = BODY_BYTES_MAX,
    ) -> None:
        self._crossing = crossing
        self._sessions = sessions
        self._settings = settings
        self._answer_error = answer_error
        self._log_in_again = log_in_again
        self._body_bytes_max = body_bytes_max
        self._rates = rates

    def route(self, method: str, path: str, handler: Handler, public: bool = False) -> Route:
        """A handler that gets the whole (small) body and runs in a thread. `public` ones need nobody to be logged in."""
        bytes_max = BODY_BYTES_MAX if public else self._body_bytes_max

        async def receive(request: Request, call: Call) -> Call:
            return call if method == "GET" else replace(call, body=await read_body(request, bytes_max))

        async def run(_: Request, call: Call) -> Response:
            if call.session is None and not public and self._log_in_again:
                return await self._crossing.run(self._log_in_again, handler, call)
            return await self._crossing.run(handler, call)

        is_form = method == "POST" and self._log_in_again is not None
        return self._route(method, path, receive, run, "writes", public or is_form)

    def stream(self, method: str, path: str, handler: StreamHandler, counted: Counted = "writes") -> Route:
        """A coroutine that reads the body, or writes the answer, piece by piece."""

        async def receive(_: Request, call: Call) -> Call:
            return call

        return self._route(method, path, receive, handler, counted, False)

    def refusal(self, request: Request, error: HoldfastError) -> Response:
        """How this door says an error for which there is no route."""
        call = self._call(request, "")
        with suppress(HoldfastError):  # the store may be away; the page is then a stranger's
            call = replace(call, session=self._sessions.find(call.headers))
        return self._answer_error(error, call)

    def _route(
        self,
        method: str,
        path: str,
        receive: Callable[[Request, Call], Awaitable[Call]],
        run: StreamHandler,
        counted: Counted,
        public: bool,
    ) -> Route:
        async def endpoint(request: Request) -> Response:
            call = self._call(request, path)
            try:
                call = await self._crossing.run(self._admit, call, counted, public)
                call = await receive(request, call)
                return await run(request, call)
            except ClientDisconnect:
                return Response(status_code=400)  # nobody reads it
            except Exception as error:
                await drain(request)
                return await self._crossing.run(self._answer_error, expected(error, path), call)

        return Route(path, endpoint, methods=[method])

    def _call(self, request: Request, route: str) -> Call:
        return Call(
            method=request.method,
            path=request.url.path,
            route=route,
            params=request.path_params,
            query=request.query_params,
            headers=request.headers,
            address=client_address(
                request.client.host if request.client else "",
                request.headers.get("x-forwarded-for", ""),
                self._settings.trusted_proxies,
            ),
        )

    def _admit(self, call: Call, counted: Counted, public: bool) -> Call:
        session = self._sessions.find(call.headers)
        if session is None and not public:
            raise NotSignedIn
        if call.method not in SAFE:
            if session is None or session.by_cookie:
                require_same_origin(call.headers, self._settings.url)
            self._rates[counted].take(session.account_id if session else call.address)
        return replace(call, session=session)
