"""The worker: its threads. Reader, publishers, makers, purger and sweep each have a file of their own; here are the loops
that keep time, and the beginning and the end of all of them.

Several workers on one store share the work out (`sharing.py`); what is decided is in `plan.py`, what is done in `job.py`.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from core.log import get_logger
from core.settings import Settings, WorkerSettings
from core.store import MAIN, Due, Lane
from pipeline.decoded import Decoded
from pipeline.job import Tools
from pipeline.loops import Loops
from pipeline.makers import Makers
from pipeline.making import Maker
from pipeline.media.make import Limits, StillRecipe
from pipeline.media.sandbox import confinement
from pipeline.plan import Plan
from pipeline.publishers import Publishers
from pipeline.purge.outbox import Outbox
from pipeline.reading import Reader
from pipeline.regions import Health, Keeper, RegionRules
from pipeline.sharing import Sharing, worker_id
from pipeline.sitemap import Sitemap
from pipeline.sweep import Sweep
from pipeline.tidy import fall_due

POSITION_S, DUE_S, PURGES_S, SITEMAP_S, SWEEP_S = 0.5, 1.0, 1.0, 60.0, 30.0
BEATS, BEAT_MAX_S = 5, 1.0
"""Heartbeats in one lease, at least; a longer lease is no reason to notice late who has come."""
DUE_MAX = 1000
REGIONS_S, AWAY_S = 1.0, 3.0
PURGE_YOUNG_S = 2.0
DRAIN_S = 15.0
LEFTOVER_S = 86_400.0
LANES: tuple[Lane, ...] = ("image", "video")
log = get_logger("worker")


def media_limits(settings: Settings) -> Limits:
    """The [media] section as limits of one decoder."""
    media = settings.media
    return Limits(
        pixels_max=media.megapixels_max * 1_000_000,
        side_px_max=media.side_px_max,
        duration_s_max=media.video_minutes_max * 60,
        image_wall_s=media.image_s_max,
        video_wall_s=media.video_s_max,
        image_memory_bytes=media.memory_mb_max << 20,
        video_memory_bytes=2 * media.memory_mb_max << 20,
    )


def still_recipe(settings: Settings) -> StillRecipe:
    """The [media] section as the recipe of stills."""
    media = settings.media
    return StillRecipe(**{name: getattr(media, name) for name in StillRecipe._fields})


class Worker:
    """Threads of one worker process; any number of such processes may run against one store."""

    def __init__(
        self,
        tools: Tools,
        settings: WorkerSettings,
        limits: Limits,
        stills: StillRecipe,
        heartbeat_s: float,
        scratch: Path,
        chores: Sequence[tuple[str, float, Callable[[], object]]] = (),
        regions: RegionRules | None = None,
        outboxes: Sequence[Outbox] = (),
    ):
        """`chores` are further acts, each with a name and a period in seconds; one of the workers does each. `regions` for
        a site that has several. `outboxes` of the caches in front of our edges."""
        self._tools, self._settings, self._heartbeat_s = tools, settings, heartbeat_s
        self._chores, self._outboxes = chores, outboxes
        scratch.mkdir(parents=True, exist_ok=True)
        _drop_leftovers(scratch)
        store, loops, plan = tools.store, Loops(), Plan()
        self._loops, self._plan = loops, plan
        self.id = worker_id(tools.replica)
        self._sharing = sharing = Sharing(store.workers, self.id, settings.lease_s)
        self._reader = Reader(store.changes, tools.replica, plan, sharing, loops)
        self._publishers = Publishers(tools, plan, settings.attempts, loops)
        self._decoded, private = Decoded(scratch), tools.buckets["private"]
        maker = Maker(
            store,
            private,
            limits,
            scratch,
            self._decoded,
            lambda: loops.stopping,
            stills,
            tools.release.site.name,
        )
        self._makers = Makers(maker, tools.media, settings.attempts, sharing, loops)
        recall = self._publishers.recall_aside
        self._sweep = Sweep(
            store, tools.replica, plan, sharing, loops, settings.sweep_s, settings.sweep_per_s, recall
        )
        public = tools.buckets["public"]
        self._health = Health(public, AWAY_S)
        self._keeper = Keeper(store, tools.replica, public, sharing, loops, regions) if regions else None
        self._sitemap = Sitemap(store, tools.buckets["public"], tools.urls, tools.lister, sharing.mine)

    def run(self) -> None:
        """Works until `stop` is called, then drains: what is under way is finished, or comes again after a restart."""
        every = self._loops.every
        beat_s = min(self._settings.lease_s / BEATS, BEAT_MAX_S)
        loops: list[tuple[str, Callable[[], None]]] = [
            ("heart", lambda: every(beat_s, self._beat)),
            ("reader", self._reader.read),
            *((f"publisher-{n}", self._publishers.publish) for n in range(self._settings.threads)),
            *(
                (f"{lane}-maker-{n}", partial(self._makers.make, lane))
                for lane in LANES
                for n in range(self._makers_wanted)
            ),
            ("purger", lambda: every(PURGES_S, self._drain)),
            ("edges", self._call_edges),
            *(
                (f"to-{outbox.target.name}", partial(every, PURGES_S, partial(self._tell_outside, outbox)))
                for outbox in self._outboxes
            ),
            ("clock", lambda: every(DUE_S, self._fall_due)),
            ("position", lambda: every(POSITION_S, self._save_position)),
            ("sweep", self._keep_sweeping),
            ("sitemap", self._draw_sitemap),
            *(
                [
                    ("health", partial(every, REGIONS_S, self._health.ask)),
                    ("regions", partial(every, REGIONS_S, self._keeper.look)),
                ]
                if self._keeper
                else []
            ),
            *(
                (name, partial(every, period_s, partial(self._chore, name, act)))
                for name, period_s, act in self._chores
            ),
        ]
        threads = [
            threading.Thread(target=self._loops.keep_going, args=(loop,), name=name, daemon=True)
            for name, loop in loops
        ]
        for thread in threads:
            thread.start()
        log.info(
            "worker_ready",
            worker=self.id,
            threads=self._settings.threads,
            media_jobs=self._makers_wanted,
            replica=self._tools.replica,
            **self._decoders(),
        )
        self._loops.wait()
        self._loops.guarded(self._sharing.leave)
        self._tools.media.wake()
        ends = time.monotonic() + DRAIN_S
        for thread in threads:
            thread.join(max(0.0, ends - time.monotonic()))
        self._loops.guarded(self._save_position)
        self._decoded.close()
        log.info("worker_drained", left=[thread.name for thread in threads if thread.is_alive()])

    def stop(self) -> None:
        self._loops.stop()

    @property
    def _makers_wanted(self) -> int:
        """In each lane. Originals lie with the main replica; the others get what is made of them."""
        return self._settings.media_jobs if self._tools.replica == MAIN else 0

    def _decoders(self) -> dict[str, str]:
        """What they are held by, for the log; and why by no more than limits, where that is so."""
        if not self._makers_wanted:
            return {}
        held = confinement()
        return {"decoders": held.kind} | ({"why": held.reason} if held.reason else {})

    @property
    def colleagues(self) -> tuple[str, ...]:
        """The ids of the workers that share the work, this one's among them."""
        return self._sharing.live

    def mine(self, key: str) -> bool:
        """Whether that is this worker's share just now."""
        return self._sharing.mine(key)

    # ── loops ──

    def _beat(self) -> None:
        rollout = self._tools.store.rollouts.current()
        other_release = rollout and rollout.fingerprint != self._tools.release.fingerprint
        if other_release or (self._keeper and self._health.away):
            # It can't render what is promoted, or has nowhere to put it; its share goes to workers that can.
            self._sharing.rest()
        else:
            self._sharing.beat(self._reader.turns)

    def _call_edges(self) -> None:
        """Calls the edges in their rhythm; one that doesn't answer (it is starting, mostly) more often."""
        purger = self._tools.purger
        while not self._loops.stopping:
            self._loops.guarded(purger.heartbeat)
            self._loops.wait(self._heartbeat_s if purger.all_live else min(1.0, self._heartbeat_s))

    def _save_position(self) -> None:
        position = self._plan.position()
        if position is not None and position != self._saved:
            self._tools.store.changes.save_position(self._tools.replica, position)
            self._saved = position

    _saved: str | None = None

    def _drain(self) -> None:
        self._tools.purger.drain(mine=self._sharing.mine, young_s=PURGE_YOUNG_S)

    def _tell_outside(self, outbox: Outbox) -> None:
        # What a vendor allows is for all of us.
        workers = max(1, len(self._sharing.live)) * max(1, len(self._sharing.replicas))
        outbox.turn(self._sharing.mine, workers)

    def _fall_due(self) -> None:
        now = int(time.time())
        for due in self._tools.store.changes.due(now, DUE_MAX):
            ours = due.replica == self._tools.replica if due.replica else self._sharing.leads
            if ours and self._sharing.mine(due.profile_id):
                # Each by itself: one that fails must not keep the others waiting.
                self._loops.guarded(lambda due=due: self._make_due(due, now))  # type: ignore[misc]

    def _make_due(self, due: Due, now: int) -> None:
        fall_due(self._tools, due, now)

    def _keep_sweeping(self) -> None:
        # Also when no part is due for a long time: a publish that succeeds now clears what failed before the start.
        self._loops.guarded(self._publishers.recall_aside)
        while not self._sharing.ready and not self._loops.stopping:
            self._loops.wait(0.1)
        # The log knows most of what is behind, and tells it sooner.
        self._loops.wait(min(1.0, self._settings.sweep_s))
        self._loops.every(min(SWEEP_S, self._settings.sweep_s), self._sweep.sweep)

    def _draw_sitemap(self) -> None:
        while not self._sharing.settled and not self._loops.stopping:
            self._loops.wait(0.1)
        self._loops.every(SITEMAP_S, self._sitemap.draw)

    def _chore(self, name: str, act: Callable[[], object]) -> None:
        if self._sharing.mine(name):
            act()


def _drop_leftovers(scratch: Path) -> None:
    """What makers that were killed have left; no medium takes so long."""
    for folder in scratch.iterdir():
        if time.time() - folder.stat().st_mtime > LEFTOVER_S:
            shutil.rmtree(folder, ignore_errors=True)
