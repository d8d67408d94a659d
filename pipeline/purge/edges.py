"""Our own edges as the purger sees them: signed calls by Standard Webhooks, heartbeats, and probes of what they serve."""

from __future__ import annotations

import base64
import itertools
import json
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import httpx
from standardwebhooks import Webhook

from core.errors import Unavailable
from core.ids import new_id
from core.log import get_logger
from core.rank import Rank
from core.store import MAIN, InSync, PurgePath
from pipeline.purge.probe import NOTHING_THERE, covers, look

SILENCES = 3
"""An edge that has not been called for so many heartbeats revalidates whatever it has before serving it."""

CLOCKS_APART_S = 60.0

PURGES_BYTES_MAX = 250_000
"""Of one call: some 3,000 usual paths. An edge takes 1 MB (edge/purge.py)."""
log = get_logger("purge")


class Edge:
    """One edge (one address of it). `live` while it answers, `reads` the replica that it does; calls are numbered, so that replays are seen.

    A call without an answer may have reached it all the same, and it then believes that it hears of every purge. So it
    is left alone until it must have noticed our silence.
    """

    def __init__(self, url: str, sub_path: str, secret: bytes, timeout_s: float, heartbeat_s: float) -> None:
        self.url = url
        self._path = sub_path
        self._webhook = Webhook(base64.b64encode(secret).decode())
        # trust_env=False: calls to our own edges must not go through a proxy of the environment.
        self._http = httpx.Client(
            timeout=timeout_s, trust_env=False, headers={"User-Agent": "holdfast-purger"}
        )
        self._numbers = itertools.count(time.time_ns())
        self._ahead_s = 0.0
        self._silence_s = SILENCES * heartbeat_s
        self._guard = threading.Lock()
        self._heard_at = time.monotonic()
        self._doubtful = False
        self.live = False
        self.reads = MAIN

    def call(self, paths: Iterable[PurgePath] = (), in_sync: InSync | None = None) -> None:
        """Purges these paths; without any it is a heartbeat. `in_sync` tells the edge which replicas it may read. Raises
        Unavailable when the edge does not answer 200."""
        if self._doubtful and not self.silent:
            raise Unavailable(f"The edge {self.url} did not answer, and is left alone until it notices.")
        for purges in _loads(paths):
            self._call({"purges": purges, "in_sync": in_sync and in_sync._asdict()})

    def _call(self, content: dict[str, Any]) -> None:
        try:
            try:
                answer = self._post(content)
            except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
                # Mostly a connection that was kept open, and ended when the edge did: a new one tells how it is now.
                answer = self._post(content)
            if answer.status_code == 401 and self._learn_time(answer):
                answer = self._post(content)
        except httpx.HTTPError as error:
            unheard = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
            self._note(live=False, doubtful=not unheard)
            raise Unavailable(
                f"The edge {self.url} does not answer ({str(error) or type(error).__name__})."
            ) from None
        if answer.status_code != 200:
            self._note(live=False, doubtful=answer.status_code >= 500)
            raise Unavailable(
                f"The edge {self.url} answered {answer.status_code} to a purge;"
                " if it is 401, worker and edge have different purge secrets (HOLDFAST_PURGE__SECRET)."
            )
        self.reads = _reads(answer)
        self._note(live=True, doubtful=False)

    def _post(self, content: dict[str, Any]) -> httpx.Response:
        body = json.dumps({"number": next(self._numbers), **content})
        message, now = new_id(), datetime.fromtimestamp(time.time() + self._ahead_s, UTC)
        headers = {
            "webhook-id": message,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(message, now, body),
            "content-type": "application/json",
        }
        return self._http.post(f"{self.url}/-/purge", content=body.encode(), headers=headers)

    def _learn_time(self, answer: httpx.Response) -> bool:
        """An edge refuses calls whose timestamp is minutes away from its own clock's. If that may be why, its next call
        is dated by the edge's clock; whether it was."""
        try:
            theirs = parsedate_to_datetime(answer.headers["date"]).timestamp()
        except (KeyError, ValueError):
            return False
        ahead_s = theirs - time.time()
        if abs(ahead_s - self._ahead_s) < CLOCKS_APART_S:
            return False
        log.warning(
            "clocks_differ", edge=self.url, seconds=round(ahead_s), remedy="see to NTP here and at the edge"
        )
        self._ahead_s = ahead_s
        return True

    def _note(self, *, live: bool, doubtful: bool) -> None:
        with self._guard:
            self.live, self._doubtful = live, doubtful
            if live or doubtful:
                self._heard_at = time.monotonic()

    @property
    def silent(self) -> bool:
        """Whether it has gone uncalled for so long that it revalidates by itself."""
        return time.monotonic() - self._heard_at > self._silence_s

    def shows(self, path: str, rank: Rank) -> bool:
        """Whether a reader of this edge gets that rank or a newer one. Raises Unavailable when it can't be asked."""
        _, found = look(self._http, f"{self.url}{quote(self._path + path)}", f"The edge {self.url}")
        return covers(found, rank)

    def lacks(self, path: str) -> bool:
        """Whether a reader of this edge finds nothing there. Raises Unavailable when it can't be asked."""
        status, _ = look(self._http, f"{self.url}{quote(self._path + path)}", f"The edge {self.url}")
        return status in NOTHING_THERE

    def close(self) -> None:
        self._http.close()


def _loads(paths: Iterable[PurgePath]) -> Iterator[list[dict[str, Any]]]:
    """The purges of each call, by their bytes: slugs that aren't ASCII are long as JSON. One call at least."""
    load: list[dict[str, Any]] = []
    left = PURGES_BYTES_MAX
    for path in paths:
        purge = path._asdict()
        size = len(json.dumps(purge)) + len(", ")
        if load and size > left:
            yield load
            load, left = [], PURGES_BYTES_MAX
        load.append(purge)
        left -= size
    yield load


def _reads(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["reads"])
    except (ValueError, KeyError, TypeError):
        return MAIN
