"""A store and a bucket of every backend, each test with its own empty one; and threads that begin together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import Keyspace, leave_address
from tests.contracts.backends import OBJECTS, STORES, ObjectsPlace, StorePlace
from tests.contracts.patient import PatientObjects, PatientStore
from tests.gateway import leave_region

SERVERS = ("cassandra", "versitygw", "minio")


def _with_its_server(backend: str) -> Any:
    return pytest.param(backend, marks=pytest.mark.server(backend)) if backend in SERVERS else backend


@pytest.fixture(params=map(_with_its_server, STORES))
def store_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StorePlace]:
    if request.param == "cassandra":
        keyspace: Keyspace = request.getfixturevalue("keyspace")
        keyspace.empty()
        leave_address(tmp_path, keyspace.settings)
    place = StorePlace(request.param, tmp_path)
    yield place
    place.close()


@pytest.fixture
def store(store_place: StorePlace) -> PatientStore:
    return store_place.open()


@pytest.fixture(params=map(_with_its_server, OBJECTS))
def bucket_place(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectsPlace:
    if request.param in SERVERS:
        leave_region(tmp_path, request.getfixturevalue(request.param).region())
    return ObjectsPlace(request.param, tmp_path)


@pytest.fixture
def bucket(bucket_place: ObjectsPlace) -> PatientObjects:
    return bucket_place.open()


Together = Callable[[int, Callable[[int], Any]], list[Any]]


@pytest.fixture
def together() -> Together:
    """Runs `work(number)` in that many threads, which begin at one moment; what they return, in order."""

    def run(count: int, work: Callable[[int], Any]) -> list[Any]:
        gate = threading.Barrier(count)

        def begin(number: int) -> Any:
            gate.wait()
            return work(number)

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(begin, range(count)))

    return run
