"""The accounts of a rehearsal: what was sent, answered, stored and shown in; what was lost, and how long it took, out.

Nothing here touches a server, so that `tests/bench` can show that each kind of loss is found.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

Outcome = Literal["acknowledged", "refused", "unknown"]


class Edit(NamedTuple):
    """One edit as its sender saw it. Times are seconds since 1970: when it was due, sent and answered. `status` is
    HTTP's, 0 where there was no answer; `edit`, `revision` and `accepted_at_ms` are what the answer said."""

    profile_id: str
    tagline: str
    due_at: float
    sent_at: float
    answered_at: float
    outcome: Outcome
    status: int
    edit: int = 0
    revision: int = 0
    accepted_at_ms: int = 0


class Told(NamedTuple):
    """What a worker logged of a profile: that it reached a stage with a revision."""

    worker: str
    stage: str
    profile_id: str
    revision: int
    rollout: int
    at: float


class Stored(NamedTuple):
    """A profile in the store at the end: its head, and of each revision in its history which edit it was, and when."""

    edit: int
    revision: int
    tagline: str
    history: Mapping[int, tuple[int, int]]


class Shown(NamedTuple):
    """A profile's page at one edge at the end: the revision of its rank (None: no page of ours), and its bytes."""

    edge: str
    revision: int | None
    body: str


class Window(NamedTuple):
    """A stretch of time in which something was broken."""

    name: str
    began: float
    ended: float


class Times(NamedTuple):
    """Edit-to-live in seconds; what never went live counts as infinite."""

    edits: int
    p50_s: float
    p99_s: float
    max_s: float


def times(took: Sequence[float]) -> Times:
    if not took:
        return Times(0, math.nan, math.nan, math.nan)
    return Times(len(took), percentile(took, 0.5), percentile(took, 0.99), max(took))


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


# ── how long ──


class Lives:
    """When each profile went live with which revision."""

    def __init__(self) -> None:
        self._of: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)

    def add(self, told: Told) -> None:
        self._of[told.profile_id].append((told.revision, told.at))

    def __len__(self) -> int:
        return len(self._of)

    def at(self, profile_id: str, revision: int) -> float:
        """When that revision, or one that holds it, was first live everywhere; infinity if it never was."""
        return min((at for one, at in self._of.get(profile_id, ()) if one >= revision), default=math.inf)


def took(edits: Iterable[Edit], lives: Lives) -> list[float]:
    """From when each was due until it was live. What wasn't acknowledged never went live: a creator got an error."""
    return [
        lives.at(one.profile_id, one.revision) - one.due_at if one.outcome == "acknowledged" else math.inf
        for one in edits
    ]


def took_acknowledged(edits: Iterable[Edit], lives: Lives) -> list[float]:
    return took((one for one in edits if one.outcome == "acknowledged"), lives)


def within(edits: Iterable[Edit], window: Window) -> list[Edit]:
    """Those that were due while it lasted."""
    return [one for one in edits if window.began <= one.due_at < window.ended]


# ── what was lost ──


def lost(edits: Sequence[Edit], stored: Stored | None) -> list[str]:
    """What is missing of one profile's acknowledged edits, a sentence each. A later edit may have replaced the words of an
    earlier one, but only under a later number: each acknowledged edit has its own, and its own revision in the history,
    told from another's by the millisecond in which it was accepted."""
    acknowledged = [one for one in edits if one.outcome == "acknowledged"]
    if stored is None:
        return [f"edit {one.edit} of {one.profile_id}: its profile is gone" for one in acknowledged]
    found = []
    numbers = Counter(one.edit for one in acknowledged)
    oldest = min(stored.history, default=0)
    for one in acknowledged:
        name = f"edit {one.edit} of {one.profile_id} (revision {one.revision})"
        if one.edit > stored.edit:
            found.append(f"{name}: the head is at edit {stored.edit}")
        elif numbers[one.edit] > 1:
            found.append(f"{name}: its number was given out {numbers[one.edit]} times")
        elif one.edit == stored.edit and one.tagline != stored.tagline:
            found.append(f"{name}: the head says {stored.tagline!r}, not {one.tagline!r}")
        elif one.revision >= oldest and stored.history.get(one.revision) != (one.edit, one.accepted_at_ms):
            found.append(f"{name}: in the history its revision is {stored.history.get(one.revision)}")
    unknown = {one.tagline for one in edits if one.outcome == "unknown"}
    # What is later than all that was acknowledged is an edit whose outcome its sender never learned.
    if acknowledged and stored.edit > max(numbers) and stored.tagline not in unknown:
        found.append(f"{edits[0].profile_id}: edit {stored.edit} says {stored.tagline!r}, which nobody sent")
    return found


def behind(profile_id: str, stored: Stored, pages: Iterable[Shown]) -> list[str]:
    """Edges that don't show the head, a sentence each."""
    found = []
    for page in pages:
        if page.revision != stored.revision:
            found.append(
                f"{profile_id} at {page.edge}: revision {page.revision}, the head is at {stored.revision}"
            )
        elif stored.tagline not in page.body:
            found.append(
                f"{profile_id} at {page.edge}: revision {page.revision} without the words {stored.tagline!r}"
            )
    return found


# ── what was done twice ──


class Twice(NamedTuple):
    """Publishes of all workers, and how many of them did again what had been done; how many of those by another worker."""

    publishes: int
    again: int
    by_another: int


def twice(told: Iterable[Told]) -> Twice:
    by: defaultdict[tuple[str, int, int], list[str]] = defaultdict(list)
    for one in told:
        if one.stage == "published":
            by[one.profile_id, one.revision, one.rollout].append(one.worker)
    return Twice(
        publishes=sum(map(len, by.values())),
        again=sum(len(workers) - 1 for workers in by.values()),
        by_another=sum(len(set(workers)) - 1 for workers in by.values()),
    )
