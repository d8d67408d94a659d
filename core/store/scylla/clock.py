"""The store's time: this machine's clock, corrected by what the nodes say, for write timestamps and log entries.

Processes whose clocks are minutes apart thus order their plain writes as they were made, to within milliseconds. What
must never be undone by a clock (names, sessions, revisions) is written by LWTs, whose order comes from Paxos.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from uuid import UUID

from cassandra.util import unix_time_from_uuid1, uuid_from_time

MEASURED_AGAIN_S = 60.0


class StoreClock:
    """Seconds since 1970 as the store has them. Called as a function it is the driver's timestamp generator.

    `offset_s` is how far the store is ahead of this machine.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self.offset_s = 0.0
        self._last_us = 0
        self._measured_at = -MEASURED_AGAIN_S

    def now(self) -> float:
        return self._clock() + self.offset_s

    def __call__(self) -> int:
        """Microseconds, each greater than the one before."""
        with self._guard:
            self._last_us = max(self._last_us + 1, int(self.now() * 1_000_000))
            return self._last_us

    def new_timeuuid(self) -> UUID:
        """A version 1 UUID of now (RFC 9562, 5.1), with a random node: no two processes share one."""
        made: UUID = uuid_from_time(self.now())
        return made

    @property
    def is_due(self) -> bool:
        return time.monotonic() - self._measured_at >= MEASURED_AGAIN_S

    def measure(self, ask: Callable[[], UUID]) -> None:
        """Asks a node for its `now()`; half of the way there and back counts as the way back."""
        sent_at, sent = time.monotonic(), self._clock()
        theirs = seconds(ask())
        took_s = time.monotonic() - sent_at
        self.offset_s = theirs - (sent + took_s / 2)
        self._measured_at = time.monotonic()


def seconds(at: UUID) -> float:
    """The time of a version 1 UUID, since 1970."""
    found: float = unix_time_from_uuid1(at)
    return found
