"""What of a purge is looked at through a cache before it counts as proven, and what has to be seen there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from core import keys
from core.rank import Rank
from core.store import PurgePath
from pipeline.purge.paths import folder_of, is_folder

PROBES_MAX = 6
"""Paths of an edit's purge that are probed, beside all that are gone: of those nothing may be left."""


class Looks(Protocol):
    """What can be looked through: an edge of ours, or a cache in front. Both raise Unavailable when it can't be asked."""

    def shows(self, path: str, rank: Rank) -> bool:
        """Whether readers get that rank or a newer one."""
        ...

    def lacks(self, path: str) -> bool:
        """Whether readers find nothing there."""
        ...


def probes(paths: Sequence[PurgePath]) -> list[PurgePath]:
    """Every page that is gone for good, and the shortest paths of the others: the profile's own page is the first. Folders
    can't be looked at, but a file of each can; and what lies behind grants nobody can look at without one."""
    seen = [
        path for path in paths if not path.path.endswith("/") and not path.path.startswith(keys.GRANTS + "/")
    ]
    seen.sort(key=lambda path: (len(path.path), path.path))
    others = [path for path in seen if path.rank and not path.hard][:PROBES_MAX]
    files = {folder_of(path.path): path for path in seen if path.hard and not path.rank}
    return [*(path for path in seen if path.hard and path.rank), *files.values(), *others]


def one_probe(paths: Sequence[PurgePath]) -> list[PurgePath]:
    """One page, if there is any: rather one that is gone."""
    return [path for path in probes(paths) if path.rank][:1]


def unseen(paths: Sequence[PurgePath]) -> list[str]:
    """Folders of which no file is named, so that nobody can look whether they are gone, or tell a cache that knows no folders
    of them."""
    seen = {folder_of(path.path) for path in paths if not is_folder(path.path)}
    return [path.path for path in paths if is_folder(path.path) and path.path not in seen]


def shows(cache: Looks, path: PurgePath) -> bool:
    """Whether readers get what the purge says: its rank or a newer one; where it has none, nothing. Raises Unavailable."""
    return cache.shows(path.path, Rank.parse(path.rank)) if path.rank else cache.lacks(path.path)
