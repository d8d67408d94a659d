"""Tells whether a GIF is whole: libnsgif shows what there is of one that was cut short, and counts only that."""

from __future__ import annotations

import mmap
from pathlib import Path

_HEADER_BYTES, _IMAGE, _EXTENSION, _TRAILER = 13, 0x2C, 0x21, 0x3B


def is_whole(original: str) -> bool:
    """Whether its blocks lead to the trailer (GIF89a, 12 to 27)."""
    with Path(original).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as gif:
        try:
            at = _HEADER_BYTES + _table_bytes(gif[10])
            while gif[at] != _TRAILER:
                if gif[at] == _IMAGE:
                    at += 10 + _table_bytes(gif[at + 9]) + 1
                elif gif[at] == _EXTENSION:
                    at += 2
                else:
                    return False
                while size := gif[at]:
                    at += 1 + size
                at += 1
        except IndexError:
            return False
    return True


def _table_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
