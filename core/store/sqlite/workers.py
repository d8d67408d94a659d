"""The workers' heartbeats, and where their long walks have got to, in SQLite."""

from __future__ import annotations

import time
from collections.abc import Mapping

from core.store.sqlite.database import Database

KEPT_S = 3600
"""How long the last beat of a worker that never said good-bye is kept."""


class SqliteWorkers:
    def __init__(self, database: Database) -> None:
        self._db = database

    def beat(self, worker_id: str, count: int) -> None:
        now = int(time.time())
        with self._db.write(durable=False) as connection:
            connection.execute("insert or replace into workers values (?, ?, ?)", (worker_id, count, now))
            connection.execute("delete from workers where beaten_at < ?", (now - KEPT_S,))

    def beats(self) -> Mapping[str, int]:
        return dict(self._db.rows("select worker_id, count from workers"))

    def leave(self, worker_id: str) -> None:
        with self._db.write(durable=False) as connection:
            connection.execute("delete from workers where worker_id = ?", (worker_id,))


class SqliteBookmarks:
    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, name: str) -> str | None:
        row = self._db.row("select place from bookmarks where name = ?", name)
        return row[0] if row else None

    def put(self, name: str, place: str) -> None:
        with self._db.write(durable=False) as connection:
            connection.execute("insert or replace into bookmarks values (?, ?)", (name, place))
