"""Whose turn it is at a backup's target: one backup, with its pruning, at a time.

A backup counts on packs and files that earlier ones have put; so nobody may prune them meanwhile. An object says who is at
it, and is put anew every minute, under the condition that nobody else has: who died is noticed by its silence.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple

from core.errors import HoldfastError, OperatorError, OutcomeUnknown, PreconditionFailed, Unavailable
from core.ids import new_id
from core.objects import ABSENT, Headers, Objects
from pipeline.fence import get

KEY = "turn.json"
BEAT_S, SILENCE_S = 60.0, 900.0
TRIES = 3
JSON = Headers(type="application/json")


class Turn:
    """A context in which nobody else backs up to `target`. Raises OperatorError where somebody does."""

    def __init__(self, target: Objects, clock: Callable[[], float] = time.time) -> None:
        self._target, self._clock = target, clock
        self._id = new_id()
        self._etag = ABSENT
        self._over = threading.Event()
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Turn:
        if stored := get(self._target, KEY):
            self._etag = stored.etag
            said = _read(stored.body)
            if abs(self._clock() - said.at) < SILENCE_S:
                raise OperatorError(_taken(said.host))
        try:
            self._put(self._clock())
        except PreconditionFailed:
            raise OperatorError(_taken("another process")) from None
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        with suppress(HoldfastError):  # it ends by its silence
            self._put(0)

    def check(self) -> None:
        """Raises Unavailable if it is somebody else's by now, since this process was silent for too long."""
        try:
            self._put(self._clock())
        except PreconditionFailed:
            raise Unavailable(
                "Another backup to this target has begun, since this one was silent for too long: run it again."
            ) from None

    def _beat(self) -> None:
        while not self._over.wait(BEAT_S):
            with suppress(HoldfastError):  # `check` finds out
                self._put(self._clock())

    def _put(self, at: float) -> None:
        """Raises PreconditionFailed if it is somebody else's."""
        body = json.dumps({"id": self._id, "host": socket.gethostname(), "at": int(at)}).encode()
        with self._guard:
            for _ in range(TRIES):
                try:
                    self._etag = self._target.put(KEY, body, JSON, only_if=self._etag)
                    return
                except OutcomeUnknown:
                    stored = get(self._target, KEY)
                    if stored and _read(stored.body).id == self._id:
                        self._etag = stored.etag
        raise Unavailable("The backup's target does not answer: run it again.")


class _Said(NamedTuple):
    """`at` is when it last spoke (seconds since 1970); 0 once it has ended."""

    id: str = ""
    host: str = ""
    at: float = 0.0


def _read(body: bytes) -> _Said:
    try:
        said = json.loads(body)
        return _Said(str(said["id"]), str(said["host"]), float(said["at"]))
    except (ValueError, KeyError, TypeError):
        return _Said()


def _taken(host: str) -> str:
    return (
        f"A backup to this target is under way ({host}): wait for it. One that has died is passed over after "
        f"{SILENCE_S / 60:.0f} minutes of silence"
    )
