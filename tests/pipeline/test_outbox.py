"""Outboxes with a real store and a real little vendor: order, coalescing, tokens, proof, retries, and what is put aside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from core.errors import OperatorError
from core.ids import new_id
from core.purge_targets import Nginx, Varnish, WebhookTarget
from core.rank import Mark
from core.settings import EdgeSettings, PurgeSettings, SiteSettings
from core.store import MAIN, Purge, PurgePath, waiting_list
from core.store.sqlite import SqliteStore
from pipeline.purge.aside import replay
from pipeline.purge.opening import open_outboxes
from pipeline.purge.outbox import INNER_WAIT_S, Inner, Outbox, OwnEdges, Pace
from pipeline.purge.pace import Backoff, Bucket, Retries, WebhookSchedule
from pipeline.purge.probe import Probe
from pipeline.purge.targets import Batch, Target
from pipeline.purge.targets.nginx import NginxTarget
from pipeline.purge.targets.varnish import VarnishTarget
from pipeline.purge.targets.webhook import WebhookTarget as Hook
from pipeline.purge.task import WAIT_S_MAX
from tests.clock import Clock
from tests.pipeline.targets.test_webhook import NEW as SECRET
from tests.pipeline.targets.vendor import Answer, Vendor, running

SITE = SiteSettings(url="https://site.example")
AGAIN_S = 5.0
NEWEST = "1.1.3.1"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "holdfast.db")
    yield store
    store.close()


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    yield from running()


@pytest.fixture
def other() -> Iterator[Vendor]:
    yield from running()


class House:
    """A store, a clock, and the outboxes that are opened on them."""

    def __init__(self, store: SqliteStore, clock: Clock) -> None:
        self.store, self.clock = store, clock

    def outbox(
        self,
        target: Target,
        *inner: Inner,
        retries: Retries | None = None,
        again_s: float = AGAIN_S,
        burst: int = 100,
        probe: Vendor | None = None,
        public_only: bool = False,
    ) -> Outbox:
        return Outbox(
            self.store,
            target,
            Pace(Bucket(60, burst, self.clock), retries or Backoff(3), again_s, outlives_s=86_700),
            inner,
            Probe([probe.url], SITE, 5, own_network=True) if probe else None,
            public_only=public_only,
            clock=self.clock,
            now=self.clock,
        )

    def queue(self, to: str, profile_id: str = "ann", *, hard: bool = False, revision: int = 3) -> Purge:
        """Queues a purge of a profile that is named like its id."""
        paths = (
            PurgePath(f"/{profile_id}", f"1.1.{revision}.1", hard),
            PurgePath(f"/{profile_id}/feed.xml", NEWEST, hard),
        )
        purge = Purge(new_id(), profile_id, Mark(1, revision, 1), paths, int(self.clock()))
        self.store.purges.queue(to, purge)
        return purge

    def waiting(self, name: str) -> int:
        return len(self.store.purges.pending(name, 100))

    @property
    def reasons(self) -> dict[str, str]:
        return {one.subject: one.reason for one in self.store.failures.all()}


@pytest.fixture
def house(store: SqliteStore) -> House:
    return House(store, Clock())


CACHE, HOOK = waiting_list("cache", MAIN), waiting_list("hook", MAIN)


def varnish(vendor: Vendor, name: str = "cache") -> VarnishTarget:
    return VarnishTarget(
        Varnish.model_validate({"kind": "varnish", "name": name, "addresses": [vendor.url]}), SITE
    )


def hook(vendor: Vendor) -> Hook:
    settings = {"kind": "webhook", "name": "hook", "url": f"{vendor.url}/hook", "secrets": [SECRET]}
    return Hook(WebhookTarget.model_validate(settings))


def tags(vendor: Vendor) -> list[str]:
    """What was purged, call by call."""
    return [
        asked.headers.get("xkey-purge") or asked.headers["xkey-softpurge"]
        for asked in vendor.purges
        if asked.method == "PURGE"
    ]


# ── a purge's walk ──


def test_a_purge_is_told_twice_and_then_done(house: House, vendor: Vendor) -> None:
    """A fill that began before it can land after it."""
    outbox = house.outbox(varnish(vendor))
    house.queue(CACHE)
    outbox.turn()
    house.clock.pass_by(AGAIN_S - 1)
    outbox.turn()
    assert (tags(vendor), house.waiting(CACHE)) == (["p-ann n-ann"], 1)
    house.clock.pass_by(1)
    outbox.turn()
    assert (tags(vendor), house.waiting(CACHE)) == (["p-ann n-ann"] * 2, 0)


def test_what_is_reached_is_kept_with_its_time(house: House, vendor: Vendor) -> None:
    vendor.show("/ann", NEWEST)
    outbox = house.outbox(varnish(vendor), probe=vendor)
    house.queue(CACHE)
    outbox.turn()
    assert set(house.store.published.get("ann", CACHE, 1)) == {"purged"}
    house.clock.pass_by(AGAIN_S)
    outbox.turn()
    reached = house.store.published.get("ann", CACHE, 1)
    assert reached["live"].at_ms - reached["purged"].at_ms == AGAIN_S * 1000
    assert reached["live"].mark == Mark(1, 3, 1)


def test_many_purges_of_one_profile_are_one(house: House, vendor: Vendor) -> None:
    outbox = house.outbox(varnish(vendor))
    for revision in range(1, 6):
        house.queue(CACHE, revision=revision)
    outbox.turn()
    house.clock.pass_by(AGAIN_S)
    outbox.turn()
    assert tags(vendor) == ["p-ann n-ann"] * 2
    assert house.waiting(CACHE) == 0


def test_a_purge_stays_as_hard_and_as_new_as_any_that_it_is_made_of(house: House, vendor: Vendor) -> None:
    """A takedown that waits, and an edit after it; or an older purge that was played back."""
    vendor.show("/ann", "1.1.3.1")
    vendor.show("/ann/feed.xml", NEWEST)
    outbox = house.outbox(varnish(vendor), probe=vendor)
    house.queue(CACHE, hard=True, revision=4)
    house.clock.pass_by(1)
    house.queue(CACHE, revision=3)
    outbox.turn()
    house.clock.pass_by(AGAIN_S)
    outbox.turn()
    assert [asked.headers.get("xkey-purge") for asked in vendor.purges] == ["p-ann n-ann"] * 2
    assert house.waiting(CACHE) == 2, "the newer page is not there yet"
    vendor.show("/ann", "1.1.4.1")
    house.clock.pass_by(600)
    outbox.turn()
    assert house.waiting(CACHE) == 0


def test_many_profiles_are_one_call_as_far_as_the_target_takes_them(house: House, vendor: Vendor) -> None:
    target = varnish(vendor)
    target.limit = 4
    for name in ("ann", "bob", "cat"):
        house.queue(CACHE, name)
    house.outbox(target).turn()
    assert tags(vendor) == ["p-ann n-ann p-bob n-bob", "p-cat n-cat"]


def test_takedowns_go_first_and_hard(house: House, vendor: Vendor) -> None:
    house.queue(CACHE, "ann")
    house.queue(CACHE, "bob", hard=True)
    house.outbox(varnish(vendor)).turn()
    first, second = vendor.purges
    assert first.headers["xkey-purge"] == "p-bob n-bob"
    assert second.headers["xkey-softpurge"] == "p-ann n-ann"


def test_one_that_comes_meanwhile_is_told_twice_as_well(house: House, vendor: Vendor) -> None:
    outbox = house.outbox(varnish(vendor))
    house.queue(CACHE)
    outbox.turn()
    house.clock.pass_by(AGAIN_S - 1)
    house.queue(CACHE, revision=4)
    for _ in range(3):
        outbox.turn()
        house.clock.pass_by(AGAIN_S - 1)
    assert len(tags(vendor)) == 3
    assert house.waiting(CACHE) == 0


def test_a_worker_tells_of_its_own_profiles_alone(house: House, vendor: Vendor) -> None:
    house.queue(CACHE, "ann")
    house.queue(CACHE, "bob")
    house.outbox(varnish(vendor)).turn(lambda profile_id: profile_id == "bob")
    assert tags(vendor) == ["p-bob n-bob"]


def test_a_queued_purge_survives_the_worker(house: House, vendor: Vendor) -> None:
    house.queue(CACHE)
    house.outbox(varnish(vendor)).turn()
    house.store.close()
    house.store = SqliteStore(house.store.database.path)
    outbox = house.outbox(varnish(vendor))
    outbox.turn()
    house.clock.pass_by(AGAIN_S)
    outbox.turn()
    left = house.waiting(CACHE)
    house.store.close()
    assert (len(tags(vendor)), left) == (3, 0), "once by the first worker, twice by the second"


# ── inner before outer ──


def test_an_outer_cache_waits_for_our_edges(house: House, vendor: Vendor) -> None:
    outbox = house.outbox(varnish(vendor), OwnEdges(house.store))
    at_edges = house.queue(MAIN)
    house.queue(CACHE)
    outbox.turn()
    assert tags(vendor) == []
    house.store.purges.settle(MAIN, at_edges.id)
    outbox.turn()
    assert tags(vendor) == ["p-ann n-ann"]


def test_inner_before_outer_and_then_again(house: House, vendor: Vendor, other: Vendor) -> None:
    inner = house.outbox(varnish(vendor))
    outer = house.outbox(varnish(other, "outer"), inner)
    house.queue(CACHE)
    house.queue(outer.waiting)
    outer.turn()
    assert tags(other) == []
    inner.turn()
    outer.turn()
    assert (len(tags(vendor)), len(tags(other))) == (1, 1)
    house.clock.pass_by(AGAIN_S)
    outer.turn()
    assert len(tags(other)) == 1, "the inner one is first again"
    inner.turn()
    outer.turn()
    assert (len(tags(vendor)), len(tags(other))) == (2, 2)
    assert house.waiting(CACHE) == house.waiting(outer.waiting) == 0


def test_an_inner_cache_that_is_away_keeps_the_outer_one_waiting_for_a_minute(
    house: House, vendor: Vendor
) -> None:
    outbox = house.outbox(varnish(vendor), OwnEdges(house.store))
    at_edges = house.queue(MAIN)
    house.queue(CACHE)
    outbox.turn()
    house.clock.pass_by(INNER_WAIT_S)
    outbox.turn()
    assert len(tags(vendor)) == 1
    house.clock.pass_by(INNER_WAIT_S)
    outbox.turn()
    assert (len(tags(vendor)), house.waiting(CACHE)) == (1, 1), "it isn't done before the inner one is"
    house.store.purges.settle(MAIN, at_edges.id)
    outbox.turn()
    assert (len(tags(vendor)), house.waiting(CACHE)) == (2, 0)


def test_targets_are_opened_in_the_order_in_which_they_are_told(house: House, vendor: Vendor) -> None:
    tables = [
        {"kind": "webhook", "name": "hook", "url": vendor.url, "secrets": [SECRET]},
        {"kind": "nginx", "name": "front", "addresses": [vendor.url]},
        {"kind": "fastly", "name": "cdn", "service": "s", "token": "t", "endpoint": vendor.url},
        {"kind": "varnish", "name": "cache", "addresses": [vendor.url]},
    ]
    targets = PurgeSettings.model_validate({"target": tables}).target
    opened = open_outboxes(targets, house.store, MAIN, SITE, EdgeSettings(cdn_s=60, stale_s=600))
    assert [one.target.name for one in opened] == ["front", "cache", "hook", "cdn"]
    assert [len(one.inner) for one in opened] == [1, 2, 3, 3], (
        "our edges, then each proxy before the next one"
    )
    assert opened[0] in opened[1].inner
    assert [one.pace.outlives_s for one in opened] == [660, 660, 0, 660], "a webhook keeps no pages"
    assert [bool(one.probe) for one in opened] == [True, True, False, False]
    assert [one.public_only for one in opened] == [True, True, False, False]


def test_a_worker_does_not_start_without_a_targets_secret(house: House) -> None:
    table = {"kind": "fastly", "name": "cdn", "service": "s", "token_env": "FASTLY_TOKEN"}
    targets = PurgeSettings.model_validate({"target": [table]}).target
    with pytest.raises(OperatorError, match="cdn has no secret: set the variable FASTLY_TOKEN"):
        open_outboxes(targets, house.store, MAIN, SITE, EdgeSettings())


def test_while_the_edges_are_away_the_store_is_asked_less_and_less(house: House, vendor: Vendor) -> None:
    asked = []

    class Away:
        def has_had(self, profile_id: str) -> bool:
            asked.append(profile_id)
            return False

        is_done = has_had

    outbox = house.outbox(varnish(vendor), Away())
    house.queue(CACHE)
    for _ in range(int(INNER_WAIT_S) - 1):
        outbox.turn()
        house.clock.pass_by(1)
    assert len(asked) <= 7


# ── how fast ──


def test_calls_keep_to_the_bucket(house: House, vendor: Vendor) -> None:
    target = varnish(vendor)
    target.limit = 2
    for number in range(5):
        house.queue(CACHE, f"user{number}")
    outbox = house.outbox(target, burst=2)
    outbox.turn()
    outbox.turn()
    assert len(tags(vendor)) == 2
    house.clock.pass_by(1)
    outbox.turn()
    assert len(tags(vendor)) == 3


def test_a_bucket_fills_evenly_up_to_its_burst() -> None:
    clock = Clock()
    bucket = Bucket(60, 3, clock)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    clock.pass_by(0.5)
    assert not bucket.take()
    clock.pass_by(0.5)
    assert bucket.take()
    clock.pass_by(1000)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_workers_share_what_a_vendor_allows() -> None:
    clock = Clock()
    buckets = [Bucket(60, 4, clock) for _ in range(4)]
    taken = sum(bucket.take(4) for bucket in buckets for _ in range(10))
    assert taken == 4
    for _ in range(60):
        clock.pass_by(1)
        taken += sum(bucket.take(4) for bucket in buckets)
    assert taken == 64


# ── what fails ──


def test_what_fails_is_tried_later_and_the_target_left_alone_meanwhile(house: House, vendor: Vendor) -> None:
    vendor.usual = lambda _: Answer(503)
    outbox = house.outbox(varnish(vendor))
    house.queue(CACHE, "ann")
    outbox.turn()
    house.queue(CACHE, "bob")
    outbox.turn()
    assert len(tags(vendor)) == 1
    vendor.usual = lambda _: Answer()
    house.clock.pass_by(2)
    outbox.turn()
    assert tags(vendor)[1:] == ["p-ann n-ann p-bob n-bob"]


def test_who_says_when_to_come_back_is_not_called_before(house: House, vendor: Vendor) -> None:
    vendor.next.append(Answer(429, b"", {"Retry-After": "120"}))
    outbox = house.outbox(varnish(vendor))
    house.queue(CACHE)
    outbox.turn()
    house.clock.pass_by(119)
    outbox.turn()
    assert len(tags(vendor)) == 1
    house.clock.pass_by(1)
    outbox.turn()
    assert len(tags(vendor)) == 2


def test_after_so_many_attempts_it_is_put_aside_and_can_be_replayed(house: House, vendor: Vendor) -> None:
    vendor.usual = lambda _: Answer(500)
    outbox = house.outbox(varnish(vendor))
    house.queue(CACHE, hard=True)
    for _ in range(5):
        outbox.turn()
        house.clock.pass_by(600)
    assert len(tags(vendor)) == 3
    assert house.waiting(CACHE) == 0
    (failure,) = house.store.failures.all()
    assert (failure.subject, failure.profile_id, failure.kind, failure.attempts) == (
        "cache/ann",
        "ann",
        "purge",
        3,
    )
    assert "cache answered 500" in failure.reason
    assert "has expired by 1970-01-02" in failure.reason, "since the clock of this test begins in 1970"

    vendor.usual = lambda _: Answer()
    assert replay(house.store, failure) == 1
    assert not house.reasons
    outbox.turn()
    house.clock.pass_by(AGAIN_S)
    outbox.turn()
    assert (len(tags(vendor)), house.waiting(CACHE)) == (5, 0)
    assert vendor.purges[-1].headers["xkey-purge"] == "p-ann n-ann", "as hard as it was"


def test_a_worker_that_is_restarted_goes_on_with_the_attempts_of_the_one_before(
    house: House, vendor: Vendor
) -> None:
    vendor.usual = lambda _: Answer(500)
    house.queue(CACHE)
    for tried in (1, 2, 3):
        assert house.waiting(CACHE) == 1
        for _ in range(2):
            house.outbox(varnish(vendor)).turn()
            assert len(tags(vendor)) == tried, "each worker that begins waits until it is due"
        house.clock.pass_by(600)
    assert list(house.reasons) == ["cache/ann"]
    (failure,) = house.store.failures.all()
    replay(house.store, failure)
    house.outbox(varnish(vendor)).turn()
    assert (len(tags(vendor)), house.waiting(CACHE)) == (4, 1), "a replay begins anew"


def test_a_worker_that_is_restarted_leaves_alone_who_has_asked_for_it(house: House, vendor: Vendor) -> None:
    vendor.next.append(Answer(429, b"", {"Retry-After": "1000"}))
    house.queue(CACHE)
    house.outbox(varnish(vendor)).turn()
    for waited_s in (0, 998):
        house.clock.pass_by(waited_s)
        house.outbox(varnish(vendor)).turn()
        assert len(tags(vendor)) == 1
    house.clock.pass_by(2)
    house.outbox(varnish(vendor)).turn()
    assert len(tags(vendor)) == 2


def test_a_clock_that_was_wrong_keeps_no_purge_waiting_for_ever(house: House, vendor: Vendor) -> None:
    vendor.next.append(Answer(500))
    house.queue(CACHE)
    house.clock.now_s = 1e9
    house.outbox(varnish(vendor)).turn()
    house.clock.now_s = 1000
    outbox = house.outbox(varnish(vendor))
    outbox.turn()
    house.clock.pass_by(WAIT_S_MAX)
    outbox.turn()
    assert len(tags(vendor)) == 2


def test_one_that_the_target_does_not_like_keeps_no_other_waiting(house: House, vendor: Vendor) -> None:
    vendor.usual = lambda asked: Answer(400 if "p-bob" in str(asked.headers) else 200)
    outbox = house.outbox(varnish(vendor))
    for name in ("ann", "bob", "cat"):
        house.queue(CACHE, name)
    for _ in range(8):
        outbox.turn()
        house.clock.pass_by(600)
    assert house.waiting(CACHE) == 0
    assert list(house.reasons) == ["cache/bob"]


def test_a_token_that_is_wrong_is_nobodys_fault_among_many(house: House, vendor: Vendor) -> None:
    vendor.next.append(Answer(401))
    outbox = house.outbox(varnish(vendor))
    for name in ("ann", "bob"):
        house.queue(CACHE, name)
    outbox.turn()
    outbox.turn()
    assert len(tags(vendor)) == 1, "it is left alone for a while"
    house.clock.pass_by(2)
    outbox.turn()
    assert tags(vendor)[1:] == ["p-ann n-ann p-bob n-bob"], "and all are told together again"


def test_what_nobody_has_foreseen_is_put_aside_like_the_rest(house: House) -> None:
    class Odd:
        name: str = "cache"
        by: Literal["tags", "paths"] = "tags"
        limit = 100

        def purge(self, batch: Batch) -> None:
            if "p-bob" in batch.tags:
                raise ZeroDivisionError

        def close(self) -> None:
            return

    outbox = house.outbox(Odd(), again_s=0)
    for name in ("ann", "bob"):
        house.queue(CACHE, name)
    for _ in range(5):
        outbox.turn()
        house.clock.pass_by(600)
    assert house.waiting(CACHE) == 0
    assert list(house.reasons) == ["cache/bob"]
    assert "ZeroDivisionError" in house.reasons["cache/bob"]


# ── proof ──


def test_a_target_that_says_ok_and_does_nothing_is_found_out_and_purged_again(
    house: House, vendor: Vendor
) -> None:
    vendor.show("/ann", "1.1.2.1")
    said_yes: list[str] = []

    def lie() -> None:
        said_yes.append("ok")
        if len(said_yes) == 4:
            vendor.show("/ann", NEWEST)

    vendor.on_purge = lie
    outbox = house.outbox(varnish(vendor), probe=vendor)
    house.queue(CACHE)
    times = []
    for _ in range(60):
        calls = len(said_yes)
        outbox.turn()
        if len(said_yes) > calls:
            times.append(house.clock.now_s - 1000)
        house.clock.pass_by(1)
    assert times == [0, 5, 15, 35], "with growing pauses"
    assert (house.waiting(CACHE), house.reasons) == (0, {})
    assert "live" in house.store.published.get("ann", CACHE, 1)


def test_a_target_that_never_does_it_is_put_aside_and_told_of(house: House, vendor: Vendor) -> None:
    vendor.show("/ann", "1.1.2.1")
    outbox = house.outbox(varnish(vendor), probe=vendor)
    house.queue(CACHE)
    for _ in range(20):
        outbox.turn()
        house.clock.pass_by(600)
    assert "still shows an older page" in house.reasons["cache/ann"]
    assert "has expired by" in house.reasons["cache/ann"]
    assert set(house.store.published.get("ann", CACHE, 1)) == {"purged"}


def test_a_page_that_is_newer_by_now_is_proof_enough(house: House, vendor: Vendor) -> None:
    vendor.show("/ann", "1.1.9.1")
    outbox = house.outbox(varnish(vendor), probe=vendor)
    house.queue(CACHE)
    outbox.turn()
    house.clock.pass_by(AGAIN_S)
    outbox.turn()
    assert house.waiting(CACHE) == 0
    assert {(seen.path, seen.headers["host"]) for seen in vendor.seen} == {("/ann", "site.example")}
    assert [seen.headers["accept-encoding"] for seen in vendor.seen] == ["br", "gzip", "identity"]


def nginx(vendor: Vendor) -> NginxTarget:
    return NginxTarget(
        Nginx.model_validate({"kind": "nginx", "name": "cache", "addresses": [vendor.url]}), SITE
    )


FOLDER = "/_media/m1/pub1/still-a1/"
FILE = FOLDER + "640.webp"
POST = "/ann/posts/a-long-name-of-a-post"


def told_of(house: House, outbox: Outbox, *paths: PurgePath) -> bool:
    """Whether all of it is done and proven, once the outbox has told the target of them."""
    house.store.purges.queue(CACHE, Purge(new_id(), "ann", Mark(1, 3, 1), paths, int(house.clock())))
    outbox.turn()
    house.clock.pass_by(AGAIN_S)
    outbox.turn()
    return "live" in house.store.published.get("ann", CACHE, 1)


@pytest.mark.parametrize("opened", [nginx, varnish])
def test_of_what_is_gone_each_page_is_looked_at(
    house: House, vendor: Vendor, opened: Callable[[Vendor], Target]
) -> None:
    vendor.show("/ann", NEWEST)
    vendor.show(POST, "1.1.2.1")
    outbox = house.outbox(opened(vendor), probe=vendor)
    paths = PurgePath("/ann", NEWEST, False), PurgePath(POST, NEWEST, True)
    assert not told_of(house, outbox, *paths)
    vendor.show(POST, NEWEST)
    assert told_of(house, outbox, *paths)


@pytest.mark.parametrize("opened", [nginx, varnish])
def test_of_a_folder_that_is_gone_a_file_is_looked_for(
    house: House, vendor: Vendor, opened: Callable[[Vendor], Target]
) -> None:
    vendor.pages[FILE] = b"RIFF"
    outbox = house.outbox(opened(vendor), probe=vendor)
    paths = PurgePath(FOLDER, "", True), PurgePath(FILE, "", True)
    assert not told_of(house, outbox, *paths)
    del vendor.pages[FILE]
    assert told_of(house, outbox, *paths)


def test_a_folder_whose_files_nobody_knows_is_not_proven(house: House, vendor: Vendor) -> None:
    vendor.show("/ann", NEWEST)
    outbox = house.outbox(nginx(vendor), probe=vendor)
    assert not told_of(house, outbox, PurgePath("/ann", NEWEST, True), PurgePath(FOLDER, "", True))
    assert house.waiting(CACHE) == 0, "it is told, and left to expire"


def test_where_each_path_is_a_purge_of_its_own_one_proves_nothing_of_another(
    house: House, vendor: Vendor
) -> None:
    vendor.show("/ann", NEWEST)
    vendor.show(POST, "1.1.2.1")
    paths = PurgePath("/ann", NEWEST, False), PurgePath(POST, NEWEST, False)
    assert not told_of(house, house.outbox(nginx(vendor), probe=vendor), *paths)


def test_through_a_cdn_one_page_is_looked_at_and_rather_one_that_is_gone(
    house: House, vendor: Vendor
) -> None:
    vendor.show(POST, NEWEST)
    outbox = house.outbox(varnish(vendor), probe=vendor)
    outbox.probe = Probe([vendor.url], SITE, 5, own_network=False)
    paths = PurgePath("/ann", NEWEST, False), PurgePath(POST, NEWEST, True), PurgePath(FOLDER, "", True)
    assert told_of(house, outbox, *paths)
    outbox.probe.close()
    assert {seen.path for seen in vendor.seen} == {POST}


@pytest.mark.parametrize("public_only", [True, False])
def test_where_nothing_was_changed_that_it_keeps_there_is_nothing_to_prove(
    house: House, vendor: Vendor, public_only: bool
) -> None:
    """An edit of a private page: proxies of ours keep nothing of it. A CDN may, and nobody can look without a grant."""
    outbox = house.outbox(varnish(vendor), probe=vendor, public_only=public_only)
    purge = house.queue(CACHE)._replace(id="private", paths=())
    house.store.purges.settle(CACHE, house.store.purges.pending(CACHE, 1)[0].id)
    house.store.purges.queue(CACHE, purge)
    outbox.turn()
    house.clock.pass_by(AGAIN_S)
    outbox.turn()
    assert house.waiting(CACHE) == 0
    reached = set(house.store.published.get("ann", CACHE, 1))
    assert reached == ({"purged", "live"} if public_only else {"purged"})


def test_a_probe_that_nobody_answers_is_a_purge_that_waits(
    house: House, vendor: Vendor, other: Vendor
) -> None:
    other.stop()
    outbox = house.outbox(varnish(vendor), probe=other)
    house.queue(CACHE)
    outbox.turn()
    house.clock.pass_by(AGAIN_S)
    outbox.turn()
    assert house.waiting(CACHE) == 1


def test_a_proxy_that_sends_readers_to_tls_says_how_to_name_it(house: House, vendor: Vendor) -> None:
    vendor.pages["/ann"] = b""
    vendor.status = 301
    outbox = house.outbox(varnish(vendor), probe=vendor)
    house.queue(CACHE)
    for _ in range(5):
        outbox.turn()
        house.clock.pass_by(600)
    assert "name it with https://" in house.reasons["cache/ann"]


# ── webhooks ──


def test_a_webhook_is_told_once_of_each_profile(house: House, vendor: Vendor) -> None:
    outbox = house.outbox(hook(vendor), retries=WebhookSchedule(), again_s=0)
    house.queue(HOOK, "ann")
    house.queue(HOOK, "bob")
    outbox.turn()
    outbox.turn()
    assert [asked.json["data"]["tags"] for asked in vendor.purges] == [["p-ann", "n-ann"], ["p-bob", "n-bob"]]
    assert house.waiting(HOOK) == 0


def test_a_webhook_is_retried_for_three_days_through_restarts_and_then_put_aside(
    house: House, vendor: Vendor
) -> None:
    vendor.usual = lambda _: Answer(500)
    house.queue(HOOK)
    hours = 0.0
    while house.waiting(HOOK) and hours < 100:
        # A worker that is restarted every six minutes.
        house.outbox(hook(vendor), retries=WebhookSchedule(), again_s=0).turn()
        house.clock.pass_by(360)
        hours += 0.1
    assert 75 <= hours <= 85
    assert list(house.reasons) == ["hook/ann"]
    assert len(vendor.purges) == 10
    assert len({asked.headers["webhook-id"] for asked in vendor.purges}) == 1


def test_an_endpoint_that_is_gone_is_disabled_until_an_operator_enables_it(
    house: House, vendor: Vendor
) -> None:
    vendor.next.append(Answer(410))
    outbox = house.outbox(hook(vendor), retries=WebhookSchedule(), again_s=0)
    house.queue(HOOK, "ann")
    house.queue(HOOK, "bob")
    outbox.turn()
    assert list(house.reasons) == ["hook"]
    for fresh in (outbox, house.outbox(hook(vendor), retries=WebhookSchedule(), again_s=0)):
        house.queue(HOOK, "cat")
        fresh.turn()
        assert (len(vendor.purges), house.waiting(HOOK)) == (1, 0), (
            "it hears nothing more, also after a restart"
        )

    (failure,) = house.store.failures.all()
    replay(house.store, failure)
    house.clock.pass_by(31)
    house.queue(HOOK, "dan")
    outbox.turn()
    assert vendor.purges[-1].json["data"]["tags"] == ["p-dan", "n-dan"]
