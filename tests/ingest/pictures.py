"""Small files that begin like photos and videos, and some that lie."""

from __future__ import annotations

import io
import struct

from PIL import Image


def png(side: int = 16, padding: int = 0) -> bytes:
    """A real PNG, with bytes behind its end if it shall be larger."""
    file = io.BytesIO()
    Image.new("RGB", (side, side), (40, 90, 120)).save(file, "PNG")
    return file.getvalue() + b"\0" * padding


def mp4(size: int = 2000) -> bytes:
    """What begins like an MP4."""
    box = b"isom" + struct.pack(">I", 0) + b"isommp42"
    head = struct.pack(">I4s", len(box) + 8, b"ftyp") + box
    return head + b"\0" * (size - len(head))


HTML = b"<!doctype html><script>alert(1)</script>" + b" " * 600
