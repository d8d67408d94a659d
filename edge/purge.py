"""Purges: the signed call in, and what it leaves in memory so that nothing older than it is kept again."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Annotated, NamedTuple

from pydantic import BaseModel, BeforeValidator, Field, ValidationError
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from core.errors import BadInput, NotSignedIn
from core.parsing import field_errors
from core.rank import Rank, Verdict, covering, verdict

BODY_BYTES_MAX = 1_000_000
REMEMBERED_S = 600.0
"""How long a purged path's rank is remembered; longer than any read of storage takes."""
REMEMBERED_MAX = 50_000
IDS_REMEMBERED_S = 600.0
"""How long the id of a call is remembered: its timestamp may be five minutes ahead of our clock, and is believed until it is
five minutes behind."""
IDS_MAX = 50_000


def _rank(value: object) -> object:
    if value in ("", None):
        return None
    return Rank.parse(value) if isinstance(value, str) else value


class Purge(BaseModel):
    """One path (decoded, as `core.keys.path_of` spells it) and the rank of what now lies there, if it has one.

    A path that ends with a slash stands for all files of that folder, which are gone. A hard purge leaves nothing to
    fall back on when storage is away.
    """

    path: Annotated[str, Field(min_length=1, max_length=1024)]
    rank: Annotated[Rank | None, BeforeValidator(_rank)] = None
    hard: bool = False


class InSync(BaseModel):
    """Which replicas readers may use; the list of the greatest epoch counts."""

    epoch: Annotated[int, Field(ge=0)]
    names: Annotated[tuple[str, ...], Field(min_length=1, max_length=100)]


class Call(BaseModel):
    """A call of the purger's; one without purges is its heartbeat."""

    number: int
    purges: tuple[Purge, ...] = ()
    in_sync: InSync | None = None


def open_call(webhook: Webhook, body: bytes, headers: Mapping[str, str]) -> Call:
    """Checks the signature (Standard Webhooks 1.0.0: within five minutes of now) and parses the call.

    NotSignedIn for a signature that is missing, wrong or old; BadInput for a body that isn't a call.
    """
    try:
        webhook.verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError) as error:
        # ValueError: the library lets what it can't decode in a header or body through as it is.
        raise NotSignedIn(f"This call is not signed as it must be: {error}") from None
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise BadInput({"body": "is not JSON"}) from None
    try:
        return Call.model_validate(data)
    except ValidationError as error:
        raise BadInput(field_errors(error)) from None


class Heard:
    """The ids of the calls of the last minutes: who sends one again, sends what anybody may have recorded."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ids: OrderedDict[str, float] = OrderedDict()

    def is_replay(self, message: str) -> bool:
        """Whether that id was heard before; from now on it was."""
        now_s = self._clock()
        while self._ids:
            oldest, at_s = next(iter(self._ids.items()))
            if at_s + IDS_REMEMBERED_S > now_s and len(self._ids) < IDS_MAX:
                break
            del self._ids[oldest]
        if message in self._ids:
            return True
        self._ids[message] = now_s
        return False


class _Noted(NamedTuple):
    sequence: int
    rank: Rank | None
    at_s: float


class Purges:
    """The purges of the last minutes, by path, in the order they came."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._noted: OrderedDict[str, _Noted] = OrderedDict()
        self._forgotten = 0
        self.sequence = 0
        """Grows with every purge; a read that notes it when it begins can be asked about later."""

    def note(self, path: str, rank: Rank | None) -> None:
        now_s = self._clock()
        earlier = self._noted.pop(path, None)
        self.sequence += 1
        self._noted[path] = _Noted(self.sequence, _higher(earlier.rank if earlier else None, rank), now_s)
        while self._noted:
            path, oldest = next(iter(self._noted.items()))
            if oldest.at_s + REMEMBERED_S > now_s and len(self._noted) <= REMEMBERED_MAX:
                break
            del self._noted[path]
            self._forgotten = oldest.sequence

    def since(self, sequence: int, path: str) -> bool:
        """Whether `path` was, or may have been, purged after `sequence` stood. For reads under way, which don't take long: what
        is forgotten counts as purged."""
        if self._forgotten > sequence:
            return True
        found = (self._noted.get(path), self._noted.get(folder_of(path)))
        return any(noted is not None and noted.sequence > sequence for noted in found)

    def outranks(self, path: str, rank: Rank | None) -> bool:
        """Whether `path` was purged with a rank that bytes of `rank` don't cover: then they are old."""
        noted = self._noted.get(path)
        if noted is None or noted.rank is None or rank is None:
            return False
        return verdict(rank, noted.rank) is not Verdict.LEAVE


def _higher(one: Rank | None, other: Rank | None) -> Rank | None:
    """The rank that covers both."""
    return covering(one, other) if one and other else one or other


def is_newer(rank: Rank, other: Rank) -> bool:
    """Whether bytes of `rank` cover those of `other`, and aren't the same."""
    return rank != other and verdict(rank, other) is Verdict.LEAVE


def folder_of(path: str) -> str:
    """The path that purges a whole folder of children (`/_media/…/`): it ends with a slash, as no page's does."""
    folder = path[: path.rfind("/") + 1]
    return folder if folder != "/" else ""


class Calls:
    """Whether the purger reaches us: an edge that it has not called for a while can't trust what it remembers."""

    def __init__(self, silence_s: float, clock: Callable[[], float]) -> None:
        self._silence_s = silence_s
        self._clock = clock
        self._last_s: float | None = None
        self.epoch = 0
        """Grows with the first call after a silence: what was read before it may have missed a purge."""

    def heard(self) -> None:
        if not self.live:
            self.epoch += 1
        self._last_s = self._clock()

    @property
    def live(self) -> bool:
        return self._last_s is not None and self._clock() - self._last_s <= self._silence_s
