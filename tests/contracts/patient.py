"""What the contracts tell callers to do when a reply is lost, in one place: the suite speaks to backends through it.

On OutcomeUnknown a write that is harmless twice is sent again; a conditional one is settled by what became of it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO

from core.errors import NotFound, OutcomeUnknown, PreconditionFailed
from core.objects import Headers, Stat
from core.store import Batch, Claim, Store

TRIES = 200


def sure(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Calls it until the reply arrives."""
    for _ in range(TRIES):
        try:
            return call(*arguments, **named)
        except OutcomeUnknown:
            continue
    raise AssertionError(f"{call} never answered")


class _Patient:
    """All methods of a part, each called until it answers."""

    def __init__(self, part: Any) -> None:
        self.part = part

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.part, name)
        if not callable(method):
            return method
        return lambda *arguments, **named: sure(method, *arguments, **named)


class _Profiles(_Patient):
    def commit(self, batch: Batch) -> bool:
        for _ in range(TRIES):
            try:
                if self.part.commit(batch):
                    return True
            except OutcomeUnknown:
                pass
            writer = self.part.writer_of(batch.head.id, batch.head.revision)
            if writer is not None:
                return bool(writer == batch.writer)
            if (batch.head.revision > 1 or batch.restores) and self._can_not_apply(batch):
                return bool(self.part.writer_of(batch.head.id, batch.head.revision) == batch.writer)
        raise AssertionError("never settled")

    def _can_not_apply(self, batch: Batch) -> bool:
        """A batch that skips a revision, or whose own is older than the history: nobody's row tells."""
        head = self.part.head(batch.head.id)
        if batch.restores:
            return head is not None
        return head is None or head.revision != batch.head.revision - 1


class _Names(_Patient):
    def take(self, username: str, profile_id: str, attempt: str, seen: int) -> Claim | None:
        for _ in range(TRIES):
            try:
                claim: Claim | None = self.part.take(username, profile_id, attempt, seen)
                if claim:
                    return claim
            except OutcomeUnknown:
                pass
            now: Claim | None = self.part.get(username)
            if (now.number if now else 0) != seen:
                return now if now and (now.number, now.attempt) == (seen + 1, attempt) else None
        raise AssertionError("never settled")


class PatientStore:
    """A store whose writes are settled as callers settle them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.names = _Names(store.names)
        self.profiles = _Profiles(store.profiles)
        for part in (
            "accounts",
            "changes",
            "media_work",
            "published",
            "purges",
            "listings",
            "workers",
            "bookmarks",
            "failures",
            "rollouts",
            "replicas",
        ):
            setattr(self, part, _Patient(getattr(store, part)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class PatientObjects:
    """A bucket whose writes are settled as callers settle them."""

    def __init__(self, objects: Any) -> None:
        self._objects = objects
        self._keys: dict[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._objects, name)
        return lambda *arguments, **named: sure(method, *arguments, **named)

    def walk(self, prefix: str = "") -> Any:
        return self._objects.walk(prefix)

    def survey(self, prefix: str = "") -> Any:
        return self._objects.survey(prefix)

    def delete_many(self, gone: Iterable[str]) -> None:
        sure(self._objects.delete_many, list(gone))

    def put(
        self, key: str, body: bytes, headers: Headers, *, only_if: str | None = None, durable: bool = True
    ) -> str:
        unknown = False
        for _ in range(TRIES):
            try:
                return str(self._objects.put(key, body, headers, only_if=only_if, durable=durable))
            except OutcomeUnknown:
                unknown = True
            except PreconditionFailed:
                if not unknown:
                    raise
                stored = self._objects.get(key)
                if stored is None or stored.body != body:
                    raise
                return str(stored.etag)
        raise AssertionError("never settled")

    def put_file(self, key: str, file: BinaryIO, headers: Headers) -> str:
        begin = file.tell()

        def send() -> str:
            file.seek(begin, io.SEEK_SET)
            return str(self._objects.put_file(key, file, headers))

        return str(sure(send))

    def start(self, key: str, headers: Headers) -> str:
        upload_id = str(sure(self._objects.start, key, headers))
        self._keys[upload_id] = key
        return upload_id

    def append(self, upload_id: str, offset: int, chunk: bytes) -> int:
        end = offset + len(chunk)
        try:
            return int(self._objects.append(upload_id, offset, chunk))
        except OutcomeUnknown:
            now = int(self._objects.offset(upload_id))
            return now if now >= end else self.append(upload_id, now, chunk[now - offset :])

    def finish(self, upload_id: str, sha256: str | None = None) -> Stat:
        unknown = False
        for _ in range(TRIES):
            try:
                stat: Stat = self._objects.finish(upload_id, sha256)
                return stat
            except OutcomeUnknown:
                unknown = True
            except NotFound:
                if not unknown:
                    raise
                done: Stat = self._objects.stat(self._keys[upload_id])
                return done
        raise AssertionError("never settled")
