"""What is special to the store in one SQLite file: opening it, files of older schemas, and a disk that fails."""

from __future__ import annotations

import multiprocessing
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from core.errors import OperatorError, OutcomeUnknown, Unavailable
from core.ids import new_id
from core.rank import Mark
from core.store import MAIN, Change, Reached
from core.store.everyone import everyone
from core.store.naming import owner_of
from core.store.sqlite import SqliteStore
from core.store.sqlite.database import Database
from core.store.sqlite.schema import STEPS
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
            assert len(list(everyone(store.profiles))) == 4
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


def test_of_writes_made_together_none_is_there_if_one_fails(store: SqliteStore) -> None:
    with pytest.raises(ValueError, match="no more"), store.together():
        store.published.record("ann", MAIN, Reached("published", Mark(1, 1, 1), 5))
        raise ValueError("no more")
    assert store.published.get("ann", MAIN, 1) == {}
    store.published.record("bob", MAIN, Reached("published", Mark(1, 1, 1), 5))
    assert store.published.get("bob", MAIN, 1)


def test_positions_are_compared_as_numbers(store: SqliteStore) -> None:
    for position, kept in (("9", "9"), ("10", "10"), ("9", "10")):
        store.changes.save_position(MAIN, position)
        assert store.changes.position(MAIN) == kept
    store.close()


# ── older schemas ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A file of the first schema, written by the code of that time."""
    path = tmp_path / "holdfast.db"
    connection = sqlite3.connect(path)
    connection.executescript(Path(__file__).with_name("schema_1.sql").read_text())
    connection.close()
    return path


def test_a_file_of_the_first_schema_keeps_all_that_it_holds(older: Path) -> None:
    store = SqliteStore(older)
    assert store.database.row("pragma user_version") == (len(STEPS),)
    assert len(list(everyone(store.profiles))) == 5
    ann = owner_of(store, "ann")
    assert ann
    found = store.profiles.load(ann)
    assert found is not None
    assert (found.head.profile.bio, [post.slug for post in found.posts]) == ("Not published yet.", ["boats"])
    assert store.published.get(ann, MAIN, store.life)["live"].mark == Mark(1, 3, 1)
    assert [one.id for one in store.purges.pending_of(MAIN, ann)] == ["waiting"]
    assert [task.media_id for task in store.media_work.pending(10)] == ["photo"]
    assert store.changes.position(MAIN) == "7"
    assert len(store.changes.read("7", 100)) == 8
    assert store.life == 1
    store.close()
    again = SqliteStore(older)
    assert len(list(everyone(again.profiles))) == 5, "the step is taken once"
    again.close()


def test_a_file_of_the_first_schema_gets_its_listings(older: Path) -> None:
    """Of what is published, public and not deleted; others come when they are published."""
    store = SqliteStore(older)
    ann = owner_of(store, "ann")
    assert ann
    listed = [one for shard in range(256) for one in store.listings.of(shard, store.life)]
    assert [(one.profile_id, one.username) for one in listed] == [(ann, "ann")]
    assert list(store.listings.of(int(ann[:2], 16), store.life)) == listed
    head = store.profiles.head(ann)
    assert head is not None
    assert listed[0].edited_at == head.edited_at
    store.listings.put(int(ann[:2], 16), ann, Mark(1, 2, 9), None)
    assert list(store.listings.of(int(ann[:2], 16), store.life)) == listed, "it has the published mark"
    store.close()


def test_a_takedown_that_waits_in_an_older_file_goes_first(older: Path) -> None:
    connection = sqlite3.connect(older)
    for name, hard in (("edit", "false"), ("takedown", "true")):
        body = f'[[1, 3, 1], [["/ann/feed.xml", "1.1.3.1", false], ["/ann", "1.1.3.1", {hard}]], 1000]'
        connection.execute(
            "insert into purges (replica, id, profile_id, body) values ('main', ?, 'ann', ?)", (name, body)
        )
    connection.commit()
    connection.close()
    store = SqliteStore(older)
    assert [one.id for one in store.purges.pending(MAIN, 10)] == ["takedown", "waiting", "edit"]
    store.close()


def test_an_older_file_has_the_tables_of_a_new_one(older: Path, tmp_path: Path) -> None:
    def tables(path: Path) -> list[tuple[str, ...]]:
        store = SqliteStore(path)
        found = store.database.rows("select type, name, sql from sqlite_schema order by type, name")
        store.close()
        return found

    assert tables(older) == tables(tmp_path / "new.db")
