"""Tells how far a medium's step is: its share done in, a note in the store out, about once a second at most."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from core.errors import HoldfastError
from core.store import Making, MediaWork

EVERY_S = 1.0


def telling(
    work: MediaWork, media_id: str, step: str, steps_done: int, steps: int
) -> Callable[[float], None]:
    """Notes that the step has begun. What it returns may be called as often as one likes, with the share done, 0 to 1."""
    told_at = float("-inf")

    def told(share: float) -> None:
        nonlocal told_at
        now = time.monotonic()
        if now - told_at < EVERY_S:
            return
        told_at = now
        percent = min(100, max(0, int(share * 100)))
        with suppress(HoldfastError):  # nothing rests on it
            work.tell(media_id, Making(step, steps_done, steps, percent))

    told(0.0)
    return told
