"""Claims of usernames in CQL: each call is one conditional write on one row."""

from __future__ import annotations

from typing import Literal

from core.store import Claim
from core.store.scylla.cql import Cql


class ScyllaNames:
    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    def get(self, username: str) -> Claim | None:
        row = self._cql.serial(
            "SELECT number, state, profile_id, attempt FROM claims WHERE username = ?", username
        )
        if row is None:
            return None
        number, state, profile_id, attempt = row
        return Claim(username=username, number=number, state=state, profile_id=profile_id, attempt=attempt)

    def take(self, username: str, profile_id: str, attempt: str, seen: int) -> Claim | None:
        if seen == 0:
            done = self._cql.lwt(
                "INSERT INTO claims (username, number, state, profile_id, attempt) VALUES (?, 1, 'held', ?, ?)"
                " IF NOT EXISTS",
                username,
                profile_id,
                attempt,
            )
        else:
            done = self._cql.lwt(
                "UPDATE claims SET number = ?, state = 'held', profile_id = ?, attempt = ? WHERE username = ?"
                " IF number = ?",
                seen + 1,
                profile_id,
                attempt,
                username,
                seen,
            )
        if not done:
            return None
        return Claim(username=username, number=seen + 1, state="held", profile_id=profile_id, attempt=attempt)

    def settle(self, username: str, number: int, state: Literal["held", "redirect", "free"]) -> bool:
        if state == "free":
            free = "UPDATE claims SET state = 'free', profile_id = null WHERE username = ? IF number = ?"
            return self._cql.lwt(free, username, number)
        return self._cql.lwt(
            "UPDATE claims SET state = ? WHERE username = ? IF number = ?", state, username, number
        )
