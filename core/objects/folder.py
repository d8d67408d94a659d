"""Objects in a folder: the embedded default, with the semantics of S3's conditional writes.

flock on one of 1,024 fixed lock files, by the key's hash, holds from compare to rename (a lock on the object itself is
lost at the rename). Writers on several machines would need locks that a network file system doesn't give, so those are
refused.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from core import keys
from core.errors import BackendAway, ObjectMissing, PreconditionFailed
from core.objects import ABSENT, Found, Headers, Object, Stat, check_headers
from core.objects.folder_file import (
    CHUNK_BYTES,
    disk_errors,
    make_folders,
    new_etag,
    read_bytes,
    read_etag,
    read_stat,
    refuse_network,
    sync_all,
    sync_folder,
    tail,
    write_tail,
    write_whole,
)
from core.objects.folder_uploads import FolderUploads

LOCKS = 1024
LEFTOVER_S = 3600.0
TRIES = 100


class FolderReader:
    """`core.objects.ReadObjects` over one folder; writes nothing, not even a lock."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __str__(self) -> str:
        return f"The folder {self.root}"

    def get(self, key: str, *, unless: str | None = None) -> Object | None:
        with self._open(key) as handle:
            stat = read_stat(handle)
            if stat.etag == unless:
                return None
            return Object(read_bytes(handle, 0, stat.size), stat.etag, stat.headers, stat.modified_s)

    def stat(self, key: str) -> Stat:
        with self._open(key) as handle:
            return read_stat(handle)

    def read(self, key: str, start: int, size: int) -> bytes:
        with self._open(key) as handle:
            end = min(start + size, read_stat(handle).size)
            return read_bytes(handle, start, max(0, end - start))

    def _path(self, key: str) -> str:
        return f"{self.root}/{keys.check(key)}"

    @contextlib.contextmanager
    def _open(self, key: str) -> Iterator[int]:
        """The file of an object, as a handle."""
        try:
            handle = os.open(self._path(key), os.O_RDONLY)
            try:
                yield handle
            finally:
                os.close(handle)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise ObjectMissing(f"There is no object {key}.") from None
        except OSError as error:
            raise BackendAway(f"{self.root} can't be read ({error}).") from error


class FolderObjects(FolderReader):
    """`core.objects.UploadObjects` over one folder, which is made if it isn't there."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        refuse_network(root)
        self._locks, self._temp = root / ".locks", root / ".temp"
        with disk_errors(root):
            for folder in (self._locks, self._temp, root / ".uploads"):
                folder.mkdir(parents=True, exist_ok=True)
            self._drop_leftovers()
        uploads = FolderUploads(root / ".uploads", self._place)
        self.start, self.offset, self.append = uploads.start, uploads.offset, uploads.append
        self.finish, self.abort, self.abandon = uploads.finish, uploads.abort, uploads.abandon

    def put(
        self, key: str, body: bytes, headers: Headers, *, only_if: str | None = None, durable: bool = True
    ) -> str:
        check_headers(headers)
        digest = new_etag()
        digest.update(body)
        etag = digest.hexdigest()
        path, whole = self._path(key), body + tail(headers, etag, len(body))
        with disk_errors(self.root), self._lock(key):
            _compare(path, key, only_if)
            self._put_in(path, lambda: _replace(path, whole, durable=durable), durable=durable)
        return etag

    def put_file(self, key: str, file: BinaryIO, headers: Headers) -> str:
        check_headers(headers)
        with self._temporary(key) as (temp, target):
            etag, size = new_etag(), 0
            while chunk := file.read(CHUNK_BYTES):
                etag.update(chunk)
                size += len(chunk)
                target.write(chunk)
            write_tail(target, headers, etag.hexdigest(), size)
            self._place(temp, key)
        return etag.hexdigest()

    def sync(self) -> None:
        with disk_errors(self.root):
            sync_all(self.root)

    def delete(self, key: str) -> None:
        self.delete_many([key])

    def delete_many(self, gone: Iterable[str]) -> None:
        paths = {key: Path(self._path(key)) for key in gone}
        with disk_errors(self.root):
            emptied = {path.parent: None for key, path in paths.items() if self._unlink(key, path)}
            for folder in emptied:
                sync_folder(folder)
        for folder in emptied:
            with contextlib.suppress(OSError):
                while folder != self.root:
                    folder.rmdir()
                    folder = folder.parent

    def _unlink(self, key: str, path: Path) -> bool:
        """Whether it was there."""
        with self._lock(key):
            try:
                Path(_beside(str(path))).unlink(missing_ok=True)
                path.unlink()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return False
        return True

    def walk(self, prefix: str = "") -> Iterator[str]:
        folder, _, _ = prefix.rpartition("/")
        if prefix.startswith((".", "/")) or {"", ".", ".."} & set(folder.split("/")[1:]):
            return iter(())  # no key begins like that
        return (key for key in _walk(self.root / folder, self.root) if key.startswith(prefix))

    def survey(self, prefix: str = "") -> Iterator[Found]:
        for key in self.walk(prefix):
            with contextlib.suppress(ObjectMissing):
                stat = self.stat(key)
                yield Found(key, stat.etag, stat.size, stat.modified_s)

    # ── one rename ──

    def _drop_leftovers(self) -> None:
        """What writers that were killed have left; no write takes so long."""
        for path in self._temp.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > LEFTOVER_S:
                    path.unlink()

    @contextlib.contextmanager
    def _temporary(self, key: str) -> Iterator[tuple[Path, BinaryIO]]:
        """A new file, which is removed if it is still there in the end."""
        keys.check(key)
        temp = self._temp / secrets.token_hex(12)
        with disk_errors(self.root):
            try:
                with temp.open("xb") as file:
                    yield temp, file
            finally:
                temp.unlink(missing_ok=True)

    def _place(self, temp: Path, key: str) -> None:
        """Puts a whole file under its key, durably."""
        path = self._path(key)
        with self._lock(key):
            self._put_in(path, lambda: temp.rename(path), durable=True)

    def _put_in(self, path: str, put: Callable[[], object], *, durable: bool) -> None:
        """Calls `put`, which needs the folder of `path`: made if it isn't there, and again if a delete beside it, which
        removes folders that it leaves empty, was faster."""
        made: set[Path] = set()
        for tries_left in reversed(range(TRIES)):
            try:
                put()
                break
            except FileNotFoundError:
                if not tries_left:
                    raise
            with contextlib.suppress(FileNotFoundError):
                made |= make_folders(Path(path).parent, self.root)
        if durable:
            for one in {Path(path).parent, *(one.parent for one in made)}:
                sync_folder(one)

    @contextlib.contextmanager
    def _lock(self, key: str) -> Iterator[None]:
        number = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest(), "big") % LOCKS
        handle = os.open(f"{self._locks}/{number:04d}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _compare(path: str, key: str, only_if: str | None) -> None:
    """Raises PreconditionFailed if the object isn't as expected."""
    if only_if is None:
        return
    stored = ABSENT
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, ObjectMissing):
        handle = os.open(path, os.O_RDONLY)
        try:
            stored = read_etag(handle)
        finally:
            os.close(handle)
    if stored != only_if:
        raise PreconditionFailed(f"{key} is not as expected.")


def _beside(path: str) -> str:
    """Where an object's next bytes are written: no key has a backslash. Only who holds the key's lock writes there, so
    what a killed writer has left is overwritten by the next.

    In the object's own folder, since ext4 looks for a free inode in that folder's part of the disk: with all of them in one
    folder, replacing took twice as long (no journal: an inode that was just freed isn't used again for a minute).
    """
    return f"{path}\\new"


def _replace(path: str, whole: bytes, *, durable: bool) -> None:
    temp = _beside(path)
    try:
        write_whole(temp, whole, durable=durable)
        os.rename(temp, path)  # noqa: PTH104  (a rebuild's hottest lines, so plain strings)
    except OSError:
        Path(temp).unlink(missing_ok=True)
        raise


def _walk(folder: Path, root: Path) -> Iterator[str]:
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise BackendAway(f"{root} can't be listed ({error}).") from error
    # A folder's keys all go on with "/", which sorts behind "-" and "."; so it is compared with it.
    for entry in sorted(entries, key=lambda one: os.fsencode(one.name + "/" * one.is_dir())):
        if folder == root and entry.name.startswith("."):
            continue  # ours: locks, temporary files, uploads
        if "\\" in entry.name:
            continue  # being written, or left by a writer that was killed
        if entry.is_dir():
            yield from _walk(Path(entry.path), root)
        else:
            yield Path(entry.path).relative_to(root).as_posix()
