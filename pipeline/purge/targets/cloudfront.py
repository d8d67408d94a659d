"""CloudFront: invalidations by path, or by cache tag where the distribution has a CacheTagConfig. There is no soft one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from core.ids import new_id
from core.purge_targets import CloudFront
from core.settings import SiteSettings
from pipeline.purge.targets import Barred, Batch, Busy, Refused, addresses_of, is_folder, slices

FOLDERS_MAX = 15
"""Amazon CloudFront Developer Guide, "Concurrent invalidation request maximum": paths with a * that are in progress."""
PASSING = frozenset(
    {"TooManyInvalidationsInProgress", "Throttling", "ThrottlingException", "ServiceUnavailable"}
)
TOO_MANY_S = 60.0


class CloudFrontTarget:
    limit = 1000
    """The same page: 3,000 paths may be in progress at one time."""

    def __init__(self, settings: CloudFront, site: SiteSettings) -> None:
        self.name, self._distribution = settings.name, settings.distribution
        self.by: Literal["tags", "paths"] = settings.by
        self._site = site
        config = Config(
            connect_timeout=settings.timeout_s,
            read_timeout=settings.timeout_s,
            retries={"total_max_attempts": 1},
            max_pool_connections=1,
        )
        # CloudFront is a service of no region, whose calls are signed for this one.
        self._client = boto3.Session(profile_name=settings.profile or None).client(
            "cloudfront", region_name="us-east-1", endpoint_url=settings.endpoint or None, config=config
        )

    def purge(self, batch: Batch) -> None:
        for items in self._items(batch):
            self._invalidate(items)

    def _items(self, batch: Batch) -> Iterator[Sequence[str]]:
        if self.by == "tags":
            # A tag among the paths is told by its # ("What you need to know when invalidating tags").
            yield from slices([f"#{tag}" for tag in batch.tags], self.limit)
            return
        # An invalidated path is one of all hosts of the distribution.
        paths = dict.fromkeys(one.path for path in batch.paths for one in addresses_of(path.path, self._site))
        yield from slices([path for path in paths if not is_folder(path)], self.limit)
        yield from slices([f"{path}*" for path in paths if is_folder(path)], FOLDERS_MAX)

    def _invalidate(self, items: Sequence[str]) -> None:
        # A reference of its own: one that was used before would invalidate nothing.
        wanted = {
            "Paths": {"Quantity": len(items), "Items": list(items)},
            "CallerReference": new_id(),
        }
        try:
            self._client.create_invalidation(DistributionId=self._distribution, InvalidationBatch=wanted)
        except ClientError as error:
            raise self._meant(error.response) from None
        except BotoCoreError as error:
            raise Busy(f"{self.name} can't be asked ({error}).") from None

    def _meant(self, answer: Any) -> Busy | Refused:
        code = str(answer.get("Error", {}).get("Code", ""))
        status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        said = f"{self.name} answered {code or status} to an invalidation."
        if code == "TooManyInvalidationsInProgress":
            return Busy(said, TOO_MANY_S)
        if code in PASSING or status >= 500 or status == 429:
            return Busy(said)
        if status in (401, 403):
            return Barred(f"{said} Its credentials need cloudfront:CreateInvalidation for this distribution.")
        return Refused(said)

    def close(self) -> None:
        self._client.close()
