"""The webhook's adapter against Standard Webhooks 1.0.0: its vectors, and a receiver that verifies with its own library.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from itertools import accumulate

import pytest
from standardwebhooks import Webhook

from core.purge_targets import WebhookTarget as Settings
from pipeline.purge.pace import WEBHOOK_DELAYS_S, WebhookSchedule
from pipeline.purge.targets import Busy, Gone, Refused
from pipeline.purge.targets.webhook import WebhookTarget, signed
from tests.pipeline.targets.conftest import batch
from tests.pipeline.targets.vendor import Answer, Vendor

OLD = "whsec_" + base64.b64encode(b"the old secret, 24 bytes and more").decode()
NEW = "whsec_" + base64.b64encode(b"the new secret, 24 bytes and more").decode()


def opened(vendor: Vendor, *secrets: str) -> WebhookTarget:
    settings = {
        "kind": "webhook",
        "name": "hook",
        "url": f"{vendor.url}/hooks/purges",
        "secrets": secrets or [NEW],
    }
    return WebhookTarget(Settings.model_validate(settings))


def test_the_vector_of_the_reference_implementations_is_signed_alike() -> None:
    # libraries/javascript/src/webhook.test.ts, "sign function works".
    signer = Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed([signer], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330.9, '{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_an_event_has_type_time_and_data(vendor: Vendor) -> None:
    # "Payload structure".
    target = opened(vendor)
    target.purge(batch("p-1", "n-ann", paths=("/ann", "/ann/feed.xml"), hard=True))
    target.close()
    (asked,) = vendor.asked
    assert (asked.method, asked.path, asked.headers["content-type"]) == (
        "POST",
        "/hooks/purges",
        "application/json",
    )
    assert asked.json == {
        "type": "profile.purged",
        "timestamp": "2026-09-21T14:13:20Z",
        "data": {"tags": ["p-1", "n-ann"], "paths": ["/ann", "/ann/feed.xml"], "hard": True},
    }


@pytest.mark.parametrize("known", [OLD, NEW])
def test_while_secrets_rotate_a_receiver_may_know_either(vendor: Vendor, known: str) -> None:
    # "Webhook headers": signed by both, space delimited.
    target = opened(vendor, NEW, OLD)
    target.purge(batch())
    target.close()
    (asked,) = vendor.asked
    assert Webhook(known).verify(asked.body, asked.headers) == json.loads(asked.body)


def test_an_event_keeps_its_id_however_often_it_is_tried(vendor: Vendor) -> None:
    # "Webhook metadata": the identifier remains the same, the timestamp is the attempt's.
    target = opened(vendor)
    vendor.next.append(Answer(500))
    with pytest.raises(Busy):
        target.purge(batch())
    target.purge(batch())
    target.close()
    assert {asked.headers["webhook-id"] for asked in vendor.asked} == {"purge1"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(410), Gone),
        (Answer(404), Refused),
        (Answer(301, b"", {"Location": "/elsewhere"}), Refused),
        (Answer(429, b"", {"Retry-After": "60"}), Busy),
        (Answer(502), Busy),
        (Answer(504), Busy),
    ],
    ids=lambda given: str(given.status) if isinstance(given, Answer) else "",
)
def test_each_status_means_what_the_standard_says(
    vendor: Vendor, answer: Answer, error: type[Exception]
) -> None:
    # "Delivery success and failure".
    target = opened(vendor)
    vendor.next.append(answer)
    with pytest.raises(error):
        target.purge(batch())
    target.close()
    assert len(vendor.asked) == 1, "a redirect is not followed"


def test_retries_follow_the_schedule_of_the_standard() -> None:
    # "Deliverability and reliability", "Example retry schedule": delays, and the time since the start.
    schedule = WebhookSchedule()
    delays = [schedule.delay_s(failures) for failures in range(1, 11)]
    assert delays.pop() is None
    for delay, wanted in zip(delays, WEBHOOK_DELAYS_S, strict=True):
        assert delay is not None
        assert wanted <= delay <= 1.1 * wanted
    starts = [
        "0:00:05",
        "0:05:05",
        "0:35:05",
        "2:35:05",
        "7:35:05",
        "17:35:05",
        "1 day, 7:35:05",
        "2 days, 3:35:05",
        "3 days, 3:35:05",
    ]
    assert [str(timedelta(seconds=at_s)) for at_s in accumulate(WEBHOOK_DELAYS_S)] == starts
