"""Reading in several regions: the preferred one that is in sync, the next one while it is away, never one that was taken off."""

from __future__ import annotations

import pytest

from core import insync
from core.errors import ObjectMissing, Unavailable
from core.objects import Headers, Object, Stat
from core.objects.regions import AWAY_S, Regions

SECRET = b"a secret of more than thirty-two bytes"


class Bucket:
    """Says where it is; it may be away, and counts how often it was asked."""

    def __init__(self, name: str) -> None:
        self.name, self.away, self.asked = name, False, 0

    def get(self, key: str, *, unless: str | None = None) -> Object | None:
        self._ask(key)
        return Object(self.name.encode(), "etag")

    def stat(self, key: str) -> Stat:
        self._ask(key)
        return Stat(self.name, 1, Headers(), 0.0)

    def read(self, key: str, start: int, size: int) -> bytes:
        self._ask(key)
        return self.name.encode()

    def _ask(self, key: str) -> None:
        self.asked += 1
        if self.away:
            raise Unavailable(f"{self.name} is away.")
        if key == "missing":
            raise ObjectMissing(key)


class World:
    def __init__(self) -> None:
        self.now_s = 0.0
        self.near, self.far = Bucket("near"), Bucket("far")
        self.regions = Regions({"near": self.near, "far": self.far}, lambda: self.now_s)

    def read(self) -> str:
        found = self.regions.get("page")
        assert found
        assert (
            self.regions.stat("page").etag == self.regions.read("page", 0, 9).decode() == found.body.decode()
        )
        return found.body.decode()


@pytest.fixture
def world() -> World:
    return World()


def test_the_nearest_is_read_and_no_other(world: World) -> None:
    assert world.read() == world.regions.reads == "near"
    assert world.far.asked == 0


def test_one_that_is_away_is_passed_over_and_left_alone_for_a_while(world: World) -> None:
    world.near.away = True
    assert world.read() == world.regions.reads == "far"
    asked = world.near.asked
    assert world.read() == "far"
    assert world.near.asked == asked == 1
    world.now_s += AWAY_S + 1
    assert world.read() == "far"
    assert world.near.asked == 2
    world.near.away = False
    world.now_s += AWAY_S + 1
    assert world.read() == "near"


def test_when_all_are_away_all_are_asked(world: World) -> None:
    world.near.away = world.far.away = True
    for _ in range(2):
        with pytest.raises(Unavailable):
            world.regions.get("page")
    assert (world.near.asked, world.far.asked) == (2, 2)
    world.far.away = False
    assert world.read() == "far"


def test_what_is_missing_in_the_nearest_is_missing(world: World) -> None:
    with pytest.raises(ObjectMissing):
        world.regions.get("missing")
    assert world.far.asked == 0


def test_one_that_was_taken_off_is_not_read_though_it_answers(world: World) -> None:
    assert world.regions.use(1, ["far"])
    assert world.read() == "far"
    world.far.away = True
    with pytest.raises(Unavailable):
        world.regions.get("page")
    assert world.near.asked == 0
    assert world.regions.use(2, ["far", "near"])
    assert world.read() == "near"


def test_an_older_list_changes_nothing(world: World) -> None:
    world.regions.use(5, ["far"])
    for epoch in (5, 4, 0):
        assert not world.regions.use(epoch, ["near"])
    assert (world.read(), world.regions.epoch) == ("far", 5)


def test_a_list_of_strangers_changes_nothing(world: World) -> None:
    assert not world.regions.use(1, ["elsewhere"])
    assert not world.regions.use(1, [])
    assert world.read() == "near"


# ── the list itself ──


def test_a_list_is_read_as_it_was_signed() -> None:
    body = insync.sign(3, ["west", "main"], SECRET)
    assert insync.read(body, SECRET) == (3, ("main", "west"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"epoch": 3, "names": ["main"]}',
        b'{"epoch": 3, "names": ["main"], "signature": ""}',
        b'{"epoch": "x", "names": 5, "signature": 1}',
        insync.sign(3, ["main"], b"another secret of thirty-two bytes!"),
        insync.sign(3, ["main"], SECRET).replace(b"3", b"4", 1),
        insync.sign(3, ["main"], SECRET).replace(b"main", b"evil"),
        insync.sign(3, [], SECRET),
    ],
)
def test_a_list_that_is_not_signed_by_us_is_none(body: bytes) -> None:
    assert insync.read(body, SECRET) is None
