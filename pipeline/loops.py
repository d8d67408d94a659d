"""Loops that go on until the worker stops: what goes wrong in one turn is logged, and the next one tried."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from core.errors import HoldfastError
from core.log import get_logger

BACKOFF_S, BACKOFF_MAX_S = 0.2, 30.0
log = get_logger("worker")


def backoff_s(failures: int) -> float:
    """How long what has failed so often waits before it is tried again."""
    return float(min(BACKOFF_MAX_S, BACKOFF_S * 2**failures)) * random.uniform(0.5, 1.5)


class Loops:
    """What all loops of one worker share: the moment at which they end."""

    def __init__(self) -> None:
        self._stop = threading.Event()

    def stop(self) -> None:
        self._stop.set()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def wait(self, timeout_s: float | None = None) -> None:
        """Returns when the worker stops, at the latest after `timeout_s`."""
        self._stop.wait(timeout_s)

    def keep_going(self, loop: Callable[[], object]) -> None:
        """A loop ends when the worker stops; whatever else ends it is logged, and it begins anew."""
        while not self.stopping:
            try:
                loop()
            except Exception:
                log.exception("failed", what=threading.current_thread().name)
                self.wait(1.0)

    def every(self, period_s: float, act: Callable[[], object]) -> None:
        """Calls `act` now and then every `period_s`."""
        while not self.stopping:
            self.guarded(act)
            self.wait(period_s)

    def guarded(self, act: Callable[[], object]) -> None:
        try:
            act()
        except HoldfastError as error:
            log.warning("waits", what=threading.current_thread().name, reason=str(error))
        except Exception:
            log.exception("failed", what=threading.current_thread().name)
