"""`holdfast export`: profiles as files that `holdfast import` takes again, with their originals if asked for."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from cli.archive import FILE_BYTES_MAX, ORIGINALS, PIECE_BYTES, ArchivedCaptions, archived
from cli.bar import bar_of
from cli.captioning import write_captions
from cli.options import AsJson, Flags, profile_name, settings_for, with_flags
from cli.wiring import open_existing, profile_of
from core import keys
from core.errors import ObjectMissing, OperatorError
from core.log import configure
from core.objects import ReadObjects
from core.profile import Snapshot
from core.settings import LogSettings
from core.store.everyone import everyone


@with_flags
def export(
    flags: Flags,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the files go; made if missing.")],
    name: Annotated[str | None, typer.Argument(metavar="[@NAME]", help="One profile; else all.")] = None,
    originals: Annotated[
        bool, typer.Option("--originals", help="Also what was uploaded, as it was, and captions.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Export profiles with their posts, drafts and private ones too, as one JSON file each."""
    settings = settings_for(flags)
    configure(LogSettings(level="error"))
    backends = open_existing(settings)
    store = backends.store
    started = time.monotonic()
    ids = (
        [profile_of(store, profile_name(name))]
        if name
        else (one.profile_id for one in everyone(store.profiles))
    )
    total = 1 if name else sum(1 for _ in everyone(store.profiles))
    job = _Export(folder, backends.private, originals)
    bar = bar_of("export", Console(stderr=True, quiet=as_json))
    with bar:
        for profile_id in bar.track(ids, total=total, description="export"):
            snapshot = store.profiles.load(profile_id)
            if snapshot and snapshot.head.name and not snapshot.head.deleted:
                job.write(snapshot)
    backends.close()
    if name and not job.profiles:
        raise OperatorError(f"{name} was deleted, or has no name yet: there is nothing to export")
    seconds = time.monotonic() - started
    if as_json:
        print(json.dumps({**job.report(), "seconds": round(seconds, 3)}))
        return
    out = Console(highlight=False, soft_wrap=True)
    what = f", {job.files} originals ({job.bytes / 1e6:,.1f} MB)" if originals else ""
    out.print(Text(f"{job.profiles} profiles{what} in {folder.absolute()}, after {seconds:.1f} s."))
    for one in job.notes:
        out.print(Text(f"  {one}", "yellow"))


class _Export:
    """Writes one profile after the other; every file is whole or absent."""

    def __init__(self, folder: Path, private: ReadObjects, originals: bool) -> None:
        self.profiles, self.files, self.bytes = 0, 0, 0
        self.notes: list[str] = []
        self._folder, self._private, self._originals = folder, private, originals
        with _disk_errors(folder):
            # Drafts, private pages and the places that photos were taken at are nobody else's to read.
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if originals:
                (folder / ORIGINALS).mkdir(mode=0o700, exist_ok=True)

    def write(self, snapshot: Snapshot) -> None:
        assert snapshot.head.name is not None
        username = snapshot.head.name.username
        digests: dict[str, str] = {}
        notes: list[str] = []
        captions: dict[str, tuple[ArchivedCaptions, ...]] = {}
        for medium in snapshot.uploads if self._originals else ():
            try:
                digests[medium.id] = self._copy(medium.id)
            except ObjectMissing:
                self.notes.append(f"@{username}: the original of {medium.id} is not in storage")
            with _disk_errors(self._folder):
                captions[medium.id] = write_captions(self._folder, self._private, medium, notes)
        self.notes += (f"@{username}: {note}" for note in notes)
        body = json.dumps(archived(snapshot, digests, captions), ensure_ascii=False, indent=1).encode()
        if len(body) > FILE_BYTES_MAX:
            self.notes.append(
                f"@{username}: the file is larger than the {FILE_BYTES_MAX >> 20} MB that import takes"
            )
        temp = self._folder / f".{username}.part"
        with _disk_errors(self._folder):
            temp.write_bytes(body)
            temp.replace(self._folder / f"{username}.json")
        self.profiles += 1

    def report(self) -> dict[str, object]:
        return {
            "profiles": self.profiles,
            "originals": self.files,
            "bytes": self.bytes,
            "notes": self.notes,
            "folder": str(self._folder.absolute()),
        }

    def _copy(self, media_id: str) -> str:
        """Copies an original piece by piece; its SHA-256."""
        temp, whole, at = self._folder / ORIGINALS / f".{media_id}.part", hashlib.sha256(), 0
        key = keys.original(media_id)
        size = self._private.stat(key).size
        with _disk_errors(self._folder), temp.open("wb") as file:
            while piece := self._private.read(key, at, PIECE_BYTES):
                file.write(piece)
                whole.update(piece)
                at += len(piece)
        if at != size:
            temp.unlink()
            raise ObjectMissing(key)
        with _disk_errors(self._folder):
            temp.replace(self._folder / ORIGINALS / media_id)
        self.files, self.bytes = self.files + 1, self.bytes + size
        return whole.hexdigest()


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OperatorError(f"{folder} can't be written ({error.strerror}): name another folder") from None
