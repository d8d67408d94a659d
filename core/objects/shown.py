"""The private bucket as an edge may see it: pages, data and media of private profiles, and nothing else, whatever is asked."""

from __future__ import annotations

from core import keys
from core.errors import ObjectMissing
from core.objects import Object, ReadObjects, Stat


class Shown:
    """`core.objects.ReadObjects` of what `keys.is_shown`; originals, renditions and manifests are missing here."""

    def __init__(self, objects: ReadObjects) -> None:
        self._objects = objects

    def get(self, key: str, *, unless: str | None = None) -> Object | None:
        return self._objects.get(_shown(key), unless=unless)

    def stat(self, key: str) -> Stat:
        return self._objects.stat(_shown(key))

    def read(self, key: str, start: int, size: int) -> bytes:
        return self._objects.read(_shown(key), start, size)


def _shown(key: str) -> str:
    if not keys.is_shown(keys.check(key)):
        raise ObjectMissing(f"{key} is nothing that readers are shown.")
    return key
