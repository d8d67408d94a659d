"""Contract: the change log, and what falls due."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol


class Change(NamedTuple):
    """A hint that profile P is at `revision` or later. Never the content."""

    profile_id: str
    revision: int


class Hint(NamedTuple):
    """A change as read from the log; `position` is where it stands there."""

    position: str
    change: Change


class Due(NamedTuple):
    """Something of a profile falls due at `at`; `id` settles it. In one replica, or ("") for the profile itself."""

    id: str
    profile_id: str
    at: int
    replica: str = ""


class Changes(Protocol):
    """The change log, and what falls due.

    The log has `shards` shards, numbered from 0; all hints of one profile are in the same one. Workers share them out
    among themselves (`pipeline/sharing.py`), and two that read one shard do no harm. A thread is one reader.
    """

    @property
    def shards(self) -> int: ...

    def hint(self, change: Change) -> None:
        """Appends durably; before the batch it announces, so a crash leaves a hint without an edit, never the reverse."""
        ...

    def read(self, after: str | None, limit: int, shards: Collection[int] | None = None) -> Sequence[Hint]:
        """Hints behind that position (None: from the start), in the log's order; of these shards, or of all.

        Each hint is seen at least once by who reads on from the position of the last hint before it; hints may come
        repeated, out of their order of writing, and late (also with a position before `after`).
        """
        ...

    def wait(self, timeout_s: float) -> None:
        """Returns when there may be something new, at the latest after `timeout_s`; may wake early."""
        ...

    def position(self, replica: str) -> str | None: ...

    def save_position(self, replica: str, position: str) -> None:
        """Everything up to there is done with, in the shards that the position was read from. A position never goes
        back: whoever saves an older one (a worker that was paused) changes nothing."""
        ...

    def schedule(self, profile_id: str, at: int, replica: str = "") -> None:
        """Something falls due then; written before the batch that needs it. Repeating it is harmless."""
        ...

    def unschedule(self, profile_id: str, at: int) -> None:
        """What falls due then has been dealt with before; fine if nothing does."""
        ...

    def due(self, now: int, limit: int) -> Sequence[Due]:
        """What has fallen due by `now` in any replica, oldest first; seen again until settled. Of what lies further ahead of the store's
        own clock than an hour or so, a store need not know yet."""
        ...

    def settle_due(self, due: Due) -> None: ...


def due_name(profile_id: str, replica: str) -> str:
    """How backends write whose it is in one column: `west/0a1b…`, or the id alone."""
    return f"{replica}/{profile_id}" if replica else profile_id


def named_due(name: str, at: int) -> Due:
    replica, _, profile_id = name.rpartition("/")
    return Due(f"{at}:{name}", profile_id, at, replica)
