"""The load: edits that are sent when they are due, not when the one before was answered.

So a stall is felt by every edit that was due meanwhile, and their times count from when they were due: a load that waits
for answers would send fewer edits just when things are slow, and not see it ("coordinated omission").
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from itertools import count
from queue import SimpleQueue

from bench.rehearsal.creators import Creator, Line
from bench.rehearsal.ledger import Edit
from bench.rehearsal.watching import Readers

SENDERS = 48


class Load:
    """Many creators, each in turn; `readers` look at every `polled`-th edit."""

    def __init__(
        self, creators: Sequence[Creator], studios: Sequence[str], readers: Readers, polled: int
    ) -> None:
        self._creators, self._studios = creators, studios
        self._readers, self._polled = readers, polled
        self._next = 0

    def run(self, per_s: float, seconds: float, over: Callable[[], bool] = lambda: True) -> list[Edit]:
        """Sends so many, evenly spread, and goes on until it is `over`; returns once all are answered."""
        due: SimpleQueue[tuple[Creator, float] | None] = SimpleQueue()
        edits: list[Edit] = []
        senders = [
            threading.Thread(target=self._send, args=(due, edits), daemon=True) for _ in range(SENDERS)
        ]
        for sender in senders:
            sender.start()
        due_at = began = time.time()
        for number in count(1):
            if number > per_s * seconds and over():
                break
            time.sleep(max(0.0, due_at - time.time()))
            due.put((self._creators[self._next % len(self._creators)], due_at))
            self._next += 1
            due_at = began + number / per_s
        for _ in senders:
            due.put(None)
        for sender in senders:
            sender.join()
        return edits

    def _send(self, due: SimpleQueue[tuple[Creator, float] | None], edits: list[Edit]) -> None:
        line = Line()
        while job := due.get():
            creator, due_at = job
            edit = creator.edit(line, self._studios, due_at)
            edits.append(edit)
            if self._polled and edit.outcome == "acknowledged" and len(edits) % self._polled == 0:
                self._readers.follow(edit, creator.username)
        line.close()
