"""A replica's private bucket: renditions that it hasn't got yet come from the bucket in which they were made."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, BinaryIO, cast

from core import keys
from core.errors import ObjectMissing, PreconditionFailed
from core.objects import ABSENT, Headers, Object, ReadObjects, Stat, UploadObjects
from core.objects.stored import WHOLE_BYTES_MAX, Stored


class Borrowing:
    """`core.objects.UploadObjects`: all is the replica's `own`, but a rendition that is missing is copied from `origin`.

    Renditions are immutable, so whoever copies one gets the same bytes; and nothing is made twice.
    """

    def __init__(self, own: UploadObjects, origin: ReadObjects) -> None:
        self._own, self._origin = own, origin

    def get(self, key: str, *, unless: str | None = None) -> Object | None:
        try:
            return self._own.get(key, unless=unless)
        except ObjectMissing:
            self._bring(key)
        return self._own.get(key, unless=unless)

    def stat(self, key: str) -> Stat:
        try:
            return self._own.stat(key)
        except ObjectMissing:
            self._bring(key)
        return self._own.stat(key)

    def read(self, key: str, start: int, size: int) -> bytes:
        try:
            return self._own.read(key, start, size)
        except ObjectMissing:
            self._bring(key)
        return self._own.read(key, start, size)

    def _bring(self, key: str) -> None:
        """Raises ObjectMissing for what isn't a rendition, or isn't there either."""
        if not keys.is_rendition(key):
            raise ObjectMissing(f"There is no object {key}.")
        stat = self._origin.stat(key)
        headers = Headers(type=stat.headers.type)
        if stat.size > WHOLE_BYTES_MAX:
            self._own.put_file(key, cast(BinaryIO, Stored(self._origin, key)), headers)
            return
        found = self._origin.get(key)
        assert found is not None
        with suppress(PreconditionFailed):  # another has just brought it
            self._own.put(key, found.body, headers, only_if=ABSENT)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def __str__(self) -> str:
        return str(self._own)
