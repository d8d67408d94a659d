"""A bucket behind a bad line: writes are applied and their replies lost, never arrive, or arrive late."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable
from typing import Any

from core.errors import HoldfastError, OutcomeUnknown
from core.objects import Headers, UploadObjects

WRITES = {"put_file", "delete", "delete_many", "start", "append", "finish", "abort"}


class LossyObjects:
    """`inner`, of whose writes a third gets no reply. A seed makes it the same each time for one thread."""

    def __init__(self, inner: UploadObjects, seed: int = 1) -> None:
        self._inner = inner
        self._dice = random.Random(seed)
        self._late: list[Callable[[], object]] = []
        self._guard = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name not in WRITES:
            return method
        return lambda *arguments, **named: self._send(lambda: method(*arguments, **named))

    def put(
        self, key: str, body: bytes, headers: Headers, *, only_if: str | None = None, durable: bool = True
    ) -> str:
        def write() -> str:
            return self._inner.put(key, body, headers, only_if=only_if, durable=durable)

        # Only a condition keeps a late write from undoing what came after it; nobody puts a mutable key without one.
        return str(self._send(write, may_be_late=only_if is not None))

    def _send(self, write: Callable[[], object], *, may_be_late: bool = False) -> Any:
        with self._guard:
            throw = self._dice.random()
            late = self._late.pop() if self._late and self._dice.random() < 0.5 else None
        if late:
            with contextlib.suppress(HoldfastError):  # the reply goes to nobody anyway
                late()
        if throw < 0.12:
            if may_be_late:
                self._late.append(write)
            raise OutcomeUnknown
        result = write()
        if throw < 0.37:
            raise OutcomeUnknown
        return result
