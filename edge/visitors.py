"""How often one reader may make us ask storage; what is in memory costs nothing, and is given to everybody.

A film counts once for each request: a player makes one every few seconds, and what is read is what its reader takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.requests import Request

from core.addresses import client_address, parse
from core.rate import Rate

WELCOME_MAX = 100
HERE = ("127.0.0.0/8", "::1/128")
"""A proxy on this machine is one of ours."""


class Visitors:
    """Counts by address, behind `trusted` proxies the reader's own. `per_minute` 0 counts nobody.

    This machine's own addresses are not counted, nor those that a signed call came from: a purger looks at each page
    that it has purged.
    """

    def __init__(self, per_minute: int, trusted: Sequence[str], clock: Callable[[], float]) -> None:
        self._rate = Rate(per_minute, "pages", clock) if per_minute else None
        self._trusted = (*trusted, *HERE)
        self._welcome: dict[str, None] = {}

    def welcome(self, request: Request) -> None:
        """This caller has proven to be one of ours."""
        host = self.address(request)
        self._welcome.pop(host, None)
        self._welcome[host] = None
        if len(self._welcome) > WELCOME_MAX:
            del self._welcome[next(iter(self._welcome))]

    def take(self, request: Request) -> None:
        """Counts one; raises TooMany when that is too often."""
        if self._rate is not None and not self.is_ours(request):
            self._rate.take(self.address(request))

    def is_ours(self, request: Request) -> bool:
        host = self.address(request)
        address = parse(host)
        return host in self._welcome or bool(address and address.is_loopback)

    def address(self, request: Request) -> str:
        """By which whoever calls is counted."""
        peer = request.client.host if request.client else ""
        return client_address(peer, request.headers.get("x-forwarded-for", ""), self._trusted)
