"""The contract of an object store: whole objects under keys, conditional writes, uploads that go on where they ended.

It promises only what S3 can keep. There is no rename, no append to a finished object, no atomic conditional delete, no
listing that is a snapshot. The contract suite in `tests/contracts` runs every backend through each sentence below.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Literal, NamedTuple, Protocol

from core.errors import BadInput

Bucket = Literal["public", "private"]
HEADER_BYTES_MAX = 2000
"""What S3 takes as metadata (2 KB), less the names of ours."""


@dataclass(frozen=True, slots=True)
class Headers:
    """What is written with an object and served with it.

    `status`, `location`, `rank` and `tags` are user metadata of ours: the HTTP status of a tombstone (410, 404, 301),
    where a 301 leads, and the purge tags. `rank` here is for people; what counts is the rank in the body. All are
    printable ASCII, HEADER_BYTES_MAX in all; a write with others raises BadInput.
    """

    type: str = "application/octet-stream"
    cache: str = ""
    status: int = 200
    location: str = ""
    rank: str = ""
    tags: str = ""


def check_headers(headers: Headers) -> Headers:
    """`headers` itself; BadInput if S3 would refuse them. Every backend's writes begin with it."""
    texts = (headers.type, headers.cache, headers.location, headers.rank, headers.tags)
    if not all(text.isascii() and text.isprintable() for text in texts):
        raise BadInput({"headers": "must be printable ASCII"})
    if sum(map(len, texts)) > HEADER_BYTES_MAX:
        raise BadInput({"headers": f"may have at most {HEADER_BYTES_MAX} bytes in all"})
    return headers


class Stat(NamedTuple):
    """An object without its body: `etag` is equal for equal bytes (opaque otherwise), `size` in bytes, `modified_s`
    seconds since 1970."""

    etag: str
    size: int
    headers: Headers
    modified_s: float


class Found(NamedTuple):
    """An object met in a listing: as `Stat`, but for its headers."""

    key: str
    etag: str
    size: int
    modified_s: float


@dataclass(frozen=True, slots=True)
class Object:
    """A whole object. `etag` belongs to these bytes, or to older ones (then the next If-Match fails: safe)."""

    body: bytes
    etag: str
    headers: Headers = field(default_factory=Headers)
    modified_s: float = 0.0


ABSENT = "absent"
"""For `put(only_if=…)`: the key must not exist (If-None-Match: *)."""


class ReadObjects(Protocol):
    """The read side: all that the edge is given."""

    def get(self, key: str, *, unless: str | None = None) -> Object | None:
        """The whole object. With `unless` (an ETag): None when the stored one is still that (304).

        Raises ObjectMissing, Unavailable when the store can't be reached, BadInput for what `keys.check` refuses (all
        methods do).
        """
        ...

    def stat(self, key: str) -> Stat:
        """ETag, size and headers. Never base a write on them: some servers answer with an older version's headers."""
        ...

    def read(self, key: str, start: int, size: int) -> bytes:
        """Up to `size` bytes from byte `start`; empty behind the end. Raises ObjectMissing."""
        ...


class Objects(ReadObjects, Protocol):
    """The write side of one bucket."""

    def put(
        self, key: str, body: bytes, headers: Headers, *, only_if: str | None = None, durable: bool = True
    ) -> str:
        """Writes the whole object or nothing, and returns its ETag; readers see the old one or the new one, never a mixture.

        `only_if` is an ETag (If-Match) or ABSENT (If-None-Match: *): PreconditionFailed when it doesn't hold, also when
        an ETag was named and the key is missing. Of several writers with one condition at most one succeeds. The reply may be lost:
        OutcomeUnknown means that it may have been, or may yet be, written; read the key and compare, or send the same
        condition again. A backend that sends again by itself settles its own success first.
        With `durable` the object survives a power cut once this returns; without, once `sync()` has returned: until then a
        power cut may leave the old one, the new one or none.
        """
        ...

    def put_file(self, key: str, file: BinaryIO, headers: Headers) -> str:
        """Like an unconditional `put`, but streamed from `file` (from where it stands); for immutable keys."""
        ...

    def sync(self) -> None:
        """Makes every earlier `put(durable=False)` of this process durable."""
        ...

    def delete(self, key: str) -> None:
        """Removes the key if it is there, durably; unconditional, so only for immutable keys that are never written again."""
        ...

    def delete_many(self, gone: Iterable[str]) -> None:
        """As `delete` for each of these keys, in far fewer calls; all are removed, durably, once this returns.

        Raises Unavailable if one of them couldn't be: then the others may be gone, and it can be called again.
        """
        ...

    def walk(self, prefix: str = "") -> Iterator[str]:
        """Keys that begin with `prefix`, in UTF-8 byte order; objects written or deleted meanwhile may be left out or named."""
        ...

    def survey(self, prefix: str = "") -> Iterator[Found]:
        """As `walk`, with what a listing tells of each object."""
        ...


class Uploads(Protocol):
    """An upload in pieces to a bucket; fits S3 multipart and tus. Nothing is readable under `key` before `finish`."""

    def start(self, key: str, headers: Headers) -> str:
        """Begins, and returns the upload's id."""
        ...

    def offset(self, upload_id: str) -> int:
        """How many bytes are stored; NotFound for an upload that is unknown, finished or aborted."""
        ...

    def append(self, upload_id: str, offset: int, chunk: bytes) -> int:
        """Stores `chunk` behind byte `offset` and returns the new offset; OffsetConflict if the upload stands elsewhere.

        After a lost reply ask `offset` and go on from there.
        """
        ...

    def finish(self, upload_id: str, sha256: str | None = None) -> Stat:
        """Makes the object readable under its key, durably, and ends the upload.

        `sha256` (hex) is compared if given: BadInput if it differs, and the upload is aborted. After a lost reply finish
        again: NotFound says that it had ended before, and a look at the key, how.
        """
        ...

    def abort(self, upload_id: str) -> None:
        """Drops what was stored; fine for an upload that is unknown or finished."""
        ...

    def abandon(self, older_than_s: float) -> int:
        """Aborts uploads that nobody has appended to for so long; returns how many."""
        ...


class UploadObjects(Objects, Uploads, Protocol):
    """The private bucket: objects and uploads to them."""
