"""The SQLite file: its schema, and a connection for each thread. WAL, so readers never wait for the one writer."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import OperatorError, OutcomeUnknown, Unavailable

SCHEMA_VERSION = 1
BUSY_TIMEOUT_S = 10.0

SCHEMA = """
create table meta (key text primary key, value text not null) without rowid;
create table accounts (id text primary key, email text not null unique, body text not null) without rowid;
create table sessions (digest text primary key, account_id text not null, expires_at integer not null,
    ended integer not null default 0) without rowid;
create index sessions_of on sessions (account_id);
create table editors (account_id text, profile_id text, primary key (account_id, profile_id)) without rowid;
create index editors_of on editors (profile_id);
create table invites (digest text primary key, profile_id text not null, used_by text) without rowid;
create index invites_of on invites (profile_id);
create table claims (username text primary key, number integer not null, state text not null, profile_id text,
    attempt text not null) without rowid;
-- A profile's partition: the tables below change together, by Profiles.commit alone.
create table heads (profile_id text primary key, revision integer not null, body text not null) without rowid;
create table rows (profile_id text, kind text, id text, body text not null,
    primary key (profile_id, kind, id)) without rowid;
create table history (profile_id text, revision integer, edit integer not null, writer text not null,
    what text not null, at_ms integer not null, primary key (profile_id, revision)) without rowid;
create table answers (profile_id text, key text, expires_at integer not null, body text not null,
    primary key (profile_id, key)) without rowid;
create table changes (seq integer primary key autoincrement, profile_id text not null, revision integer not null);
create table positions (replica text primary key, position text not null) without rowid;
create table due (at integer, profile_id text, primary key (at, profile_id)) without rowid;
create table media_work (media_id text primary key, profile_id text not null, added_at integer not null) without rowid;
create table published (profile_id text, replica text, life integer, stage text, revision integer not null,
    rollout integer not null, at_ms integer not null, primary key (profile_id, replica, life, stage)) without rowid;
create table transitions (seq integer primary key autoincrement, profile_id text not null, replica text not null,
    stage text not null, life integer not null, revision integer not null, rollout integer not null,
    at_ms integer not null);
create index transitions_of on transitions (profile_id, replica, seq);
create table purges (seq integer primary key autoincrement, replica text not null, id text not null,
    profile_id text not null, body text not null);
create unique index purge_of on purges (replica, id);
create table failures (kind text, subject text, profile_id text not null, reason text not null,
    attempts integer not null, at integer not null, primary key (kind, subject)) without rowid;
create table rollouts (number integer primary key, fingerprint text not null);
"""


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
            connection.execute(f"pragma synchronous={'full' if durable else 'normal'}")
            connection.execute("begin immediate")
            try:
                yield connection
                _commit(connection)
            finally:
                # Not after a commit; nor where SQLite itself has rolled back (a full disk).
                if connection.in_transaction:
                    connection.execute("rollback")

    def close(self) -> None:
        with self._guard:
            for connection in self._open:
                connection.close()
            self._open.clear()

    def _migrate(self) -> None:
        with self.write() as connection:
            (version,) = connection.execute("pragma user_version").fetchone()
            if version == SCHEMA_VERSION:
                return
            if version > SCHEMA_VERSION:
                raise OperatorError(
                    f"{self.path} was written by a newer Holdfast (schema {version}): upgrade, or set data.dir elsewhere"
                )
            for statement in SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute("insert into meta values ('life', '1')")
            connection.execute(f"pragma user_version={SCHEMA_VERSION}")


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
        raise Unavailable(f"The database can't be used just now ({error}).") from error
