"""Many who begin at one moment at one folder's buckets: threads that share clients, or processes with their own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from core.objects.s3 import S3Objects
from core.settings import SiteSettings
from generator.release import load_release
from tests.contracts.backends import ObjectsPlace, in_processes
from tests.gateway import open_both, open_private
from tests.pipeline.little_site import Site

THREADS, PROCESSES = 6, 3


class BucketPlace(ObjectsPlace):
    """A bucket without the suite's patience: the fence settles by itself what it doesn't know."""

    def open(self) -> S3Objects:  # type: ignore[override]
        return open_private(self.folder)


class SitePlace(ObjectsPlace):
    """A site whose store is in the folder, and whose buckets are those that the folder names."""

    def open(self) -> Site:  # type: ignore[override]
        return Site(self.folder, load_release(SiteSettings()), open_both(self.folder))


Work = Callable[[Any, int], Any]
Crowd = Callable[[Work, ObjectsPlace], list[Any]]


def threads(work: Work, place: ObjectsPlace) -> list[Any]:
    """What `work(client, number)` returned in each of the threads."""
    client, gate = place.open(), threading.Barrier(THREADS)

    def begin(number: int) -> Any:
        gate.wait()
        return work(client, number)

    try:
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(begin, range(THREADS)))
    finally:
        if isinstance(client, Site):
            client.store.close()


def processes(work: Work, place: ObjectsPlace) -> list[Any]:
    """What it returned in each of the processes."""
    return in_processes(work, place, PROCESSES)
