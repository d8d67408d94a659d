"""Media work, purges and what falls due, in CQL: a row for each thing, and an agenda that points to them by time."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from core.rank import Mark
from core.store import MediaTask, Purge, PurgePath
from core.store.scylla.agenda import SLOW_S, Agenda, Pointer
from core.store.scylla.cql import Cql

MEDIA_SLOT_S, DUE_SLOT_S, PURGE_SLOT_S = 3600, 3600, 60
PURGES_KNOWN = 20_000
YOUNG_S = 120.0
"""A medium's pointer comes before its row: so long it may point to nothing yet. Longer than `agenda.SLOW_S`."""


def due_work(cql: Cql, began: int) -> Agenda:
    """What falls due: for a profile (the pointer's `of`) at a time."""

    def ask(pointers: Sequence[Pointer]) -> list[bool | None]:
        select = "SELECT at FROM due_work WHERE profile_id = ? AND at = ?"
        found = cql.read_many([(select, (profile_id, at)) for at, profile_id in pointers])
        return [True if rows else None for rows in found]

    return Agenda(cql, "due", DUE_SLOT_S, began, ask)


class ScyllaMediaWork:
    def __init__(self, cql: Cql, began: int) -> None:
        self._cql = cql
        self._agenda = Agenda(cql, "media", MEDIA_SLOT_S, began, self._ask, YOUNG_S)

    def add(self, task: MediaTask) -> None:
        if self._row(task.media_id) is None:
            self._put(task)

    def pending(self, limit: int) -> Sequence[MediaTask]:
        return [
            MediaTask(media_id, profile_id, at) for (at, media_id), profile_id in self._agenda.pending(limit)
        ]

    def defer(self, task: MediaTask) -> None:
        if self._row(task.media_id) is not None:
            self._put(task)

    def done(self, media_id: str) -> None:
        self._cql.write("DELETE FROM media_work WHERE media_id = ?", media_id)
        self._agenda.forget(media_id)

    def _put(self, task: MediaTask) -> None:
        """The pointer first: a row without one would wait for ever, since nobody adds what has a row."""
        while True:
            began = time.monotonic()
            self._agenda.add(task.added_at, task.media_id)
            self._cql.write(
                "INSERT INTO media_work (media_id, profile_id, added_at) VALUES (?, ?, ?)",
                task.media_id,
                task.profile_id,
                task.added_at,
            )
            if time.monotonic() - began < SLOW_S:
                return

    def _row(self, media_id: str) -> tuple[str, int] | None:
        row = self._cql.one("SELECT profile_id, added_at FROM media_work WHERE media_id = ?", media_id)
        return (row[0], row[1]) if row else None

    def _ask(self, pointers: Sequence[Pointer]) -> list[str | None]:
        """The profile of each medium that waits since just then: a task that was put off has another pointer."""
        select = "SELECT profile_id, added_at FROM media_work WHERE media_id = ?"
        found = self._cql.read_many([(select, (media_id,)) for _, media_id in pointers])
        return [
            rows[0][0] if rows and rows[0][1] == at else None
            for (at, _), rows in zip(pointers, found, strict=True)
        ]


class ScyllaPurges:
    def __init__(self, cql: Cql, began: int) -> None:
        self._cql, self._began = cql, began
        self._agendas: dict[str, Agenda] = {}
        # Of those that this process has met: whose they are.
        self._owners: OrderedDict[str, str] = OrderedDict()

    def queue(self, replica: str, purge: Purge) -> None:
        self._cql.write(
            "INSERT INTO purges (replica, profile_id, id, body) VALUES (?, ?, ?, ?)",
            replica,
            purge.profile_id,
            purge.id,
            json.dumps([purge.mark, purge.paths, purge.queued_at]),
        )
        # Who dies here has not been told that it is queued: the job is done again, and takes this purge along.
        self._agenda(replica).add(purge.queued_at, f"{purge.profile_id}/{purge.id}")
        self._note(purge)

    def pending(self, replica: str, limit: int, mine: Callable[[str], bool] | None = None) -> Sequence[Purge]:
        # Each worker asks for its own alone; else every purge would be asked for by all of them.
        wanted = (lambda of: mine(of.partition("/")[0])) if mine else None
        found = [purge for _, purge in self._agenda(replica).pending(limit, wanted=wanted)]
        for purge in found:
            self._note(purge)
        return found

    def pending_of(self, replica: str, profile_id: str) -> Sequence[Purge]:
        rows = self._cql.read(
            "SELECT id, body FROM purges WHERE replica = ? AND profile_id = ?", replica, profile_id
        )
        found = sorted((_purge(profile_id, *row) for row in rows), key=lambda one: (one.queued_at, one.mark))
        for purge in found:
            self._note(purge)
        return found

    def settle(self, replica: str, purge_id: str) -> None:
        profile_id = self._owners.get(purge_id)
        if profile_id is None:
            pointers = (of.partition("/") for _, of in self._agenda(replica).all())
            profile_id = next((owner for owner, _, one in pointers if one == purge_id), None)
        if profile_id is None:
            return
        self._cql.write(
            "DELETE FROM purges WHERE replica = ? AND profile_id = ? AND id = ?",
            replica,
            profile_id,
            purge_id,
        )
        self._agenda(replica).forget(f"{profile_id}/{purge_id}")

    def _note(self, purge: Purge) -> None:
        self._owners[purge.id] = purge.profile_id
        while len(self._owners) > PURGES_KNOWN:
            self._owners.popitem(last=False)

    def _agenda(self, replica: str) -> Agenda:
        if replica not in self._agendas:

            def ask(pointers: Sequence[Pointer]) -> list[Purge | None]:
                select = "SELECT id, body FROM purges WHERE replica = ? AND profile_id = ? AND id = ?"
                keys = [of.partition("/")[::2] for _, of in pointers]
                found = self._cql.read_many([(select, (replica, *key)) for key in keys])
                return [
                    _purge(owner, *rows[0]) if rows else None
                    for (owner, _), rows in zip(keys, found, strict=True)
                ]

            self._agendas[replica] = Agenda(self._cql, f"purges/{replica}", PURGE_SLOT_S, self._began, ask)
        return self._agendas[replica]


def _purge(profile_id: str, purge_id: str, body: str) -> Purge:
    mark, paths, queued_at = json.loads(body)
    return Purge(purge_id, profile_id, Mark(*mark), tuple(PurgePath(*path) for path in paths), queued_at)
