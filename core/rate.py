"""So many a minute: how often each of many callers may come, in this process."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from core.errors import TooMany

KEYS_MAX = 20_000
"""Accounts and addresses remembered by one limit; the one not seen for longest is forgotten first."""


class Rate:
    """So many a minute for each key, in this process: a bucket that fills evenly and holds one minute's worth."""

    def __init__(self, per_minute: int, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_minute / 60
        self._full = float(per_minute)
        self._what = what
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str) -> None:
        """Counts one; raises TooMany with the time after which there is room again."""
        now = self._clock()
        with self._lock:
            level, seen = self._buckets.pop(key, (self._full, now))
            level = min(self._full, level + (now - seen) * self._per_s)
            allowed = level >= 1
            self._buckets[key] = (level - 1 if allowed else level, now)
            if len(self._buckets) > KEYS_MAX:
                self._buckets.popitem(last=False)
        if not allowed:
            wait_s = math.ceil((1 - level) / self._per_s)
            raise TooMany(f"Too many {self._what}; please wait {wait_s} s and try again.", wait_s)
