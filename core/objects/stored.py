"""A stored object as a file, for whoever copies it: read once, from front to back, a piece at a time."""

from __future__ import annotations

import io

from core.objects import ReadObjects

WHOLE_BYTES_MAX = 8 << 20
"""Objects up to this size are copied in one piece, larger ones streamed."""


class Stored(io.RawIOBase):
    """A stored object as a file that is read once, from front to back."""

    def __init__(self, objects: ReadObjects, key: str) -> None:
        self._objects, self._key, self._at = objects, key, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece = self._objects.read(self._key, self._at, size if size >= 0 else 1 << 20)
        self._at += len(piece)
        return piece
