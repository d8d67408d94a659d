"""Many purges of one path as one, which does what each of them would do."""

from __future__ import annotations

from collections.abc import Iterable

from core.rank import Rank, covering
from core.store import PurgePath


def merged(paths: Iterable[PurgePath]) -> tuple[PurgePath, ...]:
    """One of each path, in the order in which they come: as hard as any of them, and of a rank that covers them all."""
    found: dict[str, PurgePath] = {}
    for path in paths:
        before = found.get(path.path)
        found[path.path] = _both(before, path) if before else path
    return tuple(found.values())


def _both(one: PurgePath, other: PurgePath) -> PurgePath:
    rank = one.rank or other.rank
    if one.rank and other.rank:
        rank = str(covering(Rank.parse(one.rank), Rank.parse(other.rank)))
    return PurgePath(one.path, rank, one.hard or other.hard)
