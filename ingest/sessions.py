"""Sessions: a random secret in a cookie or a bearer token; the store keeps its digest, so they survive a restart."""

from __future__ import annotations

import time
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response

from core.ids import digest, new_secret
from core.settings import StudioSettings
from core.store import Accounts

SECRET_CHARS_MAX = 100


class Session(NamedTuple):
    """Who is logged in, by which secret (its digest), and whether a browser sent it by itself, as a cookie."""

    account_id: str
    digest: str
    by_cookie: bool


class Sessions:
    """Opens, finds and ends sessions."""

    def __init__(self, accounts: Accounts, settings: StudioSettings) -> None:
        self._accounts = accounts
        self._life_s = settings.session_days * 86400
        self.secure = settings.url.startswith("https://")
        # `__Host-` makes browsers refuse a cookie set by a sibling domain or over plain HTTP (RFC 6265bis, 4.1.3.2).
        prefix = "__Host-" if self.secure else ""
        self.cookie = f"{prefix}holdfast"
        self.form_cookie = f"{prefix}holdfast-form"

    def open(self, account_id: str) -> str:
        """A new secret, whatever the browser sent before: no session can be fixed by somebody else."""
        secret = new_secret()
        self._accounts.open_session(digest(secret), account_id, int(time.time()) + self._life_s)
        return secret

    def find(self, headers: Headers) -> Session | None:
        """The session that a request shows: an Authorization header first, else the cookie."""
        scheme, _, secret = headers.get("authorization", "").partition(" ")
        by_cookie = scheme.lower() != "bearer"
        if by_cookie:
            secret = cookies(headers).get(self.cookie, "")
        secret = secret.strip()
        if not 0 < len(secret) <= SECRET_CHARS_MAX:
            return None
        kept = digest(secret)
        account_id = self._accounts.session(kept, int(time.time()))
        return Session(account_id, kept, by_cookie) if account_id else None

    def end(self, session: Session) -> None:
        self._accounts.end_session(session.digest)

    def remember(self, response: Response, secret: str) -> None:
        self._set(response, self.cookie, secret, self._life_s)

    def forget(self, response: Response) -> None:
        self._set(response, self.cookie, "", 0)

    def remember_form(self, response: Response, value: str) -> None:
        """The cookie that forms are bound to before anybody is logged in."""
        self._set(response, self.form_cookie, value, self._life_s)

    def _set(self, response: Response, name: str, value: str, life_s: int) -> None:
        response.set_cookie(
            name, value, max_age=life_s, path="/", secure=self.secure, httponly=True, samesite="lax"
        )


def cookies(headers: Headers) -> dict[str, str]:
    return {name: value for line in headers.getlist("cookie") for name, value in cookie_parser(line).items()}
