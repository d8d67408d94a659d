"""The store in one SQLite file: the embedded default."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from core.store.sqlite.accounts import SqliteAccounts
from core.store.sqlite.changes import SqliteChanges
from core.store.sqlite.database import Database
from core.store.sqlite.listings import SqliteListings
from core.store.sqlite.names import SqliteNames
from core.store.sqlite.profiles import SqliteProfiles
from core.store.sqlite.progress import (
    SqliteFailures,
    SqliteMediaWork,
    SqlitePublished,
    SqlitePurges,
    SqliteRollouts,
)
from core.store.sqlite.replicas import SqliteReplicas
from core.store.sqlite.workers import SqliteBookmarks, SqliteWorkers


class SqliteStore:
    """`core.store.Store` in the file `path`, which is made if it isn't there. Any number of threads and processes."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path)
        self.accounts = SqliteAccounts(self.database)
        self.names = SqliteNames(self.database)
        self.profiles = SqliteProfiles(self.database)
        self.changes = SqliteChanges(self.database)
        self.media_work = SqliteMediaWork(self.database)
        self.published = SqlitePublished(self.database)
        self.purges = SqlitePurges(self.database)
        self.listings = SqliteListings(self.database)
        self.workers = SqliteWorkers(self.database)
        self.bookmarks = SqliteBookmarks(self.database)
        self.failures = SqliteFailures(self.database)
        self.rollouts = SqliteRollouts(self.database)
        self.replicas = SqliteReplicas(self.database)

    @property
    def life(self) -> int:
        row = self.database.row("select value from meta where key = 'life'")
        return int(row[0]) if row else 1

    def begin_life(self, life: int) -> None:
        with self.database.write() as connection:
            connection.execute(
                "update meta set value = ? where key = 'life' and cast(value as integer) < ?",
                (str(life), life),
            )

    def together(self) -> AbstractContextManager[None]:
        return self.database.together()

    def close(self) -> None:
        self.database.close()
