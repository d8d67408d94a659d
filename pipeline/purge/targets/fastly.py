"""Fastly: purges by surrogate key, 256 in a call; soft ones are marked stale, hard ones are gone."""

from __future__ import annotations

from typing import Literal

from core.purge_targets import Fastly
from pipeline.purge.targets import Batch, Busy, slices
from pipeline.purge.targets.calling import Caller, parsed


class FastlyTarget:
    by: Literal["tags", "paths"] = "tags"
    limit = 256
    """Fastly API reference, "Purging", "Purge multiple surrogate key tags"."""

    def __init__(self, settings: Fastly) -> None:
        self.name = settings.name
        self._url = f"{settings.endpoint}/service/{settings.service}/purge"
        self._token, self._soft = settings.token, settings.soft
        remedy = "Give purge.target.token the scope purge_select for this service."
        self._caller = Caller(self.name, settings.timeout_s, remedy=remedy)

    def purge(self, batch: Batch) -> None:
        headers = {"Fastly-Key": self._token.get_secret_value(), "Accept": "application/json"}
        if self._soft and not batch.hard:
            headers["fastly-soft-purge"] = "1"
        for tags in slices(batch.tags, self.limit):
            answer = self._caller.call("POST", self._url, json={"surrogate_keys": tags}, headers=headers)
            told = parsed(answer)
            missed = [tag for tag in tags if not isinstance(told, dict) or tag not in told]
            if missed:
                raise Busy(
                    f"{self.name} did not confirm {len(missed)} of {len(tags)} keys, such as {missed[0]}."
                )

    def close(self) -> None:
        self._caller.close()
