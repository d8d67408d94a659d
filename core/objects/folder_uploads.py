"""Uploads in pieces to a folder: a growing file and a note beside it, which is also the lock that they are made under.

The note's first line says key and headers. Before `finish` writes an object's tail behind the body, it adds a line with
the body's size, so that a finish that died half way can't leave the tail in the middle of the bytes that follow.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, Protocol

from core import keys
from core.errors import BadInput, NotFound, OffsetConflict
from core.objects import Headers, Stat, check_headers
from core.objects.folder_file import CHUNK_BYTES, disk_errors, new_etag, write_tail


class Place(Protocol):
    """Puts a whole file under its key by a rename, durably."""

    def __call__(self, temp: Path, key: str) -> None: ...


class FolderUploads:
    """`core.objects.Uploads` in `folder`; what is finished goes where `place` puts it."""

    def __init__(self, folder: Path, place: Place) -> None:
        self._folder = folder
        self._place = place

    def start(self, key: str, headers: Headers) -> str:
        upload_id = secrets.token_hex(16)
        note = json.dumps({"key": keys.check(key), "headers": asdict(check_headers(headers))})
        with disk_errors(self._folder):
            (self._folder / upload_id).touch()
            self._note(upload_id).write_text(f"{note}\n")
        return upload_id

    def offset(self, upload_id: str) -> int:
        with self._open(upload_id) as (file, _):
            return file.seek(0, os.SEEK_END)

    def append(self, upload_id: str, offset: int, chunk: bytes) -> int:
        with self._open(upload_id) as (file, _):
            size = file.seek(0, os.SEEK_END)
            if size != offset:
                raise OffsetConflict(size)
            file.write(chunk)
            return size + len(chunk)

    def finish(self, upload_id: str, sha256: str | None = None) -> Stat:
        with self._open(upload_id) as (file, note):
            etag, found, size = new_etag(), hashlib.sha256(), 0
            while chunk := file.read(CHUNK_BYTES):
                etag.update(chunk)
                found.update(chunk)
                size += len(chunk)
            if sha256 is not None and found.hexdigest() != sha256.lower():
                self._drop(upload_id)
                raise BadInput({"sha256": "differs from what arrived; please upload the file again"})
            key, headers = _read_note(note)
            _write_line(note, {"size": size})
            write_tail(file, headers, etag.hexdigest(), size)
            modified_s = os.fstat(file.fileno()).st_mtime
            self._place(self._folder / upload_id, key)
            self._drop(upload_id)
        return Stat(etag.hexdigest(), size, headers, modified_s)

    def abort(self, upload_id: str) -> None:
        with contextlib.suppress(NotFound), self._open(upload_id):
            self._drop(upload_id)

    def abandon(self, older_than_s: float) -> int:
        with disk_errors(self._folder):
            old = [path for path in self._folder.iterdir() if _age_s(path) > older_than_s]
        count = 0
        for path in old:
            if path.suffix:
                # A note alone is what a crash left of a start or a finish.
                if not path.with_suffix("").exists():
                    path.unlink(missing_ok=True)
            elif self._note(path.name).exists():
                count += self._abort_idle(path, older_than_s)
            else:
                path.unlink(missing_ok=True)
        return count

    def _abort_idle(self, path: Path, older_than_s: float) -> bool:
        with contextlib.suppress(NotFound), self._open(path.name):
            if _age_s(path) > older_than_s:  # still, now that nobody can append
                self._drop(path.name)
                return True
        return False

    def _note(self, upload_id: str) -> Path:
        return self._folder / f"{upload_id}.json"

    @contextlib.contextmanager
    def _open(self, upload_id: str) -> Iterator[tuple[BinaryIO, BinaryIO]]:
        """The upload's file, from its beginning, and its note, which is locked meanwhile."""
        unknown = NotFound("There is no such upload; start it again.")
        if not (upload_id.isalnum() and upload_id.isascii()):
            raise unknown
        with disk_errors(self._folder), contextlib.ExitStack() as stack:
            try:
                note: BinaryIO = stack.enter_context(self._note(upload_id).open("r+b"))
                fcntl.flock(note, fcntl.LOCK_EX)
                file: BinaryIO = stack.enter_context((self._folder / upload_id).open("r+b"))
            except FileNotFoundError:
                raise unknown from None
            _cut_tail(file, note)
            yield file, note

    def _drop(self, upload_id: str) -> None:
        (self._folder / upload_id).unlink(missing_ok=True)
        self._note(upload_id).unlink(missing_ok=True)


def _read_note(note: BinaryIO) -> tuple[str, Headers]:
    note.seek(0)
    first = json.loads(note.readline())
    return first["key"], Headers(**first["headers"])


def _write_line(note: BinaryIO, line: dict[str, int | None]) -> None:
    note.seek(0, os.SEEK_END)
    note.write(json.dumps(line).encode() + b"\n")
    note.flush()
    os.fsync(note.fileno())


def _cut_tail(file: BinaryIO, note: BinaryIO) -> None:
    """Takes back the tail of a finish that died before its rename."""
    note.seek(0)
    whole = [line for line in note.readlines()[1:] if line.endswith(b"\n")]
    size = json.loads(whole[-1])["size"] if whole else None
    if size is not None:
        file.truncate(size)
        os.fsync(file.fileno())
        _write_line(note, {"size": None})


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return -1.0
