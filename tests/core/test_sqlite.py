"""What is special to the store in one SQLite file: opening it, and a disk that fails."""

from __future__ import annotations

import multiprocessing
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from core.errors import OperatorError, OutcomeUnknown, Unavailable
from core.ids import new_id
from core.store import Change
from core.store.sqlite import SqliteStore
from core.store.sqlite.database import Database
from tests.contracts.nouns import batch, post


def _open_and_write(path: Path, number: int) -> bool:
    store = SqliteStore(path)
    try:
        return store.profiles.commit(batch(f"profile{number}"))
    finally:
        store.close()


def test_processes_that_make_the_same_new_file_at_once_all_get_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        for turn in range(8):
            jobs = [pool.submit(_open_and_write, tmp_path / f"{turn}.db", number) for number in range(4)]
            assert [job.result() for job in jobs] == [True] * 4
            store = SqliteStore(tmp_path / f"{turn}.db")
            assert len(list(store.profiles.ids())) == 4
            store.close()


@pytest.mark.parametrize("what", ["rubbish", "a folder", "a newer schema", "a file above it"])
def test_a_file_that_can_not_be_used_is_told_the_operator_in_words(tmp_path: Path, what: str) -> None:
    path = tmp_path / "holdfast.db"
    if what == "rubbish":
        path.write_bytes(b"this is no database, " * 100)
    elif what == "a folder":
        path.mkdir()
    elif what == "a newer schema":
        connection = sqlite3.connect(path)
        connection.execute("pragma user_version=999")
        connection.close()
    else:
        (tmp_path / "file").touch()
        path = tmp_path / "file" / "holdfast.db"
    with pytest.raises(OperatorError, match=r"set data\.dir elsewhere"):
        SqliteStore(path)


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "holdfast.db")


def test_a_full_disk_is_said_and_leaves_the_store_usable(store: SqliteStore) -> None:
    ann = new_id()
    store.profiles.commit(batch(ann, 1))
    connection = store.database.connection()
    (pages,) = connection.execute("pragma page_count").fetchone()
    connection.execute(f"pragma max_page_count={pages}")
    big = tuple(post(id=f"post{number:06d}", body="x" * 20_000) for number in range(50))
    with pytest.raises(Unavailable) as caught:
        store.profiles.commit(batch(ann, 2, posts=big))
    assert not isinstance(caught.value, OutcomeUnknown)
    connection.execute("pragma max_page_count=1000000")
    found = store.profiles.load(ann)
    assert found is not None
    assert (found.head.revision, found.posts) == (1, ())
    assert store.profiles.commit(batch(ann, 2, posts=big))
    store.close()


def test_a_commit_that_the_disk_failed_is_unknown_and_the_next_write_works(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its frames may stand in the write-ahead log, and count after a restart."""

    class FailingCommit:
        def __init__(self, connection: sqlite3.Connection) -> None:
            self._connection = connection

        def __getattr__(self, name: str) -> object:
            return getattr(self._connection, name)

        def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
            if sql == "commit":
                raise sqlite3.OperationalError("disk I/O error")
            return self._connection.execute(sql, *values)

    connection = store.database.connection()
    with monkeypatch.context() as patched:
        patched.setattr(Database, "connection", lambda _: FailingCommit(connection))
        with pytest.raises(OutcomeUnknown):
            store.changes.hint(Change("ann", 1))
    store.changes.hint(Change("ann", 2))
    assert [hint.change.revision for hint in store.changes.read(None, 10)] == [2]
    store.close()


def test_a_database_that_stays_locked_is_unavailable(store: SqliteStore) -> None:
    other = sqlite3.connect(store.database.path, isolation_level=None)
    other.execute("begin immediate")
    store.database.connection().execute("pragma busy_timeout=50")
    with pytest.raises(Unavailable):
        store.changes.hint(Change("ann", 1))
    other.execute("commit")
    other.close()
    store.changes.hint(Change("ann", 1))
    store.close()
