"""How far each profile has got, and what the lists show, in CQL: plain rows whose write timestamp is the rank.

So an older render can never replace a newer one's row, whatever order they come in and whatever clocks say. The
timestamps lie far in the past (revision 1,000,000 is three days after 1970), which both engines take.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.rank import Mark
from core.store import TRANSITIONS_MAX, Listed, Reached, Stage
from core.store.scylla.cql import Cql

STAGES: tuple[Stage, ...] = ("published", "purged", "live")
NEWEST = -1
ROLLOUTS_MAX = 1 << 18


def rank_timestamp(mark: Mark) -> int:
    """Microseconds that order the marks of one life."""
    return mark.revision * ROLLOUTS_MAX + mark.rollout


class ScyllaPublished:
    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    def record(self, profile_id: str, replica: str, *reached: Reached) -> None:
        put = (
            "INSERT INTO published (profile_id, replica, life, stage, slot, revision, rollout, at_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
        )
        rows = [
            (mark.life, stage, slot, mark.revision, mark.rollout, at_ms, rank_timestamp(mark))
            for stage, mark, at_ms in reached
            for slot in (NEWEST, mark.revision % TRANSITIONS_MAX)
        ]
        self._cql.write_together([(put, (profile_id, replica, *row)) for row in rows])

    def get(self, profile_id: str, replica: str, life: int) -> dict[Stage, Reached]:
        rows = self._cql.read(
            "SELECT stage, revision, rollout, at_ms FROM published WHERE profile_id = ? AND replica = ? AND life = ?"
            " AND stage IN ('live', 'published', 'purged') AND slot = -1",
            profile_id,
            replica,
            life,
        )
        return {row[0]: Reached(row[0], Mark(life, row[1], row[2]), row[3]) for row in rows}

    def transitions(self, profile_id: str, replica: str) -> Sequence[Reached]:
        rows = self._cql.read(
            "SELECT stage, life, revision, rollout, at_ms, slot FROM published WHERE profile_id = ? AND replica = ?",
            profile_id,
            replica,
        )
        found = [Reached(row[0], Mark(*row[1:4]), row[4]) for row in rows if row[5] != NEWEST]
        found.sort(key=lambda one: (one.mark, STAGES.index(one.stage)), reverse=True)
        return found[:TRANSITIONS_MAX]


class ScyllaListings:
    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    def put(self, shard: int, profile_id: str, mark: Mark, listed: Listed | None) -> None:
        self._cql.write(
            "INSERT INTO listings (life, shard, profile_id, username, edited_at, listed) VALUES (?, ?, ?, ?, ?, ?)"
            " USING TIMESTAMP ?",
            mark.life,
            shard,
            profile_id,
            listed.username if listed else "",
            listed.edited_at if listed else 0,
            listed is not None,
            rank_timestamp(mark),
        )

    def of(self, shard: int, life: int) -> Iterator[Listed]:
        pages = self._cql.pages(
            "SELECT profile_id, username, edited_at, listed FROM listings WHERE life = ? AND shard = ?",
            life,
            shard,
            page=1000,
        )
        for page in pages:
            yield from (Listed(*row[:3]) for row in page if row[3])
