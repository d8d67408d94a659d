"""Settings in, open store and object buckets out: the only place that chooses a backend."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.objects import ReadObjects, UploadObjects
from core.objects.folder import FolderObjects, FolderReader
from core.settings import Settings
from core.store import Store
from core.store.sqlite import SqliteStore

DATABASE = "holdfast.db"


@dataclass(frozen=True, slots=True)
class Backends:
    """What ingest and pipeline work with."""

    store: Store
    public: UploadObjects
    private: UploadObjects

    def close(self) -> None:
        self.store.close()


def open_backends(settings: Settings) -> Backends:
    """Opens (and, in the embedded default, makes) store and buckets."""
    folder = settings.data.dir
    return Backends(
        store=SqliteStore(folder / DATABASE),
        public=FolderObjects(folder / "public"),
        private=FolderObjects(folder / "private"),
    )


def is_made(settings: Settings) -> bool:
    """Whether there is a store to open; looking at it must not make one."""
    return (settings.data.dir / DATABASE).exists()


def open_reader(settings: Settings) -> ReadObjects:
    """The public bucket with the edge's credentials: it can't write, and sees neither originals nor manifests."""
    return FolderReader(Path(settings.data.dir) / "public")
