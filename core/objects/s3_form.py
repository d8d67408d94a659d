"""How an object's headers, ETag and digest are spelled in the arguments and replies of boto3."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from hashlib import md5
from typing import Any

from core.objects import Headers


def headers_out(headers: Headers) -> dict[str, Any]:
    """As arguments of a write."""
    ours = {
        "status": str(headers.status) if headers.status != Headers().status else "",
        "location": headers.location,
        "rank": headers.rank,
        "tags": headers.tags,
    }
    arguments: dict[str, Any] = {"ContentType": headers.type}
    if headers.cache:
        arguments["CacheControl"] = headers.cache
    return arguments | {"Metadata": {name: value for name, value in ours.items() if value}}


def headers_in(reply: Mapping[str, Any]) -> Headers:
    """From the reply to a read."""
    ours: Mapping[str, str] = reply.get("Metadata", {})
    status = ours.get("status", "")
    return Headers(
        type=reply.get("ContentType", Headers().type),
        cache=reply.get("CacheControl", ""),
        status=int(status) if status.isdecimal() else Headers().status,
        location=ours.get("location", ""),
        rank=ours.get("rank", ""),
        tags=ours.get("tags", ""),
    )


def bare(etag: str) -> str:
    """Without its quotes."""
    return etag.removeprefix("W/").strip('"')


def md5_of(body: bytes) -> str:
    """Content-MD5, which every store compares with what it got (RFC 1864): no secret rests on it."""
    return b64encode(md5(body, usedforsecurity=False).digest()).decode()
