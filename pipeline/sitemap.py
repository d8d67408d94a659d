"""Draws the sitemap from the listings: only the shards that were touched, so its work follows the edits and not the site."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from core import keys
from core.errors import RankDefect, Stale, Unavailable
from core.log import get_logger
from core.objects import Object, Objects
from core.rank import Rank, read_rank
from core.store import PurgePath, Store
from generator.files import XML, headers
from generator.meta import instant
from generator.sitemap import Entry, index, lists, shard, shards_in
from generator.urls import Urls
from pipeline.fence import Known, get, put_ranked
from pipeline.listing import SHARDS, Lister

TRIES = 5
log = get_logger("sitemap")
Draw = Callable[[Rank], bytes]


class Sitemap:
    """One worker's hand on the sitemap. `mine` says which shards are its own: those it draws at its start and whenever
    they come to it, and then again one at a time in turn, for what a worker that died has left undrawn."""

    def __init__(
        self, store: Store, public: Objects, urls: Urls, lister: Lister, mine: Callable[[str], bool]
    ) -> None:
        self._store, self._public, self._urls, self._lister, self._mine = store, public, urls, lister, mine
        self._own: set[int] = set()
        self._turn = 0

    def draw(self) -> int:
        """Draws what was touched; how many objects it wrote. Each is compared with what lies there, so nothing is
        written when nothing changed."""
        rollout = self._store.rollouts.current()
        if rollout is None:
            return 0
        life, wrote = self._store.life, 0
        filled: dict[int, bool] = {}
        failed: dict[int, Exception] = {}
        for number in sorted(self._lister.take_touched() | self._come_round()):
            try:
                wrote += self._put_next(
                    keys.sitemap_shard(number),
                    partial(self._shard, number, life, filled),
                    life,
                    rollout.number,
                )
            except Exception as error:
                # One that can't be drawn keeps no other waiting; the index doesn't name what may not be there.
                failed[number] = error
                filled.pop(number, None)
        try:
            wrote += self._draw_index(filled, life, rollout.number)
        except Exception:
            self._lister.touch(set(filled))
            raise
        finally:
            self._lister.touch(set(failed))
        if failed:
            raise next(iter(failed.values()))
        return wrote

    def take_off(self, number: int, names: Iterable[str]) -> tuple[PurgePath, ...]:
        """Draws a shard at once if it still lists one of these names, which the listings no longer do; what has to be purged
        of it. Where it can't be drawn just now, that is the rank that it will have: nothing else waits for it, but who
        proves the purge does."""
        key = keys.sitemap_shard(number)
        stored, failed = get(self._public, key), False
        if stored and self._lists(stored, names):
            failed = not self._drawn(number)
            stored = get(self._public, key)
        rank = read_rank(stored.body) if stored else None
        if stored is None or rank is None:
            return ()
        if failed and self._lists(stored, names):
            rank = rank._replace(revision=rank.revision + 1)
        return (PurgePath(keys.path_of(key), str(rank), True),)

    def _lists(self, stored: Object, names: Iterable[str]) -> bool:
        return any(lists(stored.body, keys.page(name), self._urls) for name in names)

    def _drawn(self, number: int) -> bool:
        """Whether a shard could be drawn. The loop draws it again: it is among those that were touched."""
        rollout, life = self._store.rollouts.current(), self._store.life
        try:
            if rollout:
                look = partial(self._shard, number, life, {})
                self._put_next(keys.sitemap_shard(number), look, life, rollout.number)
        except Exception as error:
            log.warning("sitemap_waits", shard=number, reason=str(error))
            return False
        return rollout is not None

    def _come_round(self) -> set[int]:
        own = {number for number in range(SHARDS) if self._mine(f"sitemap {number}")}
        come, self._own = own - self._own, own
        if own and not come:
            self._turn = min((number for number in own if number > self._turn), default=min(own))
            come = {self._turn}
        return come

    def _shard(self, number: int, life: int, filled: dict[int, bool], stored: Object | None) -> Draw | None:
        entries = [
            Entry(keys.page(one.username), instant(one.edited_at)[:10])
            for one in self._store.listings.of(number, life)
        ]
        filled[number] = bool(entries)
        return partial(shard, entries, self._urls) if entries or stored else None

    def _draw_index(self, filled: dict[int, bool], life: int, rollout: int) -> int:
        """Brings the index in line with the shards that were drawn, until a fresh look finds nothing to change: others
        may have filled or emptied one meanwhile, and have seen the index as it was before."""
        doubtful = set[int]()

        def look(stored: Object | None) -> Draw | None:
            rank = read_rank(stored.body) if stored else None
            here = stored is not None and rank is not None and rank.life == life
            shown = shards_in(stored.body, range(SHARDS), self._urls) if stored and here else set[int]()
            doubtful.update(number for number, full in filled.items() if full != (number in shown))
            full = {number for number in doubtful if any(True for _ in self._store.listings.of(number, life))}
            wanted = shown - doubtful | full
            return partial(index, sorted(wanted), self._urls)

        for wrote in range(TRIES):
            if not self._put_next(keys.SITEMAP, look, life, rollout):
                return wrote
        raise Unavailable(f"{keys.SITEMAP} was overtaken too often.")

    def _put_next(
        self, key: str, look: Callable[[Object | None], Draw | None], life: int, rollout: int
    ) -> bool:
        """Puts a numbered object under the next number, unless its content is the same under the present one. `look` reads
        what it shows after the key has been read: so whatever is put there meanwhile is either seen or makes the put
        fail. None means that there is nothing to put."""
        for _ in range(TRIES):
            stored = get(self._public, key)
            draw = look(stored)
            if draw is None:
                return False
            rank = read_rank(stored.body) if stored else None
            if rank and stored and rank.life == life and draw(rank) == stored.body:
                return False
            mine = Rank(life, 0, rank.revision + 1 if rank else 1, rollout)
            known = Known(rank, stored.etag) if stored else Known()
            head = headers(XML, mine, tags=keys.sitemap_tag(key))
            try:
                put = put_ranked(self._public, key, mine, partial(draw, mine), head, known)
            except (RankDefect, Stale):
                # Another worker took the same number with what it knew: look again.
                continue
            if put.ours or put.rank.life > life:
                return put.ours
        raise Unavailable(f"{key} was overtaken too often.")
