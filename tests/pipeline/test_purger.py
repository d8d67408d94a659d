"""The purger against real little edges: signed calls, waiting, proof, and a queue that outlives its worker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import Unavailable
from core.ids import new_id
from core.rank import Mark, Rank, stamp_html
from core.store import MAIN, Purge, PurgePath
from core.store.sqlite import SqliteStore
from pipeline.purge import edges, purger
from pipeline.purge.edges import Edge
from pipeline.purge.purger import Purger
from tests.clock import Clock
from tests.pipeline.little_edge import LittleEdge, running
from tests.pipeline.little_site import Site

SECRET = b"a secret of purger and edges, not short"
MARK = Mark(1, 3, 1)
OLD, NEW = "1.1.2.1", "1.1.3.1"
HEARTBEAT_S, SILENCE_S = 5.0, 15.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(edges, "time", SimpleNamespace(monotonic=clock, time=time.time, time_ns=time.time_ns))
    own = SimpleNamespace(time=clock, monotonic=clock, time_ns=time.time_ns, sleep=lambda _: None)
    monkeypatch.setattr(purger, "time", own)
    return clock


@pytest.fixture
def little(clock: Clock) -> Iterator[LittleEdge]:
    yield from running(SECRET)


@pytest.fixture
def other(clock: Clock) -> Iterator[LittleEdge]:
    yield from running(SECRET)


@pytest.fixture
def edge(little: LittleEdge) -> Iterator[Edge]:
    edge = reach(little)
    yield edge
    edge.close()


def reach(little: LittleEdge, secret: bytes = SECRET, sub_path: str = "", timeout_s: float = 5) -> Edge:
    return Edge(little.url, sub_path, secret, timeout_s, HEARTBEAT_S)


def queued(store: SqliteStore, *paths: str, rank: str = NEW) -> Purge:
    purge = Purge(new_id(), "profile1", MARK, tuple(PurgePath(path, rank, False) for path in paths), 1000)
    store.purges.queue(MAIN, purge)
    return purge


def waiting(store: SqliteStore) -> int:
    return len(store.purges.pending(MAIN, 10))


def stages(store: SqliteStore) -> set[str]:
    return set(store.published.get("profile1", MAIN, 1))


# ── calls ──


def test_calls_are_signed_and_numbered(edge: Edge, little: LittleEdge) -> None:
    edge.call()
    edge.call([PurgePath("/ann", NEW, True)])
    heartbeat, purge = little.calls
    assert heartbeat["purges"] == []
    assert purge["purges"] == [{"path": "/ann", "rank": NEW, "hard": True}]
    assert purge["number"] > heartbeat["number"]
    assert edge.live


def test_no_call_is_larger_than_an_edge_takes(edge: Edge, little: LittleEdge) -> None:
    """Escaped as JSON such a character has six bytes."""
    slug = "舟" * 80
    paths = [f"/ann/posts/{slug}-{number}" for number in range(3000)]
    edge.call([PurgePath(path, NEW, True) for path in paths])
    assert little.purged() == paths
    longest = ["/" + "舟" * 1000 + str(number) for number in range(300)]
    edge.call([PurgePath(path, NEW, True) for path in longest])
    assert little.purged()[3000:] == longest


def test_an_edge_with_another_secret_refuses_and_the_operator_is_told(little: LittleEdge) -> None:
    stranger = reach(little, b"another secret, which nobody knows")
    with pytest.raises(Unavailable, match="HOLDFAST_PURGE__SECRET"):
        stranger.call()
    stranger.close()
    assert not stranger.live
    assert little.calls == []


@pytest.mark.parametrize("wrong_by_s", [-600, 600])
def test_a_purger_whose_clock_is_minutes_off_learns_the_time_from_the_edge(
    edge: Edge, little: LittleEdge, monkeypatch: pytest.MonkeyPatch, wrong_by_s: int
) -> None:
    """Signed calls that are more than five minutes old or early are refused (Standard Webhooks 1.0.0)."""
    monkeypatch.setattr(edges.time, "time", lambda: time.time() + wrong_by_s)
    edge.call([PurgePath("/ann", NEW, True)])
    edge.call()
    assert little.purged() == ["/ann"]
    assert len(little.calls) == 2
    assert edge.live


def test_a_newer_run_counts_on_from_the_older(edge: Edge, little: LittleEdge) -> None:
    edge.call()
    again = reach(little)
    again.call()
    again.close()
    assert little.calls[1]["number"] > little.calls[0]["number"]


# ── proof ──


def test_a_purge_is_delivered_proven_and_off_the_queue(site: Site, edge: Edge, little: LittleEdge) -> None:
    little.show("/ann", NEW)
    little.show("/ann/posts/first", NEW, status=410)
    little.show("/anna", NEW, status=301)
    assert Purger(site.store, [edge]).settle(queued(site.store, "/ann", "/ann/posts/first", "/anna"))
    assert stages(site.store) == {"purged", "live"}
    assert waiting(site.store) == 0
    assert little.purged() == ["/ann", "/ann/posts/first", "/anna"]


def test_an_edge_that_still_shows_the_old_page_is_found_out_and_purged_again(
    site: Site, edge: Edge, little: LittleEdge
) -> None:
    """A fill that was begun before the purge has landed after it."""
    little.show("/ann", NEW)
    little.stale["/ann"] = 2, stamp_html("<p>Old", Rank.parse(OLD))
    assert Purger(site.store, [edge]).settle(queued(site.store, "/ann"))
    assert little.purged() == ["/ann", "/ann"]
    assert stages(site.store) == {"purged", "live"}


@pytest.mark.parametrize("shown", [OLD, None])
def test_what_readers_do_not_get_is_not_live(
    site: Site, edge: Edge, little: LittleEdge, shown: str | None
) -> None:
    if shown:
        little.show("/ann", shown)
    assert not Purger(site.store, [edge]).settle(queued(site.store, "/ann"))
    assert stages(site.store) == {"purged"}
    assert waiting(site.store) == 1
    little.show("/ann", NEW)
    assert Purger(site.store, [edge]).drain() == 1
    assert stages(site.store) == {"purged", "live"}


def test_a_page_that_is_newer_by_now_is_proof_enough(site: Site, edge: Edge, little: LittleEdge) -> None:
    little.show("/ann", "1.1.4.1")
    assert Purger(site.store, [edge]).settle(queued(site.store, "/ann"))
    little.show("/ann", "1.2.1.1")  # another owner's
    assert Purger(site.store, [edge]).settle(queued(site.store, "/ann"))


def test_pages_are_looked_for_where_readers_find_them(site: Site, little: LittleEdge) -> None:
    little.show("/people/ann/tags/küche", NEW)
    edge = reach(little, sub_path="/people")
    assert Purger(site.store, [edge]).settle(queued(site.store, "/ann/tags/küche"))
    edge.close()
    assert little.purged() == ["/ann/tags/küche"]


# ── edges that are away ──


def test_an_edge_that_is_down_is_waited_for_until_it_must_have_noticed(
    site: Site, edge: Edge, little: LittleEdge, clock: Clock
) -> None:
    little.stop()
    the_purger = Purger(site.store, [edge])
    purge = queued(site.store, "/ann")
    assert not the_purger.settle(purge)
    assert (stages(site.store), waiting(site.store)) == (set(), 1)
    clock.pass_by(SILENCE_S + 1)
    for _ in range(3):
        assert the_purger.drain() == 0
    # It revalidates before it serves; but nobody has seen the page, so the proof is still due.
    assert (stages(site.store), waiting(site.store)) == ({"purged"}, 1)
    assert len(site.store.published.transitions("profile1", MAIN)) == 1


def test_an_edge_that_was_down_is_found_by_the_heartbeat(
    site: Site, edge: Edge, little: LittleEdge, clock: Clock
) -> None:
    the_purger = Purger(site.store, [edge])
    the_purger.heartbeat()
    little.stop()
    the_purger.heartbeat()
    assert the_purger.live == []
    clock.pass_by(SILENCE_S + 1)
    for back in running(SECRET, little.port):
        back.show("/ann", NEW)
        the_purger.heartbeat()
        assert the_purger.live == [edge]
        assert the_purger.settle(queued(site.store, "/ann"))
    assert stages(site.store) == {"purged", "live"}


def test_an_edge_that_was_restarted_is_called_again_at_once(
    site: Site, edge: Edge, little: LittleEdge
) -> None:
    edge.call()
    little.stop()
    for back in running(SECRET, little.port):
        back.show("/ann", NEW)
        assert Purger(site.store, [edge]).settle(queued(site.store, "/ann"))
        assert back.purged() == ["/ann"]


def test_a_kept_connection_that_ends_is_not_the_end_of_the_edge(
    site: Site, edge: Edge, little: LittleEdge
) -> None:
    edge.call()
    little.dropping = 1
    edge.call()
    assert edge.live
    little.dropping = 2
    with pytest.raises(Unavailable):
        edge.call()
    assert not edge.live


def test_no_edit_waits_for_an_edge_that_has_long_been_gone(
    site: Site, edge: Edge, little: LittleEdge, other: LittleEdge, clock: Clock
) -> None:
    other.show("/ann", NEW)
    second = reach(other)
    the_purger = Purger(site.store, [edge, second])
    little.stop()
    assert not the_purger.settle(queued(site.store, "/ann"))
    clock.pass_by(SILENCE_S + 1)
    second.call()
    assert the_purger.drain() == 1
    second.close()
    assert stages(site.store) == {"purged", "live"}


def test_an_edge_that_heard_but_did_not_answer_is_left_alone_until_it_notices(
    site: Site, little: LittleEdge, clock: Clock
) -> None:
    """Each call that reaches it tells it that it hears of every purge: so calling on would keep it trusting."""
    edge = reach(little, timeout_s=0.2)
    the_purger = Purger(site.store, [edge])
    edge.call()
    little.answer = None
    clock.pass_by(SILENCE_S - 1)
    assert not the_purger.settle(queued(site.store, "/ann"))
    heard = len(little.calls)
    clock.pass_by(2)  # long since the last answer, but not since the last call
    assert the_purger.drain() == 0
    the_purger.heartbeat()
    assert len(little.calls) == heard
    clock.pass_by(SILENCE_S)
    assert the_purger.drain() == 0
    assert len(little.calls) == heard
    edge.close()
    assert (stages(site.store), waiting(site.store)) == ({"purged"}, 1)


def test_an_edge_that_fails_is_not_counted_as_purged(site: Site, edge: Edge, little: LittleEdge) -> None:
    little.answer = 500
    assert not Purger(site.store, [edge]).settle(queued(site.store, "/ann"))
    assert (stages(site.store), waiting(site.store)) == (set(), 1)


# ── the queue ──


def test_the_queue_outlives_its_worker(site: Site, edge: Edge, little: LittleEdge) -> None:
    little.answer = 500
    assert not Purger(site.store, [edge]).settle(queued(site.store, "/ann"))
    site.store.close()
    reopened = SqliteStore(site.folder / "holdfast.db")
    little.answer = 200
    little.show("/ann", NEW)
    fresh = reach(little)
    assert Purger(reopened, [fresh]).drain() == 1
    fresh.close()
    assert (stages(reopened), waiting(reopened)) == ({"purged", "live"}, 0)
    reopened.close()


def test_one_purge_that_waits_keeps_no_other_waiting(site: Site, edge: Edge, little: LittleEdge) -> None:
    little.show("/bob", NEW)
    queued(site.store, "/ann")
    queued(site.store, "/bob")
    assert Purger(site.store, [edge]).drain() == 1
    (left,) = site.store.purges.pending(MAIN, 10)
    assert left.paths[0].path == "/ann"


def test_a_purge_that_a_publisher_has_just_queued_is_left_to_it_for_a_moment(
    site: Site, edge: Edge, little: LittleEdge, clock: Clock
) -> None:
    little.show("/ann", NEW)
    queued(site.store, "/ann")
    the_purger = Purger(site.store, [edge])
    assert the_purger.drain(young_s=2) == 0
    assert little.purged() == []
    clock.pass_by(1)
    assert the_purger.drain(young_s=2) == 0
    clock.pass_by(1)
    assert the_purger.drain(young_s=2) == 1


def test_a_purge_that_an_earlier_worker_left_waits_for_nobody(
    site: Site, edge: Edge, little: LittleEdge, clock: Clock
) -> None:
    little.show("/ann", NEW)
    queued(site.store, "/ann")
    clock.pass_by(10)
    assert Purger(site.store, [edge]).drain(young_s=2) == 1


def test_a_purge_by_a_clock_that_is_ahead_waits_no_longer(
    site: Site, edge: Edge, little: LittleEdge, clock: Clock
) -> None:
    little.show("/ann", NEW)
    clock.now_s -= 900
    queued(site.store, "/ann")
    the_purger = Purger(site.store, [edge])
    assert the_purger.drain(young_s=2) == 0
    clock.pass_by(2.5)
    assert the_purger.drain(young_s=2) == 1


def test_a_purge_is_in_one_hand_of_a_process_at_a_time(
    site: Site, edge: Edge, little: LittleEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    little.show("/ann", NEW)
    purge, the_purger = queued(site.store, "/ann"), Purger(site.store, [edge])
    call, meanwhile = edge.call, []

    def call_and_drain(*given: Any) -> None:
        meanwhile.append(the_purger.drain())
        call(*given)

    monkeypatch.setattr(edge, "call", call_and_drain)
    assert the_purger.settle(purge)
    assert meanwhile == [0]
    assert little.purged() == ["/ann"]


def test_each_worker_drains_the_purges_of_its_own_profiles(
    site: Site, edge: Edge, little: LittleEdge
) -> None:
    little.show("/ann", NEW)
    queued(site.store, "/ann")
    assert Purger(site.store, [edge]).drain(mine=lambda profile_id: profile_id != "profile1") == 0
    assert Purger(site.store, [edge]).drain(mine=lambda profile_id: profile_id == "profile1") == 1


# ── takedowns ──


def taken_down(store: SqliteStore, *paths: str, rank: str = NEW) -> Purge:
    purge = Purge(new_id(), "profile1", MARK, tuple(PurgePath(path, rank, True) for path in paths), 1000)
    store.purges.queue(MAIN, purge)
    return purge


def test_of_a_takedown_every_path_is_looked_at(site: Site, edge: Edge, little: LittleEdge) -> None:
    paths = [f"/ann/posts/{number}" for number in range(40)]
    for path in paths:
        little.show(path, NEW, status=404)
    little.stale[paths[-1]] = 99, stamp_html("<p>Old", Rank.parse(OLD))
    assert not Purger(site.store, [edge]).settle(taken_down(site.store, *paths))
    assert stages(site.store) == {"purged"}
    del little.stale[paths[-1]]
    assert Purger(site.store, [edge]).drain() == 1
    assert stages(site.store) == {"purged", "live"}


def test_a_file_of_a_folder_that_was_removed_must_be_gone(site: Site, edge: Edge, little: LittleEdge) -> None:
    folder = "/_media/m1/pub1/still-a1/"
    little.pages[folder + "640.webp"] = 200, b"RIFF"
    purge = taken_down(site.store, folder, folder + "640.webp", rank="")
    assert not Purger(site.store, [edge]).settle(purge)
    del little.pages[folder + "640.webp"]
    assert Purger(site.store, [edge]).drain() == 1


def test_what_lies_behind_grants_is_purged_but_not_looked_at(
    site: Site, edge: Edge, little: LittleEdge
) -> None:
    assert Purger(site.store, [edge]).settle(taken_down(site.store, "/-/g/ann"))
    assert little.purged() == ["/-/g/ann"]
    assert stages(site.store) == {"purged", "live"}
