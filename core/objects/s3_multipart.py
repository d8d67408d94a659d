"""Sends a body of any size to S3: in one request if it is small, else in parts, of which one is in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError

from core.errors import OutcomeUnknown
from core.objects.s3_client import is_missing
from core.objects.s3_form import bare, md5_of

PART_BYTES = 5 << 20
"""The least that S3 takes as a part; 10,000 of them are 52 GB."""


def send(
    client: Any,
    arguments: dict[str, Any],
    blocks: Iterable[bytes],
    confirm: Callable[[], None] = lambda: None,
) -> str:
    """Puts what `blocks` yields, and returns its ETag. `confirm` is called when all has been read; what it raises ends
    it, and nothing is written. Parts of a send that failed are dropped."""
    parts = _parts(blocks)
    part = next(parts, b"")
    if len(part) < PART_BYTES:
        confirm()
        return bare(client.put_object(**arguments, Body=part, ContentMD5=md5_of(part))["ETag"])
    upload_id = client.create_multipart_upload(**arguments)["UploadId"]
    place = {"Bucket": arguments["Bucket"], "Key": arguments["Key"], "UploadId": upload_id}
    try:
        sent: list[dict[str, Any]] = []
        size = 0
        while part:
            reply = client.upload_part(**place, PartNumber=len(sent) + 1, Body=part, ContentMD5=md5_of(part))
            sent.append({"PartNumber": len(sent) + 1, "ETag": reply["ETag"]})
            size += len(part)
            part = next(parts, b"")
        confirm()
        return _complete(client, place, sent, size)
    except BaseException:
        with suppress(BotoCoreError, ClientError):
            client.abort_multipart_upload(**place)
        raise


def blocks_in(file: BinaryIO) -> Iterator[bytes]:
    """The rest of a file."""
    while block := file.read(PART_BYTES):
        yield block


def _parts(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of one size, as some stores want it, but for the last."""
    held = bytearray()
    for block in blocks:
        if not held and len(block) == PART_BYTES:
            yield block
            continue
        held += block
        while len(held) >= PART_BYTES:
            yield bytes(held[:PART_BYTES])
            del held[:PART_BYTES]
    if held:
        yield bytes(held)


def _complete(client: Any, place: dict[str, str], parts: list[dict[str, Any]], size: int) -> str:
    try:
        reply = client.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
    except ClientError as error:
        if not is_missing(error):
            raise
        # boto3 sent it again since no answer came: the first one had ended the upload.
        found = client.head_object(Bucket=place["Bucket"], Key=place["Key"])
        if found["ContentLength"] != size:
            raise OutcomeUnknown(f"{place['Key']} may hold what was just written.") from error
        return bare(found["ETag"])
    return bare(reply["ETag"])
