"""Content codings: which of them a reader accepts, and text bodies compressed by them."""

from __future__ import annotations

import gzip
from typing import Literal

import brotli

Coding = Literal["br", "gzip"]

BYTES_MIN = 512
"""Below this the headers outweigh what compression saves."""


def compressible(media_type: str) -> bool:
    """Whether bodies of this type are text; pictures, video and fonts are compressed already."""
    base = media_type.partition(";")[0].strip().lower()
    return base.startswith("text/") or base.endswith(("json", "xml", "javascript", "mpegurl"))


def choose(accept_encoding: str) -> Coding | None:
    """The best coding of ours that the header allows (RFC 9110, 12.5.3); None for the body as it is."""
    weights: dict[str, float] = {}
    for part in accept_encoding.lower().split(","):
        name, _, parameter = part.partition(";")
        weights[name.strip()] = _weight(parameter)
    other = weights.get("*", 0.0)
    br, gz = weights.get("br", other), weights.get("gzip", weights.get("x-gzip", other))
    if br > 0 and br >= gz:
        return "br"
    return "gzip" if gz > 0 else None


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def compress(body: bytes, coding: Coding) -> bytes:
    """`body` compressed, or empty if that makes it no smaller.

    Brotli at 5 comes out about as small as at 9, and is made in a millisecond while a reader waits.
    """
    if len(body) < BYTES_MIN:
        return b""
    small = (
        brotli.compress(body, mode=brotli.MODE_TEXT, quality=5)
        if coding == "br"
        else gzip.compress(body, 6, mtime=0)
    )
    return small if len(small) < len(body) else b""
