"""The backends that the contract suite runs on. A new one is done when its line here is green.

`open` gets a folder of the test's own, and is called once for each client: all clients of one folder share its data.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.objects.folder import FolderObjects
from core.store import Store
from core.store.sqlite import SqliteStore
from tests.cluster import open_at
from tests.contracts.lossy import LossyObjects
from tests.contracts.patient import PatientObjects, PatientStore
from tests.contracts.unruly import UnrulyStore
from tests.gateway import open_private

STORES: dict[str, Callable[[Path], Store]] = {
    "sqlite": lambda folder: SqliteStore(folder / "store.db"),
    "sqlite unruly": lambda folder: UnrulyStore(SqliteStore(folder / "store.db")),
    "cassandra": open_at,
}
OBJECTS: dict[str, Callable[[Path], Any]] = {
    "folder": lambda folder: FolderObjects(folder / "bucket"),
    "folder lossy": lambda folder: LossyObjects(FolderObjects(folder / "bucket")),
    "versitygw": open_private,
    "minio": open_private,
}


@dataclass
class StorePlace:
    """One store's data, and as many clients of it as a test opens."""

    backend: str
    folder: Path
    clients: list[PatientStore] = field(default_factory=list)

    def open(self) -> PatientStore:
        self.clients.append(PatientStore(STORES[self.backend](self.folder)))
        return self.clients[-1]

    def close(self) -> None:
        for client in self.clients:
            client.close()


@dataclass
class ObjectsPlace:
    """One bucket, and as many clients of it as a test opens."""

    backend: str
    folder: Path

    def open(self) -> PatientObjects:
        return PatientObjects(OBJECTS[self.backend](self.folder))


def in_processes(work: Callable[..., Any], place: StorePlace | ObjectsPlace, count: int = 2) -> list[Any]:
    """Runs `work(client, number)` in that many new processes, which begin together."""
    # Spawned: a fork would share what the parent has open, and real processes don't.
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs = [
            pool.submit(_begin, work, type(place), place.backend, place.folder, number, count)
            for number in range(count)
        ]
        return [job.result() for job in jobs]


def _begin(
    work: Callable[..., Any],
    kind: type[StorePlace] | type[ObjectsPlace],
    backend: str,
    folder: Path,
    number: int,
    count: int,
) -> Any:
    place = kind(backend, folder)
    client = place.open()
    (folder / f"ready-{number}").touch()
    while len(list(folder.glob("ready-*"))) < count:
        time.sleep(0.005)
    try:
        return work(client, number)
    finally:
        if isinstance(place, StorePlace):
            place.close()
