"""How outboxes share a target among their purges: in pieces, in order, and past what it doesn't take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.ids import new_id
from core.purge_targets import CloudFront
from core.rank import Mark
from core.store import MAIN, Purge, PurgePath, waiting_list
from core.store.sqlite import SqliteStore
from pipeline.purge.outbox import INNER_WAIT_S, Outbox, OwnEdges
from pipeline.purge.pace import Backoff, WebhookSchedule
from pipeline.purge.targets.cloudfront import CloudFrontTarget
from tests.clock import Clock
from tests.pipeline.targets.test_cloudfront import Distribution
from tests.pipeline.targets.vendor import Answer, Vendor, running
from tests.pipeline.test_outbox import CACHE, HOOK, SITE, House, hook, tags, varnish

AWS = waiting_list("aws", MAIN)
AWS_AGAIN_S = 30.0


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    store = SqliteStore(tmp_path / "holdfast.db")
    yield House(store, Clock())
    store.close()


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    yield from running()


@pytest.fixture
def other() -> Iterator[Vendor]:
    yield from running()


def queue(house: House, to: str, profile_id: str, *paths: str, hard: bool = False) -> Purge:
    ranked = tuple(PurgePath(path, "" if path.endswith("/") else "1.1.3.1", hard) for path in paths)
    purge = Purge(new_id(), profile_id, Mark(1, 3, 1), ranked, int(house.clock()))
    house.store.purges.queue(to, purge)
    return purge


# ── a vendor that takes little at a time ──


@pytest.fixture
def cloudfront(house: House, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outbox]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret of nobody")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    settings: dict[str, Any] = {"kind": "cloudfront", "name": "aws", "distribution": "DIST1"}
    target = CloudFrontTarget(CloudFront.model_validate(settings | {"endpoint": vendor.url}), SITE)
    yield house.outbox(target, retries=Backoff(12), again_s=AWS_AGAIN_S, burst=10)
    target.close()


def run(house: House, outbox: Outbox, *, seconds: int) -> None:
    for _ in range(seconds):
        outbox.turn()
        house.clock.pass_by(1)


def media(count: int) -> tuple[str, ...]:
    return tuple(f"/_media/m{number}/p/photo-a/" for number in range(count))


def test_a_takedown_of_more_folders_than_may_be_in_progress_is_finished(
    house: House, vendor: Vendor, cloudfront: Outbox
) -> None:
    """And each of them is paid for twice, as often as it is told, however often Amazon has said that it is too much."""
    vendor.usual = amazon = Distribution(house.clock)
    queue(house, AWS, "ann", "/ann", *media(200), hard=True)
    run(house, cloudfront, seconds=1800)
    assert (house.waiting(AWS), house.reasons) == (0, {})
    assert set(Counter(amazon.took).values()) == {2}
    assert len(set(amazon.took)) == 201


def test_a_takedown_of_more_files_than_may_be_in_progress_is_finished(
    house: House, vendor: Vendor, cloudfront: Outbox
) -> None:
    vendor.usual = amazon = Distribution(house.clock)
    queue(house, AWS, "ann", *(f"/ann/posts/{number}" for number in range(4000)), hard=True)
    run(house, cloudfront, seconds=600)
    assert (house.waiting(AWS), house.reasons) == (0, {})
    assert set(Counter(amazon.took).values()) == {2}


def test_a_long_takedown_keeps_no_edit_waiting(house: House, vendor: Vendor, cloudfront: Outbox) -> None:
    vendor.usual = amazon = Distribution(house.clock)
    queue(house, AWS, "ann", *media(200), hard=True)
    run(house, cloudfront, seconds=5)
    queue(house, AWS, "bob", "/bob")
    run(house, cloudfront, seconds=5)
    assert "/bob" in amazon.took
    assert house.waiting(AWS) == 2, "and it isn't done"


def test_each_call_takes_a_token(house: House, vendor: Vendor, cloudfront: Outbox) -> None:
    vendor.usual = Distribution(house.clock, takes_s=0)
    queue(house, AWS, "ann", *media(15 * 40), hard=True)
    run(house, cloudfront, seconds=20)
    assert len(vendor.asked) <= 10 + 20, "ten at once, and then one a second"


def test_what_comes_meanwhile_is_told_with_all_the_rest(
    house: House, vendor: Vendor, cloudfront: Outbox
) -> None:
    vendor.usual = amazon = Distribution(house.clock)
    queue(house, AWS, "ann", *media(20), hard=True)
    run(house, cloudfront, seconds=3)
    queue(house, AWS, "ann", "/ann")
    run(house, cloudfront, seconds=600)
    assert (house.waiting(AWS), house.reasons) == (0, {})
    assert min(Counter(amazon.took).values()) == 2


# ── what is looked at first ──


FEW = 20


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """An outbox that looks at few purges in a turn, so that many more wait."""
    monkeypatch.setattr("pipeline.purge.outbox.TAKEN_MAX", FEW)


@pytest.mark.usefixtures("few")
def test_a_takedown_goes_before_more_edits_than_are_looked_at(house: House, vendor: Vendor) -> None:
    target = varnish(vendor)
    target.limit = 2
    for number in range(2 * FEW):
        house.queue(CACHE, f"user{number}")
    house.queue(CACHE, "ann", hard=True)
    house.outbox(target, burst=1).turn()
    assert tags(vendor) == ["p-ann n-ann"]


@pytest.mark.usefixtures("few")
def test_what_a_target_does_not_take_hides_nothing_that_waits_behind_it(house: House, vendor: Vendor) -> None:
    """Events that are refused wait for hours, by the schedule of Standard Webhooks."""
    vendor.usual = lambda asked: Answer(400 if b"p-bad" in asked.body else 200)
    outbox = house.outbox(hook(vendor), retries=WebhookSchedule(), again_s=0)
    for number in range(2 * FEW + 1):
        house.queue(HOOK, f"bad{number}")
    house.queue(HOOK, "ann")
    for _ in range(3):
        outbox.turn()
    assert vendor.purges[-1].json["data"]["tags"] == ["p-ann", "n-ann"]
    assert house.waiting(HOOK) == 2 * FEW + 1


@pytest.mark.usefixtures("few")
def test_what_rests_is_known_still_when_its_hour_comes(house: House, vendor: Vendor) -> None:
    vendor.usual = lambda asked: Answer(400 if b"p-bad" in asked.body else 200)
    outbox = house.outbox(hook(vendor), retries=WebhookSchedule(), again_s=0)
    first = house.queue(HOOK, "bad")
    outbox.turn()
    newest = house.queue(HOOK, "bad", revision=4)
    outbox.turn()
    assert [asked.headers["webhook-id"] for asked in vendor.purges] == [first.id]
    vendor.usual = lambda _: Answer()
    house.clock.pass_by(6)
    outbox.turn()
    assert [asked.headers["webhook-id"] for asked in vendor.purges] == [first.id, newest.id]
    assert house.waiting(HOOK) == 0


@pytest.mark.usefixtures("few")
def test_what_rests_is_left_to_whose_it_becomes(house: House, vendor: Vendor) -> None:
    vendor.usual = lambda _: Answer(400)
    outbox = house.outbox(hook(vendor), retries=WebhookSchedule(), again_s=0)
    house.queue(HOOK, "bad")
    outbox.turn()
    outbox.turn(lambda _: False)
    house.clock.pass_by(10)
    outbox.turn(lambda _: False)
    assert len(vendor.purges) == 1


def test_no_more_rest_in_memory_than_a_bound(
    house: House, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.purge.outbox.TAKEN_MAX", 2)
    monkeypatch.setattr("pipeline.purge.outbox.TASKS_MAX", 5)
    vendor.usual = lambda _: Answer(400)
    outbox = house.outbox(hook(vendor), retries=WebhookSchedule(), again_s=0)
    for number in range(20):
        house.queue(HOOK, f"bad{number}")
    for _ in range(20):
        outbox.turn()
    assert len(outbox._tasks) <= 5 + 2


# ── one that a target doesn't take, among many that it does ──


def told(vendor: Vendor) -> set[str]:
    """Whose purges the target said yes to."""
    took = {word for line in tags(vendor) if "p-bad" not in line.split() for word in line.split()}
    return {word.removeprefix("p-") for word in took if word.startswith("p-")}


def test_one_that_always_fails_keeps_no_other_from_being_told(house: House, vendor: Vendor) -> None:
    vendor.usual = lambda asked: Answer(500 if "p-bad " in str(asked.headers) else 200)
    outbox = house.outbox(varnish(vendor), retries=Backoff(12))
    names = [f"user{number}" for number in range(49)]
    for name in (*names[:20], "bad", *names[20:]):
        house.queue(CACHE, name)
    run(house, outbox, seconds=25)
    assert len(told(vendor)) >= 24, "of two halves one is told soon"
    run(house, outbox, seconds=220)
    assert told(vendor) == set(names)
    run(house, outbox, seconds=5000)
    assert (house.waiting(CACHE), list(house.reasons)) == (0, ["cache/bad"])


def test_nobody_is_put_aside_for_what_another_did(house: House, vendor: Vendor) -> None:
    """Not even where fewer attempts are allowed than it takes to find out who it was."""
    vendor.usual = lambda asked: Answer(400 if "p-bad " in str(asked.headers) else 200)
    outbox = house.outbox(varnish(vendor), retries=Backoff(2))
    for number in range(40):
        house.queue(CACHE, "bad" if number == 7 else f"user{number}")
    run(house, outbox, seconds=3000)
    assert (house.waiting(CACHE), list(house.reasons)) == (0, ["cache/bad"])


def test_calls_that_are_too_many_do_not_become_more(house: House, vendor: Vendor) -> None:
    vendor.usual = lambda _: Answer(429)
    outbox = house.outbox(varnish(vendor), retries=Backoff(12))
    for number in range(40):
        house.queue(CACHE, f"user{number}")
    run(house, outbox, seconds=60)
    vendor.usual, failed = lambda _: Answer(), len(vendor.purges)
    run(house, outbox, seconds=120)
    assert failed > 2
    assert len(vendor.purges) == failed + 2, "all in one call, twice"


def test_an_event_that_fails_for_days_keeps_no_other_waiting(house: House, vendor: Vendor) -> None:
    vendor.usual = lambda asked: Answer(500 if b"p-bad" in asked.body else 200)
    outbox = house.outbox(hook(vendor), retries=WebhookSchedule(), again_s=0)
    house.queue(HOOK, "bad")
    for minute in range(60):
        run(house, outbox, seconds=57)
        house.queue(HOOK, f"user{minute}")
        run(house, outbox, seconds=3)
        assert house.waiting(HOOK) == 1, f"after {minute} minutes"


def test_a_target_that_is_away_is_called_less_and_less_however_much_waits(
    house: House, vendor: Vendor
) -> None:
    vendor.usual = lambda _: Answer(503)
    target = varnish(vendor)
    target.limit = 10
    outbox = house.outbox(target, retries=Backoff(12))
    for number in range(100):
        house.queue(CACHE, f"user{number}")
    run(house, outbox, seconds=3600)
    assert len(vendor.purges) < 60
    vendor.usual = lambda _: Answer()
    run(house, outbox, seconds=900)
    assert (house.waiting(CACHE), house.reasons) == (0, {})


# ── who is told once, after the others ──


def ids(vendor: Vendor) -> list[str]:
    return [asked.headers["webhook-id"] for asked in vendor.purges]


def test_a_webhook_that_was_told_before_its_inner_caches_were_done_is_told_again(
    house: House, vendor: Vendor
) -> None:
    outbox = house.outbox(
        hook(vendor), OwnEdges(house.store), retries=WebhookSchedule(), again_s=0, burst=1000
    )
    at_edges = house.queue(MAIN)
    purge = house.queue(HOOK)
    run(house, outbox, seconds=int(INNER_WAIT_S))
    assert ids(vendor) == []
    run(house, outbox, seconds=1)
    assert ids(vendor) == [f"{purge.id}-early"], "after a minute, not later"
    run(house, outbox, seconds=600)
    assert (len(vendor.purges), house.waiting(HOOK)) == (1, 1)
    house.store.purges.settle(MAIN, at_edges.id)
    run(house, outbox, seconds=40)
    assert ids(vendor) == [f"{purge.id}-early", purge.id], "an event of its own: else receivers would drop it"
    assert house.waiting(HOOK) == 0


def test_an_early_event_that_fails_until_the_inner_caches_are_done_is_one_event(
    house: House, vendor: Vendor
) -> None:
    outbox = house.outbox(hook(vendor), OwnEdges(house.store), retries=WebhookSchedule(), again_s=0)
    at_edges = house.queue(MAIN)
    purge = house.queue(HOOK)
    vendor.next.append(Answer(500))
    run(house, outbox, seconds=int(INNER_WAIT_S) + 1)
    house.store.purges.settle(MAIN, at_edges.id)
    run(house, outbox, seconds=40)
    assert (ids(vendor), house.waiting(HOOK)) == ([f"{purge.id}-early", purge.id], 0)


def test_a_webhook_is_told_when_a_proxy_has_had_it_for_the_last_time(
    house: House, vendor: Vendor, other: Vendor
) -> None:
    inner = house.outbox(varnish(other))
    outbox = house.outbox(hook(vendor), inner, retries=WebhookSchedule(), again_s=0)
    house.queue(CACHE)
    purge = house.queue(HOOK)
    for _ in range(20):
        inner.turn()
        outbox.turn()
        assert not vendor.purges or len(tags(other)) == 2
        house.clock.pass_by(1)
    assert (ids(vendor), house.waiting(HOOK)) == ([purge.id], 0)
