"""The publishers' loop: jobs from the plan in, profiles published out; what fails is tried again, and in the end put aside."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from core.errors import HoldfastError, Stale, Unavailable
from core.log import get_logger
from core.store import MAIN, Failure
from pipeline import loops as pace
from pipeline.job import NotYet, OtherRelease, Tools, publish_profile
from pipeline.loops import Loops, backoff_s
from pipeline.plan import Plan

STALE_TRIES = 3
LONG_S = 2.0
# Twice what a write may take (core.store.revise.DEADLINE_S): by then a hint without its revision has none coming.
NOT_YET_S = 20.0
LOOK_S, LOOK_GROWTH, LOOK_MAX_S = 0.005, 1.5, 1.0
log = get_logger("worker")


@dataclass
class _Awaited:
    """A revision that was hinted at and isn't there: which one is, since when it is waited for, how long until the next
    look, and when that is."""

    revision: int
    found: int
    since: float
    look_s: float = LOOK_S
    look_at: float = 0.0


class Publishers:
    """Any number of threads may run `publish`."""

    def __init__(self, tools: Tools, plan: Plan, attempts: int, loops: Loops) -> None:
        self._tools, self._plan, self._attempts, self._loops = tools, plan, attempts, loops
        self._awaited: dict[str, _Awaited] = {}
        self._aside: set[str] = set()

    def publish(self) -> None:
        """Takes one job after another until the worker stops."""
        while not self._loops.stopping:
            job = self._plan.take(0.5)
            if job is None:
                continue
            try:
                self._publish_one(*job)
            except Exception:
                # It went wrong while what went wrong was dealt with: a store that is away, mostly.
                log.exception("publish_failed", profile=job[0])
                self._plan.postpone(job[0], pace.BACKOFF_S)

    def recall_aside(self) -> None:
        """What any worker has put aside is cleared here once its publish succeeds."""
        self._aside |= {one.subject for one in self._tools.store.failures.all() if one.kind == "publish"}

    def _subject(self, profile_id: str) -> str:
        """Of a failure: what can't be published to one replica may well be to another."""
        return profile_id if self._tools.replica == MAIN else f"{self._tools.replica}/{profile_id}"

    def _publish_one(self, profile_id: str, revision: int, failures: int) -> None:
        try:
            if self._plan.waited_s(profile_id) > LONG_S and (
                by_other := self._published(profile_id, revision)
            ):
                self._plan.finish(profile_id, by_other)
                return
            self._look(profile_id, revision)
            done = publish_profile(self._tools, profile_id, revision)
        except Stale as error:
            if failures < STALE_TRIES:
                self._plan.postpone(profile_id, random.uniform(0.0, 0.02))
            else:
                self._retry_or_put_aside(profile_id, revision, failures + 1, error)
        except NotYet as error:
            self._await(profile_id, revision, error)
        except OtherRelease as error:
            log.warning("other_release", profile=profile_id, reason=str(error))
            self._plan.postpone(profile_id, 5.0, failed=False)
        except Exception as error:
            if not isinstance(error, HoldfastError):
                log.exception("publish_failed", profile=profile_id)
            self._retry_or_put_aside(profile_id, revision, failures + 1, error)
        else:
            self._awaited.pop(profile_id, None)
            if (subject := self._subject(profile_id)) in self._aside:
                self._tools.store.failures.clear("publish", subject)
                self._aside.discard(subject)
            self._plan.finish(profile_id, done.revision)

    def _published(self, profile_id: str, revision: int) -> int | None:
        """The newest revision, if a worker that had this job too (its share has changed, or its sweep found it) has
        published it meanwhile. Two reads, where a job that has waited would cost ten times as much."""
        store = self._tools.store
        done = store.published.get(profile_id, self._tools.replica, store.life).get("published")
        head = store.profiles.head(profile_id) if done and done.mark.revision >= revision else None
        if done is None or head is None or done.mark.revision < head.revision:
            return None
        rollout = store.rollouts.current()
        if rollout and done.mark.rollout < rollout.number:
            return None  # a rebuild is what it is wanted for
        return head.revision

    # ── a hint that comes before its batch ──

    def _look(self, profile_id: str, revision: int) -> None:
        """One row tells whether a revision that was waited for is there; raises NotYet as long as nothing is new."""
        awaited = self._awaited.get(profile_id)
        if awaited and awaited.revision == revision:
            head = self._tools.store.profiles.head(profile_id)
            found = head.revision if head else 0
            if found == awaited.found:
                raise NotYet(profile_id, revision, found)

    def _await(self, profile_id: str, revision: int, error: NotYet) -> None:
        """Looks again after a while that grows, a last time by a SERIAL read. A new hint brings the next look forward; and
        since it comes before its own batch, too, the waiting begins anew."""
        awaited, now = self._awaited.get(profile_id), time.monotonic()
        if awaited is None or awaited.revision != revision or now < awaited.look_at:
            awaited = self._awaited[profile_id] = _Awaited(revision, error.found, now)
        awaited.found = error.found
        left_s = awaited.since + NOT_YET_S - now
        if left_s > 0:
            awaited.look_at = now + min(awaited.look_s, left_s)
            self._plan.postpone(profile_id, awaited.look_at - now, failed=False, until_hint=True)
            awaited.look_s = min(LOOK_MAX_S, awaited.look_s * LOOK_GROWTH)
            return
        there = self._tools.store.profiles.writer_of(profile_id, revision) is not None
        del self._awaited[profile_id]
        if there:
            self._plan.postpone(profile_id, 0.1, failed=False)
            return
        log.info("hint_without_edit", profile=profile_id, revision=revision, reason=str(error))
        # Not that revision: a hint at it that came this moment is of another who tries.
        self._plan.finish(profile_id, revision - 1)

    # ── what fails ──

    def _retry_or_put_aside(self, profile_id: str, revision: int, failures: int, error: Exception) -> None:
        """Retries live in this layer alone. Storage that is away is waited for; anything else is put aside in the end."""
        away = isinstance(error, Unavailable)
        log.warning("publish_retried", profile=profile_id, failures=failures, reason=str(error))
        if away or failures < self._attempts:
            self._plan.postpone(profile_id, backoff_s(failures))
            return
        reason = f"{type(error).__name__}: {error}"
        self._loops.guarded(
            lambda: self._tools.store.failures.put(
                Failure(
                    self._subject(profile_id), profile_id, "publish", reason[:500], failures, int(time.time())
                )
            )
        )
        log.error("publish_put_aside", profile=profile_id, reason=reason)
        self._aside.add(self._subject(profile_id))
        head = self._tools.store.profiles.head(profile_id)
        self._plan.finish(profile_id, revision)
        if head and (head.deleted or head.profile.visibility == "private"):
            # A takedown is never put aside for good; only the log's position goes on without it.
            self._plan.want(profile_id, pace.BACKOFF_MAX_S)
