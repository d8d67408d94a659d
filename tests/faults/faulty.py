"""`holdfast` with a fault of its own, named by TEST_FAULT: it dies at a chosen line, stops there, loses replies, or sends hints as no one should.

Run in the place of `cli.main` (tests/fleet.py); the fault is in this process alone, all else is the real thing.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from cassandra.util import uuid_from_time

from cli.main import main
from core.errors import OutcomeUnknown
from core.objects.folder import FolderObjects
from core.store import Change
from core.store.scylla.changes import ScyllaChanges
from core.store.scylla.clock import StoreClock
from core.store.scylla.profiles import ScyllaProfiles
from tests.pipeline.mortal import Fuse

LATE_S = 20.0
"""Longer than a reader looks back at each poll."""
DELAY_S, HOLD_S = 2.0, 9.0


def dies_before_the_hint() -> None:
    ScyllaChanges.hint = Fuse(1).before(ScyllaChanges.hint)  # type: ignore[method-assign]


def dies_before_the_batch() -> None:
    ScyllaProfiles.commit = Fuse(1).before(ScyllaProfiles.commit)  # type: ignore[method-assign]


def dies_before_the_answer() -> None:
    commit = ScyllaProfiles.commit

    def last(self: ScyllaProfiles, batch: Any) -> bool:
        done = commit(self, batch)
        Fuse(1).burn()
        return done

    ScyllaProfiles.commit = last  # type: ignore[method-assign]


def loses_replies() -> None:
    """Of each three commits one isn't applied and one is, and of neither is it told."""
    commit, turns = ScyllaProfiles.commit, itertools.count()

    def sent(self: ScyllaProfiles, batch: Any) -> bool:
        turn = next(turns) % 3
        done = commit(self, batch) if turn else False
        if turn < 2:
            raise OutcomeUnknown
        return done

    ScyllaProfiles.commit = sent  # type: ignore[method-assign]


def drops_hints() -> None:
    ScyllaChanges.hint = lambda _self, _change: None  # type: ignore[method-assign, assignment]


def hints_twice() -> None:
    _deliver(lambda send: [send(), send()])


def hints_reversed() -> None:
    """Three by three, the newest first, after the edits themselves."""
    kept: list[Callable[[], object]] = []

    def keep(send: Callable[[], object]) -> None:
        kept.append(send)
        if len(kept) == 3:
            while kept:
                kept.pop()()

    _deliver(keep)


def hints_late() -> None:
    """Written long after the time that they carry."""

    def past(self: StoreClock) -> UUID:
        made: UUID = uuid_from_time(self.now() - LATE_S)
        return made

    StoreClock.new_timeuuid = past  # type: ignore[method-assign]

    def later(send: Callable[[], object]) -> None:
        threading.Timer(DELAY_S, send).start()

    _deliver(later)


def _deliver(how: Callable[[Callable[[], object]], object]) -> None:
    hint = ScyllaChanges.hint

    def sent(self: ScyllaChanges, change: Change) -> None:
        how(lambda: hint(self, change))

    ScyllaChanges.hint = sent  # type: ignore[method-assign]


def stops_at(word: str) -> None:
    """Stops itself, rendered page in hand, where that shows this word; of all processes only the first to come there."""
    # By its own thread, which so comes no further; a signal to the process is taken by any thread, a moment later.
    _at_the_page(word, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGSTOP))


def dies_at(word: str) -> None:
    """Dies there, after its other threads have gone on for longer than a reader looks back."""

    def die() -> None:
        time.sleep(HOLD_S)
        Fuse(1).burn()

    _at_the_page(word, die)


def _at_the_page(word: str, happens: Callable[[], None]) -> None:
    put, mark = FolderObjects.put, Path(os.environ["HOLDFAST_DATA__DIR"]) / f"met-{word}"

    def meeting(self: FolderObjects, key: str, body: bytes, *given: Any, **options: Any) -> str:
        if key.endswith("/index.html") and word.encode() in body:
            try:
                mark.touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                happens()
                refused = True
                try:
                    etag = put(self, key, body, *given, **options)
                    refused = False
                finally:
                    print(json.dumps({"event": "woke", "refused": refused}), flush=True)
                return etag
        return put(self, key, body, *given, **options)

    FolderObjects.put = meeting  # type: ignore[method-assign]


FAULTS: dict[str, Callable[..., None]] = {
    "dies before the hint": dies_before_the_hint,
    "dies before the batch": dies_before_the_batch,
    "dies before the answer": dies_before_the_answer,
    "loses replies": loses_replies,
    "drops hints": drops_hints,
    "hints twice": hints_twice,
    "hints reversed": hints_reversed,
    "hints late": hints_late,
    "stops at": stops_at,
    "dies at": dies_at,
}

if __name__ == "__main__":
    fault, *argument = os.environ["TEST_FAULT"].split(": ")
    FAULTS[fault](*argument)
    main()
