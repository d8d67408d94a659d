"""What the lists of the whole site show, in SQLite."""

from __future__ import annotations

from collections.abc import Iterator

from core.rank import Mark
from core.store import Listed
from core.store.sqlite.database import Database

PAGE = 1000


class SqliteListings:
    def __init__(self, database: Database) -> None:
        self._db = database

    def put(self, shard: int, profile_id: str, mark: Mark, listed: Listed | None) -> None:
        # What is taken off keeps its row, so that an older mark that comes late doesn't bring it back.
        shown = (listed.username, listed.edited_at) if listed else (None, None)
        # Not synced: a power cut that takes it back takes back the published mark before it, and the profile comes again.
        with self._db.write(durable=False) as connection:
            connection.execute(
                "insert into listings values (?, ?, ?, ?, ?, ?, ?) on conflict do update set"
                " revision = excluded.revision, rollout = excluded.rollout,"
                " username = excluded.username, edited_at = excluded.edited_at"
                " where (excluded.revision, excluded.rollout) >= (revision, rollout)",
                (mark.life, shard, profile_id, mark.revision, mark.rollout, *shown),
            )

    def of(self, shard: int, life: int) -> Iterator[Listed]:
        last = ""
        while page := self._db.rows(
            "select profile_id, username, edited_at from listings"
            " where life = ? and shard = ? and profile_id > ? and username is not null order by profile_id limit ?",
            life,
            shard,
            last,
            PAGE,
        ):
            yield from (Listed(*row) for row in page)
            last = page[-1][0]
