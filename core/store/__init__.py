"""The contracts of the store: small Protocols, one folder of this package for each backend that keeps them.

They promise only what CQL can keep. One profile's rows (a partition) change together by one conditional batch; nothing
else does. Hints come unordered, repeated and late. Positions are opaque. A write whose reply is lost raises
OutcomeUnknown, and may still be applied later. Times are seconds since 1970 (UTC), milliseconds where a name ends in
`_ms`; clocks only expire things.
Every call may raise Unavailable. The contract suite in `tests/contracts` runs every backend through each sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, Protocol

from core.media import Frozen, Media
from core.profile import Head, Post, Snapshot
from core.rank import Mark

HISTORY_MAX = 200
"""Edit history rows kept for each profile."""
TRANSITIONS_MAX = 64
"""Receipt transitions kept for each profile and replica."""
REPLICA = "main"
"""The only replica so far: published rows, positions, receipts and purges are keyed by it from the start."""

Stage = Literal["published", "purged", "live"]


# ── accounts ──────────────────────────────────────────────────────────────────────────────────────


class Account(Frozen):
    """Who may edit. `email` is normalised and unique; `password_hash` is argon2id in its PHC string."""

    id: str
    email: str
    password_hash: str
    created_at: int


class Accounts(Protocol):
    """Accounts, their sessions, and which profiles they may edit (many-to-many)."""

    def create(self, account: Account) -> bool:
        """Adds an account unless its e-mail address has one; whether it did. Sending it again says True again."""
        ...

    def get(self, account_id: str) -> Account | None: ...

    def by_email(self, email: str) -> Account | None: ...

    def set_password(self, account_id: str, password_hash: str) -> None:
        """Replaces the hash; fine if the account is gone."""
        ...

    def remove(self, account_id: str) -> None:
        """Removes the account, its sessions and its rights; fine if it is gone."""
        ...

    def open_session(self, digest: str, account_id: str, expires_at: int) -> None:
        """`digest` is the SHA-256 of a secret token; the token itself is never stored."""
        ...

    def session(self, digest: str, now: int) -> str | None:
        """The account whose session this is; None once ended or expired."""
        ...

    def end_session(self, digest: str) -> None:
        """For good, whatever a clock says: an ended session never comes back."""
        ...

    def end_sessions(self, account_id: str) -> None:
        """Ends every session that the account has now, as `end_session` does."""
        ...

    def allow(self, account_id: str, profile_id: str) -> None:
        """Lets the account edit the profile."""
        ...

    def disallow(self, account_id: str, profile_id: str) -> None: ...

    def profiles_of(self, account_id: str) -> Sequence[str]:
        """Ids of the profiles that it may edit."""
        ...

    def editors_of(self, profile_id: str) -> Sequence[str]:
        """Ids of the accounts that may edit it."""
        ...

    def invite(self, digest: str, profile_id: str) -> None:
        """Makes a one-time claim link: whoever shows its token may edit the profile. A newer one replaces an unused older;
        one that is used up stays so."""
        ...

    def invited(self, digest: str) -> str | None:
        """The profile of an unused claim link."""
        ...

    def has_invite(self, profile_id: str) -> bool:
        """Whether an unused claim link to the profile is about."""
        ...

    def redeem(self, digest: str, account_id: str) -> str | None:
        """Uses the link up and lets the account edit; the profile's id, or None if somebody else used it first. The same
        account gets the same answer again."""
        ...


# ── names ─────────────────────────────────────────────────────────────────────────────────────────


class Claim(Frozen):
    """Who owns a username. `number` grows with each taking and the row is never deleted. `free` has no owner."""

    username: str
    number: int
    state: Literal["held", "redirect", "free"]
    profile_id: str | None
    attempt: str = ""


class Names(Protocol):
    """Claims of usernames: each call is one conditional write on one row."""

    def get(self, username: str) -> Claim | None:
        """The newest state of the claim (a SERIAL read); None if nobody ever took it."""
        ...

    def take(self, username: str, profile_id: str, attempt: str, seen: int) -> Claim | None:
        """Gives the name to the profile under number `seen` + 1, if its number is still `seen` (0: no row); else None."""
        ...

    def settle(self, username: str, number: int, state: Literal["held", "redirect", "free"]) -> bool:
        """Sets the state of the claim with that number (`free` drops its owner); False if its number has grown."""
        ...


# ── profiles ──────────────────────────────────────────────────────────────────────────────────────


class Batch(Frozen):
    """One revision of one profile: what changes together, or not at all.

    Applied only if the head's revision is still `head.revision` - 1 (no head for revision 1). `writer` is the id of
    the edit (or of the worker's act) and stands in the history row of this revision. `posts` and `media` are rows to
    write, `gone` ids of posts and media to remove. `answer` is kept under its Idempotency-Key.
    """

    head: Head
    writer: str
    what: str
    at_ms: int
    posts: tuple[Post, ...] = ()
    media: tuple[Media, ...] = ()
    gone: tuple[str, ...] = ()
    answer: Answer | None = None


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


class Profiles(Protocol):
    """Profiles, a partition each."""

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

    def ids(self) -> Iterator[str]:
        """Every profile's id, deleted ones too, in the store's own order, in pages of bounded memory."""
        ...


# ── changes ───────────────────────────────────────────────────────────────────────────────────────


class Change(NamedTuple):
    """A hint that profile P is at `revision` or later. Never the content."""

    profile_id: str
    revision: int


class Hint(NamedTuple):
    """A change as read from the log; `position` is where it stands there."""

    position: str
    change: Change


class Due(NamedTuple):
    """Something of a profile falls due at `at`; `id` settles it."""

    id: str
    profile_id: str
    at: int


class Changes(Protocol):
    """The change log, and what falls due."""

    def hint(self, change: Change) -> None:
        """Appends durably; before the batch it announces, so a crash leaves a hint without an edit, never the reverse."""
        ...

    def read(self, after: str | None, limit: int) -> Sequence[Hint]:
        """Hints behind that position (None: from the start), in the log's order.

        Each hint is seen at least once by who reads on from the position of the last hint before it; hints may come
        repeated, out of their order of writing, and late (also with a position before `after`).
        """
        ...

    def wait(self, timeout_s: float) -> None:
        """Returns when there may be something new, at the latest after `timeout_s`; may wake early."""
        ...

    def position(self, replica: str) -> str | None: ...

    def save_position(self, replica: str, position: str) -> None:
        """Everything up to there is done with."""
        ...

    def schedule(self, profile_id: str, at: int) -> None:
        """Something falls due then; written before the batch that needs it. Repeating it is harmless."""
        ...

    def due(self, now: int, limit: int) -> Sequence[Due]:
        """What has fallen due by `now`, oldest first; seen again until settled."""
        ...

    def settle_due(self, due: Due) -> None: ...


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


# ── what has been published ───────────────────────────────────────────────────────────────────────


class Reached(NamedTuple):
    """A stage that a profile has reached in a replica: with which mark, and when."""

    stage: Stage
    mark: Mark
    at_ms: int


class Published(Protocol):
    """How far each profile has got, keyed by (profile, replica, life, stage)."""

    def record(self, profile_id: str, replica: str, reached: Reached) -> None:
        """Keeps the greatest mark of a life (by revision, then roll-out), whatever order the calls come in; and the
        transition, the last TRANSITIONS_MAX of them."""
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
    """A durable purge of one profile's paths: queued before the done-mark, settled when all targets have answered."""

    id: str
    profile_id: str
    mark: Mark
    paths: tuple[PurgePath, ...]
    queued_at: int


class Purges(Protocol):
    """The queue of purges, for each replica."""

    def queue(self, replica: str, purge: Purge) -> None: ...

    def pending(self, replica: str, limit: int) -> Sequence[Purge]:
        """Oldest first."""
        ...

    def settle(self, replica: str, purge_id: str) -> None: ...


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
    """A numbered promotion of a release."""

    number: int
    fingerprint: str


class Rollouts(Protocol):
    """Roll-outs, numbered by the store."""

    def current(self) -> Rollout | None: ...

    def promote(self, fingerprint: str) -> Rollout:
        """The newest roll-out if it is of that release, else a new one with the next number."""
        ...


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
    def failures(self) -> Failures: ...

    @property
    def rollouts(self) -> Rollouts: ...

    @property
    def life(self) -> int:
        """The store's own number; a restore or a forced failover starts a new one."""
        ...

    def close(self) -> None: ...


Batch.model_rebuild()
