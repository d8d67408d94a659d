"""Which replicas readers may use, in SQLite."""

from __future__ import annotations

import json
from collections.abc import Collection

from core.store import MAIN, InSync
from core.store.sqlite.database import Database

NEWEST = "select epoch, names from in_sync order by epoch desc limit 1"


class SqliteReplicas:
    def __init__(self, database: Database) -> None:
        self._db = database

    def in_sync(self) -> InSync:
        row = self._db.row(NEWEST)
        return InSync(row[0], tuple(json.loads(row[1]))) if row else InSync(0, (MAIN,))

    def change(self, seen: int, names: Collection[str]) -> bool:
        with self._db.write() as connection:
            row = connection.execute(NEWEST).fetchone()
            if (row[0] if row else 0) != seen:
                return False
            connection.execute("insert into in_sync values (?, ?)", (seen + 1, json.dumps(sorted(names))))
        return True
