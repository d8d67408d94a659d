"""What waits for the decoders, as one process sees it: adds each medium once, and wakes its own makers at once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from core.store import MediaTask, MediaWork

REMEMBERED_MAX = 10_000
REMEMBERED_S = 60.0
"""For so long a medium isn't added again. Every revision of its profile wants it added while it is in the making; but what
was done with, failed and is tried again has to come back, too."""


class MediaQueue:
    """Safe to use from any thread."""

    def __init__(self, work: MediaWork) -> None:
        self._work = work
        self._added_at: OrderedDict[str, float] = OrderedDict()
        self._changed = threading.Condition()
        self._wakes = 0

    def add(self, task: MediaTask) -> None:
        """Adds the medium, unless this process has done so just now."""
        with self._changed:
            before = self._added_at.get(task.media_id)
        if before is not None and time.monotonic() - before < REMEMBERED_S:
            return
        self._work.add(task)
        with self._changed:
            self._added_at[task.media_id] = time.monotonic()
            self._added_at.move_to_end(task.media_id)
            if len(self._added_at) > REMEMBERED_MAX:
                self._added_at.popitem(last=False)
        self.wake()

    def wake(self) -> None:
        with self._changed:
            self._wakes += 1
            self._changed.notify_all()

    def wait(self, wakes: int, timeout_s: float) -> int:
        """Returns when there has been another wake-up than the first `wakes` ones, at the latest after `timeout_s`: how
        many there have been so far."""
        with self._changed:
            self._changed.wait_for(lambda: self._wakes != wakes, timeout_s)
            return self._wakes
