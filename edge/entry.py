"""What the edge knows about one key: the object, a page of its own making, or that nothing lies there."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass, field
from typing import NamedTuple

from core import keys
from core.objects import Headers, Object, Stat
from core.rank import Rank, read_rank
from edge.encodings import Coding
from edge.prepared import PREPARED_BYTES, Prepared
from edge.rules import Kind, kind_of

SCRIPT = b'<script type="module" src="'
"""By it a page that has a script of ours is known: creators' words never hold a "<" of their own."""

PLAYS = {Kind.PAGE, Kind.POST, Kind.LIST, Kind.SITE}
"""Kinds of pages that may have one. What strangers uploaded never runs anything, whatever its type says."""

OVERHEAD_BYTES = 1024
"""What an entry weighs besides its bodies; it keeps a flood of tiny ones within the bound, too."""

MEDIUM_BYTES = 150
"""What a medium's id weighs in a PrivateProfile."""


class PrivateProfile(NamedTuple):
    """What is kept of a private profile's data document: whose it is, which grants open it (`epoch`), what media it shows."""

    profile_id: str
    epoch: int
    username: str
    media: frozenset[str]


@dataclass(slots=True, eq=False)
class Entry:
    """`body` is None for an object too large to be held; it is streamed, and only its `size` is known here.

    `stored_etag` is the store's own, for asking "still this one?"; empty for what was not read from `key` itself.
    `scripts` says that the page has a script of ours. `source` is the path of what this was made of (the data document of a
    render, or of the word that something is gone), `source_rank` the rank which that had.
    `profile` stands for the body of a private data document, which is shown to nobody.
    `encodings` holds the bodies by content coding (empty: not worth it), `prepared` what is sent, by the coding that the
    reader likes best.
    The rest is the cache's book-keeping: the path whose purge is its own, too (`rests_on`), which `epoch` of calls stood when
    the read began, when it was last found right (`checked_s`), whether it was purged since, and when storage may be asked
    again after it was away (`retry_s`).
    """

    key: str
    headers: Headers
    kind: Kind
    body: bytes | None
    size: int
    etag: str = ""
    stored_etag: str = ""
    modified_s: float = 0.0
    rank: Rank | None = None
    tags: str = ""
    source: str = ""
    source_rank: Rank | None = None
    profile: PrivateProfile | None = None
    rendered: bool = False
    rests_on: str = ""
    epoch: int = 0
    checked_s: float = 0.0
    purged: bool = False
    retry_s: float = 0.0
    scripts: bool = False
    encodings: dict[Coding, bytes] = field(default_factory=dict)
    prepared: dict[Coding | None, Prepared] = field(default_factory=dict)

    @property
    def missing(self) -> bool:
        return self.kind is Kind.MISSING

    @property
    def weight_bytes(self) -> int:
        bodies = len(self.body or b"") + sum(map(len, self.encodings.values()))
        # The key is there three times: as such, as the path, and as the path that it rests on.
        names = 3 * sys.getsizeof(self.key)
        media = MEDIUM_BYTES * len(self.profile.media) if self.profile else 0
        return OVERHEAD_BYTES + names + bodies + media + PREPARED_BYTES * len(self.prepared)


def whole(key: str, found: Object) -> Entry:
    """An object that is held in memory.

    Its ETag is made from the bytes themselves: a store may pair them with an older ETag, and a reader who has the
    older bytes must not hear 304.
    """
    kind = kind_of(key, found.headers.status)
    return Entry(
        key=key,
        headers=found.headers,
        kind=kind,
        body=found.body,
        size=len(found.body),
        etag=hashlib.sha256(found.body).hexdigest()[:32],
        stored_etag=found.etag,
        modified_s=found.modified_s,
        rank=None if kind in (Kind.ASSET, Kind.MEDIA) else read_rank(found.body),
        tags=found.headers.tags,
        scripts=kind in PLAYS and found.headers.type.startswith("text/html") and SCRIPT in found.body,
    )


def streamed(key: str, stat: Stat) -> Entry:
    """A large object under an immutable key; its ETag is the store's, made safe for a header."""
    etag = hashlib.sha256(stat.etag.encode()).hexdigest()[:32]
    return Entry(
        key=key,
        headers=stat.headers,
        kind=kind_of(key, stat.headers.status),
        body=None,
        size=stat.size,
        etag=etag,
        stored_etag=stat.etag,
        modified_s=stat.modified_s,
        tags=stat.headers.tags,
    )


def rendered(
    key: str, body: bytes, headers: Headers, source: str, source_rank: Rank, modified_s: float
) -> Entry:
    """A page of the edge's own making."""
    entry = whole(key, Object(body, "", headers, modified_s))
    entry.source, entry.source_rank, entry.rendered = source, source_rank, True
    return entry


def missing(key: str, source: str = "", source_rank: Rank | None = None) -> Entry:
    """Nothing lies there; tagged, so that a new page under that name clears it from CDNs."""
    name = key.partition("/")[0]
    tags = keys.name_tag(name) if keys.is_username(name) else ""
    headers = Headers(status=404)
    return Entry(key, headers, Kind.MISSING, b"", 0, tags=tags, source=source, source_rank=source_rank)


def gone(key: str, said: Headers, source: str, source_rank: Rank | None) -> Entry:
    """What a data document's tombstone says of every page of its profile."""
    headers = Headers(status=said.status, location=said.location, tags=said.tags)
    return Entry(key, headers, Kind.TOMBSTONE, b"", 0, tags=said.tags, source=source, source_rank=source_rank)


def built_in(key: str, title: str, words: str) -> Entry:
    """A page of few words, for a site whose own is not published yet."""
    body = (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><meta name="robots" content="noindex">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title>'
        f"<h1>{title}</h1><p>{words}</p></html>\n"
    )
    return whole(key, Object(body.encode(), "", Headers(type="text/html; charset=utf-8")))


BUILT_IN = {
    keys.NOT_FOUND: built_in(keys.NOT_FOUND, "Not found", "There is no page at this address."),
    keys.GONE: built_in(keys.GONE, "Gone", "The page at this address was taken down."),
}
