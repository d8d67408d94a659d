"""`holdfast store init|migrate`: makes the schema, or brings it up to date; also from two places at once.

Cassandra lets two nodes make one table at the same moment under two ids. So the statements run under a lock, and the
lock's own table has an id of its own that is the same whoever makes it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from contextlib import suppress

from core.errors import OperatorError, Unavailable
from core.ids import new_id
from core.settings import StoreSettings
from core.store.scylla.cluster import Connection
from core.store.scylla.cql import Cql
from core.store.scylla.layout import copies_of, who_decides
from core.store.scylla.schema import LOCK, TABLES, VERSION, create, create_keyspace

LOCK_S, LOCK_WAIT_S = 60, 300.0
AGREEMENT_S = 150.0
"""Nodes that missed a change ask for it once a minute."""
Progress = Callable[[str], None]

MIGRATIONS: dict[int, tuple[str, ...]] = {
    2: (
        "CREATE TABLE IF NOT EXISTS {keyspace}.in_sync (part text, epoch bigint, names text, PRIMARY KEY (part, epoch))"
        " WITH CLUSTERING ORDER BY (epoch DESC)",
    ),
    3: (
        "ALTER TABLE {keyspace}.rollouts ADD bare_fingerprint text",
        "ALTER TABLE {keyspace}.rollouts ADD bare bigint",
    ),
    4: (
        "ALTER TABLE {keyspace}.media_work ADD lane text",
        "ALTER TABLE {keyspace}.media_work ADD cost_s bigint",
        "ALTER TABLE {keyspace}.media_work ADD later boolean",
        "ALTER TABLE {keyspace}.media_work ADD remake boolean",
        "ALTER TABLE {keyspace}.media_work ADD making text",
    ),
    5: ("ALTER TABLE {keyspace}.purges ADD tries text",),
}
"""Schema version → the statements that lead to it from the one before, each with its keyspace. Version 1 is what `init` makes of an empty keyspace."""


def init(connection: Connection, settings: StoreSettings, told: Progress) -> bool:
    """Makes keyspace, tables and the store's first life, whatever of it is missing; whether anything was."""
    run = connection.run
    is_scylla = _is_scylla(connection)
    connection.cluster.max_schema_agreement_wait = (
        0  # one wait at the end, instead of a second for each table
    )
    if _version(connection, settings.keyspace) == VERSION:
        return False
    told(f"keyspace {settings.keyspace}")
    run(create_keyspace(settings))
    _agree(connection)
    lock_id = uuid.uuid5(uuid.NAMESPACE_URL, f"holdfast:{settings.keyspace}:{LOCK.name}")
    run(f"CREATE TABLE IF NOT EXISTS {settings.keyspace}.{LOCK.name} {LOCK.cql} WITH id = '{lock_id}'")
    _agree(connection)
    with _Lock(connection.cql) as lock:
        for table in TABLES:
            lock.renew()
            told(f"table {table.name}")
            run(create(table, settings, is_scylla=is_scylla))
        _agree(connection)
        cql = connection.cql
        began = int(cql.clock.now())
        put = "INSERT INTO meta (part, key, value) VALUES ('all', ?, ?) IF NOT EXISTS"
        decides = who_decides(copies_of(connection, settings), settings)
        about = {"life": 1, "shards": settings.shards, "began": began, "decides": decides}
        for key, value in about.items():
            cql.lwt(put, key, str(value))
        # Last: it says that all the rest is there.
        return cql.lwt(put, "schema", str(VERSION))


def migrate(connection: Connection, settings: StoreSettings, told: Progress) -> tuple[int, int]:
    """Brings an older schema up to date: the versions before and after."""
    before = _version(connection, settings.keyspace)
    if before is None:
        raise OperatorError(
            f"The keyspace {settings.keyspace} holds no store yet: `holdfast store init` makes it"
        )
    require_not_newer(before, settings.keyspace)
    connection.cluster.max_schema_agreement_wait = 0
    cql = connection.cql
    with _Lock(cql) as lock:
        now = _version(connection, settings.keyspace) or before
        while now < VERSION:
            for statement in MIGRATIONS[now + 1]:
                lock.renew()
                told(statement.split(" (")[0])
                _run_again(connection, statement.format(keyspace=settings.keyspace))
            _agree(connection)
            _swap(cql, "schema", str(now), str(now + 1))
            now += 1
    return before, now


def _run_again(connection: Connection, statement: str) -> None:
    """Runs it, perhaps after a migration that was killed behind it: not every server knows ADD … IF NOT EXISTS."""
    try:
        connection.run(statement)
    except OperatorError as error:
        # As Cassandra says it, and ScyllaDB.
        if not any(words in str(error) for words in ("already exists", "an existing column")):
            raise


def require_not_newer(version: int, keyspace: str) -> None:
    if version > VERSION:
        raise OperatorError(
            f"The keyspace {keyspace} was written by a newer Holdfast (schema {version}, this one knows {VERSION}):"
            " upgrade this one, or set store.keyspace"
        )


def rehome(connection: Connection, settings: StoreSettings) -> tuple[str, int]:
    """Makes this process' data centres those that decide, in a new life, so that nothing written under the old ones wins
    over it: an operator's act, while no other process runs. Returns who decides and the life's number."""
    decides = who_decides(copies_of(connection, settings), settings)
    kept = _existing(connection, settings)
    if kept["decides"] == decides:
        return decides, int(kept["life"])
    life = new_life(connection, settings)
    _swap(connection.cql, "decides", kept["decides"], decides)
    return decides, life


def new_life(connection: Connection, settings: StoreSettings) -> int:
    """The number of a new life: after a restore, so that what the store says now wins over newer pages in storage."""
    with _Lock(connection.cql):
        life = int(_existing(connection, settings)["life"])
        _swap(connection.cql, "life", str(life), str(life + 1))
    return life + 1


def _existing(connection: Connection, settings: StoreSettings) -> dict[str, str]:
    kept = meta(connection, settings.keyspace)
    if "schema" not in kept:
        raise OperatorError(
            f"The keyspace {settings.keyspace} holds no store yet: `holdfast store init` makes it"
        )
    return kept


def _swap(cql: Cql, key: str, old: str, new: str) -> None:
    cql.lwt("UPDATE meta SET value = ? WHERE part = 'all' AND key = ? IF value = ?", new, key, old)


def _version(connection: Connection, keyspace: str) -> int | None:
    """The schema's version, as its own row tells; None if there is none."""
    kept = meta(connection, keyspace)
    return int(kept["schema"]) if "schema" in kept else None


def meta(connection: Connection, keyspace: str) -> dict[str, str]:
    """What the store knows of itself; nothing where there is none."""
    known = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s AND table_name = 'meta'"
    if not connection.run(known, keyspace):
        return {}
    return dict(connection.cql.serial_all("SELECT key, value FROM meta WHERE part = 'all'"))


def _is_scylla(connection: Connection) -> bool:
    local = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'system' AND table_name = 'scylla_local'"
    return bool(connection.run(local))


def _agree(connection: Connection) -> None:
    """Waits until every node has the same schema."""
    ends = time.monotonic() + AGREEMENT_S
    while True:
        versions = {row[0] for row in connection.run("SELECT schema_version FROM system.local")}
        peers = connection.run("SELECT schema_version FROM system.peers")
        versions |= {row[0] for row in peers if row[0]}
        if len(versions) == 1:
            return
        if time.monotonic() > ends:
            raise OperatorError(
                f"The nodes don't agree on a schema after {AGREEMENT_S:.0f} s: see that all of them are up, restart one"
                " whose system.peers differs from the others', and run it again"
            )
        time.sleep(0.1)


class _Lock:
    """One place at a time changes the schema."""

    def __init__(self, cql: Cql) -> None:
        self._cql, self._me = cql, new_id()

    def __enter__(self) -> _Lock:
        ends = time.monotonic() + LOCK_WAIT_S
        while not self._take():
            if time.monotonic() > ends:
                raise OperatorError(
                    f"Somebody else has been changing the schema for {LOCK_WAIT_S:.0f} s:"
                    " wait until they have finished, and run it again"
                )
            time.sleep(0.5)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Unavailable):  # all is done; the lock runs out by itself
            self._cql.lwt("DELETE FROM schema_lock WHERE name = 'schema' IF holder = ?", self._me)

    def renew(self) -> None:
        """Raises OperatorError if it took so long that somebody else has it."""
        if not self._set():
            raise OperatorError("The schema's lock ran out, and somebody else has it: run it again")

    def _take(self) -> bool:
        insert = "INSERT INTO schema_lock (name, holder) VALUES ('schema', ?) IF NOT EXISTS USING TTL ?"
        try:
            return self._cql.lwt(insert, self._me, LOCK_S) or self._is_mine()
        except Unavailable:
            return self._is_mine()

    def _set(self) -> bool:
        update = "UPDATE schema_lock USING TTL ? SET holder = ? WHERE name = 'schema' IF holder = ?"
        try:
            return self._cql.lwt(update, LOCK_S, self._me, self._me)
        except Unavailable:
            return self._is_mine()

    def _is_mine(self) -> bool:
        row = self._cql.serial("SELECT holder FROM schema_lock WHERE name = 'schema'")
        return bool(row and row[0] == self._me)
