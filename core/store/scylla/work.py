"""Media work, purges and what falls due, in CQL: a row for each thing, and an agenda that points to them by time."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

from core.rank import Mark
from core.store import Lane, Making, MediaTask, Purge, PurgePath
from core.store.scylla.agenda import SLOW_S, Agenda, Pointer
from core.store.scylla.cql import Cql

MEDIA_SLOT_S, DUE_SLOT_S, PURGE_SLOT_S = 3600, 3600, 60
PURGES_KNOWN = 20_000
HARD_FIRST_S = 10**12
"""So much older than it is a hard purge is said to be, so that it stands before all others."""
TOLD_S = 3600
"""So long it is believed how far a medium is; a worker at it tells it anew each second."""
TRIES_S = 7 * 86_400
"""So long it is known how often a purge has failed; the longest wait between two tries is a day."""
YOUNG_S = 120.0
"""A medium's pointer comes before its row: so long it may point to nothing yet. Longer than `agenda.SLOW_S`."""


def due_work(cql: Cql, began: int) -> Agenda:
    """What falls due: for a profile (the pointer's `of`) at a time."""

    def ask(pointers: Sequence[Pointer]) -> list[bool | None]:
        select = "SELECT at FROM due_work WHERE profile_id = ? AND at = ?"
        found = cql.read_many([(select, (profile_id, at)) for at, profile_id in pointers])
        return [True if rows else None for rows in found]

    return Agenda(cql, "due", DUE_SLOT_S, began, ask)


_LISTS: dict[Lane, str] = {"image": "media/image", "video": "media"}
"""What was added before there were lanes goes on in the videos'."""
_TASK = "profile_id, added_at, lane, cost_s, later, remake"


class ScyllaMediaWork:
    """A pointer's `at` is the task's place as a number, its `of` the profile and the medium."""

    def __init__(self, cql: Cql, began: int) -> None:
        self._cql = cql
        self._agendas = {
            lane: Agenda(cql, name, MEDIA_SLOT_S, began, partial(self._ask, lane), YOUNG_S, dated=False)
            for lane, name in _LISTS.items()
        }

    def add(self, task: MediaTask) -> None:
        before = self._row(task.media_id)
        if before is None or (before.remake and not task.remake):
            self._put(task)

    def pending(
        self,
        limit: int,
        *,
        lane: Lane | None = None,
        wanted: Callable[[str], bool] | None = None,
        of_profile: int | None = None,
    ) -> Sequence[MediaTask]:
        found: list[MediaTask] = []
        for agenda in [self._agendas[lane]] if lane else self._agendas.values():
            found += (
                task
                for _, task in agenda.pending(
                    limit,
                    wanted=wanted and (lambda of: wanted(_medium(of))),
                    group=_owner,
                    of_group=of_profile,
                )
            )
        return sorted(found, key=lambda task: task.place)[:limit]

    def defer(self, task: MediaTask) -> None:
        if self._row(task.media_id) is not None:
            self._put(task)

    def done(self, media_id: str) -> None:
        before = self._row(media_id)
        # Only those that are there by now: one that is added from here on stands for a new task.
        pointers = self._agendas[before.lane].known(_of(before)) if before else ()
        self._cql.write("DELETE FROM media_work WHERE media_id = ?", media_id)
        if before:
            self._agendas[before.lane].forget_these(pointers)

    def tell(self, media_id: str, making: Making) -> None:
        # Of a medium that is done with just now this makes a row anew, though no task; so it has to go by itself.
        self._cql.write(
            "UPDATE media_work USING TTL ? SET making = ? WHERE media_id = ?",
            TOLD_S,
            json.dumps(making),
            media_id,
        )

    def progress(self, media_ids: Collection[str]) -> Mapping[str, Making]:
        asked = list(media_ids)
        select = "SELECT profile_id, making FROM media_work WHERE media_id = ?"
        found = self._cql.read_many([(select, (media_id,)) for media_id in asked])
        return {
            media_id: Making(*json.loads(rows[0][1]))
            for media_id, rows in zip(asked, found, strict=True)
            if rows and rows[0][0] is not None and rows[0][1] is not None
        }

    def _put(self, task: MediaTask) -> None:
        """The pointer first: a row without one would wait for ever, since nobody adds what has a row."""
        while True:
            began = time.monotonic()
            self._agendas[task.lane].add(_at(task), _of(task))
            self._cql.write(
                f"INSERT INTO media_work (media_id, {_TASK}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                *task,
            )
            if time.monotonic() - began < SLOW_S:
                return

    def _row(self, media_id: str) -> MediaTask | None:
        return _task(media_id, self._cql.one(f"SELECT {_TASK} FROM media_work WHERE media_id = ?", media_id))  # noqa: S608

    def _ask(self, lane: Lane, pointers: Sequence[Pointer]) -> list[MediaTask | None]:
        """The task of each medium that waits in just that place: one that was put off has another pointer."""
        select = f"SELECT {_TASK} FROM media_work WHERE media_id = ?"  # noqa: S608
        found = self._cql.read_many([(select, (_medium(of),)) for _, of in pointers])
        tasks = [
            _task(_medium(of), rows[0] if rows else None)
            for (_, of), rows in zip(pointers, found, strict=True)
        ]
        return [
            task if task and (lane, at) == (task.lane, _at(task)) else None
            for (at, _), task in zip(pointers, tasks, strict=True)
        ]


def _task(media_id: str, row: tuple[Any, ...] | None) -> MediaTask | None:
    """Rows from before there were lanes lack all but the first two."""
    if row is None or row[0] is None:
        return None
    profile_id, added_at, lane, cost_s, later, remake = row
    return MediaTask(media_id, profile_id, added_at, lane or "video", cost_s or 0, bool(later), bool(remake))


def _at(task: MediaTask) -> int:
    remake, later, when, _ = task.place
    return (2 * remake + later) * 10**12 + when


def _of(task: MediaTask) -> str:
    return f"{task.profile_id}/{task.media_id}"


def _owner(of: str) -> str:
    return of.rpartition("/")[0]


def _medium(of: str) -> str:
    return of.rpartition("/")[2]


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
        at = purge.queued_at - HARD_FIRST_S if purge.hard else purge.queued_at
        self._agenda(replica).add(int(at), f"{purge.profile_id}/{purge.id}")
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
            "SELECT id, body, tries FROM purges WHERE replica = ? AND profile_id = ?", replica, profile_id
        )
        purges = (_purge(profile_id, *row) for row in rows if row[1])
        found = sorted(purges, key=lambda one: (one.queued_at, one.mark))
        for purge in found:
            self._note(purge)
        return found

    def defer(self, replica: str, purge: Purge) -> None:
        # With a TTL: of a purge that somebody settles meanwhile nothing stays.
        self._cql.write(
            "UPDATE purges USING TTL ? SET tries = ? WHERE replica = ? AND profile_id = ? AND id = ?",
            TRIES_S,
            json.dumps([purge.failures, purge.due_at]),
            replica,
            purge.profile_id,
            purge.id,
        )

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
                select = "SELECT id, body, tries FROM purges WHERE replica = ? AND profile_id = ? AND id = ?"
                keys = [of.partition("/")[::2] for _, of in pointers]
                found = self._cql.read_many([(select, (replica, *key)) for key in keys])
                return [
                    _purge(owner, *rows[0]) if rows and rows[0][1] else None
                    for (owner, _), rows in zip(keys, found, strict=True)
                ]

            self._agendas[replica] = Agenda(self._cql, f"purges/{replica}", PURGE_SLOT_S, self._began, ask)
        return self._agendas[replica]


def _purge(profile_id: str, purge_id: str, body: str, tries: str | None) -> Purge:
    mark, found, queued_at = json.loads(body)
    paths = tuple(PurgePath(*path) for path in found)
    return Purge(purge_id, profile_id, Mark(*mark), paths, queued_at, *json.loads(tries or "[]"))
