"""ISO base media files (MP4, MOV, AVIF) as boxes, and Matroska as elements: taken apart, changed, put together again."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

Body = Callable[[bytes], bytes]
CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts", b"udta"}


def box(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


def full_box(kind: bytes, body: bytes = b"", version: int = 0, flags: int = 0) -> bytes:
    return box(kind, bytes([version]) + flags.to_bytes(3, "big") + body)


def boxes(whole: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of each box, not of those within."""
    at = 0
    while at + 8 <= len(whole):
        size = int.from_bytes(whole[at : at + 4], "big") or len(whole) - at
        yield whole[at + 4 : at + 8], whole[at + 8 : at + size]
        at += max(8, size)


def changed(whole: bytes, kind: bytes, change: Body) -> bytes:
    """With the body of every box of that kind changed, wherever it stands. Only the end may grow: what is said of places
    in the file stays as it was."""
    parts = []
    for name, body in boxes(whole):
        if name in CONTAINERS:
            body = changed(body, kind, change)
        parts.append(box(name, change(body) if name == kind else body))
    return b"".join(parts)


def put(at: int, fields: str, *values: int) -> Body:
    """A change that writes these there."""
    new = struct.pack(fields, *values)
    return lambda body: body[:at] + new + body[at + len(new) :]


def element(number: str, body: bytes, size: bytes | None = None) -> bytes:
    """A Matroska element; its size in eight bytes, so that any will do."""
    return bytes.fromhex(number) + (size or (0x01 << 56 | len(body)).to_bytes(8, "big")) + body
