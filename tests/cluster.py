"""Keyspaces of a real cluster for tests: the schema is made once (that is slow), and emptied before each test."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from cassandra.encoder import ValueSequence
from cassandra.util import uuid_from_time

from cli.ring.ring import Ring
from core.ids import new_id
from core.settings import StoreSettings
from core.store.scylla import ScyllaStore
from core.store.scylla.cluster import Connection, connect
from core.store.scylla.migrate import init
from core.store.scylla.schema import TABLES
from core.store.scylla.tail import HOUR_S

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
        life = self._connection.run(
            f"SELECT value FROM {self.settings.keyspace}.meta WHERE part = 'all' AND key = 'life'"
        )
        if [tuple(row) for row in life] != [("1",)]:
            self._connection.run(
                f"UPDATE {self.settings.keyspace}.meta SET value = '1' WHERE part = 'all' AND key = 'life' IF EXISTS"
            )

    def lose(self, table: str) -> None:
        """All rows of one table are gone."""
        self._connection.session.execute(f"TRUNCATE {self.settings.keyspace}.{table}", timeout=SLOW_S)

    def hints(self, shard: int) -> list[tuple[UUID, str, int]]:
        """What stands in the change log of this hour and the one before: when, of whom, at which revision."""
        hour = int(time.time() // HOUR_S)
        rows = self._connection.run(
            f"SELECT at, profile_id, revision FROM {self.settings.keyspace}.changes"
            " WHERE shard = %s AND hour IN %s",
            shard,
            ValueSequence((hour - 1, hour)),
        )
        return [tuple(row) for row in rows]

    def add_hint(self, shard: int, profile_id: str, revision: int, age_s: float = 0.0) -> None:
        """A row of the change log, as it was written so long ago."""
        at = uuid_from_time(time.time() - age_s)
        self._connection.run(
            f"INSERT INTO {self.settings.keyspace}.changes (shard, hour, at, profile_id, revision)"
            " VALUES (%s, %s, %s, %s, %s)",
            shard,
            int((time.time() - age_s) // HOUR_S),
            at,
            profile_id,
            revision,
        )

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
        if "HOLDFAST_TEST_RING" in os.environ:  # else the whole ring goes, and dropping takes its time
            connection.run(f"DROP KEYSPACE {settings.keyspace}")
    finally:
        connection.close()


PLACE = "keyspace.json"


def leave_address(folder: Path, settings: StoreSettings) -> None:
    """Says in a test's folder where its store is; so that a client in any process finds it."""
    (folder / PLACE).write_text(settings.model_dump_json())


def names_a_store(folder: Path) -> bool:
    return (folder / PLACE).exists()


def open_at(folder: Path) -> ScyllaStore:
    """The store that the folder names."""
    return ScyllaStore(StoreSettings.model_validate(json.loads((folder / PLACE).read_text())), PATIENCE_S)
