"""Content codings: which of them a reader accepts, and text bodies compressed by them."""

from __future__ import annotations

import gzip
import sys
from functools import lru_cache
from typing import Literal

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Coding = Literal["br", "zstd", "gzip"]
CODINGS: tuple[Coding, ...] = ("br", "zstd", "gzip")
"""Smallest first: of our pages, at the levels below, zstd and gzip make 7 % more than brotli."""

BYTES_MIN = 512
"""Below this the headers outweigh what compression saves."""


def compressible(media_type: str) -> bool:
    """Whether bodies of this type are text; pictures, video and fonts are compressed already."""
    base = media_type.partition(";")[0].strip().lower()
    return base.startswith("text/") or base.endswith(("json", "xml", "javascript", "mpegurl"))


def choose(accept_encoding: str) -> Coding | None:
    """The best coding of ours that the header allows (RFC 9110, 12.5.3); None for the body as it is."""
    # Browsers send a handful of them; what is longer than theirs is not worth remembering.
    return _known(accept_encoding) if len(accept_encoding) <= 64 else _chosen(accept_encoding)


def _chosen(accept_encoding: str) -> Coding | None:
    weights: dict[str, float] = {}
    for part in accept_encoding.lower().split(","):
        name, _, parameter = part.partition(";")
        weights[name.strip()] = _weight(parameter)
    if "x-gzip" in weights:
        weights.setdefault("gzip", weights["x-gzip"])
    other = weights.get("*", 0.0)
    best = max(CODINGS, key=lambda coding: weights.get(coding, other))  # of equals the first
    weight = weights.get(best, other)
    return best if weight > 0 and weight >= weights.get("identity", 0.0) else None


_known = lru_cache(maxsize=1024)(_chosen)


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

    Made while a reader waits: each of these levels takes a millisecond or less of a page, and the highest ones save
    3 to 10 % for twenty times that and more. Below zstd's level 20 a window is never larger than decoders must take (8 MB, RFC 9659).
    """
    if len(body) < BYTES_MIN:
        return b""
    if coding == "br":
        small: bytes = brotli.compress(body, mode=brotli.MODE_TEXT, quality=5)
    elif coding == "zstd":
        small = zstd.compress(body, 9)
    else:
        small = gzip.compress(body, 6, mtime=0)
    return small if len(small) < len(body) else b""
