"""Reads keys of a public bucket again and again while others write them, and remembers which rank each showed when."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from core.errors import ObjectMissing
from core.objects import ReadObjects
from core.rank import Rank, Verdict, read_rank, verdict


class Watch:
    """Reads from when it is entered until it is left. `seen` has each key's ranks in the order they were shown, each
    once; `is_right` says of each body whether it is that rank's own."""

    def __init__(
        self,
        bucket: ReadObjects,
        keys: Iterable[str],
        is_right: Callable[[str, Rank, bytes], bool] = lambda *_: True,
    ) -> None:
        self.seen: dict[str, list[Rank]] = {key: [] for key in keys}
        self.bucket = bucket
        self._is_right, self._stop = is_right, threading.Event()
        self._pool = ThreadPoolExecutor(1)

    @property
    def falls(self) -> list[tuple[str, Rank, Rank]]:
        """Where a key went back, or aside."""
        return [
            (key, before, after)
            for key, ranks in self.seen.items()
            for before, after in itertools.pairwise(ranks)
            if verdict(before, after) is not Verdict.REPLACE
        ]

    def _read(self) -> None:
        while not self._stop.is_set():
            for key, ranks in self.seen.items():
                try:
                    stored = self.bucket.get(key)
                except ObjectMissing:
                    assert not ranks, f"{key} was there, and is gone"
                    continue
                rank = read_rank(stored.body) if stored else None
                assert stored and rank, f"{key} holds no page of ours"
                assert self._is_right(key, rank, stored.body), f"{key} holds other bytes than those of {rank}"
                if not ranks or ranks[-1] != rank:
                    ranks.append(rank)

    def __enter__(self) -> Watch:
        self._reading = self._pool.submit(self._read)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown()
        self._reading.result()
