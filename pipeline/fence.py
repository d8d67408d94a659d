"""The rule of ranks for one mutable key: put it under the ETag known for a lower rank, else look again.

A store such as S3 can fence one key at a time only, so every mutable key is its own fence: its rank stands in its
bytes. Nothing here rests on a HEAD, whose metadata may be older than its ETag.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from core.errors import ObjectMissing, OutcomeUnknown, PreconditionFailed, RankDefect, Stale, Unavailable
from core.objects import ABSENT, Headers, Object, Objects
from core.rank import Rank, Verdict, read_rank, verdict

TRIES = 8


class Known(NamedTuple):
    """What is believed to lie under a key: nothing, or an object of that rank (None: not one of ours) and ETag."""

    rank: Rank | None = None
    etag: str | None = None


class Written(NamedTuple):
    """What lies under the key now. `ours` says that this call put it."""

    rank: Rank
    etag: str
    ours: bool


def look(objects: Objects, key: str) -> tuple[Known, Object | None]:
    """Reads the key afresh."""
    stored = get(objects, key)
    return (Known(read_rank(stored.body), stored.etag), stored) if stored else (Known(), None)


def put_ranked(
    objects: Objects,
    key: str,
    rank: Rank,
    render: Callable[[], bytes],
    headers: Headers,
    known: Known,
    before_overtaking: Callable[[], None] = lambda: None,
) -> Written:
    """Makes the key hold `rank` or something newer; renders only if it has to write (or to check an equal rank).
    `before_overtaking` is called before it replaces what isn't as `known`: somebody else is, or was, at work.

    Raises Stale when what is stored is newer in one of revision and roll-out but older in the other, RankDefect when
    an equal rank holds other bytes, Unavailable when the key was overtaken too often.
    """
    body: bytes | None = None
    stored: Object | None = None
    for _ in range(TRIES):
        if known.rank is not None and known.etag is not None:
            match verdict(known.rank, rank):
                case Verdict.STALE:
                    raise Stale
                case Verdict.LEAVE:
                    if known.rank == rank and stored and stored.body != (body or render()):
                        raise RankDefect(f"{key} holds other bytes at rank {rank}.")
                    return Written(known.rank, known.etag, ours=False)
        body = render() if body is None else body
        try:
            return Written(rank, objects.put(key, body, headers, only_if=known.etag or ABSENT), ours=True)
        except (PreconditionFailed, OutcomeUnknown):
            known, stored = look(objects, key)
            if stored and stored.body == body:
                # Our own write, whose reply was lost.
                return Written(rank, stored.etag, ours=True)
            if stored and known.rank and verdict(known.rank, rank) is Verdict.REPLACE:
                before_overtaking()
    raise Unavailable(f"{key} was overtaken too often.")


def get(objects: Objects, key: str) -> Object | None:
    """The object, or None if there is none."""
    try:
        return objects.get(key)
    except ObjectMissing:
        return None
