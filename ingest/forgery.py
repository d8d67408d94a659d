"""Requests that another site made a browser send: told by Origin and Sec-Fetch-Site, and in forms by a signed token."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers

from core.errors import NotAllowed
from core.ids import new_id
from ingest.tokens import Signer

FIELD = "form_token"
_OLD_FORM = "This form has been open for too long, or came from another site. Please send it again."


class OldForm(NotAllowed):
    """A form that was made for another session of this browser, or wasn't made by us."""


def require_same_origin(headers: Headers, own_url: str) -> None:
    """Raises NotAllowed for what a browser says came from elsewhere; programs that say nothing pass.

    Sec-Fetch-Site is the browser's own word; Origin is compared with our public URL, or with the Host that was asked.
    """
    site = headers.get("sec-fetch-site", "").lower()
    origin = headers.get("origin", "")
    if site in ("same-origin", "none") or (not site and not origin):
        return
    if not site and (origin == own_url or _host(origin) == headers.get("host")):
        return
    raise NotAllowed("This request came from another site.")


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc or None
    except ValueError:
        return None


class FormTokens:
    """Tokens for forms: each other than the last, all bound to the browser's session (or form cookie)."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def make(self, bound_to: str) -> str:
        nonce = new_id()
        return f"{nonce}.{self._signer.mac('form', f'{nonce} {bound_to}')}"

    def require(self, token: str, bound_to: str) -> None:
        """Raises OldForm unless the token was made for the same browser."""
        nonce, _, mac = token.partition(".")
        if not bound_to or not self._signer.same("form", f"{nonce} {bound_to}", mac):
            raise OldForm(_OLD_FORM)
