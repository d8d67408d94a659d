"""What is special to objects in a folder: one rename, locks by the key's hash, and a disk that fails."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

import core.objects.folder
import core.objects.folder_file
from core.errors import BadInput, NotFound, ObjectMissing, OperatorError, PreconditionFailed, Unavailable
from core.objects import ABSENT, Headers
from core.objects.folder import FolderObjects, FolderReader

PLAIN = Headers(type="text/plain", tags="p-1")


@pytest.fixture
def folder(tmp_path: Path) -> FolderObjects:
    return FolderObjects(tmp_path / "bucket")


def files(folder: FolderObjects) -> list[str]:
    return sorted(str(path.relative_to(folder.root)) for path in folder.root.rglob("*") if path.is_file())


def test_a_lock_shared_by_all_keys_and_uploads_hangs_nobody(
    folder: FolderObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys share locks by chance; who finishes an upload needs two at once, and must not wait for itself."""
    monkeypatch.setattr(core.objects.folder, "LOCKS", 1)
    upload = folder.start("a", PLAIN)
    folder.append(upload, 0, b"x")
    folder.finish(upload)
    folder.put("b", b"x", PLAIN)
    folder.delete("a")
    assert list(folder.walk()) == ["b"]


class Broken(Exception):
    """The process died here."""


def test_a_finish_that_died_before_its_rename_leaves_an_upload_that_goes_on(
    folder: FolderObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = folder.start("film", PLAIN)
    folder.append(upload, 0, b"first half, ")

    def die(*_: object) -> None:
        raise Broken

    for _ in range(2):  # twice over, and with more bytes in between
        with monkeypatch.context() as patched:
            patched.setattr(Path, "rename", die)
            with pytest.raises(Broken):
                folder.finish(upload)
        assert list(folder.walk()) == []
        at = FolderObjects(folder.root).offset(upload)
        folder.append(upload, at, b"more, ")
    folder.append(upload, folder.offset(upload), b"end")
    body = b"first half, more, more, end"
    folder.finish(upload, hashlib.sha256(body).hexdigest())
    found = folder.get("film")
    assert found is not None
    assert (found.body, found.headers) == (body, PLAIN)


def test_a_finish_that_died_after_its_rename_has_happened(
    folder: FolderObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = folder.start("film", PLAIN)
    folder.append(upload, 0, b"all of it")

    def die(*_: object, **__: object) -> None:
        raise Broken

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", die)
        with pytest.raises(Broken):
            folder.finish(upload)
    with pytest.raises(NotFound):
        folder.finish(upload)
    assert folder.read("film", 0, 100) == b"all of it"
    folder.abandon(-1)
    assert [name for name in files(folder) if name.startswith(".uploads")] == []


@pytest.mark.parametrize("cut", [0, 1, 4, 30, -1])
def test_a_file_that_a_power_cut_tore_counts_as_missing_and_can_be_written_again(
    folder: FolderObjects, cut: int
) -> None:
    """As after `put(durable=False)`: the rename may be on disk before the bytes are."""
    # A creator's own bytes may look like the end of a file of ours.
    folder.put("page", b"x" * 40 + b"\x00\x00\x00\x02HOLD" + b"y" * 40, PLAIN)
    path = folder.root / "page"
    whole = path.read_bytes()
    path.write_bytes(whole[: 48 if cut == 30 else cut])
    for read in (folder.get, folder.stat):
        with pytest.raises(ObjectMissing):
            read("page")
    with pytest.raises(PreconditionFailed):
        folder.put("page", b"new", PLAIN, only_if="an etag")
    folder.put("page", b"new", PLAIN, only_if=ABSENT)
    assert folder.read("page", 0, 10) == b"new"


@pytest.mark.parametrize(
    "note",
    [{"size": 1, "headers": {}}, {"etag": "e", "size": 1, "headers": {"x": 1}}, {"etag": "e", "size": 1}],
)
def test_a_file_with_another_tail_than_ours_counts_as_missing(
    folder: FolderObjects, note: dict[str, Any]
) -> None:
    tail = json.dumps(note).encode()
    (folder.root / "page").write_bytes(b"x" + tail + len(tail).to_bytes(4, "big") + b"HOLD")
    with pytest.raises(ObjectMissing):
        folder.stat("page")
    folder.put("page", b"new", PLAIN, only_if=ABSENT)


def test_a_body_never_passes_for_headers(folder: FolderObjects) -> None:
    inner = folder.root / "inner"
    folder.put("inner", b"evil", Headers(status=301, location="/evil"))
    body = inner.read_bytes()
    folder.put("outer", body, PLAIN)
    found = folder.get("outer")
    assert found is not None
    assert (found.body, found.headers) == (body, PLAIN)


def test_a_key_that_is_also_a_folder_of_others_is_refused_in_words(folder: FolderObjects) -> None:
    folder.put("a/b", b"x", PLAIN)
    folder.put("c", b"x", PLAIN)
    upload = folder.start("c/d/e", PLAIN)
    for write in (
        lambda: folder.put("a", b"x", PLAIN),
        lambda: folder.put("a", b"x", PLAIN, only_if=ABSENT),
        lambda: folder.put("c/d", b"x", PLAIN),
        lambda: folder.put("c/d/e", b"x", PLAIN, only_if=ABSENT),
        lambda: folder.finish(upload),
    ):
        with pytest.raises(BadInput):
            write()
    assert list(folder.walk()) == ["a/b", "c"]
    assert [name for name in files(folder) if name.startswith(".temp")] == []


def test_folders_left_empty_are_removed_and_never_under_a_write(folder: FolderObjects) -> None:
    """A delete takes away the folder that another key is just being put into."""
    stop = threading.Event()
    folder.put("deep/er/one", b"x", PLAIN)
    folder.delete("deep/er/one")
    assert not (folder.root / "deep").exists()

    def delete() -> None:
        while not stop.is_set():
            folder.delete("deep/er/never")
            folder.delete("deep/er/passing")

    other = threading.Thread(target=delete)
    other.start()
    try:
        for number in range(300):
            folder.put("deep/er/passing", b"x", PLAIN, durable=False)
            folder.put("deep/er/lasting", str(number).encode(), PLAIN, durable=False)
            assert folder.read("deep/er/lasting", 0, 10) == str(number).encode()
            folder.delete("deep/er/lasting")
    finally:
        stop.set()
        other.join()


def test_a_failed_write_leaves_the_old_object_and_no_rubbish(
    folder: FolderObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.put("page", b"old", PLAIN)

    write, room = os.write, [100]

    def until_full(handle: int, data: bytes) -> int:
        if not room:
            raise OSError(28, "No space left on device")
        return write(handle, data[: room.pop()])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", until_full)
        with pytest.raises(Unavailable, match="No space left"):
            folder.put("page", b"new", PLAIN)
    assert folder.read("page", 0, 10) == b"old"
    assert [name for name in files(folder) if not name.startswith(".locks")] == ["page"]


def test_a_reader_writes_nothing_not_even_a_lock(tmp_path: Path, folder: FolderObjects) -> None:
    folder.put("page", b"x", PLAIN)
    before = files(folder)
    reader = FolderReader(folder.root)
    assert reader.read("page", 0, 1) == b"x"
    with pytest.raises(ObjectMissing):
        reader.get("other")
    assert files(folder) == before
    with pytest.raises(ObjectMissing):
        FolderReader(tmp_path / "not there").get("page")
    assert not (tmp_path / "not there").exists()


def test_a_network_file_system_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    share = tmp_path / "a share"
    share.mkdir()
    link = tmp_path / "link"
    link.symlink_to(share)
    point = str(share).replace(" ", "\\040")
    mounts = f"/dev/sda / ext4 rw 0 0\nhost:/export {point} nfs4 rw 0 0\n"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: mounts)
    FolderObjects(tmp_path / "local")
    for root in (share / "data", link / "data"):
        with pytest.raises(
            OperatorError, match=r"network file system \(nfs4\).*set data\.dir to a local disk"
        ):
            FolderObjects(root)
    assert not (share / "data").exists()


def test_what_killed_writers_left_is_dropped_at_the_next_start(folder: FolderObjects) -> None:
    old, young = folder.root / ".temp" / "old", folder.root / ".temp" / "young"
    for path in (old, young):
        path.write_bytes(b"half an object")
    os.utime(old, (1, 1))
    FolderObjects(folder.root)
    assert (old.exists(), young.exists()) == (False, True)


def test_what_a_writer_left_that_was_killed_at_a_put_is_no_object_and_goes_with_the_next_write(
    folder: FolderObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise Broken

    keys = ("ann/index.html", "ann/posts/gone/index.html", "index.html")
    for key in keys:
        with monkeypatch.context() as patched:
            patched.setattr(os, "rename", die)
            with pytest.raises(Broken):
                folder.put(key, b"half", PLAIN)
    left = [name for name in files(folder) if not name.startswith(".")]
    assert left == [f"{key}\\new" for key in sorted(keys)]
    assert list(folder.walk()) == []
    for key in left:
        with pytest.raises(BadInput):
            folder.get(key)

    folder.put(keys[0], b"whole", PLAIN)
    for key in keys[1:]:
        folder.delete(key)
    assert [name for name in files(folder) if not name.startswith(".")] == [keys[0]]
