"""Objects in a folder: the embedded default, with the semantics of S3's conditional writes.

A file holds body, then headers as JSON, then their length, so that one rename puts both in place. flock on one of
1,024 fixed lock files, by the key's hash, holds from compare to rename (a lock on the object itself is lost at the
rename). Writers on several machines would need locks that a network file system doesn't give, so those are refused.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from core import keys
from core.errors import (
    BadInput,
    NotFound,
    ObjectMissing,
    OffsetConflict,
    OperatorError,
    PreconditionFailed,
    Unavailable,
)
from core.objects import ABSENT, Headers, Object, Stat

LOCKS = 1024
_TAIL = 8
_MAGIC = b"HOLD"
_CHUNK = 1 << 20
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


class FolderReader:
    """`core.objects.ReadObjects` over one folder; writes nothing, not even a lock."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, key: str, *, unless: str | None = None) -> Object | None:
        with self._open(key) as file:
            stat = _stat(file)
            if stat.etag == unless:
                return None
            file.seek(0)
            return Object(file.read(stat.size), stat.etag, stat.headers, stat.modified_s)

    def stat(self, key: str) -> Stat:
        with self._open(key) as file:
            return _stat(file)

    def read(self, key: str, start: int, size: int) -> bytes:
        with self._open(key) as file:
            end = min(start + size, _stat(file).size)
            file.seek(start)
            return file.read(max(0, end - start))

    def _path(self, key: str) -> Path:
        return self.root / keys.check(key)

    @contextlib.contextmanager
    def _open(self, key: str) -> Iterator[BinaryIO]:
        try:
            with self._path(key).open("rb") as file:
                yield file
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise ObjectMissing(f"There is no object {key}.") from None
        except OSError as error:
            raise Unavailable(f"{self.root} can't be read ({error}).") from error


class FolderObjects(FolderReader):
    """`core.objects.UploadObjects` over one folder, which is made if it isn't there."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        _refuse_network(root)
        self._locks, self._temp, self._uploads = root / ".locks", root / ".temp", root / ".uploads"
        for folder in (self._locks, self._temp, self._uploads):
            folder.mkdir(parents=True, exist_ok=True)

    def put(
        self, key: str, body: bytes, headers: Headers, *, only_if: str | None = None, durable: bool = True
    ) -> str:
        etag = _digest(body)
        with self._temporary() as temp:
            with temp.open("wb") as file:
                file.write(body)
                _write_tail(file, headers, etag, len(body), durable)
            self._place(temp, key, only_if, durable)
        return etag

    def put_file(self, key: str, file: BinaryIO, headers: Headers) -> str:
        with self._temporary() as temp:
            digest = hashlib.blake2b(digest_size=16)
            size = 0
            with temp.open("wb") as target:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
                    target.write(chunk)
                _write_tail(target, headers, digest.hexdigest(), size, durable=True)
            self._place(temp, key, None, durable=True)
        return digest.hexdigest()

    def sync(self) -> None:
        """syncfs(2) on the folder's file system: one call for a whole batch."""
        handle = os.open(self.root, os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).syncfs(handle) != 0:
                os.sync()
        except AttributeError:
            os.sync()
        finally:
            os.close(handle)

    def delete(self, key: str) -> None:
        path = self._path(key)
        with self._lock(key), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()
        with contextlib.suppress(OSError):
            for folder in path.relative_to(self.root).parents:
                if folder != Path():
                    (self.root / folder).rmdir()

    def walk(self, prefix: str = "") -> Iterator[str]:
        folder, _, _ = prefix.rpartition("/")
        return (key for key in _walk(self.root / folder, self.root) if key.startswith(prefix))

    # ── uploads ──

    def start(self, key: str, headers: Headers) -> str:
        upload_id = secrets.token_hex(16)
        note = json.dumps({"key": keys.check(key), "headers": asdict(headers)})
        with _disk_errors(self.root):
            (self._uploads / f"{upload_id}.json").write_text(note)
            (self._uploads / upload_id).touch()
        return upload_id

    def offset(self, upload_id: str) -> int:
        return self._upload(upload_id).stat().st_size

    def append(self, upload_id: str, offset: int, chunk: bytes) -> int:
        path = self._upload(upload_id)
        with self._lock(upload_id), _disk_errors(self.root), path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            if size != offset:
                raise OffsetConflict(size)
            file.write(chunk)
            return size + len(chunk)

    def finish(self, upload_id: str, sha256: str | None = None) -> Stat:
        path = self._upload(upload_id)
        note = json.loads((self._uploads / f"{upload_id}.json").read_text())
        etag, found, size = hashlib.blake2b(digest_size=16), hashlib.sha256(), 0
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                etag.update(chunk)
                found.update(chunk)
                size += len(chunk)
        if sha256 is not None and found.hexdigest() != sha256.lower():
            self.abort(upload_id)
            raise BadInput({"sha256": "differs from what arrived; please upload the file again"})
        with self._lock(upload_id):
            with _disk_errors(self.root), path.open("ab") as file:
                _write_tail(file, Headers(**note["headers"]), etag.hexdigest(), size, durable=True)
            self._place(path, note["key"], None, durable=True)
        (self._uploads / f"{upload_id}.json").unlink(missing_ok=True)
        return self.stat(note["key"])

    def abort(self, upload_id: str) -> None:
        with contextlib.suppress(NotFound):
            self._upload(upload_id).unlink(missing_ok=True)
            (self._uploads / f"{upload_id}.json").unlink(missing_ok=True)

    def abandon(self, older_than_s: float) -> int:
        old = [
            path
            for path in self._uploads.iterdir()
            if path.suffix != ".json" and time.time() - path.stat().st_mtime > older_than_s
        ]
        for path in old:
            self.abort(path.name)
        return len(old)

    def _upload(self, upload_id: str) -> Path:
        path = self._uploads / upload_id
        if not (upload_id.isalnum() and upload_id.isascii() and path.is_file()):
            raise NotFound("There is no such upload; start it again.")
        return path

    # ── one rename ──

    @contextlib.contextmanager
    def _temporary(self) -> Iterator[Path]:
        temp = self._temp / secrets.token_hex(12)
        try:
            with _disk_errors(self.root):
                yield temp
        finally:
            temp.unlink(missing_ok=True)

    def _place(self, temp: Path, key: str, only_if: str | None, durable: bool) -> None:
        path = self._path(key)
        with self._lock(key):
            self._compare(path, key, only_if)
            made = _make_folders(path.parent, self.root)
            try:
                temp.rename(path)
            except FileNotFoundError:  # a delete in the same folder removed it as empty
                made += _make_folders(path.parent, self.root)
                temp.rename(path)
            if durable:
                for folder in {path.parent, *(one.parent for one in made)}:
                    _sync_folder(folder)

    def _compare(self, path: Path, key: str, only_if: str | None) -> None:
        if only_if is None:
            return
        try:
            with path.open("rb") as file:
                stored = _stat(file).etag
        except (FileNotFoundError, NotADirectoryError):
            stored = ABSENT
        if stored != only_if:
            raise PreconditionFailed(f"{key} is not as expected.")

    @contextlib.contextmanager
    def _lock(self, key: str) -> Iterator[None]:
        number = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest(), "big") % LOCKS
        handle = os.open(self._locks / f"{number:04d}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=16).hexdigest()


def _write_tail(file: BinaryIO, headers: Headers, etag: str, size: int, durable: bool) -> None:
    note = json.dumps({"etag": etag, "size": size, "headers": asdict(headers)}).encode()
    file.write(note + len(note).to_bytes(_TAIL - len(_MAGIC), "big") + _MAGIC)
    file.flush()
    if durable:
        os.fsync(file.fileno())


def _stat(file: BinaryIO) -> Stat:
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - _TAIL))
    tail = file.read(_TAIL)
    if len(tail) != _TAIL or not tail.endswith(_MAGIC):
        raise ObjectMissing("The file in the folder is not an object of Holdfast's.")
    length = int.from_bytes(tail[: -len(_MAGIC)], "big")
    file.seek(end - _TAIL - length)
    note: dict[str, Any] = json.loads(file.read(length))
    modified_s = os.fstat(file.fileno()).st_mtime
    return Stat(note["etag"], note["size"], Headers(**note["headers"]), modified_s)


def _make_folders(folder: Path, root: Path) -> list[Path]:
    """Makes the folder and those above it; returns those made, whose own parents have to be synced."""
    missing = []
    while folder != root and not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        one.mkdir(exist_ok=True)
    return missing


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _walk(folder: Path, root: Path) -> Iterator[str]:
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    # A folder's keys all go on with "/", which sorts behind "-" and "."; so it is compared with it.
    for entry in sorted(entries, key=lambda one: (one.name + "/" * one.is_dir()).encode()):
        if entry.is_dir():
            if not entry.name.startswith("."):
                yield from _walk(Path(entry.path), root)
        else:
            yield Path(entry.path).relative_to(root).as_posix()


@contextlib.contextmanager
def _disk_errors(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG):
            raise BadInput({"key": f"can't be stored in a folder ({error.strerror})"}) from error
        raise Unavailable(f"{root} can't be written ({error}).") from error


def _refuse_network(root: Path) -> None:
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return
    where = str(root.absolute())
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
