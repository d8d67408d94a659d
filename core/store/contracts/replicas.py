"""Contract: which replicas readers may use."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, Protocol


class InSync(NamedTuple):
    """The replicas that readers may use; `epoch` grows with each change, and the greatest counts."""

    epoch: int
    names: tuple[str, ...]


class Replicas(Protocol):
    """The list of replicas that are in sync. It never gets empty."""

    def in_sync(self) -> InSync:
        """The newest list; before the first change only the main replica, in epoch 0."""
        ...

    def change(self, seen: int, names: Collection[str]) -> bool:
        """Makes `names` the list of epoch `seen` + 1, if the newest is still that of `seen`; whether it did."""
        ...
