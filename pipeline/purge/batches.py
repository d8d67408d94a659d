"""Which profiles are told of in one call: tasks that are due in; calls, each as large as the target takes it, out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count

from core.store import Purge
from pipeline.purge.paths import is_folder
from pipeline.purge.targets import Target, tags_of
from pipeline.purge.task import Task

Named = tuple[str, Task]
"""A profile's id, and what is to do for it."""
_groups = count(1)


def in_order(tasks: Iterable[Named]) -> list[Named]:
    """Hard purges first; what has failed in company after the rest."""
    return sorted(tasks, key=lambda one: (not one[1].hard, one[1].group))


def batches(due: Iterable[Named], target: Target) -> Iterator[list[Named]]:
    batch: list[Named] = []
    weight = 0
    for profile_id, task in due:
        own = _weight(task.purge, target)
        if batch:
            last = batch[-1][1]
            other_kind = (task.hard, task.group) != (last.hard, last.group)
            if other_kind or weight + own > target.limit:
                yield batch
                batch, weight = [], 0
        batch.append((profile_id, task))
        weight += own
    if batch:
        yield batch


def _weight(purge: Purge, target: Target) -> int:
    """How much of a call it is. One with folders is a call of its own, or several: of these few may be in progress."""
    if target.by == "tags":
        return len(tags_of(purge))
    has_folders = any(is_folder(path.path) for path in purge.paths)
    return max(len(purge.paths), target.limit if has_folders else 0)


def halve(batch: Sequence[Named]) -> None:
    """One of them may be what the target doesn't like: each half is told by itself from now on, until it gets through."""
    middle = len(batch) // 2
    for half in (batch[:middle], batch[middle:]):
        group = next(_groups)
        for _, task in half:
            task.group = group
