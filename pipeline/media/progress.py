"""Tells how far ffmpeg is with a step, from the file in which it says so while it works."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pipeline.media.plain import read_plain

FILE = "progress.txt"
_TAIL_BYTES = 1_000
_OUT_TIME = re.compile(rb"out_time_us=(\d{1,15})\n")


def telling(
    work: Path,
    duration_s: float,
    told: Callable[[float], None],
    stopping: Callable[[], bool],
    from_s: float = 0.0,
) -> Callable[[], bool]:
    """`stopping`, which is asked a few times a second, made to tell the share that is done whenever it has grown; ffmpeg
    began at `from_s`."""
    last = 0.0

    def ask() -> bool:
        nonlocal last
        share = min(1.0, (from_s + _seconds(work / FILE)) / duration_s)
        if share > last:
            last = share
            told(share)
        return stopping()

    return ask


def _seconds(file: Path) -> float:
    """How much is made by now; 0 while ffmpeg hasn't said."""
    with suppress(ValueError):
        found = _OUT_TIME.findall(read_plain(file, _TAIL_BYTES, from_end=True) or b"")
        return int(found[-1]) / 1e6 if found else 0.0
    return 0.0
