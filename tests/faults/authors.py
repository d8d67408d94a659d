"""Creators who write on and on while things break, and remember what they were told; each word is added to what was read."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import httpx

from tests.fleet import Fleet

PATIENCE_S = 90.0
"""For what happens in a second on a quiet machine."""
REST_S = 0.1


def wait_until(happened: Callable[[], object], what: str, timeout_s: float = PATIENCE_S) -> None:
    """Looks again and again; AssertionError if it doesn't come."""
    ends = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < ends, f"not within {timeout_s:.0f} s: {what}"
        time.sleep(0.05)


class Author:
    """Adds a word to its bio with each edit, on the edit that it has read (If-Match): so no word that was acknowledged may
    ever be missing. `acknowledged` are edit numbers and words, `refused` the answers that said no."""

    def __init__(self, fleet: Fleet, username: str) -> None:
        self.fleet, self.username = fleet, username
        self.creator = fleet.sign_up(username)
        for ingest in range(1, len(fleet.studios) + 1):
            self.creator.client(ingest)
        self.id = self.creator.id
        self.acknowledged: list[tuple[int, str]] = []
        self.refused: list[httpx.Response] = []
        self._edit, self._bio = self.creator.edit_number, ""
        self._lost = False
        self._sent: dict[str, Any] = {}
        self._words = (f"{username}-{number}" for number in itertools.count(1))

    def read(self, ingest: int = 1) -> bool:
        """Reads the profile as it is; whether that worked."""
        try:
            answer = self.creator.ask("GET", ingest=ingest)
        except httpx.HTTPError:
            return False
        if answer.status_code != 200:
            self.refused.append(answer)
            return False
        found = answer.json()
        self._edit, self._bio = found["edit"], found["profile"]["bio"]
        self._lost = False
        return True

    def write(self, ingest: int = 1, *, word: str = "", **headers: str) -> httpx.Response | None:
        """One edit, once; its answer, or None if there was none. After anything but a success it is read first."""
        if self._lost and not self.read(ingest):
            return None
        word = word or next(self._words)
        given = {"bio": f"{self._bio} {word}".strip(), "tagline": word}
        self._sent = {"json": given, "headers": {"If-Match": f'"{self._edit}"', **headers}}
        return self.send_again(ingest)

    def send_again(self, ingest: int = 1) -> httpx.Response | None:
        """The last edit again, with the same Idempotency-Key if it had one."""
        self._lost = True
        try:
            answer = self.creator.ask("PATCH", ingest=ingest, **self._sent)
        except httpx.HTTPError:
            return None
        if answer.status_code == 200:
            bio, word = self._sent["json"]["bio"], self._sent["json"]["tagline"]
            self._edit, self._bio, self._lost = answer.json()["edit"], bio, False
            if (self._edit, word) not in self.acknowledged:
                self.acknowledged.append((self._edit, word))
        else:
            self.refused.append(answer)
        return answer

    @property
    def word(self) -> str:
        """Of the last edit that was tried."""
        return str(self._sent["json"]["tagline"])

    def write_surely(self, timeout_s: float = PATIENCE_S) -> str:
        """Tries until an edit is acknowledged; its word."""
        before = len(self.acknowledged)
        ingests = itertools.cycle(range(1, len(self.fleet.studios) + 1))

        def tried() -> bool:
            self.write(next(ingests))
            return len(self.acknowledged) > before

        wait_until(tried, f"an edit of {self.username}'s is acknowledged", timeout_s)
        return self.acknowledged[-1][1]


class Load:
    """Authors at work, each in a thread of its own, by turns through all ingests."""

    def __init__(self, authors: Sequence[Author], rest_s: float = REST_S) -> None:
        self.authors = authors
        self._stop = threading.Event()
        self._rest_s = rest_s
        self._threads = [
            threading.Thread(target=self._work, args=(one, number), daemon=True)
            for number, one in enumerate(authors)
        ]

    def wait_for(self, more: int, timeout_s: float = PATIENCE_S) -> None:
        """Until each author has had so many more edits acknowledged."""
        before = [len(one.acknowledged) for one in self.authors]

        def all_had() -> bool:
            return all(
                len(one.acknowledged) >= was + more for one, was in zip(self.authors, before, strict=True)
            )

        wait_until(all_had, f"{more} more edits of each author's are acknowledged", timeout_s)

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self, author: Author, number: int) -> None:
        ingests = len(author.fleet.studios)
        for turn in itertools.count(number):
            if self._stop.is_set():
                return
            author.write(1 + turn % ingests)
            self._stop.wait(self._rest_s)
