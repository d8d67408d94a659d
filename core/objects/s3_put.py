"""One conditional write to S3, sent until the store takes it, refuses it, or doesn't answer."""

from __future__ import annotations

import random
import time
from typing import Any

from botocore.exceptions import ClientError

from core.errors import BackendAway, ObjectMissing, OutcomeUnknown, PreconditionFailed
from core.objects import ABSENT
from core.objects.s3_client import Clients, s3_errors, status_of
from core.objects.s3_form import bare

BUSY = {409, 429, 503}
"""Another write of the key was under way, or the store wants to be asked less often: nothing was written, mostly."""
TRIES = 6
REST_S, REST_MAX_S = 0.1, 2.0
TOO_OFTEN_S = 1.0
"""Some stores take one write of a key in a second (Cloudflare R2, "Limits")."""


def put_if(clients: Clients, arguments: dict[str, Any], only_if: str, *, quotes: bool = True) -> str:
    """The ETag of what was written under the condition `only_if`, as `core.objects.Objects.put` has it."""
    bucket, key = arguments["Bucket"], arguments["Key"]
    etag = f'"{only_if}"' if quotes else only_if
    condition = {"IfNoneMatch": "*"} if only_if == ABSENT else {"IfMatch": etag}
    for turn in range(TRIES):
        try:
            with s3_errors(clients, bucket, key, writes=True):
                try:
                    return bare(clients.once.put_object(**arguments, **condition)["ETag"])
                except ClientError as error:
                    if status_of(error) not in BUSY:
                        raise
                    _rest(turn, status_of(error))
        except ObjectMissing:
            raise PreconditionFailed(f"{key} isn't there any more.") from None
        except PreconditionFailed:
            if turn == 0:
                raise
            # Who said that it was busy may have written all the same.
            raise OutcomeUnknown(f"{key} may hold what was just written.") from None
    raise BackendAway(f"The bucket {bucket} at {clients.where} was too busy {TRIES} times to write {key}.")


def _rest(turn: int, status: int) -> None:
    longest_s = min(REST_S * 2.0**turn, REST_MAX_S)
    least_s = TOO_OFTEN_S if status == 429 else 0.0
    time.sleep(least_s + random.uniform(longest_s / 2, longest_s))
