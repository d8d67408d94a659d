"""Settings in, open store and object buckets out: the only place that chooses a backend."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.objects import ReadObjects, UploadObjects
from core.objects.folder import FolderObjects, FolderReader
from core.settings import Settings
from core.store import Store

DATABASE = "holdfast.db"
PATIENCE_S = 15.0
"""How long a verb waits for a cluster that can't be reached; services wait as long as it takes."""


@dataclass(frozen=True, slots=True)
class Backends:
    """What ingest and pipeline work with."""

    store: Store
    public: UploadObjects
    private: UploadObjects

    def close(self) -> None:
        self.store.close()


def open_backends(settings: Settings, patience_s: float | None = PATIENCE_S) -> Backends:
    """Opens (and, in the embedded default, makes) store and buckets. `patience_s`: how long to wait for a cluster that
    can't be reached; None for ever."""
    folder = settings.data.dir
    return Backends(
        store=open_store(settings, patience_s),
        public=FolderObjects(folder / "public"),
        private=FolderObjects(folder / "private"),
    )


def open_store(settings: Settings, patience_s: float | None = PATIENCE_S) -> Store:
    """The store alone. Each backend is imported only where it is used: an embedded default needs no driver."""
    if settings.store.backend == "scylla":
        from core.store.scylla import ScyllaStore

        return ScyllaStore(settings.store, patience_s)
    from core.store.sqlite import SqliteStore

    return SqliteStore(settings.data.dir / DATABASE)


def is_made(settings: Settings) -> bool:
    """Whether there may be a store to open; looking at it must not make one."""
    return settings.store.backend != "sqlite" or (settings.data.dir / DATABASE).exists()


def open_reader(settings: Settings) -> ReadObjects:
    """The public bucket with the edge's credentials: it can't write, and sees neither originals nor manifests."""
    return FolderReader(Path(settings.data.dir) / "public")
