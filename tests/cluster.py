"""Keyspaces of a real cluster for tests: the schema is made once (that is slow), and emptied before each test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.ring.ring import Ring
from core.ids import new_id
from core.settings import StoreSettings
from core.store.scylla import ScyllaStore
from core.store.scylla.cluster import Connection, connect
from core.store.scylla.migrate import init
from core.store.scylla.schema import TABLES

PATIENCE_S, SLOW_S = 30.0, 30.0


class Keyspace:
    """One store on the cluster. `settings` open it."""

    def __init__(self, connection: Connection, settings: StoreSettings) -> None:
        self.settings = settings
        self._connection = connection

    def empty(self) -> None:
        """As it was made. Only tables that hold something are truncated: looking costs far less."""
        run = self._connection.session
        kept = ("meta", "schema_lock")
        names = [table.name for table in TABLES if table.name not in kept]
        looks = [
            (
                name,
                run.execute_async(f"SELECT * FROM {self.settings.keyspace}.{name} LIMIT 1", timeout=SLOW_S),
            )
            for name in names
        ]
        for sent in [
            run.execute_async(f"TRUNCATE {self.settings.keyspace}.{name}", timeout=SLOW_S)
            for name, look in looks
            if look.result().one()
        ]:
            sent.result()

    @property
    def environment(self) -> dict[str, str]:
        """For processes of ours that shall use it."""
        return {
            "HOLDFAST_STORE__BACKEND": "scylla",
            "HOLDFAST_STORE__NODES": ",".join(self.settings.nodes),
            "HOLDFAST_STORE__KEYSPACE": self.settings.keyspace,
        }


@contextmanager
def keyspace_on(ring: Ring) -> Iterator[Keyspace]:
    """A keyspace of its own."""
    settings = StoreSettings(backend="scylla", nodes=ring.addresses, keyspace=f"test_{new_id()}")
    connection = connect(settings, patience_s=PATIENCE_S)
    try:
        init(connection, settings, lambda _: None)
        yield Keyspace(connection, settings)
        connection.run(f"DROP KEYSPACE {settings.keyspace}")
    finally:
        connection.close()


PLACE = "keyspace.json"


def leave_address(folder: Path, settings: StoreSettings) -> None:
    """Says in a test's folder where its store is; so that a client in any process finds it."""
    (folder / PLACE).write_text(settings.model_dump_json())


def open_at(folder: Path) -> ScyllaStore:
    """The store that the folder names."""
    return ScyllaStore(StoreSettings.model_validate(json.loads((folder / PLACE).read_text())), PATIENCE_S)
