"""Rank: which render may replace which. Used by publish, purge, edge and receipts; the one rule of promise 2.

A file's rank is (life, claim, revision, roll-out). It stands in the file's own bytes, before anything a creator
wrote, so that it can't be separated from them (object metadata can: an S3 server may answer a HEAD with an older one).
"""

from __future__ import annotations

import re
import zlib
from enum import Enum
from typing import NamedTuple

from core import keys

# No more digits than a counter of 64 bits has, and each number in its one spelling.
_NUMBER = r"(?:0|[1-9][0-9]{0,18})"
_RANK = re.compile(rf"{_NUMBER}(?:\.{_NUMBER}){{3}}")


class Verdict(Enum):
    """What to do with a stored file when ours has another rank."""

    LEAVE = "leave"
    REPLACE = "replace"
    STALE = "stale"


class Rank(NamedTuple):
    """`life` of the store, `claim` number of the name that the file lies under (0 for none), the `revision` of what it
    shows, and the `rollout` it was rendered in."""

    life: int
    claim: int
    revision: int
    rollout: int

    def __str__(self) -> str:
        return f"{self.life}.{self.claim}.{self.revision}.{self.rollout}"

    @classmethod
    def parse(cls, text: str) -> Rank:
        """`"1.1.7.2"` → Rank; ValueError for anything else."""
        if not _RANK.fullmatch(text):
            raise ValueError(f"{text!r} is not a rank")
        life, claim, revision, rollout = map(int, text.split("."))
        return cls(life, claim, revision, rollout)


class Mark(NamedTuple):
    """The rank of a whole profile (manifest, purge, receipt, published row): no claim, since it has several names."""

    life: int
    revision: int
    rollout: int

    def covers(self, other: Mark) -> bool:
        """Whether everything that `other` shows is shown here too, or superseded."""
        return verdict(self.as_rank(), other.as_rank()) is Verdict.LEAVE

    def as_rank(self) -> Rank:
        return Rank(self.life, 0, self.revision, self.rollout)


class Edition(NamedTuple):
    """What a profile's files are drawn in: the store's `life`, the `rollout` that is promoted, and `bare`, the newest one up
    to it that changed more than templates and settings. A bare file (`keys.is_bare`) bears that one, so that a new template
    leaves it as it is."""

    life: int
    rollout: int
    bare: int

    def rank(self, key: str, claim: int, revision: int) -> Rank:
        """The rank of the file under `key` that shows `revision`, also of a tombstone there."""
        return Rank(self.life, claim, revision, self.bare if keys.is_bare(key) else self.rollout)


def verdict(stored: Rank, ours: Rank) -> Verdict:
    """Compares a stored file's rank with ours.

    A greater life, then a greater claim wins outright. Else: stored ≥ ours in both revision and roll-out: LEAVE;
    stored ≤ ours (and not equal): REPLACE; else ours is stale in one of them: STALE, read head and roll-out afresh.
    """
    if stored[:2] != ours[:2]:
        return Verdict.LEAVE if stored[:2] > ours[:2] else Verdict.REPLACE
    if stored.revision >= ours.revision and stored.rollout >= ours.rollout:
        return Verdict.LEAVE
    if stored.revision <= ours.revision and stored.rollout <= ours.rollout:
        return Verdict.REPLACE
    return Verdict.STALE


def covering(one: Rank, other: Rank) -> Rank:
    """The least rank that covers both."""
    match verdict(one, other):
        case Verdict.LEAVE:
            return one
        case Verdict.REPLACE:
            return other
        case Verdict.STALE:
            revision, rollout = max(one.revision, other.revision), max(one.rollout, other.rollout)
            return Rank(one.life, one.claim, revision, rollout)


# ── the rank in a file's bytes ────────────────────────────────────────────────────────────────────

_STAMPED = re.compile(
    rb'(?:<!doctype html>\n|<\?xml version="1\.0" encoding="utf-8"\?>\n)<!--holdfast ([0-9.]{7,80})-->\n'
    rb'|\{"holdfast": ?"([0-9.]{7,80})"[,}]'
)


def stamp_html(body: str, rank: Rank) -> bytes:
    """`body` without its doctype → bytes with doctype and rank."""
    return f"<!doctype html>\n<!--holdfast {rank}-->\n{body}".encode()


def stamp_xml(body: str, rank: Rank) -> bytes:
    """`body` without its XML declaration → bytes with declaration and rank."""
    return f'<?xml version="1.0" encoding="utf-8"?>\n<!--holdfast {rank}-->\n{body}'.encode()


def stamp_json(body: str, rank: Rank) -> bytes:
    """A non-empty JSON object → bytes with the rank as its first member, `holdfast`."""
    return f'{{"holdfast":"{rank}",{body.removeprefix("{")}'.encode()


_PNG_HEAD = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_PNG_IHDR_END = 8 + 8 + 13 + 4


def read_rank(body: bytes) -> Rank | None:
    """The rank that a mutable file carries; None if it carries none (then it is not one of ours)."""
    if body.startswith(_PNG_HEAD):
        text = _png_text(body)
    else:
        found = _STAMPED.match(body)
        text = (found.group(1) or found.group(2)) if found else b""
    try:
        return Rank.parse(text.decode("ascii"))
    except ValueError:
        return None


def stamp_png(body: bytes, rank: Rank) -> bytes:
    """A PNG → the same with its rank in a tEXt chunk right after IHDR (PNG specification, 11.3.3.2)."""
    chunk = b"tEXt" + b"holdfast\0" + str(rank).encode()
    packed = (len(chunk) - 4).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    return body[:_PNG_IHDR_END] + packed + body[_PNG_IHDR_END:]


def _png_text(body: bytes) -> bytes:
    start = _PNG_IHDR_END
    size = int.from_bytes(body[start : start + 4], "big")
    text = body[start + 4 : start + 8 + size]
    ours = b"tEXtholdfast\0"
    return text.removeprefix(ours) if size <= 200 and text.startswith(ours) else b""
