"""Fastly's adapter against a local server that checks its calls, and answers, by Fastly's published API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.purge_targets import Fastly
from pipeline.purge.targets import Busy, Refused
from pipeline.purge.targets.fastly import FastlyTarget
from tests.pipeline.targets.conftest import batch
from tests.pipeline.targets.vendor import Answer, Asked, Vendor

KEY = "a key of nobody"


def api(asked: Asked) -> Answer:
    """Fastly API reference, "Purging", "Purge multiple surrogate key tags":
    https://www.fastly.com/documentation/reference/api/purging/#bulk-purge-tag

    POST /service/{service_id}/purge with the Fastly-Key, and up to 256 keys as {"surrogate_keys": […]}; the answer maps each
    key to the id of its purge. With `fastly-soft-purge` objects are marked stale.
    """
    if asked.headers.get("fastly-key") != KEY:
        return Answer(401, {"msg": "Provided credentials are missing or invalid"})
    if (asked.method, asked.path) != ("POST", "/service/service1/purge"):
        return Answer(404, {"msg": "Record not found"})
    tags = asked.json["surrogate_keys"]
    if not 1 <= len(tags) <= 256:
        return Answer(400, {"msg": "Too many keys"})
    return Answer(200, {tag: f"108-1391560174-{number}" for number, tag in enumerate(tags)})


@pytest.fixture
def target(vendor: Vendor) -> Iterator[FastlyTarget]:
    target = opened(vendor)
    yield target
    target.close()


def opened(vendor: Vendor, **changes: object) -> FastlyTarget:
    vendor.usual = api
    return FastlyTarget(
        Fastly.model_validate(
            {"kind": "fastly", "name": "fst", "service": "service1", "token": KEY, "endpoint": vendor.url}
            | changes
        )
    )


def test_an_edit_is_purged_soft_and_a_takedown_hard(target: FastlyTarget, vendor: Vendor) -> None:
    target.purge(batch("p-1", "n-ann"))
    target.purge(batch("p-1", "n-ann", hard=True))
    soft, hard = vendor.asked
    assert soft.json == hard.json == {"surrogate_keys": ["p-1", "n-ann"]}
    assert soft.headers["fastly-soft-purge"] == "1"
    assert "fastly-soft-purge" not in hard.headers


def test_who_wants_only_hard_purges_gets_them(vendor: Vendor) -> None:
    target = opened(vendor, soft=False)
    target.purge(batch())
    target.close()
    assert "fastly-soft-purge" not in vendor.asked[0].headers


def test_more_keys_than_one_call_may_have_take_several(target: FastlyTarget, vendor: Vendor) -> None:
    target.purge(batch(*(f"p-{number}" for number in range(600))))
    assert [len(asked.json["surrogate_keys"]) for asked in vendor.asked] == [256, 256, 88]


def test_a_key_that_is_refused_says_what_it_needs(vendor: Vendor) -> None:
    target = opened(vendor, token="another key")
    with pytest.raises(Refused, match="purge_select") as caught:
        target.purge(batch())
    target.close()
    assert "another key" not in str(caught.value)


def test_a_limit_that_is_reached_is_waited_out(target: FastlyTarget, vendor: Vendor) -> None:
    # "API rate limiting": https://www.fastly.com/documentation/reference/api/#rate-limiting
    vendor.next.append(Answer(429, {"msg": "You have exceeded your API rate limit"}))
    with pytest.raises(Busy, match="rate limit"):
        target.purge(batch())


def test_a_server_that_fails_is_tried_again(target: FastlyTarget, vendor: Vendor) -> None:
    vendor.next.append(Answer(503, b"", {"Retry-After": "3"}))
    with pytest.raises(Busy) as caught:
        target.purge(batch())
    assert caught.value.retry_after_s == 3


@pytest.mark.parametrize("body", [{"p-1": "108-1"}, {}, [], b"ok"])
def test_a_key_that_is_not_confirmed_is_not_purged(
    target: FastlyTarget, vendor: Vendor, body: object
) -> None:
    vendor.next.append(Answer(200, body))
    with pytest.raises(Busy, match=r"did not confirm . of 2 keys"):
        target.purge(batch("p-1", "n-ann"))


def test_an_hour_of_full_calls_keeps_to_what_fastly_allows_a_customer() -> None:
    """Fastly API reference, "Rate limiting": surrogate key purges are limited to 100,000 an hour on average, for a customer:
    https://www.fastly.com/documentation/reference/api/#rate-limiting

    It doesn't say whether a call of 256 keys counts as one; if it does, `per_minute` may be more.
    """
    settings = Fastly.model_validate({"kind": "fastly", "name": "fst", "service": "service1", "token": KEY})
    assert settings.per_minute * 60 * FastlyTarget.limit <= 100_000
    assert settings.burst * FastlyTarget.limit <= 100_000
