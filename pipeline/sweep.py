"""The sweep: compares every head with what has been published (the truth, whatever the log ever missed), part by part.

A part's bookmark says where it stands, so whoever gets the part goes on from there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

from core.log import get_logger
from core.store import Store, Walked
from pipeline.loops import Loops
from pipeline.plan import Plan
from pipeline.sharing import Sharing

PAGE, BUSY_S = 100, 5.0
RESTS = 3
"""How many times as long as its reads took the sweep rests after them."""
log = get_logger("sweep")


class Round(NamedTuple):
    """One walk over a part: when it was begun (seconds since 1970), how far it is, whether it has come to its end."""

    begun_at: float
    place: str | None = None
    done: bool = False


class Sweep:
    def __init__(
        self,
        store: Store,
        replica: str,
        plan: Plan,
        sharing: Sharing,
        loops: Loops,
        period_s: float,
        per_s: int,
        before: Callable[[], object] = lambda: None,
    ) -> None:
        """Each part is begun once in `period_s`, with at most `per_s` profiles a second; `before` is called first."""
        self._store, self._replica = store, replica
        self._plan, self._sharing, self._loops = plan, sharing, loops
        self._period_s, self._per_s, self._before = period_s, per_s, before

    def sweep(self) -> None:
        """Brings those of this worker's parts to their end that are due, or were left half-way."""
        for part in range(self._store.profiles.parts):
            if self._is_ours(part):
                self._part(part)

    def _is_ours(self, part: int) -> bool:
        return not self._loops.stopping and self._sharing.mine(f"sweep {part}")

    def _part(self, part: int) -> None:
        name, last = f"sweep {self._replica} {part}", self._last(part)
        # A clock only says how often: one that goes wrong sweeps too often, never never.
        if last and last.done and 0 <= time.time() - last.begun_at < self._period_s:
            return
        self._before()
        now = Round(time.time()) if last is None or last.done else last
        walking, wanted = self._store.profiles.walk(part, now.place), 0
        while self._is_ours(part):
            started = time.monotonic()
            page = list(islice(walking, PAGE))
            wanted += sum(self._compare(one) for one in page)
            now = now._replace(place=page[-1].place if page else now.place, done=len(page) < PAGE)
            self._store.bookmarks.put(name, json.dumps(now))
            if now.done:
                log.debug("part_swept", part=part, wanted=wanted)
                return
            # While the log has much to tell, most of what is behind is known already.
            least_s = BUSY_S if self._plan.busy else len(page) / self._per_s
            took_s = time.monotonic() - started
            # A store that is slow just now has edits to see to; there the sweep takes its time, too.
            self._loops.wait(max(least_s - took_s, RESTS * took_s))

    def _last(self, part: int) -> Round | None:
        kept = self._store.bookmarks.get(f"sweep {self._replica} {part}")
        return Round(*json.loads(kept)) if kept else None

    def _compare(self, met: Walked) -> bool:
        """Whether the profile has to be published; then it is wanted."""
        store = self._store
        published = store.published.get(met.profile_id, self._replica, store.life).get("published")
        if published and published.mark.revision >= met.revision:
            return False
        head = store.profiles.head(met.profile_id)
        if head is None or head.name is None:
            return False
        while self._plan.crowded and not self._loops.stopping:
            self._loops.wait(0.1)
        self._plan.want(met.profile_id)
        return True
