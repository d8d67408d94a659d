"""What falls due for a profile: scheduled posts, half-made claims, and children whose time of grace is over."""

from __future__ import annotations

from collections.abc import Callable, Collection, Set
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from core import keys
from core.errors import PreconditionFailed
from core.ids import new_id
from core.objects import Headers
from core.profile import Snapshot
from core.rank import Mark
from core.store import MAIN, Due, PurgePath, Store
from core.store.naming import reap
from core.store.revise import revise
from pipeline.children import remove_folder
from pipeline.job import Tools, queue_everywhere
from pipeline.manifest import Manifest, Place, encode
from pipeline.publish import Buckets, read_manifest


def fall_due(tools: Tools, due: Due, now: int) -> None:
    """Makes so what is due for a profile, by a revision where it shows; or what is due in this replica. Repeating it is
    harmless."""
    store = tools.store
    head = store.profiles.head(due.profile_id)
    if head is not None and not due.replica:
        reap(store, due.profile_id, now)
        publish_due_posts(store, due.profile_id, now)
    if head is not None and (due.replica or tools.replica == MAIN):
        # Renditions are kept in the main replica; the others have copies of what they show.
        makings = partial(_makings, store, due.profile_id) if tools.replica == MAIN else None
        strays = remove_expired(tools.buckets, due.profile_id, now, tools.child_grace_s, makings)
        if strays:
            with store.together():
                queue_everywhere(tools, due.profile_id, strays.mark, strays.paths)
    store.changes.settle_due(due)


def publish_due_posts(store: Store, profile_id: str, now: int) -> None:
    """Scheduled posts whose hour has come are published: a revision of the worker's, not an edit of the creator's."""

    def come_due(old: Snapshot) -> Snapshot:
        if old.head.deleted:
            return old
        posts = tuple(
            post.model_copy(update={"state": "published", "publish_at": None})
            if post.state == "scheduled" and post.publish_at is not None and post.publish_at <= now
            else post
            for post in old.posts
        )
        return old if posts == old.posts else old.model_copy(update={"posts": posts})

    revise(store, profile_id, come_due, writer=new_id(), what="scheduled post", by_creator=False)


def _makings(store: Store, profile_id: str) -> set[str]:
    """The folders of all renditions that the profile's media have now."""
    snapshot = store.profiles.load(profile_id)
    return {
        keys.rendition(medium.id, made.recipe, made.attempt, "")
        for medium in (snapshot.media if snapshot else ())
        for made in medium.renditions
    }


class Strays(NamedTuple):
    """What was found to be public after the takedown with that mark, and has to be purged."""

    mark: Mark
    paths: tuple[PurgePath, ...]


def remove_expired(
    buckets: Buckets,
    profile_id: str,
    now: int,
    child_grace_s: float,
    makings: Callable[[], Collection[str]] | None = None,
) -> Strays | None:
    """Deletes child folders that were superseded longer ago than the grace, and what they were copied from, unless it is
    among `makings` (None: what all were copied from stays); of what was taken down all public ones once more, since a
    publisher that the takedown overtook may have gone on copying: what of those was there."""
    manifest, etag = read_manifest(buckets["private"], profile_id)
    superseded = {place: at for place, at in manifest.folders.items() if at is not None}
    expired = {place for place, at in superseded.items() if now - at >= child_grace_s}
    strays = {place for place in superseded if manifest.gone and place.bucket == "public"}
    found: list[PurgePath] = []
    for place in expired | strays:
        files = remove_folder(buckets[place.bucket], place.key)
        if place in strays and files:
            found += (PurgePath(keys.path_of(key), "", True) for key in (place.key, *files))
    if expired:
        _forget(buckets, profile_id, manifest, etag, expired, makings)
    return Strays(manifest.gone, tuple(found)) if manifest.gone and found else None


def _forget(
    buckets: Buckets,
    profile_id: str,
    manifest: Manifest,
    etag: str,
    expired: Set[Place],
    makings: Callable[[], Collection[str]] | None,
) -> None:
    """Takes expired folders out of the manifest, and what they were copied from away."""
    if makings is not None:
        # Asked after the manifest was read: an attempt that was superseded then is never shown again.
        for folder in {keys.made_for(place.key) for place in expired} - set(makings()):
            remove_folder(buckets["private"], folder)
    kept = {place: at for place, at in manifest.folders.items() if place not in expired}
    try:
        buckets["private"].put(
            keys.manifest(profile_id),
            encode(replace(manifest, folders=kept, removed=manifest.removed - expired)),
            Headers(type="application/json"),
            only_if=etag,
        )
    except PreconditionFailed:
        # A publisher was here meanwhile; it has kept the expired folders in its manifest, and scheduled them again.
        return
