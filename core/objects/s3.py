"""Objects in an S3 bucket, by boto3: AWS S3, and every store with its protocol that honours conditional writes.

Immutable keys are put unconditionally, and sent again when no answer comes. Mutable ones are put under a condition,
once: what became of one without an answer is for the caller to find out, by reading (`OutcomeUnknown`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError

from core import keys
from core.errors import ObjectMissing
from core.objects import Found, Headers, Object, Stat, check_headers
from core.objects.s3_client import Clients, of_one, s3_errors, status_of
from core.objects.s3_form import bare, headers_in, headers_out, md5_of
from core.objects.s3_multipart import blocks_in, send
from core.objects.s3_put import put_if
from core.objects.s3_uploads import S3Uploads

DELETE_MAX = 1000
"""Keys of one DeleteObjects."""
MISSING = {"NoSuchKey", "ObjectParentIsFile"}


class S3Reader:
    """`core.objects.ReadObjects` of one bucket.

    To who may not list a bucket, AWS answers 403 for a missing key. `sentinel` (bucket, key) is there: while that can be
    read, 403 for another means that it is missing. Without one, 403 is what it says.
    """

    def __init__(self, clients: Clients, bucket: str, sentinel: tuple[str, str] | None = None) -> None:
        self.bucket = bucket
        self._clients, self._sentinel = clients, sentinel

    def __str__(self) -> str:
        return f"The bucket {self.bucket} at {self._clients.where}"

    def get(self, key: str, *, unless: str | None = None) -> Object | None:
        reply, body = self._get(key, {"IfNoneMatch": f'"{unless}"'} if unless else {})
        if not reply:
            return None
        return Object(body, bare(reply["ETag"]), headers_in(reply), reply["LastModified"].timestamp())

    def stat(self, key: str) -> Stat:
        with self._reading(key):
            reply = self._clients.steady.head_object(Bucket=self.bucket, Key=keys.check(key))
        modified_s = reply["LastModified"].timestamp()
        return Stat(bare(reply["ETag"]), int(reply["ContentLength"]), headers_in(reply), modified_s)

    def read(self, key: str, start: int, size: int) -> bytes:
        if size <= 0:
            return b""
        return self._get(key, {"Range": f"bytes={start}-{start + size - 1}"})[1]

    def _get(self, key: str, arguments: dict[str, str]) -> tuple[dict[str, Any], bytes]:
        """The reply and its body; nothing of both where the conditions or the range say so."""
        keys.check(key)
        broken: BotoCoreError | None = None
        with self._reading(key):
            for _ in range(self._clients.attempts):
                try:
                    reply = self._clients.steady.get_object(Bucket=self.bucket, Key=key, **arguments)
                except ClientError as error:
                    if status_of(error) in (304, 416):
                        return {}, b""
                    raise
                try:
                    return reply, reply["Body"].read()
                except BotoCoreError as error:
                    broken = error  # boto3 sends a request again, but not for a body that broke off
            assert broken
            raise broken

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        with s3_errors(self._clients, self.bucket, key):
            try:
                yield
            except ClientError as error:
                if self._sentinel and status_of(error) == 403 and self._is_there(*self._sentinel):
                    raise ObjectMissing(f"There is no object {key}.") from None
                raise

    def _is_there(self, bucket: str, key: str) -> bool:
        try:
            self._clients.steady.head_object(Bucket=bucket, Key=key)
        except (ClientError, BotoCoreError):
            return False
        return True


class S3Objects(S3Reader):
    """`core.objects.UploadObjects` over one bucket, which `holdfast objects init` makes.

    `quotes` is how If-Match spells an ETag: RFC 9110 has it in quotes, some stores know only bare ones.
    """

    def __init__(self, clients: Clients, bucket: str) -> None:
        super().__init__(clients, bucket)
        self.quotes = True
        uploads = S3Uploads(clients, bucket, self.stat)
        self.start, self.offset, self.append = uploads.start, uploads.offset, uploads.append
        self.finish, self.abort, self.abandon = uploads.finish, uploads.abort, uploads.abandon

    def put(
        self, key: str, body: bytes, headers: Headers, *, only_if: str | None = None, durable: bool = True
    ) -> str:
        arguments = {
            "Bucket": self.bucket,
            "Key": keys.check(key),
            "Body": body,
            "ContentMD5": md5_of(body),
            **headers_out(check_headers(headers)),
        }
        if only_if is not None:
            return put_if(self._clients, arguments, only_if, quotes=self.quotes)
        with s3_errors(self._clients, self.bucket, key, writes=True):
            return bare(self._clients.steady.put_object(**arguments)["ETag"])

    def put_file(self, key: str, file: BinaryIO, headers: Headers) -> str:
        arguments = {"Bucket": self.bucket, "Key": keys.check(key), **headers_out(check_headers(headers))}
        with s3_errors(self._clients, self.bucket, key, writes=True):
            return send(self._clients.steady, arguments, blocks_in(file))

    def sync(self) -> None:
        """Nothing to do: S3 answers once the object is durable."""

    def delete(self, key: str) -> None:
        with s3_errors(self._clients, self.bucket, key, writes=True):
            self._clients.steady.delete_object(Bucket=self.bucket, Key=keys.check(key))

    def delete_many(self, gone: Iterable[str]) -> None:
        every = iter([keys.check(key) for key in gone])
        while some := list(islice(every, DELETE_MAX)):
            wanted = {"Objects": [{"Key": key} for key in some], "Quiet": True}
            with s3_errors(self._clients, self.bucket, some[0], writes=True):
                reply = self._clients.steady.delete_objects(Bucket=self.bucket, Delete=wanted)
                # It answers 200, and says in its body what it didn't do.
                for error in reply.get("Errors", ()):
                    if error.get("Code") not in MISSING:
                        raise of_one(error, "DeleteObjects")

    def walk(self, prefix: str = "") -> Iterator[str]:
        return (found.key for found in self.survey(prefix))

    def survey(self, prefix: str = "") -> Iterator[Found]:
        folders = prefix.split("/")[:-1]
        if prefix.startswith((".", "/")) or {"", ".", ".."} & set(folders):
            return  # no key begins like that
        pages = self._clients.steady.get_paginator("list_objects_v2")
        with s3_errors(self._clients, self.bucket):
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix):
                for one in page.get("Contents", ()):
                    if not one["Key"].startswith("."):  # uploads
                        modified_s = one["LastModified"].timestamp()
                        yield Found(one["Key"], bare(one["ETag"]), one["Size"], modified_s)
