"""Contract: how far each profile has got, the purges that are still due, and what the lists of the site show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple, Protocol

from core.rank import Mark

TRANSITIONS_MAX = 64
"""Receipt transitions kept for each profile and replica."""

Stage = Literal["published", "purged", "live"]


class Reached(NamedTuple):
    """A stage that a profile has reached in a replica: with which mark, and when."""

    stage: Stage
    mark: Mark
    at_ms: int


class Published(Protocol):
    """How far each profile has got, keyed by (profile, replica, life, stage)."""

    def record(self, profile_id: str, replica: str, *reached: Reached) -> None:
        """Keeps the greatest mark of a life (by revision, then roll-out), whatever order the calls come in; and the
        transitions, the last TRANSITIONS_MAX of them."""
        ...

    def get(self, profile_id: str, replica: str, life: int) -> dict[Stage, Reached]: ...

    def transitions(self, profile_id: str, replica: str) -> Sequence[Reached]:
        """Newest first."""
        ...


class PurgePath(NamedTuple):
    """A path to purge, with the rank of what lies there now; `hard` ones are never served stale."""

    path: str
    rank: str
    hard: bool


class Purge(NamedTuple):
    """A durable purge of one profile's paths: queued before the done-mark, settled when all targets have answered.
    `queued_at` is in seconds since 1970; `failures` says how many tries have failed, `due_at` when it is tried again (both
    only of caches in front)."""

    id: str
    profile_id: str
    mark: Mark
    paths: tuple[PurgePath, ...]
    queued_at: float
    failures: int = 0
    due_at: int = 0

    @property
    def hard(self) -> bool:
        """Whether any of it may not be served stale."""
        return any(path.hard for path in self.paths)


class Purges(Protocol):
    """The queue of purges, for each replica."""

    def queue(self, replica: str, purge: Purge) -> None: ...

    def pending(self, replica: str, limit: int, mine: Callable[[str], bool] | None = None) -> Sequence[Purge]:
        """Those of profiles that are `mine`, or all: hard ones first, and each kind oldest first."""
        ...

    def pending_of(self, replica: str, profile_id: str) -> Sequence[Purge]:
        """Those of one profile, oldest first."""
        ...

    def defer(self, replica: str, purge: Purge) -> None:
        """Keeps its `failures` and `due_at`, so that whoever works on it next goes on with these. Fine if it isn't there
        any more; a power cut may take it back."""
        ...

    def settle(self, replica: str, purge_id: str) -> None: ...


def waiting_list(target: str, replica: str) -> str:
    """What a cache in front of our edges has in place of a replica: its purges wait, and its stages are kept, under this.
    Each replica's workers have theirs; no replica's name holds a slash."""
    return f"to/{target}" if replica == "main" else f"to/{target}/{replica}"


class Listed(NamedTuple):
    """What site-wide lists (the sitemap) show of a profile; `edited_at` in seconds since 1970, as exact as lists want it."""

    profile_id: str
    username: str
    edited_at: int


class Listings(Protocol):
    """What readers may find in the lists of the whole site, by the shards in which these are drawn."""

    def put(self, shard: int, profile_id: str, mark: Mark, listed: Listed | None) -> None:
        """Lists the profile as it is at that mark, or (None) takes it off. The greatest mark of a life counts (by revision,
        then roll-out), whatever order the calls come in; two calls with one mark say the same."""
        ...

    def of(self, shard: int, life: int) -> Iterator[Listed]:
        """Everything listed in that shard, by profile id."""
        ...
