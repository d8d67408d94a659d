"""One object in one file: its body, then its headers as JSON, then their length; and the disk's errors as ours.

One rename puts body and headers in place together, and a file that a power cut left half written is told from a whole
one: it counts as missing.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import BackendAway, BadInput, ObjectMissing, OperatorError
from core.objects import Headers, Stat

CHUNK_BYTES = 1 << 20
_TAIL = 8
_MAGIC = b"HOLD"
_READ_AHEAD = 1024
_HEADERS = tuple(one.name for one in fields(Headers))
_NETWORK = {
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "fuse.sshfs",
    "ceph",
    "glusterfs",
    "fuse.glusterfs",
    "afs",
}
# What a key that is also a folder of others, or too long a path, looks like to the disk.
_KEY_ERRORS = {errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY, errno.ENAMETOOLONG}


def new_etag() -> hashlib.blake2b:
    """Takes a body in pieces; its `hexdigest()` is the ETag."""
    return hashlib.blake2b(digest_size=16)


def tail(headers: Headers, etag: str, size: int) -> bytes:
    """What ends a file behind its body of `size` bytes."""
    members = {name: getattr(headers, name) for name in _HEADERS}
    note = json.dumps({"etag": etag, "size": size, "headers": members}).encode()
    return note + len(note).to_bytes(_TAIL - len(_MAGIC), "big") + _MAGIC


def write_tail(file: BinaryIO, headers: Headers, etag: str, size: int) -> None:
    """Ends the file, durably, behind its body of `size` bytes."""
    file.write(tail(headers, etag, size))
    file.flush()
    os.fsync(file.fileno())


def write_whole(path: str, whole: bytes, *, durable: bool) -> None:
    """Makes the file, or empties it, and fills it."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        done = os.write(handle, whole)
        while done < len(whole):  # one write takes 2 GiB at most, or what a full disk has left
            done += os.write(handle, memoryview(whole)[done:])
        if durable:
            os.fsync(handle)
    finally:
        os.close(handle)


def read_stat(handle: int) -> Stat:
    """What the open file's tail says; ObjectMissing if it isn't a whole object."""
    found = os.fstat(handle)
    note = _read_note(handle, found.st_size)
    return Stat(note["etag"], note["size"], Headers(**note["headers"]), found.st_mtime)


def read_etag(handle: int) -> str:
    """The ETag alone; ObjectMissing if it isn't a whole object."""
    return str(_read_note(handle, os.fstat(handle).st_size)["etag"])


def read_bytes(handle: int, start: int, size: int) -> bytes:
    """Up to `size` bytes of the open file from byte `start` on."""
    read = os.pread(handle, size, start)
    while len(read) < size and (more := os.pread(handle, size - len(read), start + len(read))):
        read += more
    return read


def _read_note(handle: int, file_bytes: int) -> dict[str, Any]:
    start = max(0, file_bytes - _READ_AHEAD)
    end = os.pread(handle, _READ_AHEAD, start)
    length = int.from_bytes(end[-_TAIL : -len(_MAGIC)], "big")
    size = file_bytes - _TAIL - length
    try:
        if not end.endswith(_MAGIC) or size < 0:
            raise ValueError
        raw = end[size - start : -_TAIL] if size >= start else os.pread(handle, length, size)
        note: dict[str, Any] = json.loads(raw)
        if note["size"] != size or "etag" not in note or not note["headers"].keys() <= set(_HEADERS):
            raise ValueError
        return note
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ObjectMissing("The file in the folder is not an object of Holdfast's.") from None


def make_folders(folder: Path, root: Path) -> set[Path]:
    """Makes the folder and those above it; returns those made, whose own parents have to be synced."""
    missing: list[Path] = []
    while folder != root and not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        one.mkdir(exist_ok=True)
    return set(missing)


def sync_folder(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sync_all(root: Path) -> None:
    """syncfs(2) on the folder's file system: one call for a whole batch."""
    handle = os.open(root, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(handle) != 0:
            os.sync()
    except AttributeError:
        os.sync()
    finally:
        os.close(handle)


@contextlib.contextmanager
def disk_errors(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _KEY_ERRORS:
            raise BadInput({"key": f"can't be stored in a folder ({error.strerror})"}) from error
        raise BackendAway(f"{root} can't be written ({error}).") from error


def refuse_network(root: Path) -> None:
    """Raises OperatorError where the folder lies on a file system whose locks can't fence writers."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return
    where = str(root.resolve())
    best, kind = "", ""
    for line in mounts.read_text(errors="replace").splitlines():
        _, point, found, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        if (where == point or where.startswith(point.rstrip("/") + "/")) and len(point) >= len(best):
            best, kind = point, found
    if kind in _NETWORK:
        raise OperatorError(
            f"{root} lies on a network file system ({kind}), whose locks can't fence writers:"
            " set data.dir to a local disk"
        )
