"""Fair turns at the decoders, by simulation: nobody is starved, whatever others upload."""

from __future__ import annotations

from collections import Counter
from itertools import takewhile

from core.store import MediaTask
from pipeline.turns import Turns


class Lane:
    """A lane's queue as the store keeps it, and one maker; `clock` counts the seconds that it has worked."""

    def __init__(self) -> None:
        self.turns, self.tasks, self.clock = Turns(), dict[str, MediaTask](), 0
        self.made: list[MediaTask] = []

    def upload(self, profile: str, *costs_s: int, later: bool = False, remake: bool = False) -> None:
        for cost_s in costs_s:
            name = f"{profile}{len(self.tasks) + len(self.made)}"
            self.tasks[name] = MediaTask(name, profile, self.clock, cost_s=cost_s, later=later, remake=remake)

    def work(self, turns: int = 1_000_000) -> list[str]:
        """Whose turns they were."""
        begun = len(self.made)
        while self.tasks and turns:
            first: dict[str, MediaTask] = {}
            for task in sorted(self.tasks.values(), key=lambda one: one.place):
                first.setdefault(task.profile_id, task)
            chosen = self.turns.choose(list(first.values()))
            assert chosen
            self.made.append(self.tasks.pop(chosen.media_id))
            self.clock += chosen.cost_s
            turns -= 1
        return [task.profile_id for task in self.made[begun:]]


def test_nothing_waits_and_nobody_is_next() -> None:
    assert Turns().choose([]) is None


def test_a_creator_with_hundreds_of_uploads_gets_one_turn_and_then_another_one_does() -> None:
    lane = Lane()
    lane.upload("ann", *[1] * 200)
    lane.work(turns=20)
    lane.upload("bob", 1)
    assert "bob" in lane.work(turns=2)
    lane.upload("bob", *[1] * 10)
    lane.upload("cid", *[1] * 10)
    # Alike as they are, each has had a third of the turns.
    assert all(abs(count - 10) <= 1 for count in Counter(lane.work(turns=30)).values())


def test_short_work_comes_before_long() -> None:
    lane = Lane()
    lane.upload("ann", 600)
    lane.upload("bob", 5)
    lane.upload("cid", 60)
    assert lane.work() == ["bob", "cid", "ann"]


def test_short_work_of_one_creator_comes_before_her_own_long_work() -> None:
    lane = Lane()
    lane.upload("ann", 600, 5)
    lane.work()
    assert [task.cost_s for task in lane.made] == [5, 600]


def test_long_work_waits_no_longer_than_until_others_have_had_as_much() -> None:
    """Somebody is always there with something short: it is overtaken for its own length, not for ever."""
    lane = Lane()
    lane.upload("ann", 600)
    turns = 0
    while not any(task.profile_id == "ann" for task in lane.made):
        lane.upload(f"other{turns}-", 10)
        lane.work(turns=1)
        turns += 1
        assert turns < 100
    assert 55 <= turns <= 65


def test_by_its_work_not_by_its_number_of_uploads_a_creator_has_her_part() -> None:
    lane = Lane()
    lane.upload("films", *[100] * 50)
    lane.upload("photos", *[10] * 500)
    lane.work(turns=220)
    spent = Counter[str]()
    for task in lane.made:
        spent[task.profile_id] += task.cost_s
    assert abs(spent["films"] - spent["photos"]) <= 100


def test_what_does_not_show_yet_goes_before_all_that_does_and_remakes_come_last() -> None:
    lane = Lane()
    lane.upload("ann", *[1] * 3, remake=True)
    lane.upload("bob", *[1] * 3, later=True)
    lane.upload("cid", *[500] * 3)
    assert lane.work() == ["cid"] * 3 + ["bob"] * 3 + ["ann"] * 3


def test_who_has_had_much_waits_no_longer_than_who_comes_now() -> None:
    """Having used an idle lane costs nothing later."""
    lane = Lane()
    lane.upload("ann", *[10] * 100)
    lane.work()
    lane.upload("ann", *[10] * 5)
    lane.upload("bob", *[10] * 5)
    first = list(takewhile(lambda one: one == "bob", lane.work()))
    assert len(first) <= 1


def test_what_it_remembers_is_bounded_by_what_waits() -> None:
    turns = Turns()
    for number in range(1_000):
        turns.choose([MediaTask(f"photo{number}", f"profile{number}", 0)])
    assert len(turns._last) <= 1
    assert len(turns._tags) == 0
