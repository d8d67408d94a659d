"""The contracts of the store: small Protocols in `contracts/`, one folder of this package for each backend that keeps them.

They promise only what CQL can keep. One profile's rows (a partition) change together by one conditional batch; nothing
else does. Hints come unordered, repeated and late. Positions are opaque. A write whose reply is lost raises
OutcomeUnknown, and may still be applied later. Times are seconds since 1970 (UTC), milliseconds where a name ends in
`_ms`; clocks only expire things.
Every call may raise Unavailable. The contract suite in `tests/contracts` runs every backend through each sentence.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from core.store.contracts.accounts import Account, Accounts
from core.store.contracts.changes import Change, Changes, Due, Hint
from core.store.contracts.names import Claim, Names
from core.store.contracts.profiles import HISTORY_MAX, Answer, Batch, History, Profiles, Walked
from core.store.contracts.published import (
    TRANSITIONS_MAX,
    Listed,
    Listings,
    Published,
    Purge,
    PurgePath,
    Purges,
    Reached,
    Stage,
    waiting_list,
)
from core.store.contracts.replicas import InSync, Replicas
from core.store.contracts.work import (
    NO_ROLLOUT,
    Failure,
    Failures,
    Lane,
    Making,
    MediaTask,
    MediaWork,
    Rollout,
    Rollouts,
)
from core.store.contracts.workers import Bookmarks, Workers

MAIN = "main"
"""The replica that [objects] itself describes. Published rows, positions, receipts and purges are kept for each."""


class Store(Protocol):
    """All of one store. Safe to use from any thread."""

    @property
    def accounts(self) -> Accounts: ...

    @property
    def names(self) -> Names: ...

    @property
    def profiles(self) -> Profiles: ...

    @property
    def changes(self) -> Changes: ...

    @property
    def media_work(self) -> MediaWork: ...

    @property
    def published(self) -> Published: ...

    @property
    def purges(self) -> Purges: ...

    @property
    def listings(self) -> Listings: ...

    @property
    def workers(self) -> Workers: ...

    @property
    def bookmarks(self) -> Bookmarks: ...

    @property
    def failures(self) -> Failures: ...

    @property
    def rollouts(self) -> Rollouts: ...

    @property
    def replicas(self) -> Replicas: ...

    @property
    def life(self) -> int:
        """The store's own number; a restore or a forced failover starts a new one."""
        ...

    def begin_life(self, life: int) -> None:
        """From here on it is this life, if it is later than the store's own: whatever lies in storage from earlier ones
        is replaced."""
        ...

    def together(self) -> AbstractContextManager[None]:
        """For many small writes: this thread's inside it may be kept back, until it ends; then all are there, durably, or
        none is and it raises. A backend to which many small writes cost no more than one makes each at once."""
        ...

    def close(self) -> None: ...


__all__ = [
    "HISTORY_MAX",
    "MAIN",
    "NO_ROLLOUT",
    "TRANSITIONS_MAX",
    "Account",
    "Accounts",
    "Answer",
    "Batch",
    "Bookmarks",
    "Change",
    "Changes",
    "Claim",
    "Due",
    "Failure",
    "Failures",
    "Hint",
    "History",
    "InSync",
    "Lane",
    "Listed",
    "Listings",
    "Making",
    "MediaTask",
    "MediaWork",
    "Names",
    "Profiles",
    "Published",
    "Purge",
    "PurgePath",
    "Purges",
    "Reached",
    "Replicas",
    "Rollout",
    "Rollouts",
    "Stage",
    "Store",
    "Walked",
    "Workers",
    "waiting_list",
]
