"""An entry in one coding, ready to be sent: header lists and body made once, before the next reader comes."""

from __future__ import annotations

from typing import NamedTuple

Fields = list[tuple[bytes, bytes]]
"""Headers as ASGI takes them."""

PREPARED_BYTES = 4096
"""What the header lists weigh, about."""


class Prepared(NamedTuple):
    """A hit of the cache, but for its Age: `headers` of a 200 and of HEAD, `unchanged` of a 304."""

    headers: Fields
    unchanged: Fields
    body: bytes
    etag: str
    modified: str


def prepare(headers: dict[str, str], body: bytes, etag: str, modified: str) -> Prepared:
    """`headers` are all of a 200 but Age, Cache-Status and the body's length."""
    headers = headers | {"cache-status": "holdfast; hit"}
    whole = _fields(headers | {"content-length": str(len(body))})
    return Prepared(whole, _fields(unchanged(headers)), body, etag, modified)


def unchanged(headers: dict[str, str]) -> dict[str, str]:
    """What a 304 tells of a 200's headers: not what describes the body that it doesn't have (RFC 9110, 15.4.5)."""
    return {
        name: value for name, value in headers.items() if name not in ("content-type", "content-encoding")
    }


def _fields(headers: dict[str, str]) -> Fields:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
