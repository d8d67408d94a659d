"""The worker: loops around the jobs. It reads the change log, hands profiles to publishers, media to makers, and keeps time.

What is decided is in `plan.py`, what is done in `job.py`, `making.py`, `tidy.py` and `site.py`; here are only threads.
"""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from core.errors import HoldfastError, Stale, Unavailable
from core.log import get_logger
from core.settings import Settings, WorkerSettings
from core.store import REPLICA, Due, Failure, MediaTask
from core.store.everyone import everyone
from pipeline.job import NotYet, OtherRelease, Tools, publish_profile
from pipeline.making import Maker, make_some, set_failed
from pipeline.media.make import Limits
from pipeline.plan import Plan
from pipeline.site import publish_sitemap
from pipeline.tidy import fall_due

READ_MAX = 500
POSITION_S, DUE_S, PURGES_S, SITEMAP_S = 0.5, 1.0, 1.0, 60.0
BACKOFF_S, BACKOFF_MAX_S = 0.2, 30.0
STALE_TRIES = 3
# Twice what a write may take (core.store.revise.DEADLINE_S): by then a hint without its revision has none coming.
NOT_YET_S = 20.0
DRAIN_S = 15.0
LEFTOVER_S = 86_400.0
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


class Worker:
    """Threads of one worker process; any number of such processes may run against one store."""

    def __init__(
        self,
        tools: Tools,
        settings: WorkerSettings,
        limits: Limits,
        heartbeat_s: float,
        scratch: Path,
        chores: Sequence[tuple[str, float, Callable[[], object]]] = (),
    ):
        """`chores` are further acts, each with a name and a period in seconds."""
        self._tools, self._settings, self._heartbeat_s = tools, settings, heartbeat_s
        self._chores = chores
        self._stop = threading.Event()
        self._plan = Plan()
        scratch.mkdir(parents=True, exist_ok=True)
        _drop_leftovers(scratch)
        private = tools.buckets["private"]
        self._maker = Maker(tools.store, private, limits, scratch, self._stop.is_set)
        self._media_busy: set[str] = set()
        self._media_tries: dict[str, int] = {}
        self._not_yet: dict[str, float] = {}
        self._aside: set[str] = set()
        self._guard = threading.Lock()
        self._site_changed = threading.Event()
        self._site_changed.set()

    def run(self) -> None:
        """Works until `stop` is called, then drains: what is under way is finished, or comes again after a restart."""
        loops: list[tuple[str, Callable[[], None]]] = [
            ("reader", self._read_changes),
            *((f"publisher-{n}", self._publish) for n in range(self._settings.threads)),
            *((f"maker-{n}", self._make_media) for n in range(self._settings.media_jobs)),
            ("purger", lambda: self._every(PURGES_S, self._tools.purger.drain)),
            ("heart", self._beat),
            ("clock", lambda: self._every(DUE_S, self._fall_due)),
            ("position", lambda: self._every(POSITION_S, self._save_position)),
            ("sweep", lambda: self._every(self._settings.sweep_s, self._sweep)),
            ("sitemap", lambda: self._every(SITEMAP_S, self._draw_sitemap)),
            *((name, partial(self._every, period_s, act)) for name, period_s, act in self._chores),
        ]
        threads = [
            threading.Thread(target=self._keep_going, args=(loop,), name=name, daemon=True)
            for name, loop in loops
        ]
        for thread in threads:
            thread.start()
        log.info("worker_ready", threads=self._settings.threads, media_jobs=self._settings.media_jobs)
        self._stop.wait()
        ends = time.monotonic() + DRAIN_S
        for thread in threads:
            thread.join(max(0.0, ends - time.monotonic()))
        self._save_position()
        log.info("worker_drained", left=[thread.name for thread in threads if thread.is_alive()])

    def stop(self) -> None:
        self._stop.set()

    # ── loops ──

    def _keep_going(self, loop: Callable[[], None]) -> None:
        """A loop ends when the worker stops; whatever else ends it is logged, and it begins anew."""
        while not self._stop.is_set():
            try:
                loop()
            except Exception:
                log.exception("failed", what=threading.current_thread().name)
                self._stop.wait(1.0)

    def _every(self, period_s: float, act: Callable[[], object]) -> None:
        """Calls `act` now and then every `period_s`; an error is logged and the next time tried again."""
        while not self._stop.is_set():
            self._guarded(act)
            self._stop.wait(period_s)

    def _beat(self) -> None:
        """Calls the edges in their rhythm; one that doesn't answer (it is starting, mostly) more often."""
        purger = self._tools.purger
        while not self._stop.is_set():
            self._guarded(purger.heartbeat)
            self._stop.wait(self._heartbeat_s if purger.all_live else min(1.0, self._heartbeat_s))

    def _guarded(self, act: Callable[[], object]) -> None:
        try:
            act()
        except HoldfastError as error:
            log.warning("waits", what=threading.current_thread().name, reason=str(error))
        except Exception:
            log.exception("failed", what=threading.current_thread().name)

    def _read_changes(self) -> None:
        changes = self._tools.store.changes
        after: str | None = None
        started = False
        while not self._stop.is_set():
            try:
                if not started:
                    after, started = changes.position(REPLICA), True
                hints = changes.read(after, READ_MAX)
            except Unavailable as error:
                log.warning("store_away", reason=str(error))
                self._stop.wait(1.0)
                continue
            if hints:
                self._plan.add(hints)
                after = hints[-1].position
            else:
                self._guarded(lambda: changes.wait(0.5))

    def _save_position(self) -> None:
        position = self._plan.position()
        if position is not None and position != self._saved:
            self._tools.store.changes.save_position(REPLICA, position)
            self._saved = position

    _saved: str | None = None

    def _publish(self) -> None:
        while not self._stop.is_set():
            job = self._plan.take(0.5)
            if job is None:
                continue
            try:
                self._publish_one(*job)
            except Exception:
                # It went wrong while what went wrong was dealt with: a store that is away, mostly.
                log.exception("publish_failed", profile=job[0])
                self._plan.postpone(job[0], BACKOFF_S)

    def _publish_one(self, profile_id: str, revision: int, failures: int) -> None:
        try:
            done = publish_profile(self._tools, profile_id, revision)
        except Stale as error:
            if failures < STALE_TRIES:
                self._plan.postpone(profile_id, random.uniform(0.0, 0.02))
            else:
                self._retry_or_put_aside(profile_id, revision, failures + 1, error)
        except NotYet as error:
            self._wait_for_revision(profile_id, revision, error)
        except OtherRelease as error:
            log.warning("other_release", profile=profile_id, reason=str(error))
            self._plan.postpone(profile_id, 5.0, failed=False)
        except Exception as error:
            if not isinstance(error, HoldfastError):
                log.exception("publish_failed", profile=profile_id)
            self._retry_or_put_aside(profile_id, revision, failures + 1, error)
        else:
            self._not_yet.pop(profile_id, None)
            if profile_id in self._aside:
                self._tools.store.failures.clear("publish", profile_id)
                self._aside.discard(profile_id)
            self._site_changed.set()
            self._plan.finish(profile_id, done.revision)

    def _wait_for_revision(self, profile_id: str, revision: int, error: NotYet) -> None:
        """A hint comes before its batch. Its revision is asked for again for a while, a last time by a SERIAL read."""
        since = self._not_yet.setdefault(profile_id, time.monotonic())
        if time.monotonic() - since < NOT_YET_S:
            self._plan.postpone(profile_id, random.uniform(0.003, 0.02), failed=False)
            return
        there = self._tools.store.profiles.writer_of(profile_id, revision) is not None
        del self._not_yet[profile_id]
        if there:
            self._plan.postpone(profile_id, 0.1, failed=False)
            return
        log.info("hint_without_edit", profile=profile_id, revision=revision, reason=str(error))
        self._plan.finish(profile_id, revision)

    def _retry_or_put_aside(self, profile_id: str, revision: int, failures: int, error: Exception) -> None:
        """Retries live in this layer alone. Storage that is away is waited for; anything else is put aside in the end."""
        away = isinstance(error, Unavailable)
        log.warning("publish_retried", profile=profile_id, failures=failures, reason=str(error))
        if away or failures < self._settings.attempts:
            delay_s = min(BACKOFF_MAX_S, BACKOFF_S * 2**failures) * random.uniform(0.5, 1.5)
            self._plan.postpone(profile_id, delay_s)
            return
        reason = f"{type(error).__name__}: {error}"
        self._guarded(
            lambda: self._tools.store.failures.put(
                Failure(profile_id, profile_id, "publish", reason[:500], failures, int(time.time()))
            )
        )
        log.error("publish_put_aside", profile=profile_id, reason=reason)
        self._aside.add(profile_id)
        head = self._tools.store.profiles.head(profile_id)
        self._plan.finish(profile_id, revision)
        if head and (head.deleted or head.profile.visibility == "private"):
            # A takedown is never put aside for good; only the log's position goes on without it.
            self._plan.want(profile_id, BACKOFF_MAX_S)

    # ── media ──

    def _make_media(self) -> None:
        while not self._stop.is_set():
            task = self._next_task()
            if task is None:
                self._stop.wait(0.05)
                continue
            try:
                finished = make_some(self._maker, task)
            except Exception as error:
                if not self._stop.is_set():
                    self._guarded(lambda task=task, error=error: self._media_failed(task, error))  # type: ignore[misc]
            else:
                self._media_tries.pop(task.media_id, None)
                self._guarded(lambda task=task, finished=finished: self._media_turn_over(task, finished))  # type: ignore[misc]
            finally:
                with self._guard:
                    self._media_busy.discard(task.media_id)

    def _media_turn_over(self, task: MediaTask, finished: bool) -> None:
        work = self._tools.store.media_work
        if finished:
            work.done(task.media_id)
        else:
            work.defer(task._replace(added_at=int(time.time())))

    def _next_task(self) -> MediaTask | None:
        with self._guard:
            try:
                pending = self._tools.store.media_work.pending(self._settings.media_jobs * 4)
            except Unavailable:
                return None
            found = next((task for task in pending if task.media_id not in self._media_busy), None)
            if found:
                self._media_busy.add(found.media_id)
            return found

    def _media_failed(self, task: MediaTask, error: Exception) -> None:
        tries = self._media_tries[task.media_id] = self._media_tries.get(task.media_id, 0) + 1
        log.warning(
            "media_retried", profile=task.profile_id, media=task.media_id, tries=tries, reason=str(error)
        )
        if tries < self._settings.attempts:
            self._stop.wait(min(BACKOFF_MAX_S, BACKOFF_S * 2**tries))
            return
        reason = f"{type(error).__name__}: {error}"
        failure = Failure(task.media_id, task.profile_id, "media", reason[:500], tries, int(time.time()))
        self._tools.store.failures.put(failure)
        set_failed(self._tools.store, task, "Something went wrong on our side; please upload it again later.")
        self._tools.store.media_work.done(task.media_id)
        self._media_tries.pop(task.media_id, None)

    # ── time ──

    def _fall_due(self) -> None:
        now = int(time.time())
        for due in self._tools.store.changes.due(now, 100):
            # Each by itself: one that fails must not keep the others waiting.
            self._guarded(lambda due=due: self._make_due(due, now))  # type: ignore[misc]

    def _make_due(self, due: Due, now: int) -> None:
        fall_due(self._tools.store, self._tools.buckets, due, now, self._tools.child_grace_s)

    def _sweep(self) -> None:
        """Compares every head with what has been published: the truth, whatever the log ever missed."""
        store = self._tools.store
        self._aside |= {one.subject for one in store.failures.all() if one.kind == "publish"}
        for _, profile_id, _ in everyone(store.profiles):
            if self._stop.is_set():
                return
            head = store.profiles.head(profile_id)
            published = store.published.get(profile_id, REPLICA, store.life).get("published")
            if head and head.name and (published is None or published.mark.revision < head.revision):
                self._plan.want(profile_id)

    def _draw_sitemap(self) -> None:
        tools = self._tools
        rollout = tools.store.rollouts.current()
        if rollout is None or not self._site_changed.is_set():
            return
        self._site_changed.clear()
        try:
            publish_sitemap(
                tools.store, tools.buckets["public"], tools.urls, tools.store.life, rollout.number
            )
        except Exception:
            self._site_changed.set()
            raise


def _drop_leftovers(scratch: Path) -> None:
    """What makers that were killed have left; no medium takes so long."""
    for folder in scratch.iterdir():
        if time.time() - folder.stat().st_mtime > LEFTOVER_S:
            shutil.rmtree(folder, ignore_errors=True)
