"""The purger: takes a durable purge to every edge, proves it, and records how far the profile has got."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from core.errors import Unavailable
from core.log import get_logger
from core.rank import Mark
from core.store import MAIN, InSync, Purge, PurgePath, Reached, Stage, Store
from pipeline.purge.edges import Edge
from pipeline.purge.figures import OWN_EDGES, Figures
from pipeline.purge.proof import probes, shows

PROVE_TRIES = 3
log = get_logger("purge")


class Purger:
    """Delivers and proves purges at `edges`. Safe to use from any thread."""

    def __init__(
        self,
        store: Store,
        edges: Sequence[Edge],
        replica: str = MAIN,
        in_sync: Callable[[], InSync | None] = lambda: None,
        figures: Figures | None = None,
    ) -> None:
        """`in_sync` is what edges are told of which replicas they may read; None for nothing."""
        self._store, self._edges, self._replica, self._in_sync = store, edges, replica, in_sync
        self._figures = figures or Figures()
        # Of purges that wait: those that are recorded as purged, and the reason that was logged last.
        self._purged: set[str] = set()
        self._waiting: dict[str, str] = {}
        self._guard = threading.Lock()
        self._in_hand: set[str] = set()
        self._met: dict[str, float] = {}

    def settle_together(self, purges: Sequence[Purge]) -> None:
        """`settle` for each; the edges are called once about all of them."""
        delivered_at = None
        with suppress(Unavailable):
            self.deliver([path for purge in purges for path in purge.paths])
            delivered_at = _now_ms()
        for purge in purges:
            self.settle(purge, delivered_at)

    def settle(self, purge: Purge, delivered_at: int | None = None) -> bool:
        """Takes one queued purge to its end: purged, live, off the queue. False if it has to be tried again.
        `delivered_at` says that the edges have been called about it.

        An edge that does not answer counts as purged once it has gone uncalled for so long that it revalidates by
        itself. Live is recorded only when every edge that answers, and at least one, was seen to show the new pages.
        """
        with self._guard:
            if purge.id in self._in_hand:
                return False
            self._in_hand.add(purge.id)
        try:
            return self._settle(purge, delivered_at)
        finally:
            with self._guard:
                self._in_hand.discard(purge.id)

    def _settle(self, purge: Purge, delivered_at: int | None) -> bool:
        try:
            if delivered_at is None:
                self.deliver(purge.paths)
                delivered_at = _now_ms()
            self._prove(purge)
        except Unavailable as error:
            if delivered_at and purge.id not in self._purged:
                self._record(purge.profile_id, Reached("purged", purge.mark, delivered_at))
                self._purged.add(purge.id)
            if self._waiting.get(purge.id) != str(error):
                log.warning("purge_waits", profile=purge.profile_id, reason=str(error))
                self._waiting[purge.id] = str(error)
            return False
        purged = () if purge.id in self._purged else (Reached("purged", purge.mark, delivered_at),)
        self._record(purge.profile_id, *purged, Reached("live", purge.mark, _now_ms()))
        self._purged.discard(purge.id)
        self._waiting.pop(purge.id, None)
        self._store.purges.settle(self._replica, purge.id)
        self._figures.proven(OWN_EDGES, purge.queued_at, time.time())
        return True

    def record(self, profile_id: str, mark: Mark, *stages: Stage) -> None:
        """The profile has just reached these stages with that mark."""
        self._record(profile_id, *(Reached(stage, mark, _now_ms()) for stage in stages))

    def _record(self, profile_id: str, *reached: Reached) -> None:
        self._store.published.record(profile_id, self._replica, *reached)
        for stage, mark, _ in reached:
            log.info(stage, profile=profile_id, revision=mark.revision, rollout=mark.rollout)

    def drain(
        self, limit: int = 100, mine: Callable[[str], bool] = lambda _: True, young_s: float = 0.0
    ) -> int:
        """Tries again what is queued for the profiles that are `mine`; returns how many purges are settled. What is younger
        than `young_s` is left to the publisher that queued it, who is just at it."""
        pending = self._store.purges.pending(self._replica, limit, mine)
        now = time.monotonic()
        self._met = {purge.id: self._met.get(purge.id, now) for purge in pending}

        def is_young(purge: Purge) -> bool:
            # By our own clock, where the one of who queued it is ahead.
            return purge.queued_at > time.time() - young_s and self._met[purge.id] > now - young_s

        return sum(self.settle(purge) for purge in pending if not is_young(purge))

    def heartbeat(self) -> None:
        """Calls each edge, so that it knows that it hears of every purge."""
        for edge in self._edges:
            was = edge.live
            try:
                edge.call(in_sync=self._in_sync())
            except Unavailable as error:
                if was:
                    log.warning("edge_lost", edge=edge.url, reason=str(error))
                continue
            if not was:
                log.info("edge_live", edge=edge.url)

    @property
    def has_edges(self) -> bool:
        return bool(self._edges)

    @property
    def live(self) -> list[Edge]:
        return [edge for edge in self._edges if edge.live]

    @property
    def all_live(self) -> bool:
        return all(edge.live for edge in self._edges)

    def deliver(self, paths: Sequence[PurgePath]) -> None:
        """Calls every edge about them; Unavailable if one doesn't answer, and may still serve what it has."""
        missed = []
        for edge in self._edges:
            if edge.silent and not edge.live:
                # The heartbeat finds out when it is back; no edit waits for that.
                continue
            try:
                self._call(edge, paths)
            except Unavailable as error:
                if not edge.silent:
                    missed.append(str(error))
        if missed:
            raise Unavailable(" ".join(missed))

    def _call(self, edge: Edge, paths: Sequence[PurgePath]) -> None:
        try:
            edge.call(paths, self._in_sync())
        except Unavailable:
            self._figures.called(OWN_EDGES, "away")
            raise
        self._figures.called(OWN_EDGES, "taken")

    def _look(self, edge: Edge, path: PurgePath) -> bool:
        try:
            found = shows(edge, path)
        except Unavailable:
            self._figures.looked(OWN_EDGES, "away")
            raise
        self._figures.looked(OWN_EDGES, "shown" if found else "older")
        return found

    def _prove(self, purge: Purge) -> None:
        # An edge that reads another replica shows that one's pages, which may be a moment behind ours, or ahead.
        for edge in (one for one in self.live if one.reads == self._replica):
            for path in probes(purge.paths):
                for again in range(PROVE_TRIES):
                    if self._look(edge, path):
                        break
                    self._call(edge, [path])
                    time.sleep(0.02 * 2**again)
                else:
                    raise Unavailable(
                        f"The edge {edge.url} still shows an older {path.path} after its purge."
                    )
        # A site may have no edges of ours; but where some are configured, one at least has to have shown it.
        if self._edges and not self.live:
            raise Unavailable(
                "No edge answers, so nothing can be proven; the purge stays queued until one does."
            )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
