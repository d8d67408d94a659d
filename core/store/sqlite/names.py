"""Claims of usernames in SQLite."""

from __future__ import annotations

from typing import Literal

from core.store import Claim
from core.store.sqlite.database import Database


class SqliteNames:
    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, username: str) -> Claim | None:
        row = self._db.row(
            "select username, number, state, profile_id, attempt from claims where username = ?", username
        )
        if row is None:
            return None
        return Claim(username=row[0], number=row[1], state=row[2], profile_id=row[3], attempt=row[4])

    def take(self, username: str, profile_id: str, attempt: str, seen: int) -> Claim | None:
        with self._db.write() as connection:
            if seen == 0:
                done = connection.execute(
                    "insert into claims values (?, 1, 'held', ?, ?) on conflict do nothing",
                    (username, profile_id, attempt),
                )
            else:
                done = connection.execute(
                    "update claims set number = number + 1, state = 'held', profile_id = ?, attempt = ?"
                    " where username = ? and number = ?",
                    (profile_id, attempt, username, seen),
                )
        if done.rowcount != 1:
            return None
        return Claim(username=username, number=seen + 1, state="held", profile_id=profile_id, attempt=attempt)

    def settle(self, username: str, number: int, state: Literal["held", "redirect", "free"]) -> bool:
        with self._db.write() as connection:
            done = connection.execute(
                "update claims set state = ?, profile_id = case ? when 'free' then null else profile_id end"
                " where username = ? and number = ?",
                (state, state, username, number),
            )
        return done.rowcount == 1
