"""Contract: profiles, a partition each, and the one conditional batch that changes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from core.media import Frozen, Media
from core.profile import Head, Post, Snapshot

HISTORY_MAX = 200
"""Edit history rows kept for each profile."""


class Answer(Frozen):
    """The answer to a request with an Idempotency-Key: `request` is the digest of what was asked, `expires_at` a time."""

    key: str
    request: str
    revision: int
    edit: int
    body: str = ""
    expires_at: int = 0


class History(NamedTuple):
    """One revision in a profile's history: who wrote it, what it was about, when."""

    revision: int
    edit: int
    writer: str
    what: str
    at_ms: int


class Batch(Frozen):
    """One revision of one profile: what changes together, or not at all.

    Applied only if the head's revision is still `head.revision` - 1 (no head for revision 1). `writer` is the id of
    the edit (or of the worker's act) and stands in the history row of this revision. `posts` and `media` are rows to
    write, `gone` ids of posts and media to remove. `answer` is kept under its Idempotency-Key. One that `restores` is
    applied only if there is no head, whatever its revision, and brings the `history` rows before it.
    """

    head: Head
    writer: str
    what: str
    at_ms: int
    posts: tuple[Post, ...] = ()
    media: tuple[Media, ...] = ()
    gone: tuple[str, ...] = ()
    answer: Answer | None = None
    restores: bool = False
    history: tuple[History, ...] = ()


class Walked(NamedTuple):
    """A profile met on a walk: `place` is where the walk stands, `revision` the head's."""

    place: str
    profile_id: str
    revision: int


class Profiles(Protocol):
    """Profiles, a partition each. Walks over all of them go by `parts` parts, numbered from 0, so that workers share them."""

    @property
    def parts(self) -> int: ...

    def load(self, profile_id: str) -> Snapshot | None:
        """Head, posts and media (both by id) as they were together at one revision; None for an unknown profile."""
        ...

    def head(self, profile_id: str) -> Head | None: ...

    def commit(self, batch: Batch) -> bool:
        """Applies the batch if its revision is the next one; whether it was. OutcomeUnknown: ask `writer_of`."""
        ...

    def writer_of(self, profile_id: str, revision: int) -> str | None:
        """Whose revision that was (a SERIAL read: settles writes under way); None if it isn't anyone's yet, or is older
        than the history."""
        ...

    def history(self, profile_id: str) -> Sequence[History]:
        """The newest HISTORY_MAX revisions, newest first."""
        ...

    def answer(self, profile_id: str, key: str, now: int) -> Answer | None:
        """The kept answer under an Idempotency-Key."""
        ...

    def walk(self, part: int, after: str | None = None) -> Iterator[Walked]:
        """Every profile of that part behind the place `after`, deleted ones too, in the store's own order and in pages of
        bounded memory. All parts together are all profiles."""
        ...
