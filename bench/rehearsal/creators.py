"""Creators who edit by the API: sessions for imported profiles, and one request after another on connections kept open.

Not `cli.client`: httpx takes more of a core for a request than ingest does for the edit, and here they share the cores.
"""

from __future__ import annotations

import http.client
import json
import random
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from bench.rehearsal.ledger import Edit, Outcome
from core.errors import Unavailable
from core.ids import digest, new_id
from core.store import Account, Store
from core.store.naming import owner_of

SESSION_S = 7 * 86400
TIMEOUT_S = 15.0
"""Longer than ingest takes to be sure (`DEADLINE_S` in `core/store/revise.py`)."""
IDLE_S = 3.0
"""A connection that was idle for longer may be about to be closed by the server: what is sent then has an unknown end."""
OPENERS, OPEN_TRIES = 8, 5
NOTHING: Mapping[str, str] = {}
UNKNOWN = "urn:holdfast:problem:outcome-unknown"


class Line:
    """One thread's connections, one to each server."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[http.client.HTTPConnection, float]] = {}

    def ask(
        self,
        server: str,
        method: str,
        path: str,
        headers: Mapping[str, str] = NOTHING,
        body: bytes | None = None,
    ) -> tuple[int, bytes]:
        """Status and body. Raises ConnectionRefusedError if nothing was sent, another OSError or HTTPException if nobody
        knows."""
        connection, used_at = self._open.pop(server, (None, 0.0))
        if connection is None or time.monotonic() - used_at > IDLE_S:
            if connection:
                connection.close()
            connection = http.client.HTTPConnection(urlsplit(server).netloc, timeout=TIMEOUT_S)
            connection.connect()
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            content = answer.read()
        except BaseException:
            connection.close()
            raise
        self._open[server] = connection, time.monotonic()
        return answer.status, content

    def close(self) -> None:
        for connection, _ in self._open.values():
            connection.close()


class Creator:
    """One profile's creator. Their edits follow each other, through one ingest and the next in turn."""

    def __init__(self, profile_id: str, username: str, secret: str, turn: int) -> None:
        self.profile_id, self.username = profile_id, username
        self._headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        self._turn, self._count = turn, 0
        self._edit: int | None = None
        self._guard = threading.Lock()

    def edit(self, line: Line, studios: Sequence[str], due_at: float) -> Edit:
        """Sends one edit, after the one before has been answered; how long that took counts, since it is due now."""
        with self._guard:
            self._turn, self._count = self._turn + 1, self._count + 1
            studio = studios[self._turn % len(studios)]
            tagline = f"Edit {self._count} of {self.profile_id} at {time.time_ns()}."
            sent_at = time.time()
            outcome, status, said = self._send(line, studio, tagline)
            # Who isn't sure how things are looks before the next edit.
            self._edit = said["edit"] if outcome == "acknowledged" else None
            return Edit(
                self.profile_id,
                tagline,
                due_at,
                sent_at,
                time.time(),
                outcome,
                status,
                said.get("edit", 0),
                said.get("revision", 0),
                said.get("accepted_at_ms", 0),
            )

    def _send(self, line: Line, studio: str, tagline: str) -> tuple[Outcome, int, dict[str, Any]]:
        address = f"/api/v1/profiles/{self.profile_id}"
        try:
            if self._edit is None:
                status, body = line.ask(studio, "GET", address, self._headers)
                if status != 200:
                    return "refused", status, {}
                self._edit = json.loads(body)["edit"]
        except (OSError, http.client.HTTPException):
            return "refused", 0, {}
        change = json.dumps({"tagline": tagline}).encode()
        try:
            matching = {**self._headers, "If-Match": f'"{self._edit}"'}
            status, body = line.ask(studio, "PATCH", address, matching, change)
        except ConnectionRefusedError:
            return "refused", 0, {}
        except (OSError, http.client.HTTPException):
            return "unknown", 0, {}
        if status == 200:
            return "acknowledged", status, json.loads(body)
        surely_not = status < 500 or (status == 503 and json.loads(body)["type"] != UNKNOWN)
        return ("refused" if surely_not else "unknown"), status, {}


def open_sessions(store: Store, usernames: Sequence[str]) -> list[Creator]:
    """A creator for each of these profiles, logged in.

    Straight in the store: a sign-up or a claim link with a password costs a tenth of a second of argon2 for each, which is
    what it is made for; what is measured here begins with the edit. A session opened so is one like any other.
    """

    def open_one(numbered: tuple[int, str]) -> Creator:
        number, username = numbered
        account_id, secret = new_id(), secrets.token_urlsafe(32)
        for left in range(OPEN_TRIES, 0, -1):
            try:
                profile_id = owner_of(store, username)
                if profile_id is None:
                    raise SystemExit(f"@{username} was not imported")
                email = f"{username}@example.org"
                account = Account(
                    id=account_id, email=email, password_hash="none", created_at=int(time.time())
                )
                store.accounts.create(account)
                store.accounts.allow(account_id, profile_id)
                store.accounts.open_session(digest(secret), account_id, int(time.time()) + SESSION_S)
                return Creator(profile_id, username, secret, number)
            except Unavailable:
                if left == 1:
                    raise
                time.sleep(random.uniform(0.1, 0.5))
        raise AssertionError

    with ThreadPoolExecutor(OPENERS) as pool:
        return list(pool.map(open_one, enumerate(usernames)))
