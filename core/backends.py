"""Settings in, open store and object buckets out: the only place that chooses a backend."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core import keys
from core.errors import AccessRefused, OperatorError, Unavailable
from core.log import get_logger
from core.objects import Bucket, ReadObjects, UploadObjects
from core.objects.borrowing import Borrowing
from core.objects.conditions import broken_conditions
from core.objects.folder import FolderObjects, FolderReader
from core.objects.regions import Regions
from core.objects.shown import Shown
from core.settings import BackupSettings, RegionSettings, Settings
from core.store import MAIN, Store

DATABASE = "holdfast.db"
PATIENCE_S = 15.0
"""How long a verb waits for a cluster or a bucket that can't be reached; services wait as long as it takes."""
RETRY_S, TELL_S = 1.0, 30.0
THREADS = 16
"""How many of an edge, or of a verb, use its buckets at once; for studio and worker their own settings say it."""
log = get_logger("backends")


@dataclass(frozen=True, slots=True)
class Backends:
    """What ingest and pipeline work with."""

    store: Store
    public: UploadObjects
    private: UploadObjects

    def close(self) -> None:
        self.store.close()


def open_backends(settings: Settings, patience_s: float | None = PATIENCE_S) -> Backends:
    """Opens (and, in the embedded default, makes) store and buckets, those of the replica that workers of these settings
    publish to. `patience_s`: how long to wait for a cluster that can't be reached; None for ever. Buckets are reached
    when they are first used: see `prove`."""
    region = region_of(settings, settings.worker.replica)
    private = open_bucket(settings, region, "private")
    if region is not settings.objects:
        private = Borrowing(private, open_bucket(settings, settings.objects, "private"))
    return Backends(
        store=open_store(settings, patience_s),
        public=open_bucket(settings, region, "public"),
        private=private,
    )


def region_of(settings: Settings, replica: str) -> RegionSettings:
    """Where a replica's buckets are. Raises OperatorError for one that [objects] doesn't have."""
    if replica == MAIN:
        return settings.objects
    for one in settings.objects.replica:
        if one.name == replica:
            return one
    names = ", ".join([MAIN, *(one.name for one in settings.objects.replica)])
    raise OperatorError(
        f"There is no replica {replica!r} (only {names}): mend worker.replica (--replica), or add it as [[objects.replica]]"
    )


def open_store(settings: Settings, patience_s: float | None = PATIENCE_S) -> Store:
    """The store alone. Each backend is imported only where it is used: an embedded default needs no driver."""
    if settings.store.backend == "scylla":
        from core.store.scylla import ScyllaStore

        return ScyllaStore(settings.store, patience_s)
    from core.store.sqlite import SqliteStore

    return SqliteStore(settings.data.dir / DATABASE)


def open_bucket(settings: Settings, region: RegionSettings, name: Bucket) -> UploadObjects:
    """One of a region's two buckets, with the writers' credentials."""
    if region.backend == "s3":
        from core.objects.s3 import S3Objects
        from core.objects.s3_client import connect

        bucket = region.public if name == "public" else region.private
        threads = max(settings.studio.threads, settings.worker.threads)
        return S3Objects(connect(region, threads, region.profile), bucket)
    return FolderObjects(folder_of(settings, region) / name)


def open_reader(settings: Settings, bucket: Bucket = "public") -> Regions:
    """A bucket in every region, with the edge's credentials: it can't write, and sees neither originals nor manifests; of
    the private one only what private profiles show."""
    names = [MAIN, *(one.name for one in settings.objects.replica)]
    first = region_of(settings, settings.edge.replica)
    regions = {name: region_of(settings, name) for name in names}
    if len(names) > 1:
        # Readers wait while a region is found to be away, and another one has the page.
        quick = {"attempts": 1, "connect_s": min(first.connect_s, 1), "read_s": min(first.read_s, 3)}
        regions = {name: region.model_copy(update=quick) for name, region in regions.items()}
    ordered = sorted(names, key=lambda name: name != settings.edge.replica)
    return Regions({name: _open_reader(settings, regions[name], bucket) for name in ordered})


def _open_reader(settings: Settings, region: RegionSettings, bucket: Bucket) -> ReadObjects:
    if region.backend == "s3":
        from core.objects.s3 import S3Reader
        from core.objects.s3_client import connect

        clients = connect(region, THREADS, region.reader_profile or region.profile)
        name = region.public if bucket == "public" else region.private
        objects: ReadObjects = S3Reader(clients, name, sentinel=(region.public, keys.NOT_FOUND))
    else:
        objects = FolderReader(folder_of(settings, region) / bucket)
    return objects if bucket == "public" else Shown(objects)


def open_target(backup: BackupSettings) -> UploadObjects:
    """Where backups go to and come from."""
    if not backup.target:
        raise OperatorError(
            "Say where backups are: a folder or s3://bucket, as an argument or as backup.target"
        )
    if not backup.target.startswith("s3://"):
        return FolderObjects(Path(backup.target))
    from core.objects.s3 import S3Objects
    from core.objects.s3_client import connect

    region = RegionSettings(backend="s3", **backup.model_dump(exclude={"target"}))
    return S3Objects(connect(region, THREADS, region.profile), backup.target.removeprefix("s3://"))


def folder_of(settings: Settings, region: RegionSettings) -> Path:
    """Where the two folders of the folder backend are."""
    if region.dir:
        return Path(region.dir)
    if region is not settings.objects:
        raise OperatorError(
            "A replica in folders needs a place of its own: set `dir` in its [[objects.replica]]"
        )
    return settings.data.dir


def is_made(settings: Settings) -> bool:
    """Whether there may be a store to open; looking at it must not make one."""
    return settings.store.backend != "sqlite" or (settings.data.dir / DATABASE).exists()


# ── whether buckets can be published to ──


def prove(buckets: Iterable[UploadObjects], patience_s: float | None = PATIENCE_S) -> None:
    """Returns once each bucket has shown that it honours the conditions which publishing rests on.

    Waits while one can't be reached; raises OperatorError for one that refuses us or breaks a condition.
    """
    for bucket in buckets:
        wrong = _proof(bucket, patience_s)
        if wrong:
            raise OperatorError(
                f"{bucket} can't be published to. {' '.join(wrong)} So an older page could replace a newer one: use a "
                "store with conditional writes (docs/objects.md)"
            )


def _proof(bucket: UploadObjects, patience_s: float | None) -> list[str]:
    began = told = time.monotonic()
    while True:
        try:
            return broken_conditions(bucket)
        except AccessRefused as error:
            raise OperatorError(str(error)) from None
        except Unavailable as error:
            now = time.monotonic()
            if patience_s is not None and now - began > patience_s:
                raise
            if now >= told:
                log.warning("objects_away", reason=str(error))
                told = now + TELL_S
            time.sleep(RETRY_S)
