"""Profiles in CQL: a partition each, changed by one conditional batch on its static revision."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence

from cassandra.metadata import Murmur3Token

from core.errors import Unavailable
from core.media import Media
from core.profile import Head, Post, Snapshot
from core.store import HISTORY_MAX, Answer, Batch, History, Walked
from core.store.scylla.cql import Cql, Row, Statement
from core.store.scylla.nudge import Nudger

PARTS = 64
"""Of the token ring, for walks that several workers share."""
PAGE = 250
LOAD_TRIES = 50
ANSWER_KEPT_LONGER_S = 86400
_RING = 1 << 64


class ScyllaProfiles:
    parts = PARTS

    def __init__(self, cql: Cql, nudger: Nudger) -> None:
        self._cql, self._nudger = cql, nudger

    def load(self, profile_id: str) -> Snapshot | None:
        """A page of a partition is read at one moment on each replica, and a batch stands in it whole or not at all: so
        one page is one revision (docs/decisions/0011). Where it takes several, a SERIAL read before and after says that
        this revision was complete at a majority all the while."""
        for _ in range(LOAD_TRIES):
            rows, pages = self._partition(profile_id)
            if not rows:
                return None
            found = _snapshot(rows) if pages == 1 else self._load_settled(profile_id)
            if found:
                return found
            # What is under way here is settled first.
            self._settled_revision(profile_id)
        raise Unavailable("The profile is being changed by many at once; please try again.")

    def head(self, profile_id: str) -> Head | None:
        row = self._cql.one(
            "SELECT body FROM profiles WHERE profile_id = ? AND kind = 'brief' AND id = ''", profile_id
        )
        return Head.model_validate_json(row[0]) if row and row[0] else None

    def commit(self, batch: Batch) -> bool:
        if not self._cql.lwt_together(list(_statements(batch))):
            return False
        self._nudger.nudge(batch.head.id)
        return True

    def writer_of(self, profile_id: str, revision: int) -> str | None:
        row = self._cql.serial(
            "SELECT body FROM profiles WHERE profile_id = ? AND kind = 'edit' AND id = ?",
            profile_id,
            _slot(revision),
        )
        entry = _history(row[0]) if row and row[0] else None
        return entry.writer if entry and entry.revision == revision else None

    def history(self, profile_id: str) -> Sequence[History]:
        rows = self._cql.read("SELECT body FROM profiles WHERE profile_id = ? AND kind = 'edit'", profile_id)
        return sorted((_history(row[0]) for row in rows if row[0]), reverse=True)

    def answer(self, profile_id: str, key: str, now: int) -> Answer | None:
        # SERIAL: whoever has seen the revision of the first request must not miss its answer.
        row = self._cql.serial(
            "SELECT body FROM profiles WHERE profile_id = ? AND kind = 'answer' AND id = ?", profile_id, key
        )
        answer = Answer.model_validate_json(row[0]) if row and row[0] else None
        return answer if answer and answer.expires_at > now else None

    def walk(self, part: int, after: str | None = None) -> Iterator[Walked]:
        low, high = _range(part)
        if after is not None:
            low = max(low, int(after))
        pages = self._cql.pages(
            "SELECT DISTINCT profile_id, walked FROM profiles WHERE token(profile_id) > ? AND token(profile_id) <= ?",
            low,
            high,
            page=PAGE,
        )
        for page in pages:
            for profile_id, revision in page:
                if revision is not None:
                    yield Walked(str(_token(profile_id)), profile_id, revision)

    def _partition(self, profile_id: str) -> tuple[list[Row], int]:
        """Rows (kind, body, revision) of the head and all that pages are made of, and how many pages they came in."""
        rows: list[Row] = []
        count = 0
        for page in self._cql.pages(
            "SELECT kind, body, revision FROM profiles WHERE profile_id = ? AND kind IN ('head', 'media', 'post')",
            profile_id,
            page=PAGE,
        ):
            rows += page
            count += 1
        return rows, count

    def _load_settled(self, profile_id: str) -> Snapshot | None:
        """All pages between two SERIAL reads of one revision, by which it is complete at a majority."""
        before = self._settled_revision(profile_id)
        found = _snapshot(self._partition(profile_id)[0])
        after = self._settled_revision(profile_id)
        return found if found and before == after == found.head.revision else None

    def _settled_revision(self, profile_id: str) -> int | None:
        row = self._cql.serial("SELECT revision FROM profiles WHERE profile_id = ? LIMIT 1", profile_id)
        return row[0] if row else None


def _snapshot(rows: list[Row]) -> Snapshot | None:
    """None where the rows are not all of one revision. A row without a body is one that a read repair has begun."""
    heads = [Head.model_validate_json(body) for kind, body, _ in rows if kind == "head" and body]
    if not heads or {row[2] for row in rows} != {heads[0].revision}:
        return None
    return Snapshot(
        head=heads[0],
        posts=tuple(Post.model_validate_json(body) for kind, body, _ in rows if kind == "post" and body),
        media=tuple(Media.model_validate_json(body) for kind, body, _ in rows if kind == "media" and body),
    )


def _statements(batch: Batch) -> Iterator[Statement]:
    """The conditional batch: the condition, the rows, and the history row by which a lost reply is settled."""
    head = batch.head
    seen = None if batch.restores else head.revision - 1 or None  # null: nobody has this partition yet
    yield (
        "UPDATE profiles SET revision = ?, walked = ? WHERE profile_id = ? IF revision = ?",
        (head.revision, head.revision, head.id, seen),
    )
    put = "INSERT INTO profiles (profile_id, kind, id, body) VALUES (?, ?, ?, ?)"
    body = head.model_dump_json(exclude_defaults=True)
    # Twice, and the revision too: a read repair copies what its statement selected, and nothing else of a batch. What
    # `load` rests on is selected by nothing but `load`, so it is never copied in parts.
    for kind in ("head", "brief"):
        yield put, (head.id, kind, "", body)
    for kind, rows in (("post", batch.posts), ("media", batch.media)):
        for row in rows:
            yield put, (head.id, kind, row.id, row.model_dump_json(exclude_defaults=True))
    for gone in batch.gone:
        for kind in ("post", "media"):
            yield (
                "DELETE FROM profiles WHERE profile_id = ? AND kind = ? AND id = ?",
                (head.id, kind, gone),
            )
    newest = History(head.revision, head.edit, batch.writer, batch.what, batch.at_ms)
    for entry in (*batch.history, newest):
        yield put, (head.id, "edit", _slot(entry.revision), json.dumps(entry))
    if answer := batch.answer:
        kept_s = max(0, answer.expires_at - int(time.time())) + ANSWER_KEPT_LONGER_S
        yield (f"{put} USING TTL ?", (head.id, "answer", answer.key, answer.model_dump_json(), kept_s))


def _slot(revision: int) -> str:
    """A ring of as many history rows as are kept: the newest overwrites the oldest, and nothing is ever deleted."""
    return f"{revision % HISTORY_MAX:03}"


def _history(body: str) -> History:
    return History(*json.loads(body))


def _range(part: int) -> tuple[int, int]:
    """Tokens (low, high] of a part."""
    low = -(_RING // 2) + part * (_RING // PARTS)
    return low, low + _RING // PARTS - (1 if part == PARTS - 1 else 0)


def _token(profile_id: str) -> int:
    """Where a partition lies on the ring, as both engines count it."""
    token: int = Murmur3Token.hash_fn(profile_id.encode())
    return token
