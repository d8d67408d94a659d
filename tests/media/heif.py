"""Writes HEIC files as phones do: one HEVC picture by x265 in the boxes of HEIF (ISO/IEC 23008-12)."""

from __future__ import annotations

import subprocess
from pathlib import Path

from pipeline.media.make import find_ffmpeg

Box = bytes


def box(kind: bytes, *parts: bytes) -> Box:
    body = b"".join(parts)
    return (len(body) + 8).to_bytes(4, "big") + kind + body


def full(kind: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> Box:
    return box(kind, bytes([version]), flags.to_bytes(3, "big"), *parts)


def heic(
    folder: Path, picture: str, size: tuple[int, int], *, turned: int = 0, icc: bytes = b"", exif: bytes = b""
) -> bytes:
    """A HEIC of ffmpeg's test picture `picture`; `turned` times 90 degrees anti-clockwise when shown."""
    film = folder / "one.mp4"
    source = ["-f", "lavfi", "-i", f"{picture}=size={size[0]}x{size[1]}", "-frames:v", "1"]
    coding = ["-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p", "-tag:v", "hvc1"]
    subprocess.run([find_ffmpeg(), "-v", "error", "-y", *source, *coding, str(film)], check=True)
    movie = film.read_bytes()
    coded = _body(movie, b"mdat")
    at = movie.index(b"hvcC") - 4
    setup = movie[at : at + int.from_bytes(movie[at : at + 4], "big")]
    properties = [setup, full(b"ispe", *(side.to_bytes(4, "big") for side in size))]
    if icc:
        properties.append(box(b"colr", b"prof", icc))
    if turned:
        properties.append(box(b"irot", bytes([turned])))
    chosen = bytes([0x81, *range(2, len(properties) + 1)])
    head = box(b"ftyp", b"heic", b"\0\0\0\0", b"mif1", b"heic")

    # The picture is item 1, and what a camera says of it item 2 (annex A.2.1: where its TIFF header begins comes first).
    items = [coded, *([(6).to_bytes(4, "big") + exif] if exif else [])]
    kinds = [b"hvc1", b"Exif"][: len(items)]
    said_of = [full(b"iref", box(b"cdsc", b"\0\x02\0\x01\0\x01"))] if exif else []

    def meta(offset: int) -> Box:
        places, count = [], len(items).to_bytes(2, "big")
        for number, item in enumerate(items, 1):
            extent = offset.to_bytes(4, "big") + len(item).to_bytes(4, "big")
            places.append(number.to_bytes(2, "big") + b"\0\0\0\x01" + extent)
            offset += len(item)
        entries = [
            full(b"infe", number.to_bytes(2, "big"), b"\0\0", kind, b"\0", version=2)
            for number, kind in enumerate(kinds, 1)
        ]
        return full(
            b"meta",
            full(b"hdlr", b"\0\0\0\0pict", bytes(13)),
            full(b"pitm", b"\0\x01"),
            full(b"iloc", b"\x44\0", count, *places),
            full(b"iinf", count, *entries),
            *said_of,
            box(
                b"iprp",
                box(b"ipco", *properties),
                full(b"ipma", (1).to_bytes(4, "big"), b"\0\x01", bytes([len(properties)]), chosen),
            ),
        )

    offset = len(head) + len(meta(0)) + 8
    return head + meta(offset) + box(b"mdat", *items)


def _body(movie: bytes, kind: bytes) -> bytes:
    at = movie.index(kind) - 4
    return movie[at + 8 : at + int.from_bytes(movie[at : at + 4], "big")]
