"""Who watches: the workers' logs, read on as they grow, and readers who poll an edge for a share of the edits.

Every edit's time until live is taken from the worker's own event "live", logged once every edge was seen to show it: the
same clock, since all is one machine, and no request at all. The polled share says whether that can be believed.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from bench.rehearsal.creators import Line
from bench.rehearsal.ledger import Edit, Lives, Told
from core.rank import read_rank

READ_S, POLL_S, POLLED_S_MAX = 0.2, 0.03, 60.0
STAGES = ("published", "live")


class WorkerLogs:
    """All that workers said of profiles: `lives` of those that went live, `told` each step. A thread of its own."""

    def __init__(self, logs: Sequence[Path]) -> None:
        self._rests = dict.fromkeys(logs, b"")
        self._places = dict.fromkeys(logs, 0)
        self.lives = Lives()
        self.told: list[Told] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> WorkerLogs:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def wait(
        self, enough: Callable[[], bool], timeout_s: float, tell: Callable[[], None] = lambda: None
    ) -> bool:
        """Until it is `enough`, or nothing more is waited for; `tell` is called meanwhile."""
        ends = time.monotonic() + timeout_s
        while not enough():
            if time.monotonic() > ends:
                return False
            tell()
            time.sleep(READ_S)
        return True

    def _watch(self) -> None:
        while not self._stop.is_set():
            for log in self._places:
                for one in self._read(log):
                    self.told.append(one)
                    if one.stage == "live":
                        self.lives.add(one)
            self._stop.wait(READ_S)

    def _read(self, log: Path) -> Iterator[Told]:
        if not log.exists():
            return
        with log.open("rb") as file:
            file.seek(self._places[log])
            text = self._rests[log] + file.read()
            self._places[log] = file.tell()
        *lines, self._rests[log] = text.split(b"\n")
        for line in lines:
            try:
                event = json.loads(line)
                if event["event"] in STAGES and "profile" in event:
                    yield Told(
                        log.stem,
                        event["event"],
                        event["profile"],
                        event["revision"],
                        event["rollout"],
                        datetime.fromisoformat(event["timestamp"]).timestamp(),
                    )
            except (ValueError, KeyError, TypeError):
                continue  # no event of ours: a traceback, or a line that a kill cut off


class Readers:
    """Readers who look at a page again and again until it shows an edit. Who has none to spare looks at nothing, so that
    no edit is looked at late; the edges are asked in turn."""

    def __init__(self, edges: Sequence[str], readers: int) -> None:
        self._edges, self._free = edges, threading.Semaphore(readers)
        self._guard = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.seen: list[tuple[Edit, float]] = []

    def follow(self, edit: Edit, username: str) -> None:
        """If a reader is free."""
        if self._free.acquire(blocking=False):
            edge = self._edges[len(self._threads) % len(self._edges)]
            thread = threading.Thread(target=self._look, args=(edit, username, edge), daemon=True)
            self._threads.append(thread)
            thread.start()

    def wait(self) -> None:
        for thread in self._threads:
            thread.join()

    def _look(self, edit: Edit, username: str, edge: str) -> None:
        line, ends = Line(), time.monotonic() + POLLED_S_MAX
        try:
            while time.monotonic() < ends:
                if _shows(line, edge, username, edit.revision):
                    with self._guard:
                        self.seen.append((edit, time.time()))
                    return
                time.sleep(POLL_S)
            with self._guard:
                self.seen.append((edit, float("inf")))
        finally:
            line.close()
            self._free.release()


def _shows(line: Line, edge: str, username: str, revision: int) -> bool:
    try:
        status, body = line.ask(edge, "GET", f"/{username}")
    except (OSError, http.client.HTTPException):
        return False
    rank = read_rank(body) if status == 200 else None
    return rank is not None and rank.revision >= revision
