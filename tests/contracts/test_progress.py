"""What the workers keep: media work, published marks, purges, failures, roll-outs, and the store's own number."""

from __future__ import annotations

import random
from itertools import groupby
from typing import Any

import pytest

from core.rank import Mark
from core.store import (
    MAIN,
    TRANSITIONS_MAX,
    Failure,
    Making,
    MediaTask,
    Purge,
    PurgePath,
    Reached,
    Rollout,
    Store,
    waiting_list,
)
from tests.contracts.backends import StorePlace
from tests.contracts.conftest import Together

# ── media work ────────────────────────────────────────────────────────────────────────────────────


def test_media_wait_for_the_decoders_oldest_first_each_once(store: Store) -> None:
    young, old = MediaTask("young", "ann", 2000), MediaTask("old", "ann", 1000)
    for task in (young, old, young):
        store.media_work.add(task)
    assert list(store.media_work.pending(10)) == [old, young]
    assert list(store.media_work.pending(1)) == [old]
    store.media_work.done("old")
    store.media_work.done("old")
    assert list(store.media_work.pending(10)) == [young]


def test_a_medium_that_is_put_off_waits_behind_all_others(store: Store) -> None:
    first, second = MediaTask("first", "ann", 1000), MediaTask("second", "ann", 2000)
    for task in (first, second):
        store.media_work.add(task)
    later = first._replace(added_at=3000)
    store.media_work.defer(later)
    assert list(store.media_work.pending(10)) == [second, later]
    store.media_work.defer(MediaTask("unknown", "ann", 4000))
    assert list(store.media_work.pending(10)) == [second, later], "what isn't there stays away"


def test_short_work_comes_before_long_until_the_long_one_has_waited_for_as_long(store: Store) -> None:
    film = MediaTask("film", "ann", 1000, "video", cost_s=600)
    clip, late = (
        MediaTask(name, "bob", at, "video", cost_s=5) for name, at in (("clip", 1500), ("late", 1600))
    )
    for task in (film, late, clip):
        store.media_work.add(task)
    assert list(store.media_work.pending(10)) == [clip, film, late]


def test_what_shows_nothing_yet_comes_first_and_remakes_last(store: Store) -> None:
    remake = MediaTask("remake", "ann", 1000, remake=True)
    rest = MediaTask("rest", "ann", 2000, later=True)
    photo = MediaTask("photo", "ann", 3000)
    for task in (remake, rest, photo):
        store.media_work.add(task)
    assert list(store.media_work.pending(10)) == [photo, rest, remake]
    store.media_work.add(MediaTask("rest", "ann", 4000, remake=True))
    assert list(store.media_work.pending(10)) == [photo, rest, remake], "it is being made as it is"
    wanted = MediaTask("remake", "ann", 5000)
    store.media_work.add(wanted)
    assert list(store.media_work.pending(10)) == [photo, wanted, rest], "no longer a remake alone"


def test_each_lane_is_looked_at_by_itself(store: Store) -> None:
    photo, film = MediaTask("photo", "ann", 2000), MediaTask("film", "ann", 1000, "video")
    for task in (photo, film):
        store.media_work.add(task)
    assert list(store.media_work.pending(10, lane="image")) == [photo]
    assert list(store.media_work.pending(10, lane="video")) == [film]
    assert list(store.media_work.pending(10)) == [film, photo]
    store.media_work.defer(film._replace(added_at=3000, later=True))
    store.media_work.done("photo")
    assert list(store.media_work.pending(10, lane="image")) == []
    assert list(store.media_work.pending(10, lane="video")) == [film._replace(added_at=3000, later=True)]


def test_what_is_put_off_may_go_on_in_another_lane_and_come_back(store: Store) -> None:
    loop = MediaTask("loop", "ann", 1000)
    store.media_work.add(loop)
    assert list(store.media_work.pending(10, lane="image")) == [loop]
    for lane, other in (("video", "image"), ("image", "video")):
        there = loop._replace(lane=lane, later=True)
        store.media_work.defer(there)
        assert list(store.media_work.pending(10, lane=lane)) == [there]
        assert list(store.media_work.pending(10, lane=other)) == []
        assert list(store.media_work.pending(10)) == [there], "once"
    store.media_work.done("loop")
    assert list(store.media_work.pending(10)) == []


def test_no_creator_s_uploads_hide_another_s(store: Store) -> None:
    for number in range(70):
        store.media_work.add(MediaTask(f"ann{number:02}", "ann", 1000 + number))
    store.media_work.add(MediaTask("bob1", "bob", 5000))

    def seen(**how: Any) -> list[str]:
        return [task.media_id for task in store.media_work.pending(2, lane="image", of_profile=1, **how)]

    assert seen() == ["ann00", "bob1"]
    assert seen(wanted=lambda media_id: media_id not in ("ann00", "ann01")) == ["ann02", "bob1"]
    store.media_work.done("ann00")
    assert seen() == ["ann01", "bob1"]
    assert len(store.media_work.pending(10, of_profile=3)) == 4


def test_progress_is_told_and_goes_with_the_task(store: Store) -> None:
    for name in ("film", "clip"):
        store.media_work.add(MediaTask(name, "ann", 1000, "video"))
    assert store.media_work.progress(["film", "clip", "unknown"]) == {}
    assert store.media_work.progress([]) == {}
    store.media_work.tell("film", Making("poster", 0, 4, 0))
    store.media_work.tell("film", Making("rung-360", 1, 4, 55))
    store.media_work.tell("unknown", Making("still", 0, 2, 10))
    told = {"film": Making("rung-360", 1, 4, 55)}
    assert store.media_work.progress(["film", "clip", "unknown"]) == told
    store.media_work.defer(MediaTask("film", "ann", 2000, "video", later=True))
    assert store.media_work.progress(["film"]) == told, "it waits with what it has"
    store.media_work.done("film")
    store.media_work.tell("film", Making("rung-360", 1, 4, 60))
    assert store.media_work.progress(["film"]) == {}
    assert [task.media_id for task in store.media_work.pending(10)] == ["clip"]


def test_media_work_survives_a_restart(store_place: StorePlace) -> None:
    store_place.open().media_work.add(MediaTask("photo", "ann", 1000))
    store_place.close()
    assert [task.media_id for task in store_place.open().media_work.pending(10)] == ["photo"]


# ── published marks ───────────────────────────────────────────────────────────────────────────────


def test_what_was_never_published_has_no_mark(store: Store) -> None:
    assert store.published.get("ann", MAIN, 1) == {}
    assert list(store.published.transitions("ann", MAIN)) == []


@pytest.mark.parametrize("seed", range(3))
def test_the_greatest_mark_is_kept_whatever_order_they_come_in(store: Store, seed: int) -> None:
    """By revision, then by roll-out."""
    marks = [Mark(1, revision, rollout) for revision in (1, 2, 10) for rollout in (1, 9)]
    random.Random(seed).shuffle(marks)
    for mark in marks:
        store.published.record("ann", MAIN, Reached("published", mark, 1000 * mark.revision + mark.rollout))
    assert store.published.get("ann", MAIN, 1) == {"published": Reached("published", Mark(1, 10, 9), 10_009)}


def test_marks_are_kept_for_each_profile_replica_life_and_stage(store: Store) -> None:
    purged = Reached("purged", Mark(1, 3, 1), 1)
    published = Reached("published", Mark(1, 5, 1), 2)
    new_life = Reached("published", Mark(2, 1, 1), 3)
    for reached in (purged, published, new_life):
        store.published.record("ann", MAIN, reached)
    other = Reached("live", Mark(1, 9, 1), 4)
    store.published.record("ann", "other", other)
    assert store.published.get("ann", MAIN, 1) == {"purged": purged, "published": published}
    assert store.published.get("ann", MAIN, 2) == {"published": new_life}
    assert store.published.get("ann", "other", 1) == {"live": other}
    assert store.published.get("bob", MAIN, 1) == {}


def test_the_greatest_of_marks_recorded_at_once_is_kept(store: Store, together: Together) -> None:
    def record(number: int) -> None:
        for revision in range(number, 40, 8):
            store.published.record("ann", MAIN, Reached("live", Mark(1, revision, 1), revision))

    together(8, record)
    assert store.published.get("ann", MAIN, 1)["live"].mark.revision == 39


def test_the_last_transitions_are_kept_newest_first(store: Store) -> None:
    last = TRANSITIONS_MAX + 10
    store.published.record("bob", MAIN, Reached("live", Mark(1, 1, 1), 1))
    for revision in range(1, last + 1):
        store.published.record("ann", MAIN, Reached("live", Mark(1, revision, 1), revision))
    found = store.published.transitions("ann", MAIN)
    assert len(found) == TRANSITIONS_MAX
    # A transition whose reply was lost is recorded again.
    revisions = [revision for revision, _ in groupby(one.mark.revision for one in found)]
    assert revisions == list(range(last, last - len(revisions), -1))
    assert found[0] == Reached("live", Mark(1, last, 1), last)
    assert len(set(store.published.transitions("bob", MAIN))) == 1, "each profile has its own"


def test_a_transition_is_kept_though_a_greater_mark_came_first(store: Store) -> None:
    for revision in (2, 1):
        store.published.record("ann", MAIN, Reached("live", Mark(1, revision, 1), revision))
    assert {one.mark.revision for one in store.published.transitions("ann", MAIN)} == {1, 2}


# ── purges ────────────────────────────────────────────────────────────────────────────────────────


def purge(number: int) -> Purge:
    paths = (PurgePath("/ann", f"1.1.{number}.1", False), PurgePath("/ann/posts/é", "1.1.1.1", True))
    return Purge(f"purge{number}", "ann", Mark(1, number, 1), paths, 1000 + number)


def test_purges_wait_oldest_first_until_they_are_settled(store: Store) -> None:
    for number in (1, 2, 3):
        store.purges.queue(MAIN, purge(number))
    store.purges.queue(MAIN, purge(2))
    assert list(store.purges.pending(MAIN, 10)) == [purge(1), purge(2), purge(3)]
    assert list(store.purges.pending(MAIN, 2)) == [purge(1), purge(2)]
    store.purges.settle(MAIN, "purge2")
    store.purges.settle(MAIN, "purge2")
    assert list(store.purges.pending(MAIN, 10)) == [purge(1), purge(3)]


def test_what_may_not_be_served_stale_is_told_before_all_that_has_waited_longer(store: Store) -> None:
    def soft(number: int) -> Purge:
        return purge(number)._replace(paths=(PurgePath("/ann", f"1.1.{number}.1", False),))

    for one in (soft(1), soft(2), purge(3), soft(4), purge(5)):
        store.purges.queue(MAIN, one)
    assert [one.id for one in store.purges.pending(MAIN, 10)] == [
        f"purge{number}" for number in (3, 5, 1, 2, 4)
    ]
    assert [one.id for one in store.purges.pending(MAIN, 1)] == ["purge3"]
    assert [one.id for one in store.purges.pending_of(MAIN, "ann")] == [
        f"purge{number}" for number in range(1, 6)
    ]
    store.purges.settle(MAIN, "purge3")
    assert [one.id for one in store.purges.pending(MAIN, 2)] == ["purge5", "purge1"]


def test_when_a_purge_was_queued_is_kept_to_the_fraction(store: Store) -> None:
    exact = purge(1)._replace(queued_at=1_700_000_000.25)
    store.purges.queue(MAIN, exact)
    assert list(store.purges.pending(MAIN, 10)) == list(store.purges.pending_of(MAIN, "ann")) == [exact]


def test_the_purges_of_some_profiles_can_be_asked_for_alone(store: Store) -> None:
    for number in (1, 2, 3):
        store.purges.queue(MAIN, purge(number)._replace(profile_id=f"profile{number}"))
    mine = {"profile1", "profile3"}.__contains__
    assert [one.id for one in store.purges.pending(MAIN, 10, mine)] == ["purge1", "purge3"]
    assert [one.id for one in store.purges.pending(MAIN, 1, mine)] == ["purge1"]
    store.purges.settle(MAIN, "purge1")
    assert [one.id for one in store.purges.pending(MAIN, 10, mine)] == ["purge3"]
    assert [one.id for one in store.purges.pending(MAIN, 10)] == ["purge2", "purge3"]


def test_stages_reached_at_once_are_recorded_at_once(store: Store) -> None:
    mark = Mark(1, 4, 1)
    both = Reached("purged", mark, 10), Reached("live", mark, 12)
    store.published.record("ann", MAIN, *both)
    assert store.published.get("ann", MAIN, 1) == {one.stage: one for one in both}
    assert list(dict.fromkeys(store.published.transitions("ann", MAIN))) == list(reversed(both))


def test_each_replica_has_its_own_purges(store: Store) -> None:
    store.purges.queue("one", purge(1))
    store.purges.queue("two", purge(1))
    store.purges.settle("one", "purge1")
    assert list(store.purges.pending("one", 10)) == []
    assert list(store.purges.pending("two", 10)) == [purge(1)]


def test_a_cache_in_front_has_purges_and_stages_of_its_own(store: Store) -> None:
    cache, elsewhere = waiting_list("cf", MAIN), waiting_list("cf", "west")
    for name in (MAIN, cache, elsewhere):
        store.purges.queue(name, purge(1))
    store.purges.settle(cache, "purge1")
    waiting = [len(store.purges.pending_of(name, "ann")) for name in (MAIN, cache, elsewhere)]
    assert waiting == [1, 0, 1]
    told = Reached("purged", Mark(1, 3, 1), 10)
    store.published.record("ann", cache, told)
    assert store.published.get("ann", cache, 1) == {"purged": told}
    assert store.published.get("ann", MAIN, 1) == store.published.get("ann", elsewhere, 1) == {}


def test_the_purges_of_one_profile_are_found_among_those_of_all(store: Store) -> None:
    assert list(store.purges.pending_of(MAIN, "ann")) == []
    of_bob = purge(2)._replace(profile_id="bob")
    for one in (purge(1), of_bob, purge(3), purge(4)):
        store.purges.queue(MAIN, one)
    store.purges.queue("other", purge(5))
    assert list(store.purges.pending_of(MAIN, "ann")) == [purge(1), purge(3), purge(4)]
    assert list(store.purges.pending_of(MAIN, "bob")) == [of_bob]
    assert list(store.purges.pending_of("other", "ann")) == [purge(5)]
    store.purges.settle(MAIN, "purge3")
    assert list(store.purges.pending_of(MAIN, "ann")) == [purge(1), purge(4)]


def test_how_often_a_purge_has_failed_is_kept_with_it(store: Store) -> None:
    for number in (1, 2):
        store.purges.queue(MAIN, purge(number))
        store.purges.queue("to/cf", purge(number))
    tried = purge(1)._replace(failures=3, due_at=5000)
    store.purges.defer("to/cf", tried)
    assert list(store.purges.pending("to/cf", 10)) == [tried, purge(2)]
    assert list(store.purges.pending_of("to/cf", "ann")) == [tried, purge(2)]
    assert list(store.purges.pending(MAIN, 10)) == [purge(1), purge(2)]
    store.purges.defer("to/cf", again := tried._replace(failures=4, due_at=9000))
    assert list(store.purges.pending("to/cf", 10)) == [again, purge(2)]


def test_a_purge_that_is_settled_meanwhile_does_not_come_back(store: Store) -> None:
    store.purges.queue("to/cf", purge(1))
    store.purges.settle("to/cf", "purge1")
    store.purges.defer("to/cf", purge(1)._replace(failures=3, due_at=5000))
    assert list(store.purges.pending("to/cf", 10)) == list(store.purges.pending_of("to/cf", "ann")) == []
    store.purges.queue("to/cf", purge(2))
    assert list(store.purges.pending_of("to/cf", "ann")) == [purge(2)]


def test_a_queued_purge_survives_a_restart(store_place: StorePlace) -> None:
    store_place.open().purges.queue(MAIN, purge(1))
    store_place.close()
    assert list(store_place.open().purges.pending(MAIN, 10)) == [purge(1)]


# ── failures ──────────────────────────────────────────────────────────────────────────────────────


def test_the_last_failure_of_each_kind_and_subject_is_kept_until_it_is_cleared(store: Store) -> None:
    first = Failure("ann", "ann", "publish", "The template broke.", 1, 1000)
    last = first._replace(reason="The disk is full.", attempts=5, at=2000)
    photo = Failure("photo", "ann", "media", "It is no picture.", 5, 1500)
    purging = first._replace(kind="purge")
    for failure in (first, photo, purging, last):
        store.failures.put(failure)
    assert set(store.failures.all()) == {last, photo, purging}
    assert len(list(store.failures.all())) == 3
    store.failures.clear("publish", "ann")
    store.failures.clear("publish", "ann")
    store.failures.clear("media", "ann")
    assert set(store.failures.all()) == {photo, purging}


# ── many at once ──────────────────────────────────────────────────────────────────────────────────


def test_writes_that_are_made_together_are_all_there_after_it(store: Store, store_place: StorePlace) -> None:
    purge = Purge("1", "ann", Mark(1, 1, 1), (PurgePath("/ann", "1.0.1.1", False),), 1000)
    store.purges.queue(MAIN, purge)
    with store.together():
        for name in ("ann", "bob"):
            store.published.record(name, MAIN, Reached("published", Mark(1, 1, 1), 5))
            assert store.published.get(name, MAIN, 1).keys() == {"published"}
        assert store.purges.pending_of(MAIN, "ann") == [purge]
        store.purges.settle(MAIN, "1")
        assert store.profiles.load("ann") is None
    other = store_place.open()
    assert other.published.get("bob", MAIN, 1)["published"].mark == Mark(1, 1, 1)
    assert list(other.purges.pending(MAIN, 10)) == []
    store.published.record("carl", MAIN, Reached("published", Mark(1, 1, 1), 5))
    assert other.published.get("carl", MAIN, 1)


# ── roll-outs and life ────────────────────────────────────────────────────────────────────────────


def test_a_release_is_promoted_once_and_each_change_gets_the_next_number(store: Store) -> None:
    promote = store.rollouts.promote
    assert store.rollouts.current() is None
    first = promote("aaa", "x")
    assert promote("aaa", "x") == first == store.rollouts.current() == Rollout(1, "aaa", "x", 1)
    assert promote("bbb", "y") == Rollout(2, "bbb", "y", 2) == store.rollouts.current()
    assert promote("aaa", "x") == Rollout(3, "aaa", "x", 3), "going back is a roll-out, too"


def test_bare_files_count_the_roll_outs_that_changed_them(store: Store) -> None:
    promote = store.rollouts.promote
    promote("aaa", "x")
    assert promote("bbb", "x") == Rollout(2, "bbb", "x", 1)
    assert promote("ccc", "x") == Rollout(3, "ccc", "x", 1) == store.rollouts.current()
    assert promote("ddd", "y") == Rollout(4, "ddd", "y", 4)
    assert promote("ccc", "x") == Rollout(5, "ccc", "x", 5), "back to what they were before, but later"
    assert promote("ddd", "x") == Rollout(6, "ddd", "x", 5)
    assert promote("ddd", "x", anew=True) == Rollout(7, "ddd", "x", 7), "anew is anew for all of it"


def test_workers_that_promote_one_release_at_once_get_one_number(store: Store, together: Together) -> None:
    store.rollouts.promote("old", "x")
    promoted = together(8, lambda _: store.rollouts.promote("new", "x"))
    assert promoted == [Rollout(2, "new", "x", 1)] * 8


def test_a_release_may_be_rolled_out_anew(store: Store) -> None:
    first = store.rollouts.promote("release 1", "x", anew=True)
    again = store.rollouts.promote("release 1", "x", anew=True)
    assert again.number > first.number, "by one, or by more where a reply was lost"
    assert again.bare > first.bare
    assert store.rollouts.current() == again
    assert store.rollouts.promote("release 1", "x") == again


def test_the_life_of_a_store_is_its_own_and_stays(store_place: StorePlace) -> None:
    life = store_place.open().life
    assert life >= 1
    store_place.close()
    assert store_place.open().life == life


def test_a_life_that_begins_is_later_than_all_before(store_place: StorePlace) -> None:
    store = store_place.open()
    life = store.life
    store.begin_life(life + 3)
    assert store.life == store_place.open().life == life + 3
    for earlier in (life + 3, life + 1, 0):
        store.begin_life(earlier)
        assert store.life == life + 3
