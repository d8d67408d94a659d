"""Reads what an AVIF or HEIC says of its colours by numbers (ITU-T H.273), as it may instead of an ICC profile: libvips doesn't.

Runs in the child process.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

_SEARCHED_BYTES = 1 << 20
"""The boxes that describe a picture stand before it (ISO/IEC 23008-12)."""
_BOX = b"colrnclx"


class Nclx(NamedTuple):
    """A `colr` box of type nclx (ISO/IEC 14496-12, 12.1.5)."""

    primaries: int
    transfer: int

    @property
    def is_p3(self) -> bool:
        return self.primaries in (11, 12)

    @property
    def is_hdr(self) -> bool:
        """BT.2020, PQ or HLG: the numbers mean other colours than any screen would take them for."""
        return self.primaries == 9 or self.transfer in (16, 18)


def read(original: str) -> Nclx | None:
    with Path(original).open("rb") as file:
        head = file.read(_SEARCHED_BYTES)
    at = head.find(_BOX)
    said = head[at + len(_BOX) :][:4]
    if at < 0 or len(said) < 4:
        return None
    return Nclx(int.from_bytes(said[:2], "big"), int.from_bytes(said[2:], "big"))
