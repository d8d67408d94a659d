"""Immutable children of a page: the files of renditions, copied where readers get them, removed when nobody shows them."""

from __future__ import annotations

from typing import BinaryIO, cast

from core.errors import ObjectMissing, OutcomeUnknown, PreconditionFailed
from core.objects import ABSENT, Headers, Objects
from core.objects.stored import WHOLE_BYTES_MAX, Stored
from pipeline.target import Child


def copy_folder(
    source: Objects, to: Objects, child: Child, folder: str, tags: str, *, look: bool = False
) -> list[str]:
    """Copies a rendition's files into `folder`. A key that is there has the same bytes: keys of children are never used
    again for others. `tags` purge it. With `look` most are believed to be there, and one that is broken (of another size) is
    replaced; the keys of those. Raises ObjectMissing when a file of the rendition is not there."""
    broken: list[str] = []
    for part in child.made.parts():
        key, origin = folder + part.name, child.source + part.name
        there = _size(to, key) if look else None
        if there is not None:
            wanted = part.bytes if part.bytes is not None else _size(source, origin)
            if wanted is None or there == wanted:
                continue
            broken.append(key)
        headers = Headers(type=part.type, tags=tags)
        if part.bytes is not None and part.bytes > WHOLE_BYTES_MAX:
            to.put_file(key, cast(BinaryIO, Stored(source, origin)), headers)
            continue
        found = source.get(origin)
        assert found is not None
        if there is None:
            put_once(to, key, found.body, headers)
        else:
            to.put(key, found.body, headers)
    return broken


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


def _size(objects: Objects, key: str) -> int | None:
    try:
        return objects.stat(key).size
    except ObjectMissing:
        return None
