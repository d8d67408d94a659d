"""Makes the two buckets of a region and sets what belongs to them: who may read, what expires, who may upload directly.

Each step is harmless to repeat. What a store doesn't know is told and left out: none of it is needed to publish.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from string import ascii_lowercase, digits
from typing import Any, Literal, NamedTuple

from botocore.exceptions import ClientError

from core.objects.s3_client import Clients, code_of, s3_errors, status_of
from core.settings import RegionSettings

ABORT_DAYS = 2
"""Parts of a multipart upload that nobody ended are dropped by the store; ours take minutes."""
CORS_AGE_S = 3600


class Step(NamedTuple):
    """What was done, or why not."""

    what: str
    done: bool
    why: str = ""


def init(clients: Clients, region: RegionSettings, studio_url: str) -> Iterator[Step]:
    """The steps, each as it is done. Raises AccessRefused, Unavailable when a bucket can't be made."""
    s3 = clients.steady
    for bucket in (region.public, region.private):
        yield _make(clients, bucket, region.region)
    yield _try(
        f"{region.public}: everybody may read its objects, nobody may list them",
        lambda: s3.put_bucket_policy(Bucket=region.public, Policy=json.dumps(open_to_readers(region.public))),
    )
    for bucket in (region.public, region.private):
        yield _try(
            f"{bucket}: what is left of broken uploads expires after {ABORT_DAYS} days",
            lambda bucket=bucket: s3.put_bucket_lifecycle_configuration(  # type: ignore[misc]
                Bucket=bucket, LifecycleConfiguration=LIFECYCLE
            ),
        )
    yield _try(
        f"{region.private}: browsers at {studio_url} may upload directly",
        lambda: s3.put_bucket_cors(Bucket=region.private, CORSConfiguration=cors(studio_url)),
    )


def _make(clients: Clients, bucket: str, region: str) -> Step:
    # AWS wants the region named, but refuses the name of its first one.
    where = {"CreateBucketConfiguration": {"LocationConstraint": region}} if region != "us-east-1" else {}
    with s3_errors(clients, bucket):
        try:
            clients.steady.create_bucket(Bucket=bucket, **where)
        except ClientError as error:
            if code_of(error) in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                clients.steady.head_bucket(Bucket=bucket)  # refuses if it is somebody else's
                return Step(f"{bucket}: was there", done=True)
            raise
    return Step(f"{bucket}: made", done=True)


def _try(what: str, act: Callable[[], Any]) -> Step:
    try:
        act()
    except ClientError as error:
        return Step(what, done=False, why=f"the store answers {status_of(error)} {code_of(error)}")
    return Step(what, done=True)


LIFECYCLE = {
    "Rules": [
        {
            "ID": "holdfast-broken-uploads",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABORT_DAYS},
        }
    ]
}


def cors(studio_url: str) -> dict[str, Any]:
    rule = {
        "AllowedOrigins": [studio_url],
        "AllowedMethods": ["PUT", "POST"],
        "AllowedHeaders": ["*"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": CORS_AGE_S,
    }
    return {"CORSRules": [rule]}


def open_to_readers(bucket: str) -> dict[str, Any]:
    """The policy of the public bucket."""
    return _policy(
        {"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject"], "Resource": [_all(bucket)]}
    )


def rights(who: Literal["writer", "reader"], region: RegionSettings) -> dict[str, Any]:
    """What an IAM user or role needs: the writer is ingest, workers and operators; the reader is an edge."""
    if who == "reader":
        readable = [_all(region.public), *_shown(region.private)]
        return _policy({"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": readable})
    buckets = (region.public, region.private)
    objects = {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
        "Resource": [_all(bucket) for bucket in buckets],
    }
    lists = {
        "Effect": "Allow",
        "Action": ["s3:ListBucket", "s3:ListBucketMultipartUploads"],
        "Resource": [f"arn:aws:s3:::{bucket}" for bucket in buckets],
    }
    return _policy(objects, lists)


def shown_to(user: str, region: RegionSettings) -> dict[str, Any]:
    """A policy of the private bucket itself by which that user reads what private profiles show: where a store has no policies
    of users."""
    return _policy(
        {
            "Effect": "Allow",
            "Principal": {"AWS": [user]},
            "Action": ["s3:GetObject"],
            "Resource": _shown(region.private),
        }
    )


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _shown(bucket: str) -> list[str]:
    """What private profiles show (`core.keys.is_shown`): what is allowed is named, so that nothing else ever is by mistake."""
    begins = ["_data/", "_media/", *ascii_lowercase, *digits]
    return [f"arn:aws:s3:::{bucket}/{begin}*" for begin in begins]


def _all(bucket: str) -> str:
    return f"arn:aws:s3:::{bucket}/*"
