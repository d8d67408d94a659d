"""Contract: which workers are at it, and where their long walks have got to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Workers(Protocol):
    """Heartbeats of the worker processes. No clock is compared with another one: every observer times by its own how long a
    counter has stood still."""

    def beat(self, worker_id: str, count: int) -> None:
        """Says that the worker's loop has turned `count` times."""
        ...

    def beats(self) -> Mapping[str, int]:
        """The newest count of every worker that hasn't left; one that died stays for a while."""
        ...

    def leave(self, worker_id: str) -> None:
        """The worker drains, others take over at once."""
        ...


class Bookmarks(Protocol):
    """Where long walks (the sweep) have got to, by name."""

    def get(self, name: str) -> str | None: ...

    def put(self, name: str, place: str) -> None: ...
