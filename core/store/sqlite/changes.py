"""The change log in SQLite: an append-only table, and its wake-up by the file's data version."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Collection, Sequence

from core.store import Change, Due, Hint
from core.store.contracts.changes import due_name, named_due
from core.store.sqlite.database import Database

POLL_S = 0.004
KEPT = 50_000
"""Log rows kept behind the saved position."""


class SqliteChanges:
    shards = 1

    def __init__(self, database: Database) -> None:
        self._db = database
        self._watch = threading.local()

    def hint(self, change: Change) -> None:
        # Not synced by itself: the batch that follows is, and the write-ahead log keeps their order.
        with self._db.write(durable=False) as connection:
            connection.execute("insert into changes (profile_id, revision) values (?, ?)", change)

    def read(self, after: str | None, limit: int, shards: Collection[int] | None = None) -> Sequence[Hint]:
        if shards is not None and 0 not in shards:
            return []
        rows = self._db.rows(
            "select seq, profile_id, revision from changes where seq > ? order by seq limit ?",
            int(after or 0),
            limit,
        )
        return [Hint(str(seq), Change(profile_id, revision)) for seq, profile_id, revision in rows]

    def wait(self, timeout_s: float) -> None:
        """Watches PRAGMA data_version, on a connection that never writes: it moves when any other one commits.

        Each thread has its own, so that none takes another's wake-up.
        """
        ends = time.monotonic() + timeout_s
        connection: sqlite3.Connection | None = getattr(self._watch, "connection", None)
        if connection is None:
            connection = self._watch.connection = self._db.connect()
            self._watch.seen = -1
        while True:
            version = self._db.data_version(connection)
            if version != self._watch.seen:
                self._watch.seen = version
                return
            left = ends - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(POLL_S, left))

    def position(self, replica: str) -> str | None:
        row = self._db.row("select position from positions where replica = ?", replica)
        return row[0] if row else None

    def save_position(self, replica: str, position: str) -> None:
        with self._db.write(durable=False) as connection:
            connection.execute(
                "insert into positions values (?, ?) on conflict do update set position = excluded.position"
                " where cast(excluded.position as integer) > cast(position as integer)",
                (replica, position),
            )
            connection.execute(
                "delete from changes where seq <= (select min(cast(position as integer)) from positions) - ?",
                (KEPT,),
            )

    def schedule(self, profile_id: str, at: int, replica: str = "") -> None:
        with self._db.write() as connection:
            connection.execute(
                "insert into due values (?, ?) on conflict do nothing", (at, due_name(profile_id, replica))
            )

    def due(self, now: int, limit: int) -> Sequence[Due]:
        rows = self._db.rows(
            "select at, profile_id from due where at <= ? order by at, profile_id limit ?", now, limit
        )
        return [named_due(name, at) for at, name in rows]

    def settle_due(self, due: Due) -> None:
        self.unschedule(due_name(due.profile_id, due.replica), due.at)

    def unschedule(self, profile_id: str, at: int) -> None:
        with self._db.write() as connection:
            connection.execute("delete from due where at = ? and profile_id = ?", (at, profile_id))
