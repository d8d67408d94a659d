"""What of a purge is looked at through an edge before it counts as proven, and what has to be seen there."""

from __future__ import annotations

from collections.abc import Sequence

from core import keys
from core.rank import Rank
from core.store import PurgePath
from pipeline.purge.edges import Edge

PROBES_MAX = 6
"""Paths of an edit's purge that are probed at each edge, beside all that are gone: of those nothing may be left."""


def probes(paths: Sequence[PurgePath]) -> list[PurgePath]:
    """Every page that is gone for good, and the shortest paths of the others: the profile's own page is the first. Folders
    can't be looked at, but a file of each can; and what lies behind grants nobody can look at without one."""
    seen = [
        path for path in paths if not path.path.endswith("/") and not path.path.startswith(keys.GRANTS + "/")
    ]
    seen.sort(key=lambda path: (len(path.path), path.path))
    others = [path for path in seen if path.rank and not path.hard][:PROBES_MAX]
    files = {path.path.rpartition("/")[0]: path for path in seen if path.hard and not path.rank}
    return [*(path for path in seen if path.hard and path.rank), *files.values(), *others]


def shows(edge: Edge, path: PurgePath) -> bool:
    """Whether readers get what the purge says: its rank or a newer one; where it has none, nothing. Raises Unavailable."""
    return edge.shows(path.path, Rank.parse(path.rank)) if path.rank else edge.lacks(path.path)
