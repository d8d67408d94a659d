"""Who does what among the live workers: one for each thing, and few things change hands when one comes or goes."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Unavailable
from pipeline.sharing import Sharing

LEASE_S = 5.0
KEYS = [f"key {number}" for number in range(400)]


class Board:
    """Heartbeats in memory, as a store keeps them."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.away = False

    def beat(self, worker_id: str, count: int) -> None:
        if self.away:
            raise Unavailable("The store is away.")
        self.counts[worker_id] = count

    def beats(self) -> dict[str, int]:
        return dict(self.counts)

    def leave(self, worker_id: str) -> None:
        self.counts.pop(worker_id, None)


class Team:
    """Workers at one board, each with a clock that has its own zero and goes on when `pass_time` is called."""

    def __init__(self, board: Board | None = None) -> None:
        self.board = board or Board()
        self.now_s = 0.0
        self.turns = 0
        self.working: dict[str, Sharing] = {}

    def join(self, name: str) -> Sharing:
        zero = 1000.0 * len(self.working)
        self.working[name] = Sharing(self.board, name, LEASE_S, clock=lambda: zero + self.now_s)
        self.working[name].beat(0)
        return self.working[name]

    def pass_time(self, seconds: float, *, but: str = "") -> None:
        """Everybody beats once a second, but for one who doesn't turn any more."""
        for _ in range(round(seconds)):
            self.now_s += 1.0
            self.turns += 1
            for name, sharing in self.working.items():
                if name != but:
                    sharing.beat(self.turns)

    def owners(self, key: str) -> list[str]:
        return [name for name, sharing in self.working.items() if sharing.mine(key)]


def team_of(*names: str) -> Team:
    """Workers that know each other."""
    team = Team()
    for name in names:
        team.join(name)
    team.pass_time(2)
    return team


# ── who owns what ─────────────────────────────────────────────────────────────────────────────────

names = st.lists(st.text("abcdef0123456789", min_size=1, max_size=20), min_size=1, max_size=9, unique=True)


@given(names, st.lists(st.text(max_size=20), max_size=20), st.integers(1, 40))
def test_among_workers_that_see_each_other_each_thing_has_exactly_one_owner(
    workers: list[str], keys: list[str], count: int
) -> None:
    team = team_of(*workers)
    for key in keys:
        assert len(team.owners(key)) == 1
    shares = [sharing.shards(count) for sharing in team.working.values()]
    assert sorted(shard for share in shares for shard in share) == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1, "and of shards each has as many"


@given(names.filter(lambda workers: len(workers) > 1))
def test_only_the_own_things_of_who_joins_or_leaves_change_hands(workers: list[str]) -> None:
    *stay, comes = workers
    before = {key: team_of(*stay).owners(key) for key in KEYS[:40]}
    after = {key: team_of(*workers).owners(key) for key in KEYS[:40]}
    assert all(after[key] in (before[key], [comes]) for key in before)


def test_things_are_spread_evenly() -> None:
    team = team_of("one", "two", "three", "four")
    for sharing in team.working.values():
        assert 60 < sum(map(sharing.mine, KEYS)) < 140


def test_few_shards_change_hands_when_one_joins_or_leaves() -> None:
    three, four = team_of("one", "two", "three"), team_of("one", "two", "three", "four")
    kept = sum(len(three.working[name].shards(64) & four.working[name].shards(64)) for name in three.working)
    assert kept >= 40, "48 at the best"


def test_another_process_comes_to_the_same() -> None:
    program = """
from tests.pipeline.test_sharing import KEYS, team_of
one = team_of("one", "two", "three").working["one"]
print([key for key in KEYS if one.mine(key)] + sorted(one.shards(8)))
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    one = team_of("one", "two", "three").working["one"]
    assert told.strip() == str([key for key in KEYS if one.mine(key)] + sorted(one.shards(8)))


# ── who is live ───────────────────────────────────────────────────────────────────────────────────


def test_a_worker_alone_does_everything_from_its_first_moment() -> None:
    one = Sharing(Board(), "one", LEASE_S)
    assert all(map(one.mine, KEYS))
    assert one.shards(3) == {0, 1, 2}
    assert not one.settled and not one.ready, "it hasn't looked yet"
    one.beat(0)
    assert one.settled and one.ready
    assert one.live == ("one",)


def test_one_that_joins_has_its_share_within_two_beats() -> None:
    team = team_of("one", "two")
    three = team.join("three")
    team.pass_time(1)
    assert {sharing.live for sharing in team.working.values()} == {("one", "three", "two")}
    assert three.settled


def test_one_that_leaves_is_replaced_at_the_next_beat() -> None:
    team = team_of("one", "two", "three")
    team.working.pop("three").leave()
    team.pass_time(1)
    assert {sharing.live for sharing in team.working.values()} == {("one", "two")}


def test_one_that_rests_has_no_share_until_it_beats_again() -> None:
    team = team_of("one", "two")
    two = team.working.pop("two")
    two.rest()
    assert not any(map(two.mine, KEYS))
    assert two.shards(8) == set()
    team.pass_time(1)
    assert team.working["one"].live == ("one",)
    team.working["two"] = two
    team.pass_time(2)
    assert {sharing.live for sharing in team.working.values()} == {("one", "two")}


def test_one_that_rests_alone_does_nothing_either() -> None:
    one = Sharing(Board(), "one", LEASE_S)
    one.rest()
    assert (any(map(one.mine, KEYS)), one.shards(3)) == (False, set())


def test_who_has_left_does_not_come_back_by_a_beat_that_was_under_way() -> None:
    team = team_of("one", "two")
    two = team.working.pop("two")
    two.leave()
    two.beat(99)
    team.pass_time(1)
    assert team.working["one"].live == ("one",)


@pytest.mark.parametrize("what", ["dies", "hangs"])
def test_one_whose_counter_stands_still_is_given_up_after_the_lease(what: str) -> None:
    """Also one that still beats, but whose work loop turns no more."""
    team = team_of("one", "two")
    two = team.working.pop("two")
    stuck = team.board.counts["two"]
    team.working["one"].beat(team.turns)
    for second in range(1, 9):
        if what == "hangs":
            two.beat(stuck)
        team.pass_time(1)
        assert team.working["one"].live == (("one", "two") if second < LEASE_S else ("one",))
    two.beat(stuck + 1)
    team.pass_time(1)
    assert team.working["one"].live == ("one", "two"), "it woke up"


def test_dead_ones_that_a_new_worker_meets_keep_nothing_waiting() -> None:
    """The worker was killed and is started again: the last beat of the one before is still on the board."""
    team = Team()
    team.board.counts["dead"] = 17
    one = team.join("one")
    assert all(map(one.mine, KEYS))
    assert not one.settled and not one.ready, "it may still turn out to be alive"
    for second in range(1, 8):
        team.pass_time(1)
        assert one.ready, "by now it would have moved"
        assert one.live == ("one",)
        assert one.settled == (second >= LEASE_S)


def test_a_store_that_was_away_makes_nobody_dead() -> None:
    team = team_of("one", "two")
    team.working["one"].beat(team.turns)
    team.board.away = True
    team.now_s += 600
    for sharing in team.working.values():
        with pytest.raises(Unavailable):
            sharing.beat(team.turns)
    team.board.away = False
    team.working["one"].beat(team.turns + 1)
    assert team.working["one"].live == ("one", "two")
    team.pass_time(2)
    assert {sharing.live for sharing in team.working.values()} == {("one", "two")}
