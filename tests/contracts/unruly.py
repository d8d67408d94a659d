"""A store as a cluster may behave within the contract, so that the embedded default can't hide what one will do.

Hints come in another order, again, later, and in smaller helpings; waits end early or late; replies of writes are lost,
before or after the write was applied, or the write comes late. Positions are of its own, as opaque as they should be.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any

from core.errors import HoldfastError, OutcomeUnknown
from core.store import Change, Changes, Hint, Store

READS = {
    "accounts": {
        "get",
        "by_email",
        "everyone",
        "session",
        "profiles_of",
        "editors_of",
        "invited",
        "invite_of",
    },
    "names": {"get"},
    "profiles": {"load", "head", "writer_of", "history", "answer", "walk"},
    "media_work": {"pending", "progress"},
    "published": {"get", "transitions"},
    "purges": {"pending", "pending_of"},
    "listings": {"of"},
    "workers": {"beats"},
    "bookmarks": {"get"},
    "failures": {"all"},
    "rollouts": {"current"},
    "replicas": {"in_sync"},
}
CONDITIONAL = {"commit", "take"}
"""Writes that may come late: their condition keeps them from undoing what came after. (A cluster orders others by
the time at which they were sent.)"""


class Line:
    """What happens to a write on its way; shared by all parts of one store."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self._late: list[Callable[[], object]] = []
        self._guard = threading.Lock()

    def send(self, write: Callable[[], Any], *, may_be_late: bool) -> Any:
        with self._guard:
            throw = self.dice.random()
            late = self._late.pop() if self._late and self.dice.random() < 0.5 else None
        if late:
            with contextlib.suppress(HoldfastError):  # the reply goes to nobody anyway
                late()
        if throw < 0.1:
            if may_be_late:
                self._late.append(write)
            raise OutcomeUnknown
        result = write()
        if throw < 0.3:
            raise OutcomeUnknown
        return result


class _Part:
    def __init__(self, part: Any, reads: set[str], line: Line) -> None:
        self._part, self._reads, self._line = part, reads, line

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._part, name)
        if name in self._reads or not callable(method):
            return method
        return lambda *arguments, **named: self._line.send(
            lambda: method(*arguments, **named), may_be_late=name in CONDITIONAL
        )


class UnrulyStore:
    """`inner`, unruly. A seed makes it the same each time for one thread."""

    def __init__(self, inner: Store, seed: int = 1) -> None:
        self._inner = inner
        line = Line(seed)
        for part, reads in READS.items():
            setattr(self, part, _Part(getattr(inner, part), reads, line))
        self.changes = UnrulyChanges(inner.changes, line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class UnrulyChanges:
    """A hint's position here is the inner one up to which nothing has been held back, so that reading on from it
    misses nothing."""

    def __init__(self, inner: Changes, line: Line) -> None:
        self._inner, self._line, self._dice = inner, line, line.dice
        self._held: Counter[str] = Counter()
        self._holding = False

    def hint(self, change: Change) -> None:
        self._line.send(lambda: self._inner.hint(change), may_be_late=True)

    @property
    def shards(self) -> int:
        return self._inner.shards

    def read(self, after: str | None, limit: int, shards: Collection[int] | None = None) -> Sequence[Hint]:
        found = list(self._inner.read(_inner(after), limit, shards))
        found = found[: self._dice.randint(1, max(1, len(found)))]
        given = [hint for hint in found if not self._hold(hint)]
        self._holding = len(given) < len(found)
        given += [hint for hint in given if self._dice.random() < 0.2]
        self._dice.shuffle(given)
        given = given[:limit]
        old = self._inner.read(None, 3, shards)
        told: list[Hint] = []
        if given and len(given) < limit and self._dice.random() < 0.2:
            told.append(_outer(self._dice.choice(old), None))
        seen: set[str] = set()
        for hint in given:
            seen.add(hint.position)
            told.append(_outer(hint, _before(found, seen) or _inner(after) or ""))
        return told

    def _hold(self, hint: Hint) -> bool:
        """A hint is held back twice at most."""
        if self._held[hint.position] >= 2 or self._dice.random() > 0.2:
            return False
        self._held[hint.position] += 1
        return True

    def wait(self, timeout_s: float) -> None:
        lie = self._dice.random()
        if self._holding or lie < 0.2:
            self._holding = False
            return
        self._inner.wait(timeout_s)
        if lie > 0.8:
            time.sleep(min(timeout_s, 0.03))

    def position(self, replica: str) -> str | None:
        position = self._inner.position(replica)
        return None if position is None else f"u{position}"

    def save_position(self, replica: str, position: str) -> None:
        if inner := _inner(position):
            self._line.send(lambda: self._inner.save_position(replica, inner), may_be_late=False)

    def schedule(self, profile_id: str, at: int, replica: str = "") -> None:
        self._line.send(lambda: self._inner.schedule(profile_id, at, replica), may_be_late=False)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name == "due":
            return method
        return lambda *arguments: self._line.send(lambda: method(*arguments), may_be_late=False)


def _inner(position: str | None) -> str | None:
    return position.removeprefix("u") or None if position else None


def _outer(hint: Hint, position: str | None) -> Hint:
    return Hint(f"u{hint.position if position is None else position}", hint.change)


def _before(found: list[Hint], seen: set[str]) -> str:
    """The last position up to which all have been seen."""
    last = ""
    for hint in found:
        if hint.position not in seen:
            break
        last = hint.position
    return last
