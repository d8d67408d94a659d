"""Publishing many profiles at once: the steps of each, taken together, so that the disk is waited for once a step.

One profile's publish syncs each file it writes, which costs a rebuild more than drawing the pages. Here nothing is synced
alone. A power cut may so take pages of the batch that is being written, until it is written again; a kill takes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, cast

from core.errors import HoldfastError
from core.objects import Headers, Objects
from core.store import PurgePath
from pipeline.publish import Buckets, Job, Published
from pipeline.target import Target

Paths = tuple[PurgePath, ...]


Each = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""`map`, or that of a pool of threads where storage is far away."""


def publish_together(
    buckets: Buckets,
    targets: Sequence[Target],
    queue_purges: Callable[[list[tuple[Target, Paths]]], None],
    *,
    trust: bool = True,
    each: Each = map,
) -> list[Published | HoldfastError]:
    """`publish` for all targets, answered in their order.

    `queue_purges` must keep them durably before it returns. One that met another publisher, or failed, is answered with
    its error; `publish` may be tried for it. Raises Unavailable when the disk can't be synced: then none is done.
    """
    unsynced = {name: _Unsynced(objects) for name, objects in buckets.items()}
    swift = cast(Buckets, unsynced)
    changed: list[tuple[Target, Paths]] = []
    batch = [_One(swift, target, changed, trust) for target in targets]
    while running := [one for one in batch if not one.ended]:
        for _ in each(_One.step, running):
            pass
        if changed:
            queue_purges(changed)
            changed.clear()
        for objects in unsynced.values():
            objects.sync_puts()
    return [one.answer for one in batch]


class _One:
    """One of the batch: its steps, and what came of them."""

    def __init__(
        self, buckets: Buckets, target: Target, changed: list[tuple[Target, Paths]], trust: bool
    ) -> None:
        self.ended = False
        self.answer: Published | HoldfastError = Published(target.mark)
        self._steps = self._run(buckets, target, lambda paths: changed.append((target, paths)), trust)

    def step(self) -> None:
        self.ended = next(self._steps, self) is self

    def _run(
        self, buckets: Buckets, target: Target, queue_purge: Callable[[Paths], None], trust: bool
    ) -> Iterator[None]:
        try:
            job = Job(buckets, target, queue_purge, trust)
            yield from job.steps()
            self.answer = job.result
        except HoldfastError as error:
            self.answer = error


class _Unsynced:
    """A bucket whose puts are durable after `sync_puts` only."""

    def __init__(self, inner: Objects) -> None:
        self._inner = inner
        self._waits = False

    def put(self, key: str, body: bytes, headers: Headers, *, only_if: str | None = None) -> str:
        self._waits = True
        return self._inner.put(key, body, headers, only_if=only_if, durable=False)

    def sync_puts(self) -> None:
        if self._waits:
            self._waits = False
            self._inner.sync()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
