"""The agenda: what waits comes oldest first, done slots go as a whole, and nothing that waits goes with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from core.store.scylla.agenda import CARRIED_S, LATE_S, Agenda, Pointer
from core.store.scylla.cql import Cql
from tests.scylla.conftest import SetClock

SLOT_S = 60
START = 1_790_000_040 // SLOT_S * SLOT_S


class Things:
    """What the pointers stand for; `asked` counts how often anybody had to ask."""

    def __init__(self) -> None:
        self.waiting: set[Pointer] = set()
        self.asked = 0

    def __call__(self, pointers: Sequence[Pointer]) -> list[str | None]:
        self.asked += len(pointers)
        return [f"thing of {of}" if (at, of) in self.waiting else None for at, of in pointers]


class Place:
    """Several processes with one agenda."""

    def __init__(self, cql_at: Callable[[SetClock], Cql]) -> None:
        self.clock = SetClock(START + 1)
        self.cql = cql_at(self.clock)
        self.things = Things()

    def open(self) -> Agenda:
        return Agenda(self.cql, "things", SLOT_S, START, self.things)

    def add(self, agenda: Agenda, at: int, of: str) -> None:
        self.things.waiting.add((at, of))
        agenda.add(at, of)

    def slots(self) -> set[int]:
        """Those that hold anything in the store."""
        rows = self.cql.read("SELECT DISTINCT list, slot FROM agenda")
        return {slot for _, slot in rows}


@pytest.fixture
def place(cql_at: Callable[[SetClock], Cql]) -> Place:
    return Place(cql_at)


def names(found: list[tuple[Pointer, object]]) -> list[str]:
    return [of for (_, of), _ in found]


def test_what_waits_comes_oldest_first_and_what_is_not_yet_due_later(place: Place) -> None:
    agenda = place.open()
    place.add(agenda, START + 500, "later")
    place.add(agenda, 1000, "old")
    place.add(agenda, START - 5, "young")
    assert names(agenda.pending(10, START + 1)) == ["old", "young"]
    assert names(agenda.pending(1, START + 1)) == ["old"]
    place.clock.set(START + 510)
    assert names(agenda.pending(10, START + 510)) == ["old", "young", "later"]
    assert names(place.open().pending(10, START + 510)) == ["old", "young", "later"], "to another process too"


def test_who_is_ahead_of_the_stores_clock_sees_what_is_due_by_its_own(place: Place) -> None:
    """Also over the end of a slot; and that keeps no slot open or shut at the wrong time."""
    agenda = place.open()
    place.add(agenda, START + SLOT_S + 5, "next slot")
    assert names(agenda.pending(10, START + 10)) == []
    assert names(agenda.pending(10, START + SLOT_S + 6)) == ["next slot"]
    assert names(agenda.pending(10, 2**40)) == ["next slot"]
    place.clock.set(START + SLOT_S + 10)
    assert names(agenda.pending(10, START + SLOT_S + 10)) == ["next slot"]


def test_what_is_done_is_asked_for_once_by_each_process(place: Place) -> None:
    agenda = place.open()
    for number in range(5):
        place.add(agenda, START, f"thing{number}")
    place.things.waiting.clear()
    assert agenda.pending(10) == []
    asked = place.things.asked
    assert agenda.pending(10) == []
    assert place.things.asked == asked


def test_what_is_pointed_to_again_after_it_was_done_waits_again(place: Place) -> None:
    one, other = place.open(), place.open()
    place.add(one, START, "thing")
    place.things.waiting.clear()
    assert one.pending(10) == other.pending(10) == []
    place.add(other, START, "thing")
    assert names(one.pending(10)) == names(other.pending(10)) == ["thing"]


def test_slots_whose_things_are_done_go_as_a_whole_and_open_ones_stay(place: Place) -> None:
    agenda = place.open()
    place.add(agenda, START, "first")
    place.clock.set(START + SLOT_S + 1)
    place.add(agenda, START, "second")
    place.clock.set(START + 2 * SLOT_S + LATE_S + 5)
    place.add(agenda, START, "third")
    assert len(place.slots()) == 3
    place.things.waiting.discard((START, "first"))
    place.things.waiting.add((START, "second"))
    agenda.pending(10)
    kept = place.slots()
    place.things.waiting.clear()
    agenda.pending(10)
    left = place.slots()
    assert len(left) == 1 <= len(kept), "the slot of now stays open for who is slow"
    assert place.open().pending(10) == [], "and a new process begins behind those that are gone"


def test_of_many_who_share_a_list_each_asks_for_its_own_and_one_closes_slots(place: Place) -> None:
    one, other = place.open(), place.open()
    place.add(one, START, "ann")
    place.add(one, START, "bob")
    place.things.asked = 0
    assert names(one.pending(10, wanted=lambda of: of == "ann")) == ["ann"]
    assert names(other.pending(10, wanted=lambda of: of == "bob")) == ["bob"]
    assert place.things.asked == 2
    place.things.waiting.clear()
    place.clock.set(START + 2 * SLOT_S + LATE_S)
    assert place.open().pending(10, wanted=lambda of: of == "ann") == []
    assert len(place.slots()) == 1, "it is another's to close"
    assert place.open().pending(10, wanted=lambda of: of in ("bob", "things")) == []
    assert place.slots() == set()
    assert place.open().pending(10) == []


def test_a_slot_is_not_closed_while_anything_of_anybodys_waits_in_it(place: Place) -> None:
    agenda = place.open()
    place.add(agenda, START, "another's")
    place.clock.set(START + 2 * SLOT_S + LATE_S)
    assert agenda.pending(10, wanted=lambda of: of == "things") == []
    assert len(place.slots()) == 1
    assert names(agenda.pending(10)) == ["another's"]


def test_what_waits_for_hours_moves_to_the_present_and_is_not_lost(place: Place) -> None:
    agenda = place.open()
    place.add(agenda, START, "patient")
    place.clock.set(START + SLOT_S + CARRIED_S + 10)
    assert names(agenda.pending(10)) == ["patient"]
    assert max(place.slots()) == int(place.clock()) // SLOT_S
    assert len(place.slots()) == 1
    assert names(agenda.pending(10)) == ["patient"]
    assert names(place.open().pending(10)) == ["patient"]


def test_who_adds_late_into_a_slot_that_has_ended_is_seen(place: Place) -> None:
    agenda = place.open()
    assert agenda.pending(10) == []
    late = place.open()
    place.things.waiting.add((START, "late"))
    place.clock.set(START + SLOT_S - 1)
    slow = START // SLOT_S
    place.cql.write(
        "INSERT INTO agenda (list, slot, at, id, added) VALUES ('things', ?, ?, 'late', now())", slow, START
    )
    place.clock.set(START + SLOT_S + LATE_S - 20)
    assert names(late.pending(10)) == ["late"]
    assert names(agenda.pending(10)) in ([], ["late"])
    agenda._slots.clear()  # as the next look at an older slot does
    assert names(agenda.pending(10)) == ["late"]


def test_what_is_added_while_something_is_made_done_still_waits(place: Place) -> None:
    agenda = place.open()
    place.add(agenda, 1000, "film")
    agenda.pending(10)
    pointers = agenda.known("film")
    place.add(agenda, 2000, "film")
    agenda.pending(10)
    place.things.waiting.remove((1000, "film"))
    agenda.forget_these(pointers)
    asked = place.things.asked
    assert agenda.pending(10) == [((2000, "film"), "thing of film")]
    assert place.things.asked == asked + 1, "what was made done is known to be"
