"""Any other system, by a webhook (Standard Webhooks 1.0.0): what was purged, signed with each of its secrets."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Literal

from standardwebhooks import Webhook

from core.purge_targets import WebhookTarget as Settings
from pipeline.purge.targets import Batch
from pipeline.purge.targets.calling import Caller

TYPE = "profile.purged"


class WebhookTarget:
    by: Literal["tags", "paths"] = "tags"
    limit = 1
    """An event for each profile: so its id stays the same however often it is tried."""

    def __init__(self, settings: Settings) -> None:
        self.name, self._url = settings.name, settings.url
        self._signers = [Webhook(secret.get_secret_value()) for secret in settings.secrets]
        remedy = "See whether it has our newest secret."
        self._caller = Caller(self.name, settings.timeout_s, remedy=remedy, may_end=True)

    def purge(self, batch: Batch) -> None:
        body = payload(batch)
        headers = {"content-type": "application/json", **signed(self._signers, batch.id, time.time(), body)}
        self._caller.call("POST", self._url, content=body.encode(), headers=headers)

    def close(self) -> None:
        self._caller.close()


def payload(batch: Batch) -> str:
    """The event: its time is that of the purge, whenever it arrives."""
    at = datetime.fromtimestamp(batch.at, UTC).isoformat().replace("+00:00", "Z")
    data = {"tags": batch.tags, "paths": [path.path for path in batch.paths], "hard": batch.hard}
    return json.dumps({"type": TYPE, "timestamp": at, "data": data}, separators=(",", ":"))


def signed(signers: list[Webhook], message: str, at_s: float, body: str) -> dict[str, str]:
    """The three headers. Each secret signs, so that a receiver may change from one to the next when it likes."""
    at = datetime.fromtimestamp(int(at_s), UTC)
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(one.sign(message, at, body) for one in signers),
    }
