"""How fast a target is told, and when what failed is tried again: a token bucket, and two schedules of retries."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Protocol

FIRST_S, MAX_S = 1.0, 300.0
WEBHOOK_DELAYS_S = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Standard Webhooks 1.0.0, "Deliverability and reliability", the example schedule: immediately, then after these."""
WEBHOOK_JITTER = 0.1


class Bucket:
    """Tokens that come back evenly, `per_minute` of them, at most `burst` at a time. Full at the start."""

    def __init__(self, per_minute: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._burst, self._clock = per_minute / 60, float(burst), clock
        self._tokens, self._at = self._burst, clock()

    def ready(self, workers: int = 1) -> bool:
        """Whether there is a token. So many workers share what the vendor allows."""
        now = self._clock()
        most = max(1.0, self._burst / workers)
        self._tokens = min(most, self._tokens + (now - self._at) * self._per_s / workers)
        self._at = now
        # A hair's breadth less than a whole one is one: sums of fractions are never exact.
        return self._tokens >= 1 - 1e-9

    def take(self, workers: int = 1) -> bool:
        """Takes a token if there is one."""
        if not self.ready(workers):
            return False
        self._tokens -= 1
        return True


def backoff_s(failures: int) -> float:
    """Twice as long each time, up to five minutes, with jitter."""
    return float(min(MAX_S, FIRST_S * 2 ** (min(failures, 20) - 1))) * random.uniform(0.5, 1.5)


class Rest:
    """How long a target that fails is left alone: as it asks for, or the longer the more of what it is told fails. What fails
    again and again says nothing of the rest, so it doesn't count twice."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._until = clock, float("-inf")
        self._failing: list[set[str]] = []

    @property
    def is_on(self) -> bool:
        return self._clock() < self._until

    def begin(self, profiles: set[str], asked_s: float) -> None:
        """A call about these profiles failed."""
        if not any(profiles <= known for known in self._failing):
            self._failing.append(profiles)
        self._until = self._clock() + max(asked_s, backoff_s(len(self._failing)))

    def end(self) -> None:
        """A call got through."""
        self._failing.clear()


class Retries(Protocol):
    def delay_s(self, failures: int) -> float | None:
        """How long to wait after so many failures; None: no more of it."""
        ...


class Backoff:
    """So many attempts, farther and farther apart."""

    def __init__(self, attempts: int) -> None:
        self._attempts = attempts

    def delay_s(self, failures: int) -> float | None:
        if failures >= self._attempts:
            return None
        return backoff_s(failures)


class WebhookSchedule:
    """The ten attempts of Standard Webhooks, over three days."""

    def delay_s(self, failures: int) -> float | None:
        if failures > len(WEBHOOK_DELAYS_S):
            return None
        return WEBHOOK_DELAYS_S[failures - 1] * random.uniform(1.0, 1.0 + WEBHOOK_JITTER)
