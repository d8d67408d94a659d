"""What waits for the decoders, as one process sees it: adds each medium once, in its lane and with what it is likely to
cost, and wakes its own makers at once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from core.media import Media
from core.store import Lane, MediaTask, MediaWork

IMAGE_BYTES_PER_S, VIDEO_BYTES_PER_S = 3_000_000, 1_000_000
"""What one second of work gets done, roughly, before it is known how long a video plays; then it is about that long."""
REMEMBERED_MAX = 10_000
REMEMBERED_S = 60.0
"""For so long a medium isn't added again. Every revision of its profile wants it added while it is in the making; but what
was done with, failed and is tried again has to come back, too."""


def task_of(medium: Media, profile_id: str) -> MediaTask:
    """The task to make it, or what is left to make of it."""
    lane: Lane = "image" if medium.kind in ("image", "card") else "video"
    if lane == "image":
        cost_s = medium.original_bytes / IMAGE_BYTES_PER_S
    else:
        cost_s = medium.duration_s or medium.original_bytes / VIDEO_BYTES_PER_S
    return MediaTask(
        medium.id,
        profile_id,
        int(time.time()),
        lane,
        1 + int(cost_s),
        later=medium.state == "making",
    )


class MediaQueue:
    """Safe to use from any thread."""

    def __init__(self, work: MediaWork) -> None:
        self._work = work
        self._added_at: OrderedDict[str, float] = OrderedDict()
        self._changed = threading.Condition()
        self._wakes = 0

    def add(self, task: MediaTask, *, again: bool = False) -> None:
        """Adds the medium; unless this process has done so just now, or `again`: what is ready may be wanted otherwise."""
        with self._changed:
            before = None if again else self._added_at.get(task.media_id)
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
