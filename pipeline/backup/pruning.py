"""Forgets older backups, and deletes what none of those that stay has named."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from core.objects import Objects
from pipeline.backup.format import (
    FILES,
    PACKS,
    Index,
    file_key,
    forget_index,
    indexes,
    pack_key,
    read_index,
    read_pack,
)


class Pruned(NamedTuple):
    """Ids of the backups that were forgotten, and what was deleted with them."""

    forgotten: list[str]
    objects: int
    bytes: int


def prune(target: Objects, keep: int) -> Pruned:
    """Keeps the `keep` newest backups. Nothing is deleted unless all of those can be read. If it was stopped half-way, the
    next one deletes the rest. Only with the `Turn`: a backup that is being made counts on what is there.

    Raises OperatorError for a backup, among those to be kept, that is damaged.
    """
    ids = indexes(target)
    kept = [read_index(target, one) for one in ids[-keep:]]
    with (
        tempfile.TemporaryDirectory(prefix="holdfast-prune-") as scratch,
        closing(sqlite3.connect(Path(scratch) / "named.db", isolation_level=None)) as named,
    ):
        # A file, since a large site has millions of them.
        named.execute("pragma synchronous=off")
        named.execute("pragma journal_mode=off")
        named.execute("create table named (key text primary key) without rowid")
        _note(named, target, kept)
        for one in ids[:-keep]:
            forget_index(target, one)
        objects = size = 0
        for prefix in (PACKS, FILES):
            for found in target.survey(prefix):
                if named.execute("select 1 from named where key = ?", (found.key,)).fetchone() is None:
                    target.delete(found.key)
                    objects, size = objects + 1, size + found.size
    return Pruned(ids[:-keep], objects, size)


def _note(named: sqlite3.Connection, target: Objects, kept: Iterable[Index]) -> None:
    """Every key that these backups need."""
    packs = {pack.sha256: pack for index in kept for pack in index.packs}
    for pack in packs.values():
        keys = [pack_key(pack.sha256)]
        keys += [
            file_key(file.key) for line in read_pack(target, pack) for file in getattr(line, "files", ())
        ]
        named.executemany("insert or ignore into named values (?)", [(key,) for key in keys])
