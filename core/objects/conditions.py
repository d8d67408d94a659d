"""Proves that a bucket honours the conditions that the fence rests on, by trying each of them on keys of its own."""

from __future__ import annotations

from contextlib import suppress

from core import keys
from core.errors import HoldfastError, ObjectError, ObjectMissing, OutcomeUnknown
from core.ids import new_id
from core.objects import ABSENT, Headers, Objects

HEADERS = Headers(type="text/plain")


def broken_conditions(objects: Objects) -> list[str]:
    """What the bucket gets wrong, a sentence each; empty if pages can be published to it. Raises Unavailable.

    RFC 9110 has ETags in quotes; some stores know them only bare. A bucket that can spell both ways (`quotes`) keeps the
    one that works.
    """
    wrong = _try_all(objects)
    if wrong and getattr(objects, "quotes", False):
        objects.quotes = False  # type: ignore[attr-defined]
        if not _try_all(objects):
            return []
        objects.quotes = True  # type: ignore[attr-defined]
    return wrong


def _try_all(objects: Objects) -> list[str]:
    key, missing, wrong = keys.trial(new_id()), keys.trial(new_id()), []
    try:
        first = _put(objects, key, b"one", ABSENT)
        if first is None:
            return [
                "It refuses a new key that is written under the condition of its absence (If-None-Match: *)."
            ]
        if _put(objects, key, b"two", ABSENT):
            wrong.append(
                "It overwrites a key that was to be written only if absent (If-None-Match: * ignored)."
            )
            first = objects.put(key, b"one", HEADERS)
        if not _put(objects, key, b"three", first):
            wrong.append("It refuses a write that names the right ETag (If-Match).")
        elif _put(objects, key, b"four", first):
            wrong.append("It takes a write that names an old ETag (If-Match ignored).")
        if _put(objects, missing, b"five", first):
            wrong.append("It takes a write that names an ETag where nothing lies (If-Match ignored).")
    finally:
        for one in (key, missing):
            with suppress(HoldfastError):
                objects.delete(one)
    return wrong


def _put(objects: Objects, key: str, body: bytes, only_if: str) -> str | None:
    """The new ETag; None if it was refused."""
    for _ in range(3):
        try:
            return objects.put(key, body, HEADERS, only_if=only_if, durable=False)
        except OutcomeUnknown:
            with suppress(ObjectMissing):
                found = objects.get(key)
                if found and found.body == body:
                    return found.etag
        except ObjectError:
            return None
    return None
