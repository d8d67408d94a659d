"""Cloudflare: purges by cache tag, 100 in a call. What it purges is gone; it has no soft purge."""

from __future__ import annotations

from typing import Any, Literal

from core.purge_targets import Cloudflare
from pipeline.purge.targets import Batch, Refused, slices
from pipeline.purge.targets.calling import Caller, parsed


class CloudflareTarget:
    by: Literal["tags", "paths"] = "tags"
    limit = 100
    """Cloudflare Docs, "Purge cache", "Purge limits": operations in one request, on every plan."""

    def __init__(self, settings: Cloudflare) -> None:
        self.name = settings.name
        self._url = f"{settings.endpoint}/zones/{settings.zone}/purge_cache"
        self._token = settings.token
        remedy = "Give purge.target.token the permission Zone > Cache Purge for this zone."
        self._caller = Caller(self.name, settings.timeout_s, remedy=remedy)

    def purge(self, batch: Batch) -> None:
        for tags in slices(batch.tags, self.limit):
            headers = {"Authorization": f"Bearer {self._token.get_secret_value()}"}
            answer = self._caller.call("POST", self._url, json={"tags": tags}, headers=headers)
            _believe(self.name, parsed(answer))

    def close(self) -> None:
        self._caller.close()


def _believe(name: str, said: Any) -> None:
    """A 200 whose envelope says `success: false` purged nothing."""
    if not isinstance(said, dict) or said.get("success") is not True:
        errors = said.get("errors") if isinstance(said, dict) else said
        raise Refused(f"{name} says that it did not purge ({str(errors)[:200]}).")
