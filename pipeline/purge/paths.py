"""The paths of a purge: many of one path as one, and folders with the files in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from core.rank import Rank, covering
from core.store import PurgePath

FILES_MAX = 20_000
"""Files of folders that are gone, in one purge: more than a film of two hours has."""


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


def is_folder(path: str) -> bool:
    """Whether a purged path stands for all files of a folder."""
    return path.endswith("/") and path != "/"


def folder_of(path: str) -> str:
    return path[: path.rfind("/") + 1]


def without_files(paths: Iterable[PurgePath], *, but_first: bool = False) -> tuple[PurgePath, ...]:
    """Without those that lie in a folder which is purged as a whole; `but_first` keeps one of each, to be looked for."""
    paths = tuple(paths)
    left = {path.path: int(but_first) for path in paths if is_folder(path.path)}

    def stays(path: str) -> bool:
        folder = folder_of(path)
        if is_folder(path) or folder not in left:
            return True
        left[folder] -= 1
        return left[folder] >= 0

    return tuple(one for one in paths if stays(one.path))


def with_files(paths: Iterable[PurgePath]) -> tuple[PurgePath, ...]:
    """For caches that know no folders: all files of as many folders as one purge may have files of."""
    paths = tuple(paths)
    folders = {path.path for path in paths if is_folder(path.path)}
    sizes = Counter(
        folder for path in paths if (folder := folder_of(path.path)) in folders and folder != path.path
    )
    left, dropped = FILES_MAX, set[str]()
    for folder, size in sizes.items():
        if size <= left:
            left -= size
        else:
            dropped.add(folder)
    return tuple(path for path in paths if is_folder(path.path) or folder_of(path.path) not in dropped)
