"""Uploads in pieces to an S3 bucket: each piece an object of its own, joined when the last has come.

.uploads/<id>/about.json    key and headers; while it is there, the upload is
.uploads/<id>/<offset>      what was appended at that byte

S3's own parts can't stand for pieces: the last writer of a part wins, so two appends at one offset would both count as
stored. A piece is put under If-None-Match, which lets one win, and may have any size.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import Any, NamedTuple

from core import keys
from core.errors import BadInput, NotFound, ObjectMissing, OffsetConflict, PreconditionFailed
from core.objects import ABSENT, Headers, Stat, check_headers
from core.objects.s3_client import Clients, s3_errors
from core.objects.s3_form import headers_out, md5_of
from core.objects.s3_multipart import send
from core.objects.s3_put import put_if

FOLDER = ".uploads/"
ABOUT = "about.json"


class _Piece(NamedTuple):
    """`at` is the byte that it begins with."""

    key: str
    at: int
    size: int


class S3Uploads:
    """`core.objects.Uploads` to one bucket, whose finished objects `stat` describes."""

    def __init__(self, clients: Clients, bucket: str, stat: Callable[[str], Stat]) -> None:
        self._clients, self._bucket, self._stat = clients, bucket, stat

    def start(self, key: str, headers: Headers) -> str:
        upload_id = secrets.token_hex(16)
        about = {"key": keys.check(key), "headers": asdict(check_headers(headers))}
        self._put(f"{FOLDER}{upload_id}/{ABOUT}", json.dumps(about).encode())
        return upload_id

    def offset(self, upload_id: str) -> int:
        self._about(upload_id)
        return _end(self._pieces(upload_id))

    def append(self, upload_id: str, offset: int, chunk: bytes) -> int:
        end = self.offset(upload_id)
        if end != offset:
            raise OffsetConflict(end)
        if chunk:
            try:
                self._put(f"{FOLDER}{upload_id}/{offset}", chunk)
            except PreconditionFailed:
                raise OffsetConflict(self.offset(upload_id)) from None
        return offset + len(chunk)

    def finish(self, upload_id: str, sha256: str | None = None) -> Stat:
        key, headers = self._about(upload_id)
        pieces, found = self._pieces(upload_id), hashlib.sha256()

        def blocks() -> Iterator[bytes]:
            for piece in pieces:
                body = self._get(piece.key)
                found.update(body)
                yield body

        def confirm() -> None:
            if sha256 is not None and found.hexdigest() != sha256.lower():
                self._drop(upload_id)
                raise BadInput({"sha256": "differs from what arrived; please upload the file again"})
            # Another finish removes this before the pieces: while it is there, none of them was missing.
            self._about(upload_id)

        arguments = {"Bucket": self._bucket, "Key": key, **headers_out(headers)}
        with s3_errors(self._clients, self._bucket, key, writes=True):
            try:
                send(self._clients.steady, arguments, blocks(), confirm)
            except ObjectMissing:
                self._about(upload_id)
                raise
        self._drop(upload_id)
        return self._stat(key)

    def abort(self, upload_id: str) -> None:
        with suppress(NotFound):
            self._about(upload_id)
            self._drop(upload_id)

    def abandon(self, older_than_s: float) -> int:
        newest: dict[str, float] = defaultdict(float)
        uploads = set[str]()
        for found in self._listed(FOLDER):
            upload_id, _, name = found["Key"].removeprefix(FOLDER).partition("/")
            newest[upload_id] = max(newest[upload_id], found["LastModified"].timestamp())
            if name == ABOUT:
                uploads.add(upload_id)
        old = {one for one, at in newest.items() if time.time() - at > older_than_s}
        for upload_id in old:
            self._drop(upload_id)
        return len(old & uploads)

    # ── objects of an upload ──

    def _about(self, upload_id: str) -> tuple[str, Headers]:
        unknown = NotFound("There is no such upload; start it again.")
        if not (upload_id.isalnum() and upload_id.isascii()):
            raise unknown
        try:
            about = json.loads(self._get(f"{FOLDER}{upload_id}/{ABOUT}"))
        except ObjectMissing:
            raise unknown from None
        return about["key"], Headers(**about["headers"])

    def _pieces(self, upload_id: str) -> list[_Piece]:
        """Those that follow each other from byte 0; one behind a gap was put by who came too late."""
        folder, found = f"{FOLDER}{upload_id}/", dict[int, _Piece]()
        for one in self._listed(folder):
            name = one["Key"].removeprefix(folder)
            if name.isdecimal():
                found[int(name)] = _Piece(one["Key"], int(name), one["Size"])
        whole = list[_Piece]()
        while piece := found.get(_end(whole)):
            whole.append(piece)
        return whole

    def _drop(self, upload_id: str) -> None:
        """What says that it is there goes first."""
        folder = f"{FOLDER}{upload_id}/"
        with s3_errors(self._clients, self._bucket, writes=True):
            self._clients.steady.delete_object(Bucket=self._bucket, Key=folder + ABOUT)
            for one in list(self._listed(folder)):
                self._clients.steady.delete_object(Bucket=self._bucket, Key=one["Key"])

    def _listed(self, prefix: str) -> Iterator[dict[str, Any]]:
        pages = self._clients.steady.get_paginator("list_objects_v2")
        with s3_errors(self._clients, self._bucket):
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                yield from page.get("Contents", ())

    def _put(self, key: str, body: bytes) -> None:
        arguments = {"Bucket": self._bucket, "Key": key, "Body": body, "ContentMD5": md5_of(body)}
        put_if(self._clients, arguments, ABSENT)

    def _get(self, key: str) -> bytes:
        with s3_errors(self._clients, self._bucket, key):
            body: bytes = self._clients.steady.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            return body


def _end(pieces: list[_Piece]) -> int:
    return pieces[-1].at + pieces[-1].size if pieces else 0
