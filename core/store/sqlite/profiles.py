"""Profiles in SQLite: the rows of one profile change together, by `commit` alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from core.media import Media
from core.profile import Head, Post, Snapshot
from core.store import HISTORY_MAX, Answer, Batch, History, Walked
from core.store.sqlite.database import Database

PAGE = 500


class SqliteProfiles:
    parts = 1

    def __init__(self, database: Database) -> None:
        self._db = database

    def load(self, profile_id: str) -> Snapshot | None:
        with self._db.read() as connection:
            head = connection.execute("select body from heads where profile_id = ?", (profile_id,)).fetchone()
            rows = connection.execute(
                "select kind, body from rows where profile_id = ? order by kind, id", (profile_id,)
            ).fetchall()
        if head is None:
            return None
        return Snapshot(
            head=Head.model_validate_json(head[0]),
            posts=tuple(Post.model_validate_json(body) for kind, body in rows if kind == "post"),
            media=tuple(Media.model_validate_json(body) for kind, body in rows if kind == "media"),
        )

    def head(self, profile_id: str) -> Head | None:
        row = self._db.row("select body from heads where profile_id = ?", profile_id)
        return Head.model_validate_json(row[0]) if row else None

    def commit(self, batch: Batch) -> bool:
        head = batch.head
        with self._db.write() as connection:
            if not _write_head(connection, head, first=batch.restores or head.revision == 1):
                return False
            for kind, rows in (("post", batch.posts), ("media", batch.media)):
                connection.executemany(
                    "insert or replace into rows values (?, ?, ?, ?)",
                    [(head.id, kind, row.id, row.model_dump_json(exclude_defaults=True)) for row in rows],
                )
            connection.executemany(
                "delete from rows where profile_id = ? and id = ?", [(head.id, gone) for gone in batch.gone]
            )
            newest = History(head.revision, head.edit, batch.writer, batch.what, batch.at_ms)
            connection.executemany(
                "insert into history values (?, ?, ?, ?, ?, ?)",
                [(head.id, *entry) for entry in (*batch.history, newest)],
            )
            connection.execute(
                "delete from history where profile_id = ? and revision <= ?",
                (head.id, head.revision - HISTORY_MAX),
            )
            if batch.answer:
                connection.execute(
                    "delete from answers where profile_id = ? and expires_at <= ?",
                    (head.id, batch.at_ms // 1000),
                )
                connection.execute(
                    "insert or replace into answers values (?, ?, ?, ?)",
                    (head.id, batch.answer.key, batch.answer.expires_at, batch.answer.model_dump_json()),
                )
        return True

    def writer_of(self, profile_id: str, revision: int) -> str | None:
        row = self._db.row(
            "select writer from history where profile_id = ? and revision = ?", profile_id, revision
        )
        return row[0] if row else None

    def history(self, profile_id: str) -> Sequence[History]:
        rows = self._db.rows(
            "select revision, edit, writer, what, at_ms from history where profile_id = ? order by revision desc",
            profile_id,
        )
        return [History(*row) for row in rows]

    def answer(self, profile_id: str, key: str, now: int) -> Answer | None:
        row = self._db.row(
            "select body from answers where profile_id = ? and key = ? and expires_at > ?",
            profile_id,
            key,
            now,
        )
        return Answer.model_validate_json(row[0]) if row else None

    def walk(self, part: int, after: str | None = None) -> Iterator[Walked]:
        last = after or ""
        while page := self._db.rows(
            "select profile_id, revision from heads where profile_id > ? order by profile_id limit ?",
            last,
            PAGE,
        ):
            yield from (Walked(profile_id, profile_id, revision) for profile_id, revision in page)
            last = page[-1][0]


def _write_head(connection: sqlite3.Connection, head: Head, *, first: bool) -> bool:
    """Whether this revision was the next one, or the first."""
    body = head.model_dump_json(exclude_defaults=True)
    if first:
        done = connection.execute(
            "insert into heads values (?, ?, ?) on conflict do nothing", (head.id, head.revision, body)
        )
    else:
        done = connection.execute(
            "update heads set revision = ?, body = ? where profile_id = ? and revision = ?",
            (head.revision, body, head.id, head.revision - 1),
        )
    return done.rowcount == 1
