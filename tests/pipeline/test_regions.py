"""The list of replicas in sync: one that lags is taken off, one that has caught up comes back, and one always stays."""

from __future__ import annotations

import pytest

from core import insync, keys
from core.errors import ObjectMissing, Unavailable
from core.objects import Headers
from core.settings import SiteSettings
from core.store import MAIN
from ingest.receipts import receipt
from pipeline.loops import Loops
from pipeline.regions import Health, Keeper, RegionRules
from pipeline.sharing import Sharing
from tests.pipeline.little_site import Site
from tests.pipeline.test_replicas import WEST, Region

SECRET = b"a secret of more than thirty-two bytes"
LAG_S = 10.0
RULES = RegionRules((MAIN, WEST), LAG_S, SECRET)


class Watch:
    """A keeper for each replica, on one clock; `live` are the replicas whose workers beat."""

    def __init__(self, site: Site, west: Site) -> None:
        self.site, self.now_s, self.turn = site, 0.0, 0
        self.live = {MAIN, WEST}
        self.sharings, self.keepers = {}, {}
        for replica, one in ((MAIN, site), (WEST, west)):
            worker = "worker" if replica == MAIN else f"{replica}.worker"
            sharing = Sharing(site.store.workers, worker, 5.0, lambda: self.now_s)
            self.sharings[replica] = sharing
            self.keepers[replica] = Keeper(
                site.store, replica, one.public.inner, sharing, Loops(), RULES, lambda: self.now_s
            )
        self.go_on(2)

    def go_on(self, seconds: int) -> Watch:
        for _ in range(seconds):
            self.now_s += 1.0
            self.turn += 1
            for replica, sharing in self.sharings.items():
                if replica in self.live:
                    sharing.beat(self.turn)
            for replica, keeper in self.keepers.items():
                if replica in self.live:
                    keeper.look()
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return self.site.store.replicas.in_sync().names


@pytest.fixture
def west(site: Site) -> Region:
    return Region(site)


@pytest.fixture
def watch(site: Site, west: Region) -> Watch:
    return Watch(site, west)


def test_a_replica_that_has_everything_joins(watch: Watch) -> None:
    assert watch.names == (MAIN, WEST)


def test_one_that_is_behind_joins_once_it_has_caught_up(
    site: Site, west: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.regions.POLL_S", 0.01)
    ann = site.sign_up("ann")
    site.publish(ann)
    waited: list[float] = []

    def publish_meanwhile(self: Loops, seconds: float | None = None) -> None:
        waited.append(seconds or 0.0)
        assert site.store.replicas.in_sync().names == (MAIN,), "not before"
        west.publish(ann)

    monkeypatch.setattr(Loops, "wait", publish_meanwhile)
    assert Watch(site, west).names == (MAIN, WEST)
    assert len(waited) == 1


def test_one_without_a_worker_is_taken_off_after_a_while_and_comes_back(watch: Watch) -> None:
    watch.live.remove(MAIN)
    watch.go_on(int(LAG_S))
    assert watch.names == (MAIN, WEST), "it may only be slow"
    watch.go_on(10)
    assert watch.names == (WEST,)
    watch.live.add(MAIN)
    assert watch.go_on(3).names == (MAIN, WEST)


def test_one_that_was_away_for_a_moment_stays(watch: Watch) -> None:
    for _ in range(5):
        watch.live.remove(WEST)
        watch.go_on(8)
        watch.live.add(WEST)
        watch.go_on(2)
    assert watch.names == (MAIN, WEST)
    assert watch.site.store.replicas.in_sync().epoch == 1


def test_the_last_one_stays(watch: Watch) -> None:
    watch.live.remove(WEST)
    assert watch.go_on(30).names == (MAIN,)
    watch.live.clear()
    assert watch.go_on(60).names == (MAIN,)


def test_one_that_rests_judges_nobody(watch: Watch) -> None:
    """Its own buckets are away: it can't tell what others can do."""
    watch.sharings[MAIN].rest()
    watch.live.clear()
    for _ in range(40):
        watch.now_s += 1.0
        watch.keepers[MAIN].look()
    assert watch.names == (MAIN, WEST)


def test_one_that_the_settings_do_not_have_any_more_is_taken_off(watch: Watch) -> None:
    watch.site.store.replicas.change(1, [MAIN, WEST, "north"])
    assert watch.go_on(2).names == (MAIN, WEST)


# ── what others hear of it ──


def test_the_list_lies_signed_in_every_bucket_and_never_goes_back(
    watch: Watch, site: Site, west: Region
) -> None:
    for bucket in (site.public, west.public):
        assert insync.read(bucket.get(keys.IN_SYNC).body, SECRET) == (1, (MAIN, WEST))
    newer = insync.sign(9, [WEST], SECRET)
    site.public.put(keys.IN_SYNC, newer, Headers())
    watch.site.store.replicas.change(1, [MAIN])
    watch.go_on(2)
    assert site.public.get(keys.IN_SYNC).body == newer


def test_a_list_that_somebody_else_has_signed_is_replaced(site: Site, west: Region) -> None:
    site.public.put(keys.IN_SYNC, insync.sign(9, ["evil"], b"x" * 40), Headers())
    Watch(site, west)
    assert insync.read(site.public.get(keys.IN_SYNC).body, SECRET) == (1, (MAIN, WEST))


def test_nothing_counts_before_every_replica_in_sync_has_it(site: Site, west: Region) -> None:
    ann = site.sign_up("ann")
    site.publish(ann)
    settings = SiteSettings()
    assert receipt(site.store, settings, ann).state == "live"
    site.store.replicas.change(0, [MAIN, WEST])
    assert receipt(site.store, settings, ann).state == "accepted"
    west.publish(ann)
    told = receipt(site.store, settings, ann)
    assert told.state == "live"
    assert told.published
    reached = site.store.published.get(ann, WEST, site.store.life)["published"]
    assert told.published.at_ms == reached.at_ms, "the last one's"
    site.edit(ann, bio="Only west has this.")
    west.publish(ann)
    assert receipt(site.store, settings, ann).state == "accepted"
    site.store.replicas.change(1, [WEST])
    assert receipt(site.store, settings, ann).state == "live"


# ── health ──


def test_a_bucket_is_away_after_it_has_not_answered_for_a_while(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    health = Health(site.public.inner, 3.0, lambda: now[0])
    stat = site.public.inner.stat

    def away(key: str) -> None:
        raise Unavailable

    def missing(key: str) -> None:
        raise ObjectMissing

    for answers, seconds, is_away in (
        (missing, 10, False),
        (away, 2, False),
        (away, 2, True),
        (stat, 0, False),
    ):
        monkeypatch.setattr(site.public.inner, "stat", answers)
        now[0] += seconds
        health.ask()
        assert health.away is is_away, answers
