"""What waits, oldest first: a list of pointers by time, in slots that are dropped whole once all in them is done.

A queue made of deletes slows every reader down by the tombstones at its head. Here a pointer is never deleted by
itself: whether it still counts is asked of the row that it points to, and a process remembers the answer "no".
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from core.store.scylla.clock import seconds
from core.store.scylla.cql import Cql

LATE_S = 300.0
"""How long after its end a slot may still be written to, by whoever was slow."""
CARRIED_S = 6 * 3600.0
"""What waits for longer is put into the present slot, so that few slots stay open."""
LOOKED_AT_AGAIN_S = 30.0
SLOW_S = 60.0
"""Who took longer than this to write points again."""
AT_ONCE = 50
GONE_MAX = 200_000

Pointer = tuple[int, str]
"""When, and of what."""
Ask = Callable[[Sequence[Pointer]], Sequence[Any]]


class _Row(NamedTuple):
    """A pointer as it was added; pointing to the same again is another row."""

    at: int
    of: str
    added: UUID


class _Slot(NamedTuple):
    """What a look into a slot found; `looked_s` by the store's clock, and by this machine's that never goes back."""

    rows: list[_Row]
    looked_s: float
    looked_at: float


class Agenda:
    """One list. `ask` tells what pointers stand for now, None for what is done; `began` is when the store was made.

    Whoever adds a pointer has written the row that it stands for before. Where that can't be, "no" is believed only of
    pointers older than `young_s`. In a list that isn't `dated`, pointers wait from now on, and `at` is but their order.
    """

    def __init__(
        self,
        cql: Cql,
        name: str,
        slot_s: int,
        began: int,
        ask: Ask,
        young_s: float = 0.0,
        *,
        dated: bool = True,
    ) -> None:
        self._cql, self._name, self._slot_s, self._ask = cql, name, slot_s, ask
        self._young_s, self._dated = young_s, dated
        self._low = began // slot_s
        self._low_at = float("-inf")
        self._gone: dict[UUID, None] = {}
        self._own: dict[str, list[UUID]] = {}
        self._slots: dict[int, _Slot] = {}
        self._guard = threading.RLock()

    def add(self, at: int, of: str) -> None:
        """Points to it from `at` on; from now, if that is past."""
        while True:
            began, added = time.monotonic(), self._cql.clock.new_timeuuid()
            now = int(self._cql.clock.now())
            slot = (max(at, now) if self._dated else now) // self._slot_s
            self._cql.write(
                "INSERT INTO agenda (list, slot, at, id, added) VALUES (?, ?, ?, ?, ?)",
                self._name,
                slot,
                at,
                of,
                added,
            )
            # Who was frozen in between may have written into a slot that nobody looks into any more.
            if time.monotonic() - began < SLOW_S:
                break
        with self._guard:
            self._own.setdefault(of, []).append(added)
            while len(self._own) > GONE_MAX:
                del self._own[next(iter(self._own))]

    def forget(self, of: str, at: int | None = None) -> None:
        """This process has just made it done (of that time, or of any): so it need not ask. What others have added since
        the last look is asked for."""
        with self._guard:
            self._gone.update((added, None) for added in self._own.pop(of, ()) if at is None)
            for slot in self._slots.values():
                self._remember(row for row in slot.rows if row.of == of and at in (None, row.at))

    def known(self, of: str) -> tuple[UUID, ...]:
        """The pointers to it that this process knows of."""
        with self._guard:
            looked_at = (row.added for slot in self._slots.values() for row in slot.rows if row.of == of)
            return (*self._own.get(of, ()), *looked_at)

    def forget_these(self, pointers: Iterable[UUID]) -> None:
        """What they pointed to is done. Others to the same, added meanwhile, still count."""
        with self._guard:
            self._mark_gone(pointers)

    def pending(
        self,
        limit: int,
        until: int | None = None,
        wanted: Callable[[str], bool] | None = None,
        group: Callable[[str], str] = str,
        of_group: int | None = None,
    ) -> list[tuple[Pointer, Any]]:
        """The oldest that wait (and are due by `until`, and `wanted`), each with what it stands for; of each group no more
        than the first `of_group`."""
        with self._guard:
            self._look(until)
            waiting: dict[Pointer, list[_Row]] = {}
            for row in sorted(self._waiting()):
                if (until is None or row.at <= until) and (wanted is None or wanted(row.of)):
                    waiting.setdefault((row.at, row.of), []).append(row)
            found: list[tuple[Pointer, Any]] = []
            of_each: Counter[str] = Counter()

            def has_room(pointer: Pointer) -> bool:
                return of_group is None or of_each[group(pointer[1])] < of_group

            for some in _batched(filter(has_room, waiting)):
                for pointer, stands_for in zip(some, self._ask(some), strict=True):
                    if stands_for is None:
                        self._remember(row for row in waiting[pointer] if not self._is_young(row))
                    elif has_room(pointer):
                        of_each[group(pointer[1])] += 1
                        found.append((pointer, stands_for))
                if len(found) >= limit:
                    break
            # Where work is shared, one of all closes what has ended; the others hear of it by the bookmark.
            if wanted is None or wanted(self._name):
                self._close_slots()
            return found[:limit]

    def all(self) -> list[Pointer]:
        """Every pointer in the open slots that isn't known to be done."""
        with self._guard:
            self._look()
            return sorted({(row.at, row.of) for row in self._waiting()})

    def _waiting(self) -> list[_Row]:
        return [row for slot in self._slots.values() for row in slot.rows if row.added not in self._gone]

    def _is_young(self, row: _Row) -> bool:
        return bool(seconds(row.added) > self._cql.clock.now() - self._young_s)

    def _still_waiting(self, rows: Sequence[_Row]) -> list[_Row]:
        """Of a slot that has ended: also what is another's to do."""
        unknown = [row for row in rows if row.added not in self._gone]
        for some in _batched(unknown):
            asked = self._ask([(row.at, row.of) for row in some])
            self._remember(row for row, waits in zip(some, asked, strict=True) if waits is None)
        return [row for row in unknown if row.added not in self._gone]

    def _remember(self, rows: Iterable[_Row]) -> None:
        self._mark_gone(row.added for row in rows)

    def _mark_gone(self, pointers: Iterable[UUID]) -> None:
        self._gone.update((added, None) for added in pointers)
        while len(self._gone) > GONE_MAX:
            del self._gone[next(iter(self._gone))]

    def _look(self, until: int | None = None) -> None:
        """Reads the open slots: the newest two each time, older ones now and then; and the next, for who is ahead of the
        store's clock."""
        store_now, now = self._cql.clock.now(), time.monotonic()
        if now - self._low_at > LOOKED_AT_AGAIN_S:
            row = self._cql.one("SELECT place FROM bookmarks WHERE name = ?", self._bookmark)
            self._low, self._low_at = max(self._low, int(row[0])) if row else self._low, now
            self._slots = {slot: found for slot, found in self._slots.items() if slot >= self._low}
        present = int(store_now) // self._slot_s
        last = present + (until is not None and until // self._slot_s > present)
        stale = [
            slot
            for slot in range(self._low, last + 1)
            if slot >= present - 1
            or slot not in self._slots
            or now - self._slots[slot].looked_at > LOOKED_AT_AGAIN_S
        ]
        select = "SELECT at, id, added FROM agenda WHERE list = ? AND slot = ?"
        for some in _batched(stale):
            answers = self._cql.read_many([(select, (self._name, slot)) for slot in some])
            for slot, rows in zip(some, answers, strict=True):
                self._slots[slot] = _Slot([_Row(*row) for row in rows], store_now, now)

    def _close_slots(self) -> None:
        """Drops the oldest slots as far as nothing in them waits; what has waited for very long moves to the present."""
        low = self._low
        for slot in sorted(self._slots):
            rows, looked_s, _ = self._slots[slot]
            ended = (slot + 1) * self._slot_s
            if looked_s < ended + LATE_S:
                break
            waits = self._still_waiting(rows)
            # By the time of the look: who was frozen after it doesn't know what has come since.
            if waits and looked_s < ended + CARRIED_S:
                break
            for row in waits:
                self.add(row.at, row.of)
            del self._slots[slot]
            if rows:
                self._cql.write("DELETE FROM agenda WHERE list = ? AND slot = ?", self._name, slot)
            self._low = slot + 1
        if self._low != low:
            self._cql.write(
                "INSERT INTO bookmarks (name, place) VALUES (?, ?)", self._bookmark, str(self._low)
            )

    @property
    def _bookmark(self) -> str:
        return f"agenda/{self._name}"


def _batched(things: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    left = iter(things)
    while some := tuple(islice(left, AT_ONCE)):
        yield some
