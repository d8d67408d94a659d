"""Whose turn at the decoders is next, in one lane of one worker: what waits in, one of it out.

Weighted fair queueing, self-clocked (Golestani, "A self-clocked fair queueing scheme", INFOCOM 1994). Each medium gets a
tag: its profile's last tag, or the clock if that is ahead, plus what it costs; the lowest tag is next, and the clock moves
on to it. So short work comes before long, each profile gets its part however much it has uploaded, and a long medium
waits at most until every other profile has had as much.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.store import MediaTask


class Turns:
    """Not safe to use from several threads. What it knows is lost with the process, and with it no more than the order."""

    def __init__(self) -> None:
        self._clock = 0
        self._last: dict[str, int] = {}
        self._tags: dict[str, int] = {}

    def choose(self, waiting: Sequence[MediaTask]) -> MediaTask | None:
        """The next of these, which are the first ones of their profiles. What doesn't show yet goes before what does,
        and remakes come last, whatever their tags."""
        self._tags = {task.media_id: self._tag(task) for task in waiting}
        if not waiting:
            return None
        chosen = min(
            waiting, key=lambda task: (task.remake, task.later, self._tags[task.media_id], task.place)
        )
        tag = self._tags.pop(chosen.media_id)
        self._clock = max(self._clock, tag)
        # Whoever the clock has passed gets no more than it by being remembered.
        self._last = {one: last for one, last in self._last.items() if last > self._clock}
        self._last[chosen.profile_id] = tag
        return chosen

    def _tag(self, task: MediaTask) -> int:
        """Given once, when it is first seen to wait."""
        known = self._tags.get(task.media_id)
        return known or max(self._clock, self._last.get(task.profile_id, 0)) + max(1, task.cost_s)
