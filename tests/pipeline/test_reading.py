"""The reader: only its share of the log, from where others have got to when the share changes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pytest

from core.errors import Unavailable
from core.store import MAIN, Change, Hint
from pipeline.loops import Loops
from pipeline.plan import Plan
from pipeline.reading import Reader


class Log:
    """A log of four shards in memory, a profile's digit being its shard; it ends the reader when a script has run out."""

    shards = 4

    def __init__(self, loops: Loops) -> None:
        self._loops = loops
        self.hints = [Hint(f"at {number}", Change(f"profile{number % 4}", number)) for number in range(8)]
        self.saved: str | None = None
        self.asked: list[tuple[str | None, list[int]]] = []
        self.script: list[object] = []
        self.away = 0

    def position(self, replica: str) -> str | None:
        return self.saved

    def read(self, after: str | None, limit: int, shards: Collection[int] | None = None) -> Sequence[Hint]:
        assert shards is not None
        if self.away:
            self.away -= 1
            raise Unavailable("The store is away.")
        self.asked.append((after, sorted(shards)))
        since = int(after.removeprefix("at ")) + 1 if after else 0
        return [hint for hint in self.hints[since:] if int(hint.change.profile_id[-1]) in shards][:limit]

    def wait(self, timeout_s: float) -> None:
        self.go_on()

    def go_on(self, _: float | None = None) -> None:
        if not self.script:
            self._loops.stop()
            return
        act = self.script.pop(0)
        if callable(act):
            act()


class Share:
    """What the sharing says is this worker's."""

    live = ("me",)

    def __init__(self, *shards: int) -> None:
        self.now = frozenset(shards)
        self.ready = True

    def shards(self, count: int) -> frozenset[int]:
        assert count == Log.shards
        return self.now

    def become(self, *shards: int) -> None:
        self.now = frozenset(shards)


class Desk:
    """A reader with all that it needs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *shards: int) -> None:
        self.loops, self.plan, self.share = Loops(), Plan(), Share(*shards)
        self.log = Log(self.loops)
        monkeypatch.setattr(self.loops, "wait", self.log.go_on)
        self.reader = Reader(self.log, MAIN, self.plan, self.share, self.loops)  # type: ignore[arg-type]

    def planned(self) -> list[str]:
        found = []
        while job := self.plan.take(0):
            found.append(job[0])
        return found


def test_it_reads_its_own_shards_alone_and_on_from_the_last_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch, 1, 3)
    desk.reader.read()
    assert desk.log.asked == [(None, [1, 3]), ("at 7", [1, 3])]
    assert desk.planned() == ["profile1", "profile3"]


def test_a_share_that_changes_is_read_from_the_position_that_is_saved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(monkeypatch, 1)

    def change() -> None:
        desk.log.saved = "at 2"
        desk.share.become(1, 2)

    desk.log.script = [change]
    desk.reader.read()
    assert desk.log.asked == [(None, [1]), ("at 5", [1]), ("at 2", [1, 2]), ("at 6", [1, 2])]


def test_without_any_shard_it_idles_and_its_turns_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch)
    desk.log.script = [None, None]
    desk.reader.read()
    assert desk.log.asked == []
    assert desk.reader.turns == 3


def test_it_begins_where_the_last_worker_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch, 0, 1, 2, 3)
    desk.log.saved = "at 5"
    desk.reader.read()
    assert desk.log.asked == [("at 5", [0, 1, 2, 3]), ("at 7", [0, 1, 2, 3])]


def test_a_store_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch, 1)
    desk.log.away, desk.log.script = 2, [None, None]
    desk.reader.read()
    assert desk.log.asked == [(None, [1]), ("at 5", [1])]


def test_a_crowded_plan_is_not_fed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.plan.CROWD", 1)
    desk = Desk(monkeypatch, 1)
    desk.plan.want("somebody")

    before: list[object] = []

    def clear() -> None:
        before.extend(desk.log.asked)
        desk.plan.take(0)
        desk.plan.finish("somebody", 0)

    desk.log.script = [clear]
    desk.reader.read()
    assert before == []
    assert desk.log.asked[0] == (None, [1])


def test_it_reads_nothing_before_it_has_seen_who_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else whoever comes second would take everybody's work on at first, and do it too."""
    desk = Desk(monkeypatch, 1)
    desk.share.ready = False

    def see() -> None:
        assert desk.log.asked == []
        desk.share.ready = True

    desk.log.script = [None, see, None]
    desk.reader.read()
    assert desk.log.asked[0] == (None, [1])
