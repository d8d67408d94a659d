"""Immutable children of a page: the files of renditions, copied where readers get them, removed when nobody shows them."""

from __future__ import annotations

from typing import BinaryIO, cast

from core.errors import ObjectMissing, OutcomeUnknown, PreconditionFailed
from core.objects import ABSENT, Headers, Objects
from core.objects.stored import WHOLE_BYTES_MAX, Stored
from pipeline.target import Child


def copy_folder(
    source: Objects, to: Objects, child: Child, folder: str, tags: str, *, look: bool = False
) -> None:
    """Copies a rendition's files into `folder`. A key that is there has the same bytes: keys of children are never used
    again for others. `tags` purge it. With `look` most are believed to be there. Raises ObjectMissing when a file of the rendition is
    not there."""
    for part in child.made.parts():
        key, origin = folder + part.name, child.source + part.name
        if look and _is_there(to, key, part.bytes):
            continue
        headers = Headers(type=part.type, tags=tags)
        if part.bytes is not None and part.bytes > WHOLE_BYTES_MAX:
            to.put_file(key, cast(BinaryIO, Stored(source, origin)), headers)
            continue
        found = source.get(origin)
        assert found is not None
        put_once(to, key, found.body, headers)


def put_once(objects: Objects, key: str, body: bytes, headers: Headers) -> None:
    """Writes an object under a key that never gets other bytes; one that is there stays."""
    for _ in range(3):
        try:
            objects.put(key, body, headers, only_if=ABSENT)
        except PreconditionFailed:
            return
        except OutcomeUnknown:
            continue
        return
    objects.stat(key)


def remove_folder(objects: Objects, folder: str) -> list[str]:
    """Deletes every file of the folder; their keys."""
    found = list(objects.walk(folder))
    objects.delete_many(found)
    return found


def _is_there(objects: Objects, key: str, size: int | None) -> bool:
    try:
        return objects.stat(key).size == size or size is None
    except ObjectMissing:
        return False
