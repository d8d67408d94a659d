"""Reads the public bucket in whichever region has it: the nearest of those that readers may use, and the next one while
that one is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from core.errors import Unavailable
from core.log import get_logger
from core.objects import Object, ReadObjects, Stat

AWAY_S = 5.0
"""How long a region that didn't answer is left alone, if another one can be asked."""
T = TypeVar("T")
log = get_logger("regions")


class Regions:
    """`core.objects.ReadObjects` over several regions, in their order of preference. Safe to use from any thread."""

    def __init__(
        self, readers: Mapping[str, ReadObjects], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.readers, self._clock = dict(readers), clock
        self._guard = threading.Lock()
        self._epoch = -1
        self._names = tuple(readers)
        self._away_until: dict[str, float] = {}

    def use(self, epoch: int, names: Collection[str]) -> bool:
        """Takes over the list of replicas in sync, if it is newer than the one known; whether it was. A list of which
        none can be read from here changes nothing."""
        ours = tuple(name for name in self.readers if name in names)
        with self._guard:
            if epoch <= self._epoch or not ours:
                return False
            changed, self._epoch, self._names = ours != self._names, epoch, ours
        if changed:
            log.info("regions_in_sync", epoch=epoch, names=list(ours))
        return True

    @property
    def epoch(self) -> int:
        """Of the list in use; -1 while none is known."""
        return self._epoch

    @property
    def reads(self) -> str:
        """The region that is asked first just now."""
        return self._order()[0]

    def get(self, key: str, *, unless: str | None = None) -> Object | None:
        return self._ask(lambda reader: reader.get(key, unless=unless))

    def stat(self, key: str) -> Stat:
        return self._ask(lambda reader: reader.stat(key))

    def read(self, key: str, start: int, size: int) -> bytes:
        return self._ask(lambda reader: reader.read(key, start, size))

    def _order(self) -> list[str]:
        """Those that answer first; those that were away last, since nothing else is left then."""
        now = self._clock()
        return sorted(self._names, key=lambda name: self._away_until.get(name, 0.0) > now)

    def _ask(self, read: Callable[[ReadObjects], T]) -> T:
        """What is missing in a region that is in sync is missing: only one that is away is passed over."""
        away: Unavailable | None = None
        for name in self._order():
            try:
                found = read(self.readers[name])
            except Unavailable as error:
                if self._away_until.get(name, 0.0) <= self._clock():
                    log.warning("region_away", region=name, reason=str(error))
                self._away_until[name] = self._clock() + AWAY_S
                away = error
                continue
            except Exception:
                self._away_until.pop(name, None)
                raise
            self._away_until.pop(name, None)
            return found
        assert away is not None
        raise away
