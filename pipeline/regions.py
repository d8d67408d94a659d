"""Keeps the list of replicas that readers may use: one that lags is taken off, one that has caught up is put back.

A replica lags when none of its workers is live; those rest while its buckets are away. It has caught up when all that was
behind at one moment is published. Whatever the list says is put, signed, into every bucket, and told to every edge.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from core import insync, keys
from core.errors import ObjectMissing, OutcomeUnknown, PreconditionFailed, Unavailable
from core.log import get_logger
from core.objects import ABSENT, Headers, Objects, ReadObjects
from core.store import InSync, Store
from core.store.everyone import everyone
from pipeline.fence import get
from pipeline.loops import Loops
from pipeline.sharing import Sharing

BEHIND_MAX = 10_000
POLL_S = 0.5
JSON = Headers(type="application/json")
log = get_logger("regions")


class RegionRules(NamedTuple):
    """`names` of all replicas, this one's own, how long one may be without a live worker, and what signs the list."""

    names: tuple[str, ...]
    lag_s: float
    secret: bytes


class Keeper:
    """One worker's hand on the list."""

    def __init__(
        self,
        store: Store,
        replica: str,
        public: Objects,
        sharing: Sharing,
        loops: Loops,
        rules: RegionRules,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._replica, self._public = store, replica, public
        self._sharing, self._loops, self._rules, self._clock = sharing, loops, rules, clock
        self._unseen: dict[str, float] = {}
        self._put_epoch = -1

    def look(self) -> None:
        """One look at all; to be repeated every second."""
        now = self._store.replicas.in_sync()
        if self._replica in now.names:
            self._take_off(now)
        elif self._replica in self._sharing.replicas and self._sharing.mine("in sync") and self._caught_up():
            self._change(now, {*now.names, self._replica}, "region_back")
        self._put(self._store.replicas.in_sync())

    def _take_off(self, now: InSync) -> None:
        live, at = self._sharing.replicas, self._clock()
        self._unseen = {
            name: self._unseen.get(name, at)
            for name in now.names
            if name not in live and name != self._replica
        }
        lagging = {name for name, since in self._unseen.items() if at - since >= self._rules.lag_s}
        # What settings don't know any more can't be read by anybody.
        lagging |= set(now.names) - set(self._rules.names)
        # Only who is live itself judges others; and one always stays.
        if lagging and self._replica in live and self._replica not in lagging:
            self._change(now, set(now.names) - lagging, "region_off")

    def _change(self, seen: InSync, names: set[str], event: str) -> None:
        if self._store.replicas.change(seen.epoch, names):
            log.warning(event, before=list(seen.names), now=sorted(names), by=self._replica)

    def _caught_up(self) -> bool:
        """Whether all that is published of every profile by its head's revision of now. What is behind is on its way: the
        log and the sweep know it."""
        behind: dict[str, int] = {}
        for met in everyone(self._store.profiles):
            if self._loops.stopping:
                return False
            if not self._has(met.profile_id, met.revision):
                head = self._store.profiles.head(met.profile_id)
                if head and head.name:
                    behind[met.profile_id] = met.revision
            if len(behind) > BEHIND_MAX:
                return False
        while behind and not self._loops.stopping and self._replica in self._sharing.replicas:
            self._loops.wait(POLL_S)
            behind = {one: revision for one, revision in behind.items() if not self._has(one, revision)}
        return not behind

    def _has(self, profile_id: str, revision: int) -> bool:
        store = self._store
        done = store.published.get(profile_id, self._replica, store.life).get("published")
        return done is not None and done.mark.revision >= revision

    def _put(self, listed: InSync) -> None:
        """Into this replica's bucket, unless a newer list is there; for edges that start while no worker calls."""
        if listed.epoch <= self._put_epoch:
            return
        body = insync.sign(listed.epoch, listed.names, self._rules.secret)
        try:
            stored = get(self._public, keys.IN_SYNC)
            there = insync.read(stored.body, self._rules.secret) if stored else None
            if there is None or there.epoch < listed.epoch:
                self._public.put(keys.IN_SYNC, body, JSON, only_if=stored.etag if stored else ABSENT)
        except (PreconditionFailed, OutcomeUnknown):
            return  # the next look tells who was faster
        self._put_epoch = listed.epoch


class Health:
    """Whether a replica's bucket answers; asked once a second."""

    def __init__(
        self, public: ReadObjects, patience_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._public, self._patience_s, self._clock = public, patience_s, clock
        self._answered_at = clock()

    def ask(self) -> None:
        try:
            self._public.stat(keys.NOT_FOUND)
        except ObjectMissing:
            pass
        except Unavailable as error:
            if self.away:
                log.warning("storage_away", reason=str(error))
            return
        self._answered_at = self._clock()

    @property
    def away(self) -> bool:
        return self._clock() - self._answered_at > self._patience_s
