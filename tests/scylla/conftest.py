"""A store on the ring, empty, and clients of it whose clocks tests can set."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from core.store.scylla import ScyllaStore
from core.store.scylla.clock import StoreClock
from core.store.scylla.cluster import Connection, connect
from core.store.scylla.cql import Cql
from tests.cluster import PATIENCE_S, Keyspace


@pytest.fixture
def opened(keyspace: Keyspace) -> Iterator[Callable[[], ScyllaStore]]:
    """Opens further clients of one empty store."""
    keyspace.empty()
    stores: list[ScyllaStore] = []

    def open_one() -> ScyllaStore:
        stores.append(ScyllaStore(keyspace.settings, PATIENCE_S))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Callable[[], ScyllaStore]) -> ScyllaStore:
    return opened()


class SetClock:
    """A clock that goes on from where a test has set it."""

    def __init__(self, now_s: float) -> None:
        self.ahead_s = now_s - time.time()

    def __call__(self) -> float:
        return time.time() + self.ahead_s

    def set(self, now_s: float) -> None:
        self.ahead_s = now_s - time.time()


@pytest.fixture
def connection(keyspace: Keyspace) -> Iterator[Connection]:
    keyspace.empty()
    made = connect(keyspace.settings, patience_s=PATIENCE_S)
    yield made
    made.close()


@pytest.fixture
def cql_at(keyspace: Keyspace, connection: Connection) -> Callable[[SetClock], Cql]:
    """CQL by a clock of the test's own: what it believes the store's time to be."""
    return lambda clock: Cql(connection.session, StoreClock(clock), keyspace.settings.keyspace)
