"""What a backup consists of, as objects of its target.

backups/<when>-<id>.json     the index: written last, so what it names is there, and deleted first
packs/<2>/<sha256>           JSON lines, zlib: some hundred profiles, or accounts; named by the digest of these bytes
files/<key>                  originals and renditions, under their keys in the private bucket
turn.json                    who is at it, one at a time

Packs and files never change, so a later backup shares with the earlier ones whatever has stayed the same.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError

from core.errors import ObjectMissing, OperatorError
from core.media import Frozen, Media
from core.objects import Headers, Objects, ReadObjects
from core.profile import Head, Post, Snapshot
from core.store import Account, History

VERSION: Literal[1] = 1
Kind = Literal["profiles", "accounts"]
INDEXES, PACKS, FILES = "backups/", "packs/", "files/"
JSON = Headers(type="application/json")
PACKED = Headers(type="application/zlib")


class File(NamedTuple):
    """A file of the private bucket; `sha256` in hex."""

    key: str
    size: int
    sha256: str


class SavedProfile(Frozen):
    """One profile: all rows of its partition but the answers to idempotent requests; `history` newest first."""

    head: Head
    posts: tuple[Post, ...] = ()
    media: tuple[Media, ...] = ()
    history: tuple[History, ...]
    invite: str | None = None
    files: tuple[File, ...] = ()

    @property
    def snapshot(self) -> Snapshot:
        return Snapshot(head=self.head, posts=self.posts, media=self.media)


class SavedAccount(Frozen):
    """An account, and what it may edit. Sessions end with the store that they were opened in."""

    account: Account
    profiles: tuple[str, ...] = ()


class Pack(Frozen):
    """`fingerprint` is of what was packed, so that an unchanged pack isn't read again to be made."""

    kind: Kind
    sha256: str
    fingerprint: str
    count: int
    bytes: int
    files: int = 0
    file_bytes: int = 0


class Index(Frozen):
    """One backup. Every profile in it is as it was at some moment between `began_at` and `ended_at` (seconds since
    1970), whole, and at the newest edit that was acknowledged by `began_at`, or a later one."""

    format: Literal["holdfast-backup"] = "holdfast-backup"
    version: Literal[1] = VERSION
    id: str
    began_at: int
    ended_at: int
    life: int
    packs: tuple[Pack, ...]

    @property
    def profiles(self) -> int:
        return sum(pack.count for pack in self.of("profiles"))

    @property
    def accounts(self) -> int:
        return sum(pack.count for pack in self.of("accounts"))

    @property
    def files(self) -> int:
        return sum(pack.files for pack in self.packs)

    @property
    def file_bytes(self) -> int:
        return sum(pack.file_bytes for pack in self.packs)

    def of(self, kind: str) -> list[Pack]:
        return [pack for pack in self.packs if pack.kind == kind]


def pack_key(sha256: str) -> str:
    return f"{PACKS}{sha256[:2]}/{sha256}"


def file_key(key: str) -> str:
    return f"{FILES}{key}"


def encode(lines: Sequence[Frozen]) -> tuple[str, bytes]:
    """A pack's digest and bytes; the same for the same lines."""
    text = "\n".join(line.model_dump_json(exclude_defaults=True) for line in lines)
    body = zlib.compress(text.encode(), 6)
    return hashlib.sha256(body).hexdigest(), body


def read_pack(target: ReadObjects, pack: Pack) -> Iterator[Any]:
    """Its lines, parsed. Raises OperatorError for one that is missing or damaged."""
    noun: type[Frozen] = SavedProfile if pack.kind == "profiles" else SavedAccount
    try:
        stored = target.get(pack_key(pack.sha256))
    except ObjectMissing:
        raise OperatorError(
            f"The backup lacks {pack_key(pack.sha256)}: choose an older one (`holdfast restore --list`)"
        ) from None
    assert stored is not None
    if hashlib.sha256(stored.body).hexdigest() != pack.sha256:
        raise OperatorError(
            f"{pack_key(pack.sha256)} is damaged: its digest is another. Choose an older backup (`holdfast restore --list`)"
        )
    for line in zlib.decompress(stored.body).split(b"\n"):
        yield noun.model_validate_json(line)


def indexes(target: Objects) -> list[str]:
    """Ids of all backups there, oldest first."""
    return sorted(
        key.removeprefix(INDEXES).removesuffix(".json")
        for key in target.walk(INDEXES)
        if key.endswith(".json")
    )


def read_index(target: ReadObjects, backup_id: str) -> Index:
    """Raises OperatorError for one that isn't there or can't be read."""
    try:
        stored = target.get(f"{INDEXES}{backup_id}.json")
        assert stored is not None
        return Index.model_validate(json.loads(stored.body))
    except ObjectMissing:
        raise OperatorError(
            f"There is no backup {backup_id} there: `holdfast restore --list` names all"
        ) from None
    except (ValueError, ValidationError) as error:
        raise OperatorError(
            f"The backup {backup_id} can't be read by this version ({type(error).__name__})"
        ) from None


def write_index(target: Objects, index: Index) -> None:
    target.put(f"{INDEXES}{index.id}.json", index.model_dump_json().encode(), JSON)


def forget_index(target: Objects, backup_id: str) -> None:
    target.delete(f"{INDEXES}{backup_id}.json")
