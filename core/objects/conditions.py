"""Proves that a bucket honours the conditions that the fence rests on, by trying each of them on a key of its own."""

from __future__ import annotations

from core import keys
from core.errors import ObjectError
from core.ids import new_id
from core.objects import ABSENT, Headers, Objects

HEADERS = Headers(type="text/plain")


def broken_conditions(objects: Objects) -> list[str]:
    """What the bucket gets wrong, a sentence each; empty if pages can be published to it. Raises Unavailable."""
    key, wrong = keys.trial(new_id()), []
    try:
        if not _puts(objects, key, b"one", ABSENT):
            wrong.append("A new key can't be written under the condition that it is absent.")
        if _puts(objects, key, b"two", ABSENT):
            wrong.append("A key that is there is overwritten by a write that asked for its absence.")
        stale = _etag(objects, key)
        if not _puts(objects, key, b"three", stale):
            wrong.append("A write that names the right ETag is refused.")
        if _puts(objects, key, b"four", stale):
            wrong.append("A write that names an old ETag is accepted.")
        if _puts(objects, keys.trial(new_id()), b"five", stale):
            wrong.append("A write that names an ETag makes a key that is missing.")
    finally:
        for one in list(objects.walk(keys.trial(""))):
            objects.delete(one)
    return wrong


def _puts(objects: Objects, key: str, body: bytes, only_if: str) -> bool:
    try:
        objects.put(key, body, HEADERS, only_if=only_if, durable=False)
    except ObjectError:
        return False
    return True


def _etag(objects: Objects, key: str) -> str:
    try:
        return objects.stat(key).etag
    except ObjectError:
        return "none"
