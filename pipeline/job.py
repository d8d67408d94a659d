"""One publisher's job: a profile's id in, its newest revision live at the edges out. A recipe, a step to a line."""

from __future__ import annotations

import time
from typing import NamedTuple

from core import keys
from core.errors import HoldfastError
from core.ids import new_id
from core.log import get_logger
from core.profile import Snapshot
from core.rank import Mark
from core.store import MAIN, MediaTask, Purge, PurgePath, Store
from generator.release import Release
from generator.urls import Urls
from pipeline.children import remove_folder
from pipeline.listing import Lister
from pipeline.media_queue import MediaQueue
from pipeline.publish import Buckets, publish
from pipeline.purge.purger import Purger
from pipeline.target import target

TAKEDOWN_AGAIN_S = 300
"""When the folders of what was taken down are looked through once more: longer than a publisher goes on copying."""
log = get_logger("publish")


class NotYet(HoldfastError):
    """The revision that a hint announced isn't there (yet); `found` is the newest that is, 0 for none."""

    def __init__(self, profile_id: str, revision: int, found: int) -> None:
        super().__init__(f"Revision {revision} of {profile_id} is not there yet.")
        self.found = found


class OtherRelease(HoldfastError):
    """The current roll-out is of another release than this worker's; another worker has to render it."""


class Tools(NamedTuple):
    """What every job of a worker uses."""

    store: Store
    buckets: Buckets
    release: Release
    urls: Urls
    purger: Purger
    lister: Lister
    media: MediaQueue
    child_grace_s: float
    replica: str = MAIN


class Done(NamedTuple):
    """How far a job got: the revision it read, and how many mutable keys and child folders it wrote."""

    revision: int
    wrote: int = 0
    copied: int = 0


def publish_profile(tools: Tools, profile_id: str, revision: int = 0, *, trust: bool = True) -> Done:
    """Brings the profile to its newest revision, which must be `revision` or later.

    Raises NotYet, OtherRelease, and whatever `publish` raises; nothing it has done is lost then, or wrong.
    """
    snapshot = tools.store.profiles.load(profile_id)
    if snapshot and (snapshot.head.revision >= revision or not _is_published(tools, snapshot)):
        done = _publish_snapshot(tools, snapshot, trust)
        if done.revision >= revision:
            return done
    raise NotYet(profile_id, revision, snapshot.head.revision if snapshot else 0)


def _is_published(tools: Tools, snapshot: Snapshot) -> bool:
    """An edit must not wait for the next one, which was announced and may never come."""
    reached = tools.store.published.get(snapshot.head.id, tools.replica, tools.store.life)
    published = reached.get("published")
    return published is not None and published.mark.revision >= snapshot.head.revision


def _publish_snapshot(tools: Tools, snapshot: Snapshot, trust: bool) -> Done:
    started, profile_id = time.monotonic(), snapshot.head.id
    _queue_media(tools.media, snapshot)
    rollout = tools.store.rollouts.current()
    if rollout is None or rollout.fingerprint != tools.release.fingerprint:
        raise OtherRelease("The promoted release is not this worker's: restart it, or run `holdfast run`.")
    wanted = target(snapshot, tools.release, tools.urls, tools.store.life, rollout.number)
    if wanted is None:
        return Done(snapshot.head.revision)
    queued: list[Purge] = []
    done = publish(
        tools.buckets,
        wanted,
        lambda paths: queued.append(_queue(tools, wanted.mark, profile_id, paths)),
        trust=trust,
    )
    if done.superseded:
        return Done(snapshot.head.revision)
    # First, so that whatever counts as published is listed, too: the sweep finds what a crash leaves between the two.
    tools.lister.put(snapshot.head, wanted.mark)
    tools.purger.record(profile_id, wanted.mark, "published")
    if snapshot.head.deleted:
        _erase(tools.buckets, snapshot)
    _purge(tools, profile_id, wanted.mark, queued)
    _schedule_tidying(tools, profile_id, done.retired_at, wanted.takedown)
    log.debug(
        "job_done",
        profile=profile_id,
        revision=wanted.mark.revision,
        wrote=done.wrote,
        ms=round((time.monotonic() - started) * 1000, 1),
    )
    return Done(snapshot.head.revision, done.wrote, done.copied)


def _queue_media(media: MediaQueue, snapshot: Snapshot) -> None:
    if snapshot.head.deleted:
        return
    for medium in snapshot.media:
        if medium.state in ("uploaded", "making"):
            media.add(MediaTask(medium.id, snapshot.head.id, int(time.time())))


def _queue(tools: Tools, mark: Mark, profile_id: str, paths: tuple[PurgePath, ...]) -> Purge:
    """Queues a purge of these paths, and of what the profile's earlier ones still have to do: so that no edit counts as
    live before those that it follows."""
    purges, replica = tools.store.purges, tools.replica
    earlier = purges.pending_of(replica, profile_id)
    merged = {path.path: path for purge in earlier for path in purge.paths} | {one.path: one for one in paths}
    newest = max((mark, *(purge.mark for purge in earlier)))
    purge = Purge(new_id(), profile_id, newest, tuple(merged.values()), int(time.time()))
    purges.queue(replica, purge)
    for one in earlier:
        purges.settle(replica, one.id)
    return purge


def _purge(tools: Tools, profile_id: str, mark: Mark, queued: list[Purge]) -> None:
    """Straight away, since somebody is waiting; what fails stays queued for the purger's own loop."""
    if queued:
        # It holds what an earlier pass of the same job has queued.
        tools.purger.settle(queued[-1])
    elif tools.store.purges.pending_of(tools.replica, profile_id):
        tools.purger.settle(_queue(tools, mark, profile_id, ()))
    else:
        # Nothing that readers get has changed, so there is nothing to purge and nothing to prove.
        tools.purger.record(profile_id, mark, "purged", "live")


def _schedule_tidying(tools: Tools, profile_id: str, retired_at: int | None, takedown: bool) -> None:
    """As long as anything waits for its removal: a worker that dies before this line has the job done again. The hour
    follows from the manifest, so a profile that is edited a hundred times meanwhile falls due once."""
    if retired_at is None:
        return
    schedule, replica = tools.store.changes.schedule, tools.replica
    schedule(profile_id, int(retired_at + tools.child_grace_s) + 1, replica)
    if takedown:
        schedule(profile_id, int(time.time() + TAKEDOWN_AGAIN_S), replica)


def _erase(buckets: Buckets, snapshot: Snapshot) -> None:
    """Originals and renditions of a deleted profile."""
    private = buckets["private"]
    for medium in snapshot.media:
        private.delete(keys.original(medium.id))
        remove_folder(private, keys.rendition_folder(medium.id))
