"""Failures, roll-outs, workers and bookmarks in CQL."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any
from zlib import crc32

from core.errors import OutcomeUnknown
from core.store import NO_ROLLOUT, Failure, Rollout
from core.store.scylla.cql import Cql
from core.store.scylla.schema import SLOTS

BEAT_KEPT_S = 3600
BELIEVED_S = 1.0


class ScyllaFailures:
    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    def put(self, failure: Failure) -> None:
        self._cql.write(
            "INSERT INTO failures (slot, kind, subject, profile_id, reason, attempts, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            _slot(failure.subject),
            failure.kind,
            failure.subject,
            failure.profile_id,
            failure.reason,
            failure.attempts,
            failure.at,
        )

    def all(self) -> Iterator[Failure]:
        select = "SELECT subject, profile_id, kind, reason, attempts, at FROM failures WHERE slot = ?"
        found = self._cql.read_many([(select, (slot,)) for slot in range(SLOTS)])
        failures = [Failure(*row) for rows in found for row in rows]
        return iter(sorted(failures, key=lambda one: (one.at, one.kind, one.subject)))

    def clear(self, kind: str, subject: str) -> None:
        self._cql.write(
            "DELETE FROM failures WHERE slot = ? AND kind = ? AND subject = ?", _slot(subject), kind, subject
        )


_NEWEST_ROLLOUT = (
    "SELECT number, fingerprint, bare_fingerprint, bare FROM rollouts WHERE part = 'all' LIMIT 1"
)
_NEXT_ROLLOUT = "INSERT INTO rollouts (part, number, fingerprint, bare_fingerprint, bare) VALUES ('all', ?, ?, ?, ?) IF NOT EXISTS"


def _rollout(row: Any) -> Rollout | None:
    if row is None:
        return None
    number, fingerprint, bare_fingerprint, bare = row
    # Before schema 3 each roll-out rewrote every file.
    return Rollout(number, fingerprint, bare_fingerprint or "", number if bare is None else bare)


class ScyllaRollouts:
    """The newest is believed for a moment: a page of the one before it is replaced by whoever knows better."""

    def __init__(self, cql: Cql) -> None:
        self._cql = cql
        self._newest: Rollout | None = None
        self._asked_at = float("-inf")

    def current(self) -> Rollout | None:
        if self._newest is None or time.monotonic() - self._asked_at > BELIEVED_S:
            asked_at = time.monotonic()
            self._newest, self._asked_at = _rollout(self._cql.one(_NEWEST_ROLLOUT)), asked_at
        return self._newest

    def promote(self, fingerprint: str, bare_fingerprint: str, *, anew: bool = False) -> Rollout:
        promoted = self._promote(fingerprint, bare_fingerprint, anew)
        self._asked_at = float("-inf")
        return promoted

    def _promote(self, fingerprint: str, bare_fingerprint: str, anew: bool) -> Rollout:
        before: int | None = None
        while True:
            # SERIAL: a promotion by somebody else that is under way is settled first.
            newest = _rollout(self._cql.serial(_NEWEST_ROLLOUT)) or NO_ROLLOUT
            before = newest.number if before is None else before
            promoted = newest.next(fingerprint, bare_fingerprint, anew=anew and newest.number == before)
            if promoted is newest:
                return newest
            try:
                if self._cql.lwt(_NEXT_ROLLOUT, *promoted):
                    return promoted
            except OutcomeUnknown:
                # The same number again: either ours is there by then, or somebody's is.
                continue


class ScyllaWorkers:
    def __init__(self, cql: Cql, nudged_at: str) -> None:
        """`nudged_at` is where this process hears nudges."""
        self._cql, self._nudged_at = cql, nudged_at

    def beat(self, worker_id: str, count: int) -> None:
        self._cql.write(
            "INSERT INTO workers (part, id, beat, nudge) VALUES ('all', ?, ?, ?) USING TTL ?",
            worker_id,
            count,
            self._nudged_at,
            BEAT_KEPT_S,
        )

    def beats(self) -> Mapping[str, int]:
        return dict(self._cql.read("SELECT id, beat FROM workers WHERE part = 'all'"))

    def leave(self, worker_id: str) -> None:
        self._cql.write("DELETE FROM workers WHERE part = 'all' AND id = ?", worker_id)


class ScyllaBookmarks:
    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    def get(self, name: str) -> str | None:
        row = self._cql.one("SELECT place FROM bookmarks WHERE name = ?", name)
        return row[0] if row else None

    def put(self, name: str, place: str) -> None:
        self._cql.write("INSERT INTO bookmarks (name, place) VALUES (?, ?)", name, place)


def _slot(subject: str) -> int:
    return crc32(subject.encode()) % SLOTS
