"""Contract: what waits for the decoders, what was put aside, and the roll-outs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from core.rank import Edition

Lane = Literal["image", "video"]
"""Pictures never wait behind videos: each has makers of its own."""


class MediaTask(NamedTuple):
    """A medium that waits for the decoders. `cost_s` is a guess at how long it takes; `later` says that it shows already,
    and only the rest is wanted; `remake` that all of it is there, and is to be made anew."""

    media_id: str
    profile_id: str
    added_at: int
    lane: Lane = "image"
    cost_s: int = 1
    later: bool = False
    remake: bool = False

    @property
    def place(self) -> tuple[bool, bool, int, str]:
        """What waits is in this order: what doesn't show yet, then other first makings, then remakes; in each short
        before long, until the long one has waited for as long as it takes."""
        return self.remake, self.later, self.added_at + self.cost_s, self.media_id


class Making(NamedTuple):
    """How far a medium is: `step` is being made, and `percent` of it is done; `steps_done` of `steps` are finished."""

    step: str
    steps_done: int
    steps: int
    percent: int


class MediaWork(Protocol):
    """What the decoders have to do; apart from the log, since a transcode of half an hour must not hold a position."""

    def add(self, task: MediaTask) -> None:
        """Repeating it is harmless: one row for each medium. What waits as a remake alone gives way to the other."""
        ...

    def pending(
        self,
        limit: int,
        *,
        lane: Lane | None = None,
        wanted: Callable[[str], bool] | None = None,
        of_profile: int | None = None,
    ) -> Sequence[MediaTask]:
        """By their `place`: of one lane if one is named, those whose media are `wanted`, and of each profile at most the
        first `of_profile`, so that no profile's hide another's."""
        ...

    def defer(self, task: MediaTask) -> None:
        """Puts it into another place, which may be in another lane. Fine if it isn't there any more."""
        ...

    def done(self, media_id: str) -> None: ...

    def tell(self, media_id: str, making: Making) -> None:
        """Notes how far it is. Fine if it isn't there any more; a power cut may take it back."""
        ...

    def progress(self, media_ids: Collection[str]) -> Mapping[str, Making]:
        """How far those of them are that wait or are being made, as far as that was told."""
        ...


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
