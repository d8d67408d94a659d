"""The SQLite file: a connection for each thread. WAL, so readers never wait for the one writer."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import BackendAway, OperatorError, OutcomeUnknown, Unavailable
from core.store.sqlite.schema import STEPS

BUSY_TIMEOUT_S = 10.0


class Database:
    """One SQLite file. Reads run in autocommit; a write is one transaction that takes the lock at its beginning."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._migrate()
        except (OSError, sqlite3.DatabaseError, Unavailable) as error:
            self.close()
            raise OperatorError(
                f"{path} can't be opened as Holdfast's database ({error}): see to it, or set data.dir elsewhere"
            ) from error

    def connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = self.connect()
        return found

    def connect(self) -> sqlite3.Connection:
        """A new connection, closed with the database."""
        with _errors():
            made = sqlite3.connect(
                self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            try:
                _use_wal(made)
                made.execute("pragma synchronous=full")
            except BaseException:
                made.close()
                raise
        with self._guard:
            self._open.append(made)
        return made

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query, read at one moment."""
        with _errors():
            return self.connection().execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        """The first row of a query."""
        with _errors():
            found: tuple[Any, ...] | None = self.connection().execute(sql, values).fetchone()
            return found

    def data_version(self, connection: sqlite3.Connection) -> int:
        """A number that moves whenever another connection commits."""
        with _errors():
            (version,) = connection.execute("pragma data_version").fetchone()
            return int(version)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Several reads that see one moment."""
        with _errors():
            connection = self.connection()
            if self._is_together:
                yield connection
                return
            connection.execute("begin")
            try:
                yield connection
            finally:
                connection.execute("commit")

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """One transaction. Without `durable` it survives a kill at once, and a power cut once a later durable one has
        returned: the write-ahead log is one sequence, so what comes first in it is never missing from what comes later."""
        with _errors():
            connection = self.connection()
            if self._is_together:
                yield connection
                return
            connection.execute(f"pragma synchronous={'full' if durable else 'normal'}")
            connection.execute("begin immediate")
            try:
                yield connection
                _commit(connection)
            finally:
                # Not after a commit; nor where SQLite itself has rolled back (a full disk).
                if connection.in_transaction:
                    connection.execute("rollback")

    @contextmanager
    def together(self) -> Iterator[None]:
        """One transaction of all this thread's writes inside; if any of them raises, none has been made."""
        with self.write():
            self._local.together = True
            try:
                yield
            finally:
                self._local.together = False

    @property
    def _is_together(self) -> bool:
        return getattr(self._local, "together", False)

    def close(self) -> None:
        with self._guard:
            for connection in self._open:
                connection.close()
            self._open.clear()

    def _migrate(self) -> None:
        with self.write() as connection:
            (version,) = connection.execute("pragma user_version").fetchone()
            if version == len(STEPS):
                return
            if version > len(STEPS):
                raise OperatorError(
                    f"{self.path} was written by a newer Holdfast (schema {version}): upgrade, or set data.dir elsewhere"
                )
            for step in STEPS[version:]:
                for statement in step.split(";"):
                    connection.execute(statement)
            connection.execute(f"pragma user_version={len(STEPS)}")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Two processes that open a new file at once: the busy timeout doesn't cover the change of the journal's mode."""
    ends = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("pragma journal_mode=wal")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > ends:
                raise
        time.sleep(0.01)


def _commit(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("commit")
    except sqlite3.OperationalError as error:
        # Where the disk failed, the transaction may stand in the write-ahead log and count after a restart.
        raise OutcomeUnknown(f"The database could not end a write ({error}).") from error


@contextmanager
def _errors() -> Iterator[None]:
    """SQLite's errors as ours. A disk that is full or a lock that never frees is "unavailable": nothing was applied."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise BackendAway(f"The database can't be used just now ({error}).") from error
