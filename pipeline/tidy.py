"""What falls due for a profile: scheduled posts, half-made claims, and children whose time of grace is over."""

from __future__ import annotations

from dataclasses import replace

from core import keys
from core.errors import PreconditionFailed
from core.ids import new_id
from core.objects import Headers
from core.profile import Snapshot
from core.store import Due, Store
from core.store.naming import reap
from core.store.revise import revise
from pipeline.children import remove_folder, stray_folders
from pipeline.manifest import Manifest, Place, encode
from pipeline.publish import Buckets, read_manifest


def fall_due(store: Store, buckets: Buckets, due: Due, now: int, child_grace_s: float) -> None:
    """Makes so what is due for a profile, by a revision where it shows. Repeating it is harmless."""
    head = store.profiles.head(due.profile_id)
    if head is not None:
        reap(store, due.profile_id, now)
        publish_due_posts(store, due.profile_id, now)
        remove_expired(store, buckets, due.profile_id, now, child_grace_s)
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


def remove_expired(store: Store, buckets: Buckets, profile_id: str, now: int, child_grace_s: float) -> None:
    """Deletes child folders that were superseded longer ago than the grace, and strays that a publisher left behind
    which had been overtaken by a takedown."""
    manifest, etag = read_manifest(buckets["private"], profile_id)
    expired = {
        place for place, at in manifest.folders.items() if at is not None and now - at >= child_grace_s
    }
    for place in expired | (_strays(store, buckets, profile_id, manifest) if manifest.gone else set()):
        remove_folder(buckets[place.bucket], place.key)
    if not expired:
        return
    kept = {place: at for place, at in manifest.folders.items() if place not in expired}
    try:
        buckets["private"].put(
            keys.manifest(profile_id),
            encode(replace(manifest, folders=kept)),
            Headers(type="application/json"),
            only_if=etag,
        )
    except PreconditionFailed:
        # A publisher was here meanwhile; it has kept the expired folders in its manifest, and scheduled them again.
        return


def _strays(store: Store, buckets: Buckets, profile_id: str, manifest: Manifest) -> set[Place]:
    snapshot = store.profiles.load(profile_id)
    media = {medium.id for medium in snapshot.media} if snapshot else set()
    found = {Place("public", folder) for one in media for folder in stray_folders(buckets["public"], one)}
    return found - manifest.folders.keys()
