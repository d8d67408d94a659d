"""The sweep: finds whatever the log has missed, in parts that workers share, and goes on where the last one was killed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.rank import Mark
from core.store import MAIN, Reached, Walked
from pipeline import sweep
from pipeline.loops import Loops
from pipeline.plan import Plan
from pipeline.sharing import Sharing
from pipeline.sweep import Sweep
from tests.contracts.nouns import NAMED, batch, head
from tests.pipeline.little_site import Site

PARTS = 4


class Parts:
    """The profiles of a site, in parts by the first digit of their ids, and what was asked of them."""

    parts = PARTS

    def __init__(self, site: Site) -> None:
        self._inner = site.store.profiles
        self.walks: list[tuple[int, str | None]] = []
        self.met: list[str] = []

    def walk(self, part: int, after: str | None = None) -> Iterator[Walked]:
        self.walks.append((part, after))
        for one in self._inner.walk(0, after):
            if int(one.profile_id[0]) % PARTS == part:
                self.met.append(one.profile_id)
                yield one

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class Sweeping:
    """A store of twelve profiles in four parts of three, and workers that sweep it."""

    def __init__(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        self.site, self.parts = site, Parts(site)
        monkeypatch.setattr(site.store, "profiles", self.parts)
        monkeypatch.setattr(sweep, "PAGE", 2)
        self.ids = [f"{number % PARTS}profile{number:02}" for number in range(12)]
        for one in self.ids:
            fresh = batch(one)
            self.parts.commit(fresh.model_copy(update={"head": head(one, name=NAMED)}))

    def worker(self, per_s: int = 100_000, period_s: float = 100, **options: Any) -> Worker:
        return Worker(self.site, per_s, period_s, **options)


class Worker:
    def __init__(
        self,
        site: Site,
        per_s: int,
        period_s: float,
        mine: Callable[[str], bool] = lambda _: True,
        before: Callable[[], object] = lambda: None,
    ) -> None:
        self.plan, self.loops = Plan(), Loops()
        sharing = Sharing(site.store.workers, "me", 5)
        sharing.mine = mine  # type: ignore[method-assign]
        self.sweep = Sweep(site.store, MAIN, self.plan, sharing, self.loops, period_s, per_s, before).sweep

    def wanted(self) -> set[str]:
        found = set()
        while job := self.plan.take(0):
            found.add(job[0])
            self.plan.finish(job[0], job[1])
        return found


@pytest.fixture
def sweeping(site: Site, monkeypatch: pytest.MonkeyPatch) -> Sweeping:
    return Sweeping(site, monkeypatch)


def published(site: Site, profile_id: str, revision: int, life: int = 1) -> None:
    mark = Mark(life, revision, 1)
    site.store.published.record(profile_id, MAIN, Reached("published", mark, 0))


def test_what_is_behind_is_wanted_and_nothing_else(sweeping: Sweeping) -> None:
    never, behind, other_life, *done = sweeping.ids
    published(sweeping.site, behind, 1)
    sweeping.parts.commit(batch(behind, 2).model_copy(update={"head": head(behind, 2, name=NAMED)}))
    published(sweeping.site, other_life, 1, life=9)
    for one in done:
        published(sweeping.site, one, 1)
    sweeping.parts.commit(batch("0halfmade"))
    worker = sweeping.worker()
    worker.sweep()
    assert worker.wanted() == {never, behind, other_life}


def test_a_part_is_begun_once_in_a_period(sweeping: Sweeping, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    now_s = [1_000_000.0]
    monkeypatch.setattr(sweep.time, "time", lambda: now_s[0])
    worker = sweeping.worker(before=lambda: begun.append(1))
    worker.sweep()
    assert (len(begun), sorted(sweeping.parts.met)) == (PARTS, sorted(sweeping.ids))
    now_s[0] += 99
    worker.sweep()
    sweeping.worker().sweep()
    assert (len(begun), len(sweeping.parts.met)) == (PARTS, 12), "nor by another worker"
    now_s[0] += 2
    worker.sweep()
    assert (len(begun), len(sweeping.parts.met)) == (2 * PARTS, 24)
    now_s[0] -= 5000
    worker.sweep()
    assert len(sweeping.parts.met) == 36, "a clock that was wrong keeps nothing from being swept"


def test_each_worker_sweeps_its_own_parts(sweeping: Sweeping) -> None:
    worker = sweeping.worker(mine={"sweep 0", "sweep 2"}.__contains__)
    worker.sweep()
    assert {one[0] for one in sweeping.parts.met} == {"0", "2"}
    assert worker.wanted() == {one for one in sweeping.ids if one[0] in "02"}
    sweeping.worker(mine={"sweep 1", "sweep 2"}.__contains__).sweep()
    assert [one[0] for one in sweeping.parts.met[6:]] == ["1"] * 3


def test_whoever_gets_a_part_goes_on_where_the_last_one_was_killed(
    sweeping: Sweeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each page of two; what lies between the bookmark and the death is met again."""
    keep = sweeping.site.store.bookmarks.put

    def keep_and_die(name: str, place: str) -> None:
        keep(name, place)
        raise ZeroDivisionError

    with monkeypatch.context() as dying:
        dying.setattr(sweeping.site.store.bookmarks, "put", keep_and_die)
        with pytest.raises(ZeroDivisionError):
            sweeping.worker().sweep()
    part_of_the_dead = sorted(one for one in sweeping.ids if one[0] == "0")
    assert sweeping.parts.met == part_of_the_dead[:2]
    sweeping.parts.met.clear()
    worker = sweeping.worker()
    worker.sweep()
    assert sweeping.parts.walks[1] == (0, part_of_the_dead[1])
    assert sorted(sweeping.parts.met) == sorted(set(sweeping.ids) - set(part_of_the_dead[:2]))


def test_a_part_that_goes_to_another_worker_is_left_to_it_half_way(sweeping: Sweeping) -> None:
    share = {"sweep 0"}
    worker = sweeping.worker(mine=share.__contains__, before=share.clear)
    worker.sweep()
    assert sweeping.parts.met == []

    pages: list[str] = []

    def for_one_page(key: str) -> bool:
        pages.append(key)
        return key == "sweep 0" and pages.count(key) <= 2

    sweeping.worker(mine=for_one_page).sweep()
    assert len(sweeping.parts.met) == 2
    sweeping.worker().sweep()
    assert sorted(sweeping.parts.met) == sorted(sweeping.ids), "nobody twice"


def test_a_worker_that_stops_leaves_the_part_at_the_next_page(sweeping: Sweeping) -> None:
    worker = sweeping.worker()
    worker.sweep = Sweep(  # type: ignore[method-assign]
        sweeping.site.store,
        MAIN,
        worker.plan,
        Sharing(sweeping.site.store.workers, "me", 5),
        worker.loops,
        100,
        100_000,
        worker.loops.stop,
    ).sweep
    worker.sweep()
    assert sweeping.parts.met == []


def test_it_compares_no_more_profiles_in_a_second_than_it_may(sweeping: Sweeping) -> None:
    for one in sweeping.ids:
        published(sweeping.site, one, 1)
    started = time.monotonic()
    sweeping.worker(per_s=40).sweep()
    # The last page of each part needs no wait behind it.
    assert time.monotonic() - started >= PARTS * 2 / 40


def test_it_waits_while_the_plan_is_crowded(sweeping: Sweeping, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.plan.CROWD", 3)
    worker, most = sweeping.worker(), 0
    waits: list[set[str]] = []

    def drain(_: float | None = None) -> None:
        nonlocal most
        if worker.plan.crowded:
            waits.append(worker.wanted())
            most = max(most, len(waits[-1]))

    monkeypatch.setattr(worker.loops, "wait", drain)
    worker.sweep()
    assert most == 3
    assert set().union(*waits) | worker.wanted() == set(sweeping.ids)
