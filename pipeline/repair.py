"""Mends what `verify` has found: publishes again, brings files back from their other copy, takes down what nothing names.

Whatever goes is purged as an edit is: durably, at our edges and at every cache in front of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from core import keys
from core.errors import HoldfastError, ObjectMissing, PreconditionFailed, Stale
from core.fields import is_domain
from core.ids import new_id
from core.media import Media, Rendition
from core.objects import ABSENT, Headers
from core.profile import Snapshot
from core.rank import Mark, Rank
from core.store import Names, Purge, PurgePath
from core.store.revise import revise
from generator.site_pages import tombstone
from pipeline.children import remove_folder
from pipeline.fence import look, put_ranked
from pipeline.job import Tools, publish_profile, queue_everywhere
from pipeline.manifest import Entry, Manifest, Place, encode
from pipeline.publish import read_manifest
from pipeline.rebuild import STALE_TRIES
from pipeline.verify import Difference

IMMUTABLE = ("_media/", "_originals/", "_renditions/", "_trials/")
JSON = Headers(type="application/json")
NOBODY, CLAIMS_MAX = "nobody", 1000


class Deletes:
    """How many objects may still be deleted: so that a mistake (a wrong bucket, an empty store) can't empty a site."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self) -> bool:
        self.left -= 1
        return self.left >= 0


def mend_profile(tools: Tools, profile_id: str, found: Iterable[Difference]) -> str | None:
    """Makes storage show the profile as the store has it; None, or why it couldn't."""
    found = list(found)
    try:
        if any(one.kind == "unreadable" for one in found):
            _begin_manifest(tools, profile_id)
        if any(one.kind == "missing" and one.key.startswith("_renditions/") for one in found):
            _bring_back(tools, profile_id)
        for again in range(STALE_TRIES):
            try:
                publish_profile(tools, profile_id, trust=False)
                return None
            except Stale:
                if again + 1 == STALE_TRIES:
                    raise
    except HoldfastError as error:
        return str(error)
    return None


def remove_orphan(tools: Tools, one: Difference, deletes: Deletes) -> str | None:
    """Takes away an object that nothing names: deletes what is immutable, puts a tombstone in place of a page. None, or
    why it couldn't."""
    assert one.bucket is not None
    place, gone = Place(one.bucket, one.key), Gone()
    try:
        if one.bucket == "private" and one.key.startswith("_manifests/"):
            return _disown(tools, one.key)
        if one.key.startswith(IMMUTABLE):
            if not deletes.take():
                return "the limit of deletes is reached: look at what it finds, then raise --deletes-max"
            _delete(tools, place)
            return None
        why = _take_down(tools, place, gone)
        _settle(tools, _queue(tools, gone.whose, gone.paths))
        return why
    except HoldfastError as error:
        return str(error)


# ── a profile's own ──


def _begin_manifest(tools: Tools, profile_id: str) -> None:
    """In place of a manifest that can't be read. What it named and the store doesn't want any more is an orphan then, and
    found by the next look."""
    private, key = tools.buckets["private"], keys.manifest(profile_id)
    with suppress(PreconditionFailed, ObjectMissing):
        stored = private.get(key)
        if stored:
            private.put(key, encode(Manifest()), JSON, only_if=stored.etag)


def _bring_back(tools: Tools, profile_id: str) -> None:
    """Renditions that the private bucket has lost: from the public one, or made anew from their original."""
    snapshot = tools.store.profiles.load(profile_id)
    if snapshot is None:
        return
    lost: dict[str, set[str]] = {}
    for medium in snapshot.media:
        for made in medium.renditions:
            if not _has_all(tools, medium, made):
                lost.setdefault(medium.id, set()).add(made.recipe)
    if lost:
        _make_anew(tools, profile_id, lost)


def _has_all(tools: Tools, medium: Media, made: Rendition) -> bool:
    private, public = tools.buckets["private"], tools.buckets["public"]
    source = keys.rendition(medium.id, made.recipe, made.attempt, "")
    shown = keys.media(medium.id, medium.publication, made.recipe, made.attempt, "")
    for part in made.parts():
        try:
            private.stat(source + part.name)
            continue
        except ObjectMissing:
            pass
        try:
            found = public.get(shown + part.name)
        except ObjectMissing:
            return False
        assert found is not None
        with suppress(PreconditionFailed):
            private.put(source + part.name, found.body, Headers(type=part.type), only_if=ABSENT)
    return True


def _make_anew(tools: Tools, profile_id: str, lost: dict[str, set[str]]) -> None:
    def forget(medium: Media) -> Media:
        kept = tuple(made for made in medium.renditions if made.recipe not in lost.get(medium.id, ()))
        return medium.model_copy(
            update={"renditions": kept, "state": "uploaded" if medium.id in lost else medium.state}
        )

    def change(old: Snapshot) -> Snapshot:
        return old.model_copy(update={"media": tuple(forget(medium) for medium in old.media)})

    revise(tools.store, profile_id, change, writer=new_id(), what="media lost", by_creator=False)


# ── what nothing names ──


@dataclass(slots=True)
class Gone:
    """What was taken down, to be purged: of whom, as the tags of an object say it."""

    whose: str = NOBODY
    paths: list[PurgePath] = field(default_factory=list)

    def add(self, place: Place, rank: str) -> None:
        if place.bucket == "public" or keys.is_shown(place.key):
            self.paths.append(PurgePath(keys.purge_path(*place), rank, True))


def _delete(tools: Tools, place: Place) -> None:
    """A file. Its purge is kept first: who dies in between leaves a file that is found again, not one that caches keep."""
    objects, gone = tools.buckets[place.bucket], Gone()
    with suppress(ObjectMissing):
        gone.whose = keys.profile_in(objects.stat(place.key).headers.tags) or NOBODY
    gone.add(place, "")
    purge = _queue(tools, gone.whose, gone.paths)
    objects.delete(place.key)
    _settle(tools, purge)


def _take_down(tools: Tools, place: Place, gone: Gone) -> str | None:
    """A page. Under a name that somebody holds, its owner's manifest learns of it, and the publish decides; under another
    it becomes a 404."""
    known, stored = look(tools.buckets[place.bucket], place.key)
    if stored is None:
        return None
    claim = tools.store.names.get(keys.name_in(place.key))
    owner = claim.profile_id if claim else None
    if owner and tools.store.profiles.head(owner):
        return _adopt(tools, owner, place, known.rank or Rank(0, 0, 0, 0), stored.etag)
    rank = Rank(tools.store.life, 0, 0, 0)
    if known.rank and known.rank.life >= rank.life:
        # In this life somebody must have held the name: whoever takes it next does so under a higher claim.
        _count_up(tools.store.names, keys.name_in(place.key), known.rank.claim)
        rank = known.rank._replace(revision=known.rank.revision + 1)
    stone = tombstone(404, place.key, rank, tools.release, tools.urls)
    put_ranked(tools.buckets[place.bucket], place.key, rank, lambda: stone.body, stone.headers, known)
    gone.whose = keys.profile_in(stored.headers.tags) or gone.whose
    gone.add(place, str(rank))
    return None


def _count_up(names: Names, username: str, number: int) -> None:
    claim = names.get(username)
    while (keys.is_username(username) or is_domain(username)) and (claim.number if claim else 0) < min(
        number, CLAIMS_MAX
    ):
        names.take(username, NOBODY, NOBODY, claim.number if claim else 0)
        claim = names.get(username)
    if claim and claim.profile_id == NOBODY:
        names.settle(username, claim.number, "free")


def _adopt(tools: Tools, owner: str, place: Place, rank: Rank, etag: str) -> str | None:
    manifest, at = read_manifest(tools.buckets["private"], owner)
    if place not in manifest.entries:
        entries = {**manifest.entries, place: Entry(rank, etag, claim=rank.claim)}
        tools.buckets["private"].put(
            keys.manifest(owner), encode(replace(manifest, entries=entries)), JSON, only_if=at
        )
    return mend_profile(tools, owner, ())


def disown_unknown(tools: Tools) -> int:
    """Takes down every profile that has a manifest and isn't in the store; how many those were."""
    gone = 0
    for key in list_manifests(tools):
        profile_id = key.removeprefix("_manifests/").removesuffix(".json")
        if tools.store.profiles.head(profile_id) is None:
            gone += _disown(tools, key) is None
    return gone


def list_manifests(tools: Tools) -> Iterator[str]:
    return tools.buckets["private"].walk("_manifests/")


def _disown(tools: Tools, key: str) -> str | None:
    """The manifest of a profile that the store doesn't know (it was begun after the backup that was restored): all that it
    names is taken down, and it itself stays as a record of that."""
    profile_id = key.removeprefix("_manifests/").removesuffix(".json")
    if tools.store.profiles.head(profile_id):
        return None  # it has come meanwhile
    manifest, _ = read_manifest(tools.buckets["private"], profile_id)
    gone = Gone()
    for place, entry in manifest.entries.items():
        if not entry.lost:
            _take_down(tools, place, gone)
    for folder in manifest.folders:
        files = remove_folder(tools.buckets[folder.bucket], folder.key)
        for key in (folder.key, *files):
            gone.add(Place(folder.bucket, key), "")
    _settle(tools, _queue(tools, profile_id, gone.paths))
    return None


# ── purges ──


def _queue(tools: Tools, profile_id: str, paths: Sequence[PurgePath]) -> Purge | None:
    """For every cache. None if nothing is to be purged, or we have no edges."""
    if not paths:
        return None
    published = tools.store.published.get(profile_id, tools.replica, tools.store.life).get("published")
    # What waits of that profile is taken along, so whatever it has published is proven with it.
    mark = published.mark if published else Mark(tools.store.life, 0, 0)
    with tools.store.together():
        return queue_everywhere(tools, profile_id, mark, tuple(paths))


def _settle(tools: Tools, purge: Purge | None) -> None:
    """At our edges, straight away; where one is away, and in front, the workers go on with it."""
    if purge:
        tools.purger.settle(purge)
