"""Contract: what waits for the decoders, what was put aside, and the roll-outs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, Protocol

from core.rank import Edition


class MediaTask(NamedTuple):
    """A medium that waits for the decoders."""

    media_id: str
    profile_id: str
    added_at: int


class MediaWork(Protocol):
    """What the decoders have to do; apart from the log, since a transcode of half an hour must not hold a position."""

    def add(self, task: MediaTask) -> None:
        """Repeating it is harmless: one row for each medium."""
        ...

    def pending(self, limit: int) -> Sequence[MediaTask]:
        """Oldest first."""
        ...

    def defer(self, task: MediaTask) -> None:
        """Puts it behind all that waits now: `task.added_at` is its new time. Fine if it isn't there any more."""
        ...

    def done(self, media_id: str) -> None: ...


class Failure(NamedTuple):
    """Work that was put aside: `subject` is a profile's or a medium's id, `reason` a sentence for the operator."""

    subject: str
    profile_id: str
    kind: Literal["publish", "media", "purge"]
    reason: str
    attempts: int
    at: int


class Failures(Protocol):
    """What was put aside with its last reason; one row for each kind and subject."""

    def put(self, failure: Failure) -> None: ...

    def all(self) -> Iterator[Failure]: ...

    def clear(self, kind: str, subject: str) -> None: ...


class Rollout(NamedTuple):
    """A numbered promotion of a release. `bare` is the number of the newest one up to it that changed what bare files are
    drawn with (`core.rank.Edition`)."""

    number: int
    fingerprint: str
    bare_fingerprint: str
    bare: int

    def edition(self, life: int) -> Edition:
        """What files are drawn in, in that life of the store."""
        return Edition(life, self.number, self.bare)

    def next(self, fingerprint: str, bare_fingerprint: str, *, anew: bool) -> Rollout:
        """The roll-out that promotes this release after it; itself if it is of it (and not `anew`)."""
        if fingerprint == self.fingerprint and not anew:
            return self
        number = self.number + 1
        bare = number if anew or bare_fingerprint != self.bare_fingerprint else self.bare
        return Rollout(number, fingerprint, bare_fingerprint, bare)


NO_ROLLOUT = Rollout(0, "", "", 0)
"""What the first roll-out comes after."""


class Rollouts(Protocol):
    """Roll-outs, numbered by the store."""

    def current(self) -> Rollout | None: ...

    def promote(self, fingerprint: str, bare_fingerprint: str, *, anew: bool = False) -> Rollout:
        """The newest roll-out if it is of that release (and not `anew`), else `Rollout.next` after it."""
        ...
