"""Every object of both buckets against every profile's manifest, in bounded memory however large the site is.

What should be there is noted in a temporary SQLite file; then both buckets are listed, which tells ETags and sizes, so an
object is read only where something seems to differ. Suspects are compared afresh (`verify.differences`) before anything
is said of them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from core import keys
from core.errors import ObjectMissing
from core.objects import Bucket, Found
from core.profile import Snapshot
from core.store.everyone import everyone
from pipeline.job import Tools
from pipeline.manifest import Manifest
from pipeline.publish import read_manifest
from pipeline.verify import Difference, differences

BUCKETS: tuple[Bucket, Bucket] = ("public", "private")
BATCH = 1000
# Not of any profile: the release's and the site's own, which `holdfast run` and the workers put anew by themselves.
OF_THE_SITE = ("_assets/", "_site/", "_sitemaps/", keys.HOME, keys.ROBOTS, keys.SITEMAP)
UNKNOWN = (-1, -1)
SCHEMA = """
create table expected (bucket text, key text, etag text, profile text, seen int default 0,
  primary key (bucket, key)) without rowid;
create table folders (bucket text, key text, profile text, files int, bytes int, seen_files int default 0,
  seen_bytes int default 0, primary key (bucket, key)) without rowid;
create table suspects (profile text primary key) without rowid;
create table strays (bucket text, key text, primary key (bucket, key)) without rowid;
"""


class Counts(NamedTuple):
    profiles: int
    objects: int


class Survey:
    """One look at everything. `scratch` is where the temporary file goes, about 200 bytes for each object."""

    def __init__(
        self, tools: Tools, scratch: Path, grace_s: float, tell: Callable[[str, int], None] = lambda *_: None
    ) -> None:
        """`grace_s`: an object that nothing names is an orphan once it is so old; before, somebody may be about to name
        it. `tell` hears of each step, and how many profiles or objects it has seen."""
        self._tools, self._grace_s, self._tell = tools, grace_s, tell
        self._file = scratch / "survey.db"
        self.counts = Counts(0, 0)

    def run(self) -> Iterator[Difference]:
        """All differences. What is published meanwhile is none."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.unlink(missing_ok=True)
        try:
            with closing(sqlite3.connect(self._file, isolation_level=None)) as self._db:
                self._db.execute("pragma synchronous=off")
                self._db.execute("pragma journal_mode=off")
                self._db.executescript(SCHEMA)
                self._note_profiles()
                for bucket in BUCKETS:
                    self._list(bucket)
                self._suspect_what_is_missing()
                yield from self._suspects()
                yield from self._orphans()
        finally:
            self._file.unlink(missing_ok=True)

    # ── what should be there ──

    def _note_profiles(self) -> None:
        store, count = self._tools.store, 0
        self._db.execute("begin")
        for met in everyone(store.profiles):
            snapshot = store.profiles.load(met.profile_id)
            if snapshot:
                self._note(snapshot)
            count += 1
            if count % BATCH == 0:
                self._tell("profiles", count)
        self._db.execute("commit")
        self.counts = self.counts._replace(profiles=count)
        self._tell("profiles", count)

    def _note(self, snapshot: Snapshot) -> None:
        head, store = snapshot.head, self._tools.store
        try:
            manifest, etag = read_manifest(self._tools.buckets["private"], head.id)
        except ValueError:
            manifest, etag = Manifest(), ""
        published = store.published.get(head.id, self._tools.replica, store.life).get("published")
        is_behind = manifest.mark is None or not published or not manifest.mark.covers(published.mark)
        if head.name and (is_behind or manifest.mark is None or manifest.mark.revision < head.revision):
            self._suspect(head.id)
        rows: list[tuple[str, str, str | None]] = [("private", keys.manifest(head.id), etag)]
        rows += [
            (*place, entry.etag if entry.rank and not entry.lost else None)
            for place, entry in manifest.entries.items()
        ]
        sizes = {
            keys.media(medium.id, medium.publication, made.recipe, made.attempt, ""): (made.count, made.bytes)
            for medium in snapshot.media
            for made in medium.renditions
        }
        folders = [
            (*place, *(sizes.get(place.key, UNKNOWN) if retired_at is None else UNKNOWN))
            for place, retired_at in manifest.folders.items()
        ]
        if not head.deleted:
            rows += [("private", keys.original(medium.id), None) for medium in snapshot.uploads]
            folders += [
                ("private", keys.rendition(medium.id, made.recipe, made.attempt, ""), made.count, made.bytes)
                for medium in snapshot.media
                for made in medium.renditions
            ]
        self._db.executemany(
            "insert or replace into expected (bucket, key, etag, profile) values (?, ?, ?, ?)",
            [(*row, head.id) for row in rows],
        )
        self._db.executemany(
            "insert or replace into folders (bucket, key, files, bytes, profile) values (?, ?, ?, ?, ?)",
            [(*row, head.id) for row in folders],
        )

    def _suspect(self, profile_id: str) -> None:
        self._db.execute("insert or ignore into suspects values (?)", (profile_id,))

    # ── what is there ──

    def _list(self, bucket: Bucket) -> None:
        count = 0
        self._db.execute("begin")
        for found in self._tools.buckets[bucket].survey():
            self._meet(bucket, found)
            count += 1
            if count % BATCH == 0:
                self._tell(f"{bucket} objects", count)
        self._db.execute("commit")
        self.counts = self.counts._replace(objects=self.counts.objects + count)
        self._tell(f"{bucket} objects", count)

    def _meet(self, bucket: Bucket, found: Found) -> None:
        row = self._db.execute(
            "select etag, profile from expected where bucket = ? and key = ?", (bucket, found.key)
        ).fetchone()
        if row:
            self._db.execute("update expected set seen = 1 where bucket = ? and key = ?", (bucket, found.key))
            if row[0] is not None and row[0] != found.etag:
                self._suspect(row[1])
            return
        folder = found.key[: found.key.rfind("/") + 1]
        in_folder = self._db.execute(
            "update folders set seen_files = seen_files + 1, seen_bytes = seen_bytes + ? where bucket = ? and key = ?",
            (found.size, bucket, folder),
        ).rowcount
        if in_folder or (bucket == "public" and found.key.startswith(OF_THE_SITE)):
            return
        if time.time() - found.modified_s > self._grace_s:
            self._db.execute("insert or ignore into strays values (?, ?)", (bucket, found.key))

    # ── what differs ──

    def _suspect_what_is_missing(self) -> None:
        self._db.execute(
            "insert or ignore into suspects select distinct profile from expected where not seen and etag is not null"
        )
        self._db.execute(
            "insert or ignore into suspects select distinct profile from folders"
            " where files >= 0 and (files, bytes) != (seen_files, seen_bytes)"
        )

    def _suspects(self) -> Iterator[Difference]:
        for (profile_id,) in self._db.execute("select profile from suspects"):
            yield from differences(self._tools, profile_id)

    def _orphans(self) -> Iterator[Difference]:
        for bucket, key in self._db.execute("select bucket, key from strays"):
            objects = self._tools.buckets[bucket]
            try:
                age_s = time.time() - objects.stat(key).modified_s
            except ObjectMissing:
                continue
            if age_s > self._grace_s:
                yield Difference("orphan", "", bucket, key, f"nothing names it ({age_s / 3600:.0f} h old)")
