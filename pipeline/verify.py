"""Whether one profile lies in storage as the store has it: store, manifest and objects compared, each read afresh.

Nothing is rendered: what a page shows is vouched for by its rank.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from core import keys
from core.errors import ObjectMissing
from core.objects import Bucket
from core.profile import Snapshot
from core.rank import Rank, read_rank
from pipeline.fence import get
from pipeline.job import Tools
from pipeline.manifest import Entry, Manifest, Place
from pipeline.publish import read_manifest
from pipeline.target import Child, Target, target

TRIES = 3
Kind = Literal["behind", "ahead", "missing", "rank", "state", "unnamed", "unreadable", "orphan"]


class Difference(NamedTuple):
    """One thing that isn't as it should be. `kind`: behind (a newer revision isn't published), ahead (more was recorded
    than lies there), missing (an object), rank (another one than the manifest has), state (a page where a tombstone
    should be, or the other way round), unnamed (wanted, and not in the manifest), unreadable (a manifest), orphan (an
    object that nothing names)."""

    kind: Kind
    profile_id: str
    bucket: Bucket | None
    key: str
    said: str


def differences(tools: Tools, profile_id: str) -> list[Difference]:
    """What differs for this profile; empty when all is equal, or only its release is an older one. What a publisher
    changes meanwhile is looked at again."""
    found: list[Difference] = []
    for _ in range(TRIES):
        before = _state(tools, profile_id)
        found = list(_compare(tools, profile_id))
        if not found or _state(tools, profile_id) == before:
            break
    return found


def _state(tools: Tools, profile_id: str) -> tuple[int, str]:
    """What moves with every edit and every publish."""
    head = tools.store.profiles.head(profile_id)
    try:
        etag = read_manifest(tools.buckets["private"], profile_id)[1]
    except ValueError:
        etag = "unreadable"
    return head.revision if head else 0, etag


def _compare(tools: Tools, profile_id: str) -> Iterator[Difference]:
    snapshot, rollout = tools.store.profiles.load(profile_id), tools.store.rollouts.current()
    if snapshot is None or rollout is None:
        return
    wanted = target(snapshot, tools.release, tools.urls, rollout.edition(tools.store.life))
    if wanted is None:
        return
    try:
        manifest, _ = read_manifest(tools.buckets["private"], profile_id)
    except ValueError as error:
        yield Difference("unreadable", profile_id, "private", "", f"its manifest can't be read: {error}")
        return
    yield from _how_far(tools, snapshot, manifest)
    yield from _unnamed(wanted, manifest)
    for place, entry in manifest.entries.items():
        yield from _of_key(tools, profile_id, place, entry)
    yield from _of_files(tools, profile_id, wanted.bucket, wanted.folders)
    if not snapshot.head.deleted:
        made = {
            child.source: child
            for medium in snapshot.media
            for child in (
                Child(keys.rendition(medium.id, one.recipe, one.attempt, ""), one)
                for one in medium.renditions
            )
        }
        yield from _of_files(tools, profile_id, "private", made)


def _how_far(tools: Tools, snapshot: Snapshot, manifest: Manifest) -> Iterator[Difference]:
    head, life = snapshot.head, tools.store.life
    mark = manifest.mark
    if mark is None or (mark.life, mark.revision) < (life, head.revision):
        at = f"revision {mark.revision} of life {mark.life}" if mark else "nothing"
        said = f"storage shows {at}, the store is at revision {head.revision} of life {life}"
        yield Difference("behind", head.id, None, "", said)
    recorded = tools.store.published.get(head.id, tools.replica, life).get("published")
    if recorded and (mark is None or not mark.covers(recorded.mark)):
        said = f"revision {recorded.mark.revision} is recorded as published, and isn't"
        yield Difference("ahead", head.id, None, "", said)


def _unnamed(wanted: Target, manifest: Manifest) -> Iterator[Difference]:
    if manifest.mark != wanted.mark:
        return
    for place in wanted.places():
        entry = manifest.entries.get(place)
        if entry is None or entry.gone:
            yield Difference(
                "unnamed", wanted.profile_id, *place, "it should be there, says the store, and isn't named"
            )


def _of_key(tools: Tools, profile_id: str, place: Place, entry: Entry) -> Iterator[Difference]:
    if entry.lost or entry.rank is None:
        return
    stored = get(tools.buckets[place.bucket], place.key)
    if stored is None:
        yield Difference("missing", profile_id, *place, f"nothing is there, and rank {entry.rank} should be")
        return
    rank = read_rank(stored.body)
    if rank != entry.rank:
        if not _is_anothers(rank, entry.rank):
            said = f"rank {rank or 'none'} is there, and {entry.rank} should be"
            yield Difference("rank", profile_id, *place, said)
        return
    status = entry.gone.partition(" ")[0] or "200"
    if str(stored.headers.status) != status:
        said = f"its status is {stored.headers.status}, and should be {status}"
        yield Difference("state", profile_id, *place, said)


def _is_anothers(rank: Rank | None, ours: Rank) -> bool:
    """Whether the name has another owner by now, under a higher claim."""
    return rank is not None and rank.life == ours.life and rank.claim > ours.claim


def _of_files(
    tools: Tools, profile_id: str, bucket: Bucket, folders: Mapping[str, Child]
) -> Iterator[Difference]:
    for folder, child in folders.items():
        sizes: list[int] = []
        for part in child.made.parts():
            key = folder + part.name
            try:
                size = tools.buckets[bucket].stat(key).size
            except ObjectMissing:
                yield Difference("missing", profile_id, bucket, key, "the file isn't there")
                continue
            sizes.append(size)
            if part.bytes is not None and size != part.bytes:
                said = f"it has {size} bytes, and should have {part.bytes}"
                yield Difference("missing", profile_id, bucket, key, said)
        if child.made.segments and len(sizes) == child.made.count and sum(sizes) != child.made.bytes:
            said = f"its files have {sum(sizes)} bytes together, and should have {child.made.bytes}"
            yield Difference("missing", profile_id, bucket, folder, said)
