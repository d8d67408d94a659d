"""Saves a site: store and private files in, packs and files of a backup's target out; the index last."""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from typing import BinaryIO, NamedTuple, cast

from core import keys
from core.errors import ObjectMissing, OutcomeUnknown, PreconditionFailed
from core.ids import new_id
from core.media import Frozen
from core.objects import ABSENT, Headers, Objects, ReadObjects, Stat
from core.objects.stored import Stored
from core.profile import Snapshot
from core.store import Account, Store, Walked
from pipeline.backup.format import (
    PACKED,
    PACKS,
    File,
    Index,
    Kind,
    Pack,
    SavedAccount,
    SavedProfile,
    encode,
    file_key,
    indexes,
    pack_key,
    read_index,
    write_index,
)

PIECE_BYTES = 1 << 20
CUT = 256
"""A pack ends behind a profile whose id hashes to 0 modulo this: so a new profile changes one pack and not all behind it."""
PACK_MAX = 2000
Tell = Callable[[str, int], None]


class Saved(NamedTuple):
    """What one backup did. `packs` and `files` count what it wrote; the rest was there from an earlier one. `missing`
    are files that the private bucket has lost."""

    made: Index
    packs: int
    files: int
    bytes: int
    missing: list[str]


class Saving:
    """One backup of `store` and `private` to `target`. Only with the `Turn`."""

    def __init__(
        self, store: Store, private: ReadObjects, target: Objects, tell: Tell = lambda *_: None
    ) -> None:
        self._store, self._private, self._target, self._tell = store, private, target, tell
        self._known = self._earlier()
        self._packs: list[Pack] = []
        self._wrote = self._wrote_files = self._wrote_bytes = 0
        self._missing: list[str] = []

    def run(self, check: Callable[[], None] = lambda: None) -> Saved:
        """`check` is called before the index is written, and raises if that may not be."""
        began = datetime.now(UTC)
        for part in range(self._store.profiles.parts):
            for some in _cut(self._store.profiles.walk(part)):
                self._save_profiles(some)
                self._tell("profiles", self._count("profiles"))
        accounts = self._store.accounts.everyone()
        while some_accounts := list(islice(accounts, PACK_MAX)):
            self._save_accounts(some_accounts)
            self._tell("accounts", self._count("accounts"))
        when = f"{began:%Y%m%dT%H%M%S}{began.microsecond // 1000:03}Z"
        index = Index(
            id=f"{when}-{new_id()[:6]}",
            began_at=int(began.timestamp()),
            ended_at=int(time.time()),
            life=self._store.life,
            packs=tuple(self._packs),
        )
        self._target.sync()
        check()
        write_index(self._target, index)
        return Saved(index, self._wrote, self._wrote_files, self._wrote_bytes, self._missing)

    def _earlier(self) -> dict[str, Pack]:
        """Packs of the newest backup, by what they were made of; those that are still there."""
        ids = indexes(self._target)
        there = set(self._target.walk(PACKS))
        packs = read_index(self._target, ids[-1]).packs if ids else ()
        return {pack.fingerprint: pack for pack in packs if pack_key(pack.sha256) in there}

    def _count(self, kind: str) -> int:
        return sum(pack.count for pack in self._packs if pack.kind == kind)

    # ── packs ──

    def _save_profiles(self, some: list[Walked]) -> None:
        listed = "\n".join(f"{one.profile_id} {one.revision}" for one in some)
        fingerprint = hashlib.sha256(f"profiles\n{listed}".encode()).hexdigest()
        if known := self._known.get(fingerprint):
            self._packs.append(known)
            return
        saved = [one for one in (self._saved_profile(met.profile_id) for met in some) if one]
        files = [file for one in saved for file in one.files]
        self._put("profiles", fingerprint, saved, len(files), sum(file.size for file in files))

    def _saved_profile(self, profile_id: str) -> SavedProfile | None:
        """As it is now: at the revision that the walk has met, or a later one."""
        snapshot = self._store.profiles.load(profile_id)
        if snapshot is None:
            return None
        head = snapshot.head
        return SavedProfile(
            head=head,
            posts=snapshot.posts,
            media=snapshot.media,
            history=tuple(
                one for one in self._store.profiles.history(head.id) if one.revision <= head.revision
            ),
            invite=self._store.accounts.invite_of(head.id),
            files=() if head.deleted else tuple(self._save_files(snapshot)),
        )

    def _save_accounts(self, some: list[Account]) -> None:
        saved = [
            SavedAccount(account=one, profiles=tuple(self._store.accounts.profiles_of(one.id)))
            for one in some
        ]
        self._put("accounts", "", saved)

    def _put(
        self, kind: Kind, fingerprint: str, lines: Sequence[Frozen], files: int = 0, file_bytes: int = 0
    ) -> None:
        sha256, body = encode(lines)
        if _put_once(self._target, pack_key(sha256), body, PACKED):
            self._wrote += 1
            self._wrote_bytes += len(body)
        pack = Pack(
            kind=kind,
            sha256=sha256,
            fingerprint=fingerprint or sha256,
            count=len(lines),
            bytes=len(body),
            files=files,
            file_bytes=file_bytes,
        )
        self._packs.append(pack)

    # ── files ──

    def _save_files(self, snapshot: Snapshot) -> Iterator[File]:
        for medium in snapshot.uploads:
            yield from self._save_file(keys.original(medium.id))
        for medium in snapshot.media:
            for made in medium.renditions:
                for part in made.parts():
                    yield from self._save_file(
                        keys.rendition(medium.id, made.recipe, made.attempt, part.name)
                    )

    def _save_file(self, key: str) -> Iterator[File]:
        """Copies a file unless an earlier backup has; nothing of one that isn't there."""
        try:
            stat = self._private.stat(key)
        except ObjectMissing:
            # A failed upload has no original, and a profile may have been deleted meanwhile; else it is a loss.
            self._missing.append(key)
            return
        with suppress(ObjectMissing):
            there = self._target.stat(file_key(key))
            if there.size == stat.size and there.headers.tags:
                yield File(key, stat.size, there.headers.tags)
                return
        yield self._copy(key, stat)

    def _copy(self, key: str, stat: Stat) -> File:
        whole = hashlib.sha256()
        at = 0
        while piece := self._private.read(key, at, PIECE_BYTES):
            whole.update(piece)
            at += len(piece)
        # Its digest stands with it, for the next backup and for who restores.
        headers = Headers(type=stat.headers.type, tags=whole.hexdigest())
        self._target.put_file(file_key(key), cast(BinaryIO, Stored(self._private, key)), headers)
        self._wrote_files += 1
        self._wrote_bytes += at
        return File(key, at, whole.hexdigest())


def _cut(walked: Iterator[Walked]) -> Iterator[list[Walked]]:
    """Runs of profiles that end where their ids say so."""
    some: list[Walked] = []
    for one in walked:
        some.append(one)
        if zlib.crc32(one.profile_id.encode()) % CUT == 0 or len(some) == PACK_MAX:
            yield some
            some = []
    if some:
        yield some


def _put_once(target: Objects, key: str, body: bytes, headers: Headers) -> bool:
    """Whether it wasn't there."""
    try:
        target.put(key, body, headers, only_if=ABSENT)
    except PreconditionFailed:
        return False
    except OutcomeUnknown:
        target.put(key, body, headers)  # the same bytes, whoever wrote them
    return True
