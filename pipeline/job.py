"""One publisher's job: a profile's id in, its newest revision live at the edges out. A recipe, a step to a line."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from core import keys
from core.errors import HoldfastError, Unavailable
from core.ids import new_id
from core.log import get_logger
from core.profile import Snapshot
from core.rank import Mark
from core.store import MAIN, Purge, Stage, Store, waiting_list
from generator.release import Release
from generator.urls import Urls
from pipeline.batch import Each, Paths, publish_together
from pipeline.children import remove_folder
from pipeline.listing import Lister, shard_of
from pipeline.media_queue import MediaQueue
from pipeline.publish import Buckets, Published, publish
from pipeline.purge.paths import merged, with_files, without_files
from pipeline.purge.proof import unseen
from pipeline.purge.purger import Purger
from pipeline.sitemap import Sitemap
from pipeline.target import Target, target
from pipeline.wanted import tasks

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
    """What every job of a worker uses. `outside` are the names of the caches in front that have outboxes, `by_file` those
    of them that know no folders, `looked_for` those where a file of each folder that is gone is looked for."""

    store: Store
    buckets: Buckets
    release: Release
    urls: Urls
    purger: Purger
    lister: Lister
    media: MediaQueue
    child_grace_s: float
    replica: str = MAIN
    outside: tuple[str, ...] = ()
    by_file: frozenset[str] = frozenset()
    looked_for: frozenset[str] = frozenset()


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


def publish_profiles(
    tools: Tools, ids: Sequence[str], *, trust: bool = True, each: Each = map
) -> dict[str, Done | HoldfastError]:
    """Brings many profiles to their newest revisions, at far less cost than one by one. What has failed, or met another
    publisher, is answered with its error: `publish_profile` may be tried for it.

    Raises OtherRelease, and Unavailable when nothing could be made durable or kept.
    """
    answers: dict[str, Done | HoldfastError] = {}
    works = []
    for profile_id, snapshot in zip(ids, each(tools.store.profiles.load, ids), strict=True):
        if snapshot:
            # A rebuild of all is no reason to draw a million cards: `rebuild --media` is.
            _queue_media(tools, snapshot, card=False)
        work = _begin(tools, snapshot) if snapshot else None
        if work:
            works.append(work)
        else:
            answers[profile_id] = Done(snapshot.head.revision) if snapshot else NotYet(profile_id, 0, 0)

    by_id = {work.wanted.profile_id: work for work in works}

    def queue(changed: list[tuple[Target, Paths]]) -> None:
        works = _unlisted(tools, [(by_id[wanted.profile_id], paths) for wanted, paths in changed])
        with tools.store.together():
            for work, paths in works:
                work.queue(tools, paths)

    published = publish_together(tools.buckets, [one.wanted for one in works], queue, trust=trust, each=each)
    try:
        with tools.store.together():
            for work, one in zip(works, published, strict=True):
                done = one if isinstance(one, HoldfastError) else work.note(tools, one)
                answers[work.wanted.profile_id] = done
    except HoldfastError:
        tools.lister.forget()
        raise
    for work in works:
        work.erase(tools)
    tools.purger.settle_together([work.purge for work in works if work.noted and work.purge])
    return answers


def _publish_snapshot(tools: Tools, snapshot: Snapshot, trust: bool) -> Done:
    _queue_media(tools, snapshot, card=True)
    started, work = time.monotonic(), _begin(tools, snapshot)
    if work is None:
        return Done(snapshot.head.revision)
    published = publish(
        tools.buckets,
        work.wanted,
        partial(_queue_alone, tools, work),
        trust=trust,
        tell=partial(_tell, tools),
    )
    done = work.note(tools, published)
    work.erase(tools)
    if work.noted and work.purge:
        # Straight away, since somebody is waiting; what fails stays queued for the purger's own loop.
        tools.purger.settle(work.purge)
    log.debug(
        "job_done",
        profile=snapshot.head.id,
        revision=work.wanted.mark.revision,
        wrote=done.wrote,
        ms=round((time.monotonic() - started) * 1000, 1),
    )
    return done


@dataclass(slots=True)
class _Work:
    """One profile on its way: what it is to be, and the purge that its readers wait for."""

    snapshot: Snapshot
    wanted: Target
    purge: Purge | None = None
    noted: bool = False

    def queue(self, tools: Tools, paths: Paths) -> None:
        """Keeps a purge durably, for our edges and for each cache in front of them."""
        self.purge = queue_everywhere(tools, self.wanted.profile_id, self.wanted.mark, paths)

    def note(self, tools: Tools, published: Published) -> Done:
        """Lists it, and records how far it has got."""
        head, mark = self.snapshot.head, self.wanted.mark
        if published.superseded:
            return Done(head.revision)
        # First, so that whatever counts as published is listed, too: the sweep finds what a crash leaves between the two.
        tools.lister.put(head, mark)
        if self.purge is None and tools.store.purges.pending_of(tools.replica, head.id):
            self.purge = _queue(tools, head.id, mark, ())
        # Where nothing that readers get has changed, there is nothing to purge and nothing to prove.
        stages: tuple[Stage, ...] = ("published",) if self.purge else ("published", "purged", "live")
        tools.purger.record(head.id, mark, *stages)
        _schedule_tidying(tools, head.id, published.retired_at, self.wanted.takedown)
        self.noted = True
        return Done(head.revision, published.wrote, published.copied)

    def erase(self, tools: Tools) -> None:
        """Takes away the originals and renditions of a deleted profile."""
        if self.noted and self.snapshot.head.deleted:
            private = tools.buckets["private"]
            for medium in self.snapshot.media:
                private.delete(keys.original(medium.id))
                remove_folder(private, keys.rendition_folder(medium.id))


def _begin(tools: Tools, snapshot: Snapshot) -> _Work | None:
    """None while the profile has no name (a sign-up that isn't finished)."""
    rollout = tools.store.rollouts.current()
    if rollout is None or rollout.fingerprint != tools.release.fingerprint:
        raise OtherRelease("The promoted release is not this worker's: restart it, or run `holdfast run`.")
    wanted = target(snapshot, tools.release, tools.urls, rollout.edition(tools.store.life))
    return _Work(snapshot, wanted) if wanted else None


def _queue_media(tools: Tools, snapshot: Snapshot, *, card: bool) -> None:
    for task in tasks(snapshot, tools.release.site.name if card else None):
        medium = snapshot.medium(task.media_id)
        is_new = medium is not None and medium.state in ("uploaded", "making")
        tools.media.add(task, again=not is_new)


def _queue_alone(tools: Tools, work: _Work, paths: Paths) -> None:
    ((_, all_paths),) = _unlisted(tools, [(work, paths)])
    with tools.store.together():  # one wait for the disk, however many caches there are
        work.queue(tools, all_paths)


def _unlisted(tools: Tools, changed: Sequence[tuple[_Work, Paths]]) -> list[tuple[_Work, Paths]]:
    """With the shard of the sitemap among the paths of each takedown: it is drawn before the purge is queued, since nothing
    of the site may list what is gone by the time that this counts as live."""
    hidden = [work for work, paths in changed if work.wanted.takedown and _public(paths)]
    for work in hidden:
        tools.lister.put(work.snapshot.head, work.wanted.mark)
    sitemap = Sitemap(tools.store, tools.buckets["public"], tools.urls, tools.lister, mine=lambda _: False)
    shards = {
        work.wanted.profile_id: sitemap.take_off(shard_of(work.wanted.profile_id), work.wanted.names)
        for work in hidden
    }
    return [(work, (*paths, *shards.get(work.wanted.profile_id, ()))) for work, paths in changed]


def _public(paths: Paths) -> Paths:
    """A path behind any grant is no address for the public."""
    return tuple(one for one in paths if not one.path.startswith(f"{keys.GRANTS}/"))


def queue_everywhere(tools: Tools, profile_id: str, mark: Mark, paths: Paths) -> Purge | None:
    """Queues a purge for our edges, if there are any, which is answered, and for each cache in front of them."""
    purge = None
    if tools.purger.has_edges:
        purge = _queue(tools, profile_id, mark, without_files(paths, but_first=True))
    # After that of our own edges: so none of these is met before that one is seen to wait.
    queue_outside(tools, profile_id, mark, paths)
    return purge


def queue_outside(tools: Tools, profile_id: str, mark: Mark, paths: Paths) -> None:
    """Queues a purge for each cache in front of our edges; their outboxes make one of many. What they keep of what lies
    behind grants goes with the profile's tag, or with the grant."""
    public = _public(paths)
    purge = Purge(new_id(), profile_id, mark, public, time.time())
    for name in tools.outside:
        if name in tools.by_file:
            told = with_files(public)
            if untold := unseen(told):
                log.warning("files_untold", target=name, profile=profile_id, folders=len(untold))
        else:
            told = without_files(public, but_first=name in tools.looked_for)
        tools.store.purges.queue(waiting_list(name, tools.replica), purge._replace(paths=told))


def _queue(tools: Tools, profile_id: str, mark: Mark, paths: Paths) -> Purge:
    """Queues a purge of these paths, and of what the profile's earlier ones still have to do: so that no edit counts as
    live before those that it follows."""
    purges, replica = tools.store.purges, tools.replica
    earlier = purges.pending_of(replica, profile_id)
    both = merged((*(path for purge in earlier for path in purge.paths), *paths))
    newest = max((mark, *(purge.mark for purge in earlier)))
    purge = Purge(new_id(), profile_id, newest, both, time.time())
    purges.queue(replica, purge)
    for one in earlier:
        purges.settle(replica, one.id)
    return purge


def _tell(tools: Tools, paths: Paths) -> None:
    """Once at once; what counts is the purge that is queued, and proven, when all is done."""
    if paths:
        with suppress(Unavailable):
            tools.purger.deliver(paths)


def _schedule_tidying(tools: Tools, profile_id: str, retired_at: int | None, takedown: bool) -> None:
    """As long as anything waits for its removal: a worker that dies before this line has the job done again. The hour
    follows from the manifest, so a profile that is edited a hundred times meanwhile falls due once."""
    if retired_at is None:
        return
    schedule, replica = tools.store.changes.schedule, tools.replica
    schedule(profile_id, int(retired_at + tools.child_grace_s) + 1, replica)
    if takedown:
        schedule(profile_id, int(time.time() + TAKEDOWN_AGAIN_S), replica)
