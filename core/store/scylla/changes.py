"""The change log and what falls due, in CQL: appended to by shard and hour, read from behind by `tail.py`."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from uuid import UUID

from core.store import Change, Due, Hint
from core.store.contracts.changes import due_name, named_due
from core.store.scylla.agenda import Agenda
from core.store.scylla.clock import seconds
from core.store.scylla.cql import Cql
from core.store.scylla.nudge import Ear, shard_of
from core.store.scylla.opening import Born
from core.store.scylla.tail import HOUR_S, Tail, decode

POLL_MIN_S = 0.02
POLL_GROWS = 1.6
UNHEARD_POLL_S = 0.25
"""How long a poll may wait at most where there are no nudges."""


class ScyllaChanges:
    def __init__(self, cql: Cql, born: Born, due_work: Agenda, ear: Ear, poll_s: float) -> None:
        self.shards = born.shards
        self._cql, self._born, self._ear, self._agenda = cql, born, ear, due_work
        # Who is nudged reads the shard that it was nudged about; looking through all of them is for nudges that were lost.
        self._poll_s = poll_s if ear.address else min(poll_s, UNHEARD_POLL_S)
        self._soonest_s = poll_s if ear.address else POLL_MIN_S
        # A thread is one reader: what it has been given already is known by thread.
        self._reader = threading.local()

    def hint(self, change: Change) -> None:
        self._cql.measure_clock()
        at = self._cql.clock.new_timeuuid()
        self._cql.write(
            "INSERT INTO changes (shard, hour, at, profile_id, revision) VALUES (?, ?, ?, ?, ?)",
            shard_of(change.profile_id, self.shards),
            int(seconds(at) // HOUR_S),
            at,
            change.profile_id,
            change.revision,
        )

    def read(self, after: str | None, limit: int, shards: Collection[int] | None = None) -> Sequence[Hint]:
        self._cql.measure_clock()
        wanted = frozenset(range(self.shards) if shards is None else shards)
        tail: Tail | None = getattr(self._reader, "tail", None)
        if tail is None or (tail.position, tail.shards) != (after, wanted):
            tail = self._reader.tail = Tail(self._cql, self._born.began, after, wanted)
            self._reader.quiet_s = self._soonest_s
        hints = tail.read(limit, self._quiet_s)
        if hints:
            self._reader.quiet_s = self._soonest_s
        return hints

    def wait(self, timeout_s: float) -> None:
        """Until somebody nudges, or the next poll is due: soon after something came, and ever later when nothing does."""
        tail: Tail | None = getattr(self._reader, "tail", None)
        quiet_s = self._quiet_s
        left_s = tail.due_in_s if tail else quiet_s
        heard = self._ear.listen(max(0.0, min(timeout_s, left_s)))
        if heard and tail:
            tail.heard |= heard & tail.shards
        if not heard:
            self._reader.quiet_s = min(self._poll_s, quiet_s * POLL_GROWS)

    @property
    def _quiet_s(self) -> float:
        found: float = getattr(self._reader, "quiet_s", self._soonest_s)
        return found

    # ── positions ──

    def position(self, replica: str) -> str | None:
        rows = self._cql.read("SELECT shard, at FROM positions WHERE replica = ?", replica)
        return ",".join(f"{shard}:{at.hex}" for shard, at in sorted(rows)) or None

    def save_position(self, replica: str, position: str) -> None:
        self._cql.write_together(
            [
                (
                    "INSERT INTO positions (replica, shard, at) VALUES (?, ?, ?) USING TIMESTAMP ?",
                    (replica, shard, at, _microseconds(at)),
                )
                for shard, at in decode(position).items()
            ]
        )

    # ── what falls due ──

    def schedule(self, profile_id: str, at: int, replica: str = "") -> None:
        name = due_name(profile_id, replica)
        self._cql.write("INSERT INTO due_work (profile_id, at) VALUES (?, ?)", name, at)
        self._agenda.add(at, name)

    def due(self, now: int, limit: int) -> Sequence[Due]:
        found = self._agenda.pending(limit, now)
        return [named_due(name, at) for (at, name), _ in found]

    def settle_due(self, due: Due) -> None:
        self.unschedule(due_name(due.profile_id, due.replica), due.at)

    def unschedule(self, profile_id: str, at: int) -> None:
        self._cql.write("DELETE FROM due_work WHERE profile_id = ? AND at = ?", profile_id, at)
        self._agenda.forget(profile_id, at)


def _microseconds(at: UUID) -> int:
    """A later position has the later timestamp: so an older one, by a worker that was paused, never replaces it."""
    return int(seconds(at) * 1_000_000)
