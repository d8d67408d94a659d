"""What workers tell Prometheus of purges: how long the proof took, what was not proven, what waits; over a real store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import Unavailable
from core.ids import new_id
from core.purge_targets import Varnish, WebhookTarget
from core.rank import Mark
from core.settings import SiteSettings
from core.store import MAIN, Purge, PurgePath, waiting_list
from core.store.sqlite import SqliteStore
from pipeline.purge import figures
from pipeline.purge.edges import Edge
from pipeline.purge.figures import OWN_EDGES, Figures, Waiting
from pipeline.purge.outbox import PROVE_TRIES, Outbox, Pace
from pipeline.purge.pace import Backoff, Bucket
from pipeline.purge.probe import Probe
from pipeline.purge.purger import Purger
from pipeline.purge.targets import Target
from pipeline.purge.targets.varnish import VarnishTarget
from pipeline.purge.targets.webhook import WebhookTarget as Hook
from tests.clock import Clock
from tests.pipeline import little_edge
from tests.pipeline.little_edge import LittleEdge
from tests.pipeline.targets.test_webhook import NEW as HOOK_SECRET
from tests.pipeline.targets.vendor import Answer, Vendor, running
from tests.told import Told, told_by

SITE = SiteSettings(url="https://site.example")
SECRET = b"a secret of purger and edges, not short"
OLD, NEW = "1.1.2.1", "1.1.3.1"
AGAIN_S, OUTLIVES_S = 5.0, 86_700.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "holdfast.db")
    yield store
    store.close()


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    yield from running()


@pytest.fixture
def little() -> Iterator[LittleEdge]:
    yield from little_edge.running(SECRET)


class Desk:
    """One target's outbox, with what is told of it."""

    def __init__(
        self, store: SqliteStore, target: Target, probe: Vendor | None = None, attempts: int = 1
    ) -> None:
        self.store, self.clock, self.figures = store, Clock(), Figures([target.name])
        self.list = waiting_list(target.name, MAIN)
        self.outbox = Outbox(
            store,
            target,
            Pace(
                Bucket(6000, 100, self.clock),
                Backoff(attempts),
                AGAIN_S,
                0 if target.name == "hook" else OUTLIVES_S,
            ),
            (),
            Probe([probe.url], SITE, 5, own_network=True) if probe else None,
            figures=self.figures,
            clock=self.clock,
            now=self.clock,
        )
        names = [target.name]
        self.figures.registry.register(Waiting(store, MAIN, names, lambda one: one != "bob", self.clock))

    def queue(self, profile_id: str = "ann") -> None:
        queue(self.store, self.list, self.clock(), profile_id)

    def turn(self, after_s: float = 0) -> None:
        self.clock.pass_by(after_s)
        self.outbox.turn()

    @property
    def told(self) -> Told:
        return told_by(self.figures.registry)


def queue(store: SqliteStore, to: str, at: float, profile_id: str = "ann") -> Purge:
    purge = Purge(new_id(), profile_id, Mark(1, 3, 1), (PurgePath(f"/{profile_id}", NEW, False),), at)
    store.purges.queue(to, purge)
    return purge


def varnish(vendor: Vendor) -> VarnishTarget:
    settings = {"kind": "varnish", "name": "cache", "addresses": [vendor.url]}
    return VarnishTarget(Varnish.model_validate(settings), SITE)


def hook(vendor: Vendor) -> Hook:
    settings = {"kind": "webhook", "name": "hook", "url": f"{vendor.url}/hook", "secrets": [HOOK_SECRET]}
    return Hook(WebhookTarget.model_validate(settings))


# ── caches in front ──


def test_the_time_from_queued_to_proven_is_told(store: SqliteStore, vendor: Vendor) -> None:
    desk = Desk(store, varnish(vendor), vendor)
    vendor.show("/ann", NEW)
    desk.queue()
    desk.turn(2.0)
    assert desk.told("holdfast_purge_proven_seconds_count", target="cache") == 0
    desk.turn(AGAIN_S)
    told = desk.told
    assert told("holdfast_purge_proven_seconds_sum", target="cache") == pytest.approx(7.0)
    assert told("holdfast_purge_proven_seconds_bucket", target="cache", le="5.0") == 0
    assert told("holdfast_purge_proven_seconds_bucket", target="cache", le="10.0") == 1
    assert told("holdfast_purge_calls_total", target="cache", outcome="taken") == 2
    assert told("holdfast_purge_looks_total", target="cache", outcome="shown") == 1
    assert told("holdfast_purges_unproven_total", target="cache") == 0


def test_each_of_a_profiles_purges_counts_from_when_it_was_queued(store: SqliteStore, vendor: Vendor) -> None:
    desk = Desk(store, varnish(vendor), vendor)
    vendor.show("/ann", NEW)
    desk.queue()
    desk.clock.pass_by(3)
    desk.queue()
    desk.turn()
    desk.turn(AGAIN_S)
    assert desk.told("holdfast_purge_proven_seconds_count", target="cache") == 2
    assert desk.told("holdfast_purge_proven_seconds_sum", target="cache") == pytest.approx(3 + 2 * AGAIN_S)


def test_a_target_that_lies_is_told_of_and_what_is_unproven_in_the_end(
    store: SqliteStore, vendor: Vendor
) -> None:
    desk = Desk(store, varnish(vendor), vendor)
    vendor.show("/ann", OLD)
    desk.queue()
    for lies in range(1, PROVE_TRIES + 1):
        desk.turn()
        assert desk.told("holdfast_purge_looks_total", target="cache", outcome="older") == lies - 1
        desk.turn(AGAIN_S * 2 ** (lies - 1))
    told = desk.told
    assert told("holdfast_purge_looks_total", target="cache", outcome="older") == PROVE_TRIES
    assert told("holdfast_purge_proven_seconds_count", target="cache") == 0
    assert told("holdfast_purges_unproven_total", target="cache") == 1
    until = told("holdfast_purge_unproven_until_timestamp_seconds", target="cache")
    assert until == desk.clock() + OUTLIVES_S
    (failure,) = store.failures.all()
    assert time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(until)) in failure.reason, (
        "the same as the failure says"
    )
    assert told("holdfast_purges_put_aside", target="cache") == 1
    assert told("holdfast_purges_waiting", target="cache") == 0


def test_where_nobody_can_look_nothing_is_proven(store: SqliteStore, vendor: Vendor) -> None:
    desk = Desk(store, varnish(vendor))
    desk.queue()
    desk.turn()
    desk.turn(AGAIN_S)
    told = desk.told
    assert told("holdfast_purges_unproven_total", target="cache") == 1
    assert (
        told("holdfast_purge_unproven_until_timestamp_seconds", target="cache") == desk.clock() + OUTLIVES_S
    )
    assert told("holdfast_purges_put_aside", target="cache") == 0


def test_a_webhook_keeps_no_pages_so_nothing_is_left_to_prove(store: SqliteStore, vendor: Vendor) -> None:
    desk = Desk(store, hook(vendor))
    vendor.next.append(Answer(400))
    desk.queue()
    desk.turn()
    desk.queue("cat")
    desk.turn()
    told = desk.told
    assert told("holdfast_purge_calls_total", target="hook", outcome="refused") == 1
    assert told("holdfast_purge_calls_total", target="hook", outcome="taken") == 1
    assert told("holdfast_purges_unproven_total", target="hook") == 0
    assert "has expired by" not in next(store.failures.all()).reason


@pytest.mark.parametrize(
    ("status", "outcome"), [(429, "away"), (503, "away"), (403, "refused"), (410, "gone"), (200, "taken")]
)
def test_calls_are_told_by_what_came_of_them(
    store: SqliteStore, vendor: Vendor, status: int, outcome: str
) -> None:
    desk = Desk(store, hook(vendor), attempts=9)
    vendor.usual = lambda _: Answer(status)
    desk.queue()
    desk.turn()
    assert desk.told("holdfast_purge_calls_total", target="hook", outcome=outcome) == 1


def test_a_look_that_nobody_answers_is_told(store: SqliteStore, vendor: Vendor) -> None:
    desk = Desk(store, varnish(vendor), vendor, attempts=9)
    vendor.status = 302
    vendor.pages["/ann"] = b"elsewhere"
    desk.queue()
    desk.turn()
    desk.turn(AGAIN_S)
    assert desk.told("holdfast_purge_looks_total", target="cache", outcome="away") == 1


def test_what_waits_is_told_of_this_workers_share(store: SqliteStore, vendor: Vendor) -> None:
    desk = Desk(store, varnish(vendor))
    assert desk.told("holdfast_purges_waiting_age_seconds", target="cache") == 0
    desk.queue("ann")
    desk.queue("bob")
    queue(store, MAIN, desk.clock(), "cat")
    desk.clock.pass_by(30)
    desk.queue("cat")
    told = desk.told
    assert told("holdfast_purges_waiting", target="cache") == 2, "bob is another worker's"
    assert told("holdfast_purges_waiting", target=OWN_EDGES) == 1
    assert told("holdfast_purges_waiting_age_seconds", target="cache") == 30


def test_while_the_store_is_away_what_was_counted_is_told_all_the_same(
    store: SqliteStore, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(store, varnish(vendor))

    def away(*_: object) -> None:
        raise Unavailable("the store is away")

    desk.queue()
    desk.turn()
    monkeypatch.setattr(type(store.purges), "pending", away)
    assert desk.told("holdfast_purge_calls_total", target="cache", outcome="taken") == 1
    with pytest.raises(KeyError):
        desk.told("holdfast_purges_waiting", target="cache")


# ── our own edges ──


@pytest.fixture
def edge(little: LittleEdge) -> Iterator[Edge]:
    edge = Edge(little.url, "", SECRET, timeout_s=5, heartbeat_s=5)
    yield edge
    edge.close()


def test_our_own_edges_are_a_target(store: SqliteStore, little: LittleEdge, edge: Edge) -> None:
    counted = Figures()
    purger = Purger(store, [edge], figures=counted)
    little.show("/ann", OLD)
    purge = queue(store, MAIN, time.time() - 100)
    assert not purger.settle(purge)
    little.show("/ann", NEW)
    assert purger.settle(purge)
    told = told_by(counted.registry)
    assert told("holdfast_purge_proven_seconds_count", target=OWN_EDGES) == 1
    assert told("holdfast_purge_proven_seconds_sum", target=OWN_EDGES) >= 100
    assert told("holdfast_purge_looks_total", target=OWN_EDGES, outcome="older") == 3
    assert told("holdfast_purge_looks_total", target=OWN_EDGES, outcome="shown") == 1
    assert told("holdfast_purge_calls_total", target=OWN_EDGES, outcome="taken") == 5
    little.answer = 503
    assert not purger.settle(queue(store, MAIN, time.time()))
    assert told_by(counted.registry)("holdfast_purge_calls_total", target=OWN_EDGES, outcome="away") == 1


def test_a_clock_that_is_ahead_makes_no_time_less_than_none() -> None:
    counted = Figures()
    counted.proven(OWN_EDGES, queued_at=2000, now=1000)
    assert told_by(counted.registry)("holdfast_purge_proven_seconds_sum", target=OWN_EDGES) == 0


def test_no_target_of_the_settings_can_be_called_as_our_own_edges_are(vendor: Vendor) -> None:
    settings = {"kind": "varnish", "name": figures.OWN_EDGES, "addresses": [vendor.url]}
    with pytest.raises(ValueError, match="name"):
        Varnish.model_validate(settings)
