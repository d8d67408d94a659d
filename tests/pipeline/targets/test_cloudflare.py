"""Cloudflare's adapter against a local server that checks its calls, and answers, by Cloudflare's published API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.purge_targets import Cloudflare
from pipeline.purge.targets import Busy, Refused
from pipeline.purge.targets.cloudflare import CloudflareTarget
from tests.pipeline.targets.conftest import batch
from tests.pipeline.targets.vendor import Answer, Asked, Vendor

TOKEN = "a token of nobody"


def api(asked: Asked) -> Answer:
    """Cloudflare API reference, "Purge Cached Content": https://developers.cloudflare.com/api/resources/cache/methods/purge/

    POST /zones/{zone_id}/purge_cache with a bearer token, and {"tags": […]}; the answer's envelope says `success`. Up to 100
    operations in a request: "Purge cache", "Purge limits", https://developers.cloudflare.com/cache/how-to/purge-cache/
    """
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        return failed(401, 10000, "Authentication error")
    if (asked.method, asked.path) != ("POST", "/client/v4/zones/zone1/purge_cache"):
        return failed(404, 7003, "Could not route")
    tags = asked.json["tags"]
    if asked.json.keys() != {"tags"} or not 1 <= len(tags) <= 100:
        return failed(400, 1094, "Max 100 operations")
    return Answer(200, {"success": True, "errors": [], "messages": [], "result": {"id": "zone1"}})


def failed(status: int, code: int, message: str) -> Answer:
    errors = [{"code": code, "message": message}]
    return Answer(status, {"success": False, "errors": errors, "messages": [], "result": None})


@pytest.fixture
def target(vendor: Vendor) -> Iterator[CloudflareTarget]:
    vendor.usual = api
    target = CloudflareTarget(settings(vendor))
    yield target
    target.close()


def settings(vendor: Vendor, token: str = TOKEN) -> Cloudflare:
    return Cloudflare.model_validate(
        {
            "kind": "cloudflare",
            "name": "cf",
            "zone": "zone1",
            "token": token,
            "endpoint": f"{vendor.url}/client/v4",
        }
    )


def test_tags_are_purged_by_one_call(target: CloudflareTarget, vendor: Vendor) -> None:
    target.purge(batch("p-1", "n-ann", "p-2"))
    (asked,) = vendor.asked
    assert asked.json == {"tags": ["p-1", "n-ann", "p-2"]}


def test_more_tags_than_one_call_may_have_take_several(target: CloudflareTarget, vendor: Vendor) -> None:
    target.purge(batch(*(f"p-{number}" for number in range(250))))
    assert [len(asked.json["tags"]) for asked in vendor.asked] == [100, 100, 50]


def test_a_token_that_is_refused_says_what_it_needs(vendor: Vendor) -> None:
    vendor.usual = api
    stranger = CloudflareTarget(settings(vendor, "another token"))
    with pytest.raises(Refused, match=r"Authentication error.*Cache Purge") as caught:
        stranger.purge(batch())
    stranger.close()
    assert "another token" not in str(caught.value)


def test_a_limit_that_is_reached_says_when_to_come_back(target: CloudflareTarget, vendor: Vendor) -> None:
    # "Rate limits", "Rate limiting headers": https://developers.cloudflare.com/fundamentals/api/reference/limits/
    vendor.next.append(Answer(429, b"", {"Retry-After": "17"}))
    with pytest.raises(Busy) as caught:
        target.purge(batch())
    assert caught.value.retry_after_s == 17


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 524])
def test_a_server_that_fails_is_tried_again(target: CloudflareTarget, vendor: Vendor, status: int) -> None:
    vendor.next.append(Answer(status, b"<html>bad gateway</html>"))
    with pytest.raises(Busy, match=str(status)):
        target.purge(batch())


@pytest.mark.parametrize(
    "answer", [failed(200, 1234, "not purged"), Answer(200, b"<html>hello</html>"), Answer(200, [])]
)
def test_an_ok_that_says_no_is_no_ok(target: CloudflareTarget, vendor: Vendor, answer: Answer) -> None:
    vendor.next.append(answer)
    with pytest.raises(Refused, match="did not purge"):
        target.purge(batch())


def test_nobody_there_is_waited_for(vendor: Vendor) -> None:
    target = CloudflareTarget(settings(vendor))
    vendor.stop()
    with pytest.raises(Busy, match="cf does not answer"):
        target.purge(batch())
    target.close()
