"""CloudFront: invalidations by path, or by cache tag where the distribution has a CacheTagConfig. There is no soft one.

Before a bare bucket a function of ours (deploy/cdn/cloudfront-request.js) makes a key of each address. Amazon's advice is to
invalidate both ("What you need to know when invalidating paths").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import quote

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from core import keys
from core.ids import new_id
from core.purge_targets import CloudFront
from core.settings import SiteSettings
from core.store import PurgePath
from pipeline.purge.paths import is_folder
from pipeline.purge.targets import Barred, Batch, Busy, Full, Refused, TooFast, addresses_of, slices

FOLDERS_MAX = 15
"""Amazon CloudFront Developer Guide, "Concurrent invalidation request maximum": paths with a * that are in progress."""
THROTTLED = frozenset({"Throttling", "ThrottlingException"})
TOO_MANY_S = 30.0
"""An invalidation takes from some seconds to a minute."""


class CloudFrontTarget:
    limit = 1000
    """The same page: 3,000 paths may be in progress at one time."""

    def __init__(self, settings: CloudFront, site: SiteSettings, *, bare: bool = False) -> None:
        """`bare`: it reads the bucket itself, as no edge of ours does."""
        self.name, self._distribution = settings.name, settings.distribution
        self.by: Literal["tags", "paths"] = settings.by
        self._site, self._bare = site, bare
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
        for piece in self.pieces(batch):
            self._invalidate(piece)

    def pieces(self, batch: Batch) -> Sequence[Batch]:
        if self.by == "tags":
            return [batch._replace(tags=tuple(some)) for some in slices(batch.tags, self.limit)]
        files = [one for one in batch.paths if not is_folder(one.path)]
        # One * for all renditions of a medium: each is billed, and few may be in progress.
        folders = {path: PurgePath(path, "", True) for path in map(_widened, batch.paths) if path}
        folders_max = FOLDERS_MAX // max((len(self.spellings(one)) for one in folders), default=1)
        pieces = [*slices(files, self.limit), *slices([*folders.values()], folders_max)]
        return [batch._replace(paths=tuple(some)) for some in pieces]

    def _items(self, batch: Batch) -> list[str]:
        if self.by == "tags":
            # A tag among the paths is told by its # ("What you need to know when invalidating tags").
            return [f"#{tag}" for tag in batch.tags]
        return [spelled for one in batch.paths for spelled in self.spellings(one.path)]

    def spellings(self, path: str) -> list[str]:
        """All that it may have kept the path under. An invalidated path is one of all hosts of the distribution."""
        sign = "*" if is_folder(path) else ""
        found = [one.path for one in addresses_of(path, self._site)]
        if self._bare:
            found.append(quote(path if sign else f"/{keys.route(path).key or path.removeprefix('/')}"))
        return [one + sign for one in dict.fromkeys(found)]

    def _invalidate(self, batch: Batch) -> None:
        items = self._items(batch)
        # A reference of its own: one that was used before would invalidate nothing.
        wanted = {
            "Paths": {"Quantity": len(items), "Items": items},
            "CallerReference": new_id(),
        }
        try:
            self._client.create_invalidation(DistributionId=self._distribution, InvalidationBatch=wanted)
        except ClientError as error:
            raise self._meant(error.response, items) from None
        except BotoCoreError as error:
            raise Busy(f"{self.name} can't be asked ({error}).") from None

    def _meant(self, answer: Any, items: Sequence[str]) -> Busy | Refused:
        code = str(answer.get("Error", {}).get("Code", ""))
        status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        said = f"{self.name} answered {code or status} to an invalidation."
        if code == "TooManyInvalidationsInProgress":
            # The same page: the two limits are independent.
            kind = Full if any(item.endswith("*") for item in items) else TooFast
            return kind(said, TOO_MANY_S)
        if code in THROTTLED or status == 429:
            return TooFast(said)
        if code == "ServiceUnavailable" or status >= 500:
            return Busy(said)
        if status in (401, 403):
            return Barred(f"{said} Its credentials need cloudfront:CreateInvalidation for this distribution.")
        return Refused(said)

    def close(self) -> None:
        self._client.close()


def _widened(folder: PurgePath) -> str:
    """The folder whose files are invalidated for it: of a rendition all of its medium; "" for what is no folder."""
    path = folder.path
    if not is_folder(path):
        return ""
    key = path.removeprefix("/")
    return f"/{keys.media_folder(keys.media_of(key))}" if key.startswith("_media/") else path
