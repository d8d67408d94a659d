"""The memory cache: answers by path, filled once for all who wait, checked with storage when they age or are purged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import floor
from typing import NamedTuple

from core.errors import ObjectError, Unavailable
from core.keys import path_of
from core.log import get_logger
from core.rank import Rank
from core.settings import EdgeSettings
from edge.counts import Counts
from edge.encodings import Coding, compress
from edge.entry import Entry
from edge.flight import Crossing, SingleFlight
from edge.prepared import Prepared
from edge.purge import Calls, Purges, folder_of, is_newer
from edge.rules import MISSING_S
from edge.shelf import Shelf

log = get_logger("edge")

WAIT_S = 15.0
"""How long a reader waits for storage or a render before hearing "unavailable"."""
FALLBACK_WAIT_S = 5.0
"""How long one for whom there is something stale, or the same body uncompressed."""
RETRY_S = 1.0
"""While storage is away a stale answer is served at once, and storage asked again this often for it."""
MISSING_SHARE = 16
"""What is missing may take a 16th of the memory, so that made-up paths can't push pages out."""

AWAY = (ObjectError, Unavailable, OSError)
"""Storage can't be asked (ObjectMissing, an answer, is caught before)."""

Fetch = Callable[[str, Entry | None], Awaitable[Entry]]
"""Reads a key from storage. With a known entry: that same entry back if what is stored is still that."""


class Answer(NamedTuple):
    """An entry, and how it came about: `status` is Cache-Status (RFC 9211), `keep` False if no cache may hold it,
    `age_s` how long ago storage was asked for what comes from memory (Age, RFC 9111, 5.1). `stale_left_s` is what is left
    of the cap where storage is away: the lives told then count from now, so there is no Age, which would count again."""

    entry: Entry
    status: str
    keep: bool = True
    age_s: int | None = None
    stale_left_s: float | None = None


class Cache:
    """Lives in one event loop, so that it needs no locks."""

    def __init__(
        self,
        fetch: Fetch,
        crossing: Crossing,
        settings: EdgeSettings,
        purges: Purges,
        calls: Calls,
        clock: Callable[[], float],
        counts: Counts,
    ) -> None:
        self._fetch = fetch
        self._crossing = crossing
        self._settings = settings
        self._purges = purges
        self._calls = calls
        self._clock = clock
        self.counts = counts
        bytes_max = settings.memory_mb * 1_000_000
        self._kept = Shelf(bytes_max)
        self._missing = Shelf(bytes_max // MISSING_SHARE)
        self._flights = SingleFlight()

    @property
    def shelves(self) -> tuple[Shelf, Shelf]:
        return self._kept, self._missing

    def hit(self, path: str) -> tuple[Entry, int] | None:
        """What is kept of `path` and fresh, with its Age; for the hot path, which asks for nothing else."""
        entry = self._kept.get(path)
        if entry is None or (aged_s := self._fresh_for_s(entry)) is None:
            return None
        return entry, int(aged_s)

    async def answer(self, key: str) -> Answer:
        """What to say about `key`; Unavailable if storage is away and nothing is kept."""
        path = path_of(key)
        return self._at_once(key, path) or await self._asked(key, path)

    def knows(self, key: str) -> bool:
        """Whether memory holds anything of `key`, fresh or not: then storage is asked once for all who come. Not so of what is
        too large to be held: its bytes are read for each."""
        path = path_of(key)
        entry = self._kept.get(path) or self._missing.get(path)
        return entry is not None and entry.body is not None

    def kept(self, key: str) -> Entry | None:
        """What memory holds of `key`, fresh or not; not that nothing lies there."""
        return self._kept.get(path_of(key))

    def _at_once(self, key: str, path: str) -> Answer | None:
        """What can be said without waiting for storage."""
        entry = self._kept.get(path) or self._missing.get(path)
        if entry is None:
            return None
        if (aged_s := self._fresh_for_s(entry)) is not None:
            return Answer(entry, "hit", age_s=int(aged_s))
        if self._stale_left_s(entry) <= 0:
            return None
        if self._clock() < entry.retry_s:
            return self._stale(entry)
        if self._only_aged(entry):
            # The flight's end is nobody's to wait for; what it brings is there for the next reader.
            self._flights.launch(path, lambda: self._revalidate(key, path, entry))
            aged_s = self._aged_s(entry)
            return Answer(entry, f"hit; ttl={floor(self._life_s(entry) - aged_s)}", age_s=int(aged_s))
        return None

    async def _asked(self, key: str, path: str) -> Answer:
        kept = self._kept.get(path)
        known = kept or self._missing.get(path)
        wait_s = FALLBACK_WAIT_S if kept and self._stale_left_s(kept) > 0 else WAIT_S
        try:
            answer, joined = await self._flights.run(path, lambda: self._fill(key, path, known), wait_s)
        except AWAY as error:  # TimeoutError is an OSError
            # It may be gone by now, purged hard; and what is missing never stands in.
            entry = self._kept.get(path)
            if entry and self._stale_left_s(entry) > 0:
                self._storage_is_away(path, entry, error)
                return self._stale(entry)
            raise Unavailable(f"Storage can't be reached: {error!r}") from error
        return answer._replace(status=f"{answer.status}; collapsed") if joined else answer

    async def encoded(self, entry: Entry, coding: Coding) -> bytes:
        """The entry's body compressed, made once; empty if compressing it isn't worth it. TimeoutError if it takes long."""
        if coding not in entry.encodings:
            # By identity: another version of it may be compressed at the same time.
            await self._flights.run(
                (id(entry), coding), lambda: self._compress(entry, coding), FALLBACK_WAIT_S
            )
        return entry.encodings[coding]

    def prepare(self, entry: Entry, coding: Coding | None, prepared: Prepared) -> None:
        """What is sent from now on to readers who like `coding` best, for as long as `hit` gives this entry."""
        entry.prepared[coding] = prepared
        self._kept.grown(path_of(entry.key), entry)

    def purge(self, path: str, rank: Rank | None, *, hard: bool) -> None:
        """Nothing that was read of `path`, or made of it, before now is served again without asking storage; but what is
        newer than the purge is."""
        self._purges.note(path, rank)
        for one in (path, *self._missing.resting_on(path)):
            self._missing.drop(one)
        entry = self._kept.get(path)
        if hard or not (entry and entry.rank and rank and is_newer(entry.rank, rank)):
            self._doubt(path, hard=hard)
        for one in self._kept.resting_on(path):
            self._doubt(one, hard=hard)

    def _doubt(self, path: str, *, hard: bool) -> None:
        entry = self._kept.get(path)
        if entry and (hard or entry.rendered or not entry.stored_etag):
            self._kept.drop(path)
        elif entry:
            # What stays is the fallback while storage is away.
            entry.purged, entry.retry_s = True, 0.0

    # ── freshness ─────────────────────────────────────────────────────────────────────────────────

    def _fresh_for_s(self, entry: Entry) -> float | None:
        """How long ago storage was asked for `entry`; None if that, or whatever else, makes it not fresh."""
        if not self._trusted(entry):
            return None
        aged_s = self._aged_s(entry)
        return aged_s if aged_s < self._life_s(entry) else None

    def _trusted(self, entry: Entry) -> bool:
        """Whether a purge of it, had there been one since it was read, would have reached us."""
        return self._calls.live and not entry.purged and entry.epoch == self._calls.epoch

    def _only_aged(self, entry: Entry) -> bool:
        """Whether it may be served while storage is asked anew (stale-while-revalidate, RFC 5861): for as long again as
        it was fresh. No reader sees by that what an edit has replaced: of an edit that is live, a purge has told us."""
        return not entry.missing and self._trusted(entry) and self._aged_s(entry) < 2 * self._life_s(entry)

    def _aged_s(self, entry: Entry) -> float:
        return self._clock() - entry.checked_s

    def _life_s(self, entry: Entry) -> float:
        if entry.missing:
            return min(self._settings.fresh_s, MISSING_S)
        return self._settings.render_s if entry.source else self._settings.fresh_s

    def _stale_left_s(self, entry: Entry) -> float:
        """How much longer `entry` may stand in for what storage would say."""
        return self._life_s(entry) + self._settings.stale_s - self._aged_s(entry)

    def _stale(self, entry: Entry) -> Answer:
        return Answer(
            entry, "fwd=stale; detail=storage-away", stale_left_s=max(0.0, self._stale_left_s(entry))
        )

    # ── filling ───────────────────────────────────────────────────────────────────────────────────

    async def _fill(self, key: str, path: str, known: Entry | None) -> Answer:
        sequence, epoch, checked_s = self._purges.sequence, self._calls.epoch, self._clock()
        # Only what storage itself gave can be asked about: "still this one?"
        entry = await self._fetch(key, known if known and known.stored_etag else None)
        if self._refused(entry, path, sequence):
            # It is from before a purge, or was read through something that lags behind. Once more, and never kept;
            # nor is what is older than it, or a reader could see that again.
            self.counts.fills_refused += 1
            entry = await self._fetch(key, None)
            self._kept.drop(path)
            return Answer(entry, "fwd=bypass; detail=purged-meanwhile", keep=False)
        entry.epoch, entry.checked_s = epoch, checked_s
        entry.rests_on = entry.source or folder_of(path)
        entry.purged, entry.retry_s = False, 0.0
        self._keep(path, entry)
        if entry is known:
            return Answer(entry, "fwd=stale; fwd-status=304")
        reason = "stale" if known else "uri-miss"
        return Answer(entry, f"fwd={reason}; stored" + ("; detail=rendered" if entry.rendered else ""))

    async def _revalidate(self, key: str, path: str, entry: Entry) -> Answer:
        try:
            return await self._fill(key, path, entry)
        except AWAY as error:
            self._storage_is_away(path, entry, error)
            raise

    def _storage_is_away(self, path: str, entry: Entry, error: BaseException) -> None:
        entry.retry_s = self._clock() + RETRY_S
        log.warning("served_stale", path=path, error=str(error) or repr(error))

    def _refused(self, entry: Entry, path: str, sequence: int) -> bool:
        return (
            self._purges.since(sequence, path)
            or bool(entry.source and self._purges.since(sequence, entry.source))
            or self._purges.outranks(path, entry.rank)
            or self._purges.outranks(entry.source, entry.source_rank)
        )

    def _keep(self, path: str, entry: Entry) -> None:
        shelf, other = (self._missing, self._kept) if entry.missing else (self._kept, self._missing)
        other.drop(path)
        shelf.put(path, entry)

    async def _compress(self, entry: Entry, coding: Coding) -> None:
        small = await self._crossing.compute(compress, entry.body or b"", coding)
        entry.encodings[coding] = small
        self._kept.grown(path_of(entry.key), entry)
