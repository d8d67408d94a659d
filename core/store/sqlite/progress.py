"""What the workers keep in SQLite: media work, published marks, purges, failures and roll-outs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice

from core.rank import Mark
from core.store import (
    NO_ROLLOUT,
    TRANSITIONS_MAX,
    Failure,
    Lane,
    Making,
    MediaTask,
    Purge,
    PurgePath,
    Reached,
    Rollout,
    Stage,
)
from core.store.sqlite.database import Database

_TASK = "media_id, profile_id, added_at, lane, cost_s, later, remake"
_BY_PLACE = "order by remake, later, added_at + cost_s, media_id"


class SqliteMediaWork:
    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, task: MediaTask) -> None:
        with self._db.write() as connection:
            connection.execute(
                f"insert into media_work ({_TASK}) values (?, ?, ?, ?, ?, ?, ?) on conflict do update"  # noqa: S608
                " set added_at = excluded.added_at, lane = excluded.lane, cost_s = excluded.cost_s,"
                " later = excluded.later, remake = 0"
                " where remake and not excluded.remake",
                task,
            )

    def pending(
        self,
        limit: int,
        *,
        lane: Lane | None = None,
        wanted: Callable[[str], bool] | None = None,
        of_profile: int | None = None,
    ) -> Sequence[MediaTask]:
        found: list[MediaTask] = []
        of_each: Counter[str] = Counter()
        where, values = ("where lane = ?", (lane,)) if lane else ("", ())
        with self._db.read() as connection:
            # Row by row along the index, which ends early: a site may have a hundred thousand waiting.
            for row in connection.execute(f"select {_TASK} from media_work {where} {_BY_PLACE}", values):  # noqa: S608
                if len(found) >= limit:
                    break
                if wanted is not None and not wanted(row[0]):
                    continue
                of_each[row[1]] += 1
                if of_profile is None or of_each[row[1]] <= of_profile:
                    found.append(MediaTask._make((*row[:5], bool(row[5]), bool(row[6]))))
        return found

    def defer(self, task: MediaTask) -> None:
        with self._db.write() as connection:
            connection.execute(
                "update media_work set added_at = ?, lane = ?, cost_s = ?, later = ?, remake = ? where media_id = ?",
                (task.added_at, task.lane, task.cost_s, task.later, task.remake, task.media_id),
            )

    def done(self, media_id: str) -> None:
        with self._db.write() as connection:
            connection.execute("delete from media_work where media_id = ?", (media_id,))

    def tell(self, media_id: str, making: Making) -> None:
        with self._db.write(durable=False) as connection:
            connection.execute(
                "update media_work set making = ? where media_id = ?", (json.dumps(making), media_id)
            )

    def progress(self, media_ids: Collection[str]) -> Mapping[str, Making]:
        rows = self._db.rows(
            "select media_id, making from media_work join json_each(?) on media_id = value"
            " where making is not null",
            json.dumps(list(media_ids)),
        )
        return {media_id: Making(*json.loads(making)) for media_id, making in rows}


class SqlitePublished:
    def __init__(self, database: Database) -> None:
        self._db = database

    def record(self, profile_id: str, replica: str, *reached: Reached) -> None:
        # Not synced: a power cut that takes such a row back costs one more publish, and nothing else.
        with self._db.write(durable=False) as connection:
            for stage, mark, at_ms in reached:
                connection.execute(
                    "insert into published values (?, ?, ?, ?, ?, ?, ?) on conflict do update set"
                    " revision = excluded.revision, rollout = excluded.rollout, at_ms = excluded.at_ms"
                    " where (excluded.revision, excluded.rollout) > (revision, rollout)",
                    (profile_id, replica, mark.life, stage, mark.revision, mark.rollout, at_ms),
                )
                connection.execute(
                    "insert into transitions (profile_id, replica, stage, life, revision, rollout, at_ms)"
                    " values (?, ?, ?, ?, ?, ?, ?)",
                    (profile_id, replica, stage, *mark, at_ms),
                )
            connection.execute(
                "delete from transitions where profile_id = ? and replica = ? and seq <= (select seq from transitions"
                " where profile_id = ? and replica = ? order by seq desc limit 1 offset ?)",
                (profile_id, replica, profile_id, replica, TRANSITIONS_MAX),
            )

    def get(self, profile_id: str, replica: str, life: int) -> dict[Stage, Reached]:
        rows = self._db.rows(
            "select stage, revision, rollout, at_ms from published"
            " where profile_id = ? and replica = ? and life = ?",
            profile_id,
            replica,
            life,
        )
        return {row[0]: Reached(row[0], Mark(life, row[1], row[2]), row[3]) for row in rows}

    def transitions(self, profile_id: str, replica: str) -> Sequence[Reached]:
        rows = self._db.rows(
            "select stage, life, revision, rollout, at_ms from transitions"
            " where profile_id = ? and replica = ? order by seq desc",
            profile_id,
            replica,
        )
        return [Reached(row[0], Mark(*row[1:4]), row[4]) for row in rows]


class SqlitePurges:
    def __init__(self, database: Database) -> None:
        self._db = database

    def queue(self, replica: str, purge: Purge) -> None:
        body = json.dumps([purge.mark, purge.paths, purge.queued_at])
        with self._db.write() as connection:
            connection.execute(
                "insert into purges (replica, id, profile_id, body, hard) values (?, ?, ?, ?, ?)"
                " on conflict do nothing",
                (replica, purge.id, purge.profile_id, body, purge.hard),
            )

    def pending(self, replica: str, limit: int, mine: Callable[[str], bool] | None = None) -> Sequence[Purge]:
        with self._db.read() as connection:
            # Row by row: after a rebuild a million may wait for a CDN.
            rows = connection.execute(
                f"select {_PURGE} from purges where replica = ? order by hard desc, seq",  # noqa: S608
                (replica,),
            )
            wanted = (row for row in rows if mine is None or mine(row[1]))
            return [_purge(*row) for row in islice(wanted, limit)]

    def pending_of(self, replica: str, profile_id: str) -> Sequence[Purge]:
        rows = self._db.rows(
            f"select {_PURGE} from purges where replica = ? and profile_id = ? order by seq",  # noqa: S608
            replica,
            profile_id,
        )
        return [_purge(*row) for row in rows]

    def defer(self, replica: str, purge: Purge) -> None:
        with self._db.write(durable=False) as connection:
            connection.execute(
                "update purges set failures = ?, due_at = ? where replica = ? and id = ?",
                (purge.failures, purge.due_at, replica, purge.id),
            )

    def settle(self, replica: str, purge_id: str) -> None:
        with self._db.write(durable=False) as connection:
            connection.execute("delete from purges where replica = ? and id = ?", (replica, purge_id))


_PURGE = "id, profile_id, body, failures, due_at"


def _purge(purge_id: str, profile_id: str, body: str, *tries: int) -> Purge:
    mark, found, queued_at = json.loads(body)
    paths = tuple(PurgePath(*path) for path in found)
    return Purge(purge_id, profile_id, Mark(*mark), paths, queued_at, *tries)


class SqliteFailures:
    def __init__(self, database: Database) -> None:
        self._db = database

    def put(self, failure: Failure) -> None:
        with self._db.write() as connection:
            connection.execute(
                "insert or replace into failures (subject, profile_id, kind, reason, attempts, at)"
                " values (?, ?, ?, ?, ?, ?)",
                failure,
            )

    def all(self) -> Iterator[Failure]:
        rows = self._db.rows(
            "select subject, profile_id, kind, reason, attempts, at from failures order by at, kind, subject"
        )
        return (Failure(*row) for row in rows)

    def clear(self, kind: str, subject: str) -> None:
        with self._db.write() as connection:
            connection.execute("delete from failures where kind = ? and subject = ?", (kind, subject))


_NEWEST_ROLLOUT = (
    "select number, fingerprint, bare_fingerprint, bare from rollouts order by number desc limit 1"
)


class SqliteRollouts:
    def __init__(self, database: Database) -> None:
        self._db = database

    def current(self) -> Rollout | None:
        row = self._db.row(_NEWEST_ROLLOUT)
        return Rollout(*row) if row else None

    def promote(self, fingerprint: str, bare_fingerprint: str, *, anew: bool = False) -> Rollout:
        with self._db.write() as connection:
            row = connection.execute(_NEWEST_ROLLOUT).fetchone()
            newest = Rollout(*row) if row else NO_ROLLOUT
            promoted = newest.next(fingerprint, bare_fingerprint, anew=anew)
            if promoted is not newest:
                connection.execute("insert into rollouts values (?, ?, ?, ?)", promoted)
        return promoted
