"""Publishing one profile: a target in, storage that shows it out; what a reader sees never goes back.

Name the keys in the manifest first, write media, pages, tombstones (each by `fence.put_ranked`), then the done-mark.
Between these steps all that was written must be durable: one profile's writes are, each; many wait together (batch.py).
`tests/pipeline` runs every interleaving of two publishers and a crash over this code, and goes red when a rule here is
taken out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from core import keys
from core.errors import (
    HoldfastError,
    ObjectMissing,
    OutcomeUnknown,
    PreconditionFailed,
    Stale,
    Unavailable,
)
from core.objects import ABSENT, Bucket, Headers, Objects
from core.rank import Mark, Rank, Verdict, verdict
from core.store import PurgePath
from pipeline.children import copy_folder, remove_folder
from pipeline.fence import Known, get, look, put_ranked
from pipeline.manifest import Entry, Manifest, Place, decode, encode
from pipeline.purge.paths import FILES_MAX
from pipeline.target import Target

TRIES = 8

Buckets = Mapping[Bucket, Objects]
QueuePurge = Callable[[tuple[PurgePath, ...]], None]


def _nobody(_: tuple[PurgePath, ...]) -> None:
    """Hears of nothing."""


@dataclass(slots=True)
class Published:
    """What one publish did. `wrote` counts mutable keys that it put, `copied` folders of children; `superseded` says
    that storage was newer already, or is about to be; `retired_at` when the last folder that waits for its removal went
    out of use (seconds since 1970), None if none waits."""

    mark: Mark
    wrote: int = 0
    copied: int = 0
    paths: tuple[PurgePath, ...] = ()
    superseded: bool = False
    retired_at: int | None = None
    lost: list[Place] = field(default_factory=list)


def publish(
    buckets: Buckets,
    target: Target,
    queue_purge: QueuePurge,
    *,
    trust: bool = True,
    tell: QueuePurge = _nobody,
) -> Published:
    """Makes storage show `target`, or something newer. Repeating it is harmless and cheap.

    `queue_purge` must keep the paths durably before it returns; it is called before the done-mark. `tell` hears of a
    takedown's pages as soon as their tombstones stand; nothing rests on it, and it must not raise. Without `trust` each
    key is looked at again, whatever the manifest says (a rebuild mends what storage has lost).
    Raises Stale when the target is older than storage in one of revision and roll-out, RankDefect when equal ranks hold
    other bytes, Unavailable when it was overtaken too often or storage is away.
    """
    for _ in range(TRIES):
        with suppress(_Moved):
            job = Job(buckets, target, queue_purge, trust, tell)
            for _ in job.steps():
                pass  # each write was durable when it returned
            return job.result
    raise Unavailable("Too many publishers of one profile at once.")


def read_manifest(private: Objects, profile_id: str) -> tuple[Manifest, str]:
    """The manifest and its ETag, or an empty one and ABSENT."""
    try:
        stored = private.get(keys.manifest(profile_id))
    except ObjectMissing:
        return Manifest(), ABSENT
    assert stored is not None
    return decode(stored.body), stored.etag


def _is_older(stored: Rank | None, ours: Rank) -> bool:
    return stored is not None and verdict(stored, ours) is Verdict.REPLACE


def _retired_at(folders: Mapping[Place, int | None]) -> int | None:
    return max((at for at in folders.values() if at is not None), default=None)


class _Moved(HoldfastError):
    """Another publisher moved the manifest meanwhile: begin again."""


class Job:
    """One pass from manifest to done-mark; `result` is what it did."""

    def __init__(
        self,
        buckets: Buckets,
        target: Target,
        queue_purge: QueuePurge,
        trust: bool,
        tell: QueuePurge = _nobody,
    ) -> None:
        self.buckets, self.target, self.trust = buckets, target, trust
        self.queue_purge, self.tell = queue_purge, tell
        self.result = Published(target.mark)
        self.manifest, self.etag = read_manifest(buckets["private"], target.profile_id)
        self.entries = dict(self.manifest.entries)
        self.put: set[Place] = set()
        self.removed: set[Place] = set()
        self.files: list[str] = []
        self.broken: list[Place] = []

    def steps(self) -> Iterator[None]:
        """Publishes; yields wherever what was written must be durable before it goes on, and at the end."""
        if self._overtaken():
            return
        before = self.manifest
        self._name()
        yield
        self.entries = dict(self.manifest.entries)
        if self.target.takedown:
            self._bury("public")
            # A film is thousands of objects: no reader shall get the page for as long as they take.
            self.tell(self._changed(before))
            self._remove_folders()
        self._copy_folders()
        self._write_pages()
        self._bury("public", "private")
        self._remove_folders()
        folders = self._retire_folders()
        self._queue_changed(before)
        yield
        done = replace(
            self.manifest,
            mark=self.target.mark,
            gone=self.target.mark if self.target.takedown else None,
            entries=self.entries,
            folders=folders,
            named=frozenset(),
            removed=(self.manifest.removed | self.removed) & folders.keys(),
        )
        self._save(done)
        yield

    # ── whether and what ──

    def _overtaken(self) -> bool:
        """Whether storage is at the target or beyond, or a newer publisher has begun. Raises Stale if the target lags in
        one of the two counters."""
        for mark in (self.manifest.mark, self.manifest.begun):
            if mark is None or mark == self.target.mark:
                continue
            match verdict(mark.as_rank(), self.target.mark.as_rank()):
                case Verdict.STALE:
                    raise Stale
                case Verdict.LEAVE:
                    self.result.superseded = True
                    return True
        self.result.retired_at = _retired_at(self.manifest.folders)
        return self.manifest.mark == self.target.mark and self.trust

    def _name(self) -> None:
        target = self.target
        new_stones = {
            place: claim for place, claim in target.stones().items() if place not in self.manifest.entries
        }
        wanted = new_stones | target.places()
        self._save(
            self.manifest.naming(wanted, target.folder_places(), target.mark, takedown=target.takedown)
        )

    def _begin(self) -> None:
        """Before a page replaces what another publisher has just written: a tombstone, perhaps, which that one is about
        to record as such. Once it finds the manifest moved it won't."""
        if self.manifest.begun != self.target.mark:
            self._save(replace(self.manifest, begun=self.target.mark))

    def _save(self, manifest: Manifest) -> None:
        if manifest == self.manifest:
            return
        key, body = keys.manifest(self.target.profile_id), encode(manifest)
        private = self.buckets["private"]
        try:
            self.etag = private.put(key, body, Headers(type="application/json"), only_if=self.etag)
        except (PreconditionFailed, OutcomeUnknown):
            # Perhaps our own write, whose reply was lost: equal bytes are ours.
            stored = get(private, key)
            if stored is None or stored.body != body:
                raise _Moved from None
            self.etag = stored.etag
        self.manifest = manifest

    # ── mutable keys ──

    def _write_pages(self) -> None:
        for page in self.target.pages:
            place = Place(self.target.bucket, page.key)
            self.entries[place] = self._write(place, page.rank, page.render, page.headers)

    def _bury(self, *buckets: Bucket) -> None:
        """Tombstones for every key that isn't wanted; data documents first, so that no edge renders from one."""
        wanted = self.target.places()
        gone = [place for place in self.entries if place not in wanted and place.bucket in buckets]
        for place in sorted(gone, key=lambda one: (not one.key.startswith("_data/"), one)):
            entry, fate = self.entries[place], self.target.fate(place)
            if entry.lost or (entry.gone == str(fate) and self.trust):
                continue
            rank = self.target.rank_under(place.key, entry.claim)
            stone = self.target.tombstone(place, rank, fate)
            written = self._write(place, rank, lambda body=stone.body: body, stone.headers)  # type: ignore[misc]
            # Where a newer publisher has been, the key may be alive again: then nobody may count it as gone.
            self.entries[place] = written._replace(gone=str(fate) if written.rank == rank else "")

    def _write(self, place: Place, rank: Rank, render: Callable[[], bytes], headers: Headers) -> Entry:
        objects, entry = self.buckets[place.bucket], self.entries.get(place, Entry())
        if entry.lost:
            return entry
        known = Known(entry.rank, entry.etag)
        if not self.trust and not _is_older(entry.rank, rank):
            # An older one needs no look: the condition of the write that replaces it finds out what isn't as believed.
            known, _ = look(objects, place.key)
            if known.etag not in (None, entry.etag):
                self._begin()
        written = put_ranked(objects, place.key, rank, render, headers, known, self._begin)
        if written.ours:
            self.put.add(place)
            self.result.wrote += 1
        lost = written.rank.life == rank.life and written.rank.claim > rank.claim
        if lost:
            self.result.lost.append(place)
        return Entry(written.rank, written.etag, claim=rank.claim, lost=lost)

    # ── immutable children ──

    def _copy_folders(self) -> None:
        for folder, child in self.target.folders.items():
            place = Place(self.target.bucket, folder)
            if place in self.manifest.named or not self.trust:
                to = self.buckets[place.bucket]
                tags = keys.tag(self.target.profile_id)
                broken = copy_folder(self.buckets["private"], to, child, folder, tags, look=not self.trust)
                self.broken += (Place(place.bucket, key) for key in broken)
                self.result.copied += 1

    def _is_gone(self, place: Place) -> bool:
        """Whether a folder goes at once, without grace: a takedown's, those of a medium that was deleted, and those of a
        card that was drawn anew, since it may show what was deleted."""
        if self.target.takedown and place.bucket == "public":
            return True
        media_id = keys.media_of(place.key)
        is_old_card = media_id == self.target.profile_id and place not in self.target.folder_places()
        return is_old_card or media_id not in self.target.media

    def _remove_folders(self) -> None:
        """What an overtaken publisher copies after this has been named before, so it is in the manifest, and
        `pipeline/tidy.py` removes it once more."""
        for place in self.manifest.folders:
            if place not in self.removed and self._is_gone(place):
                files = remove_folder(self.buckets[place.bucket], place.key)
                self.removed.add(place)
                self.files += files if place.bucket == "public" else ()

    def _retire_folders(self) -> dict[Place, int | None]:
        """Folders that aren't shown any more get their time of death; `pipeline/tidy.py` removes them after the grace."""
        wanted, now = self.target.folder_places(), int(time.time())
        kept = {
            place: None if place in wanted else (at if at is not None else now)
            for place, at in self.manifest.folders.items()
        }
        self.result.retired_at = _retired_at(kept)
        return kept

    # ── purge ──

    def _changed(self, before: Manifest) -> tuple[PurgePath, ...]:
        """Every key whose rank differs from the last done-mark, whoever wrote it, and what was mended here. Hard is what
        nobody may see any more, also while storage is away: a takedown, and single pages that are gone."""
        return tuple(
            PurgePath(keys.purge_path(*place), str(entry.rank), self.target.takedown or bool(entry.gone))
            for place, entry in self.entries.items()
            if entry.rank is not None
            and not entry.lost
            and (place in self.put or entry.rank != before.entries.get(place, Entry()).rank)
        )

    def _queue_changed(self, before: Manifest) -> None:
        self.result.paths = (
            *self._changed(before),
            # Whole folders, by a path that ends with a slash; they have no rank, since nothing is there any more.
            *(
                PurgePath(keys.purge_path(*place), "", True)
                for place in self.removed
                if place not in before.removed
            ),
            # And each of their files, for caches that know no folders.
            *(PurgePath(keys.path_of(key), "", True) for key in self.files),
            # Files that were broken, and are there again: softly, and without a rank that could be looked for.
            *(PurgePath(keys.purge_path(*place), "", False) for place in self.broken[:FILES_MAX]),
        )
        if self.result.paths:
            self.queue_purge(self.result.paths)
