"""Rebuild: which profiles are to be published again, and how far that has got, so that it goes on where it was stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Literal, NamedTuple

from core.errors import HoldfastError, Stale, Unavailable
from core.log import get_logger
from core.store import Change, Walked
from pipeline.batch import Each
from pipeline.job import Done, Tools, publish_profile, publish_profiles

STALE_TRIES = 5
ANNOUNCED_MAX = 200
POLL_S, POLL_MAX_S = 0.1, 1.0
log = get_logger("rebuild")


class Scope(NamedTuple):
    """all; stale (behind the newest revision or roll-out); or since (edited at or after `since`, seconds since 1970).
    media: of all, those whose media `with_` other settings were made (their fingerprint)."""

    kind: Literal["all", "stale", "since", "media"]
    since: int = 0
    with_: str = ""

    def __str__(self) -> str:
        return {"since": f"since {self.since}", "media": f"media {self.with_}"}.get(self.kind, self.kind)


class Stand(NamedTuple):
    """How far a rebuild is: where the walk stands, and what came of the profiles before that place."""

    part: int = 0
    place: str | None = None
    profiles: int = 0
    wrote: int = 0
    failed: int = 0


class Outcome(NamedTuple):
    """What became of one chunk: how many profiles, how many keys were written, and who failed why."""

    profiles: int
    wrote: int
    failed: list[tuple[str, str]]


class Met(NamedTuple):
    """A profile that the walk has met; `wanted` says that the rebuild is for it."""

    part: int
    walked: Walked
    wanted: bool


def select(tools: Tools, scope: Scope, stand: Stand) -> Iterator[Met]:
    """Every profile behind the stand, in the store's own order and in bounded memory."""
    profiles = tools.store.profiles
    for part in range(stand.part, profiles.parts):
        for walked in profiles.walk(part, stand.place if part == stand.part else None):
            yield Met(part, walked, _is_wanted(tools, scope, walked))


def _is_wanted(tools: Tools, scope: Scope, walked: Walked) -> bool:
    store = tools.store
    if scope.kind in ("all", "media"):
        return True
    if scope.kind == "since":
        head = store.profiles.head(walked.profile_id)
        return head is not None and head.edited_at >= scope.since
    rollout = store.rollouts.current()
    done = store.published.get(walked.profile_id, tools.replica, store.life).get("published")
    return (
        not done
        or done.mark.revision < walked.revision
        or bool(rollout and done.mark.rollout < rollout.number)
    )


def rebuild_chunk(tools: Tools, ids: Sequence[str], each: Each = map) -> Outcome:
    """Publishes these profiles, whatever their manifests say; one that fails, by a defect of ours even, doesn't stop the
    others. `each` as for `publish_profiles`."""
    try:
        answers = publish_profiles(tools, ids, trust=False, each=each)
    except Exception:
        answers = {}  # alone, each says what is wrong with it
    wrote, failed = 0, []
    for profile_id in ids:
        together = answers.get(profile_id)
        answer = together if isinstance(together, Done) else _alone(tools, profile_id)
        if isinstance(answer, Done):
            wrote += answer.wrote
        else:
            failed.append((profile_id, answer))
    return Outcome(len(ids), wrote, failed)


def _alone(tools: Tools, profile_id: str) -> Done | str:
    """What was done, or why it can't be."""
    for _ in range(STALE_TRIES):
        try:
            return publish_profile(tools, profile_id, trust=False)
        except Stale:
            continue
        except HoldfastError as error:
            return str(error)
        except Exception as error:
            log.exception("publish_failed", profile=profile_id)
            return f"{type(error).__name__}: {error}"
    return "It was edited too often meanwhile; the worker publishes it."


class Sharing:
    """A rebuild by whichever workers there are, on any number of machines: each profile is announced in the change log, and
    counts once a worker has published it in the current roll-out.

    No more than a few hundred are ever announced and unpublished, so edits don't wait behind the rebuild, and it goes as
    fast as the workers do.
    """

    def __init__(self, tools: Tools, per_s: float | None, patience_s: float = 300.0) -> None:
        """`patience_s`: how long nothing may be published before it is given up."""
        self._tools, self._per_s, self._patience_s = tools, per_s, patience_s

    def run(self, met: Iterator[Met], done: Callable[[int, Met], None]) -> int:
        """Announces all that are wanted; `done(count, last)` hears of each batch that is published. How many there were.
        Raises Unavailable when no worker is at it."""
        started, total = time.monotonic(), 0
        while batch := list(islice(met, ANNOUNCED_MAX)):
            ids = [one.walked.profile_id for one in batch if one.wanted]
            for one in batch:
                if one.wanted:
                    self._tools.store.changes.hint(Change(one.walked.profile_id, one.walked.revision))
            self._await(ids)
            total += len(ids)
            done(len(ids), batch[-1])
            if self._per_s:
                time.sleep(max(0.0, started + total / self._per_s - time.monotonic()))
        return total

    def _await(self, ids: list[str]) -> None:
        left, moved, rest_s = ids, time.monotonic(), POLL_S
        while left := [one for one in left if not self._is_published(one)]:
            if len(left) < len(ids):
                ids, moved, rest_s = left, time.monotonic(), POLL_S
            elif time.monotonic() - moved > self._patience_s:
                raise Unavailable(
                    f"For {self._patience_s:.0f} s no worker has published any of {len(left)} profiles ({left[0]}, say): see "
                    "`holdfast failures`, start `holdfast worker`, and begin again: it goes on from here"
                )
            time.sleep(rest_s)
            rest_s = min(POLL_MAX_S, 2 * rest_s)

    def _is_published(self, profile_id: str) -> bool:
        store, rollout = self._tools.store, self._tools.store.rollouts.current()
        done = store.published.get(profile_id, self._tools.replica, store.life).get("published")
        if done and rollout and done.mark.rollout >= rollout.number:
            return True
        head = store.profiles.head(profile_id)
        return head is None or head.name is None


class Diary:
    """Where a rebuild of that scope has got to in this roll-out, kept in the store."""

    def __init__(self, tools: Tools, scope: Scope) -> None:
        rollout = tools.store.rollouts.current()
        number = rollout.number if rollout else 0
        self._bookmarks = tools.store.bookmarks
        self._name = f"rebuild {tools.replica} {scope} {tools.store.life}.{number}"

    def read(self) -> Stand:
        kept = self._bookmarks.get(self._name)
        return Stand(*json.loads(kept)) if kept else Stand()

    def write(self, stand: Stand) -> None:
        self._bookmarks.put(self._name, json.dumps(stand))

    def close(self) -> None:
        """It has come to its end: the next one begins anew."""
        self.write(Stand())
