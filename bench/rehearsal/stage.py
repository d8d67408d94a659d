"""The stage: a ring of three, a keyspace, the imported people and the fleet; whatever it has set up goes with it."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.rehearsal.ledger import Shown, Stored
from cli.ring.ring import Ring
from core.errors import OperatorError, Unavailable
from core.ids import new_id
from core.rank import read_rank
from core.settings import StoreSettings
from core.store import Store
from core.store.scylla import ScyllaStore
from core.store.scylla.cluster import connect
from tests.fleet import Fleet

PATIENCE_S, LOOKERS = 60.0, 8
Progress = Callable[[int, int], None]
"""How many are done, of how many."""


@contextmanager
def keyspace(on: Ring) -> Iterator[StoreSettings]:
    """The settings of a store of our own there, which the fleet makes; dropped at the end."""
    settings = StoreSettings(backend="scylla", nodes=on.addresses, keyspace=f"rehearsal_{new_id()}")
    # The driver tells of each node that goes; here they go on purpose.
    logging.getLogger("cassandra").setLevel(logging.CRITICAL)
    try:
        yield settings
    finally:
        with suppress(OperatorError):
            connection = connect(settings, patience_s=PATIENCE_S)
            try:
                connection.run(f"DROP KEYSPACE IF EXISTS {settings.keyspace}")
            finally:
                connection.close()


@contextmanager
def fleet(folder: Path, settings: StoreSettings) -> Iterator[Fleet]:
    """Two ingests, two workers and two edges, not started yet; the store's schema is made."""
    store = {
        "HOLDFAST_STORE__BACKEND": "scylla",
        "HOLDFAST_STORE__NODES": ",".join(settings.nodes),
        "HOLDFAST_STORE__KEYSPACE": settings.keyspace,
    }
    with Fleet(folder, store) as made:
        done = made.holdfast("store", "init", timeout_s=300)
        if done.returncode:
            raise OperatorError(f"`holdfast store init` failed: {done.stderr.strip()}")
        yield made


@contextmanager
def store(settings: StoreSettings) -> Iterator[Store]:
    opened = ScyllaStore(settings, PATIENCE_S)
    try:
        yield opened
    finally:
        opened.close()


def import_people(made: Fleet, people: Path, count: int, progress: Progress) -> dict[str, Any]:
    """Runs `holdfast import`; its report. Claim links are written one by one, so their file tells how far it is."""
    links, said = made.folder / "claim-links.csv", made.folder / "import.json"
    command = [sys.executable, "-m", "cli.main", "import", str(people), "--claim-links", str(links), "--json"]
    with said.open("wb") as out:
        importing = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=None, env=made.environment
        )
        try:
            while importing.poll() is None:
                time.sleep(0.5)
                progress(links.read_bytes().count(b"\n") - 1 if links.exists() else 0, count)
        finally:
            if importing.poll() is None:
                importing.terminate()
                importing.wait(30)
    if importing.returncode:
        raise OperatorError(f"`holdfast import` ended with code {importing.returncode}")
    report: dict[str, Any] = json.loads(said.read_text())
    if report["created"] != count:
        raise OperatorError(f"`holdfast import` made {report['created']} profiles of {count}: see {said}")
    return report


def stored(opened: Store, profile_id: str) -> Stored | None:
    """The profile as the store has it."""
    head = opened.profiles.head(profile_id)
    if head is None:
        return None
    history = {row.revision: (row.edit, row.at_ms) for row in opened.profiles.history(profile_id)}
    return Stored(head.edit, head.revision, head.profile.tagline, history)


def all_stored(opened: Store, profile_ids: list[str]) -> dict[str, Stored | None]:
    def look(profile_id: str) -> Stored | None:
        for _ in range(20):
            with suppress(Unavailable):
                return stored(opened, profile_id)
            time.sleep(0.5)
        return stored(opened, profile_id)

    with ThreadPoolExecutor(LOOKERS) as pool:
        return dict(zip(profile_ids, pool.map(look, profile_ids), strict=True))


def shown(made: Fleet, username: str) -> list[Shown]:
    """The profile's page as each edge shows it."""
    found = []
    for number in range(1, len(made.edges) + 1):
        answer = made.visit(f"/{username}", number)
        rank = read_rank(answer.content)
        found.append(Shown(f"edge {number}", rank.revision if rank else None, answer.text))
    return found


@contextmanager
def scratch(folder: Path | None) -> Iterator[Path]:
    """That folder, which stays; or one that goes."""
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="holdfast-rehearsal-", ignore_cleanup_errors=True) as name:
        yield Path(name)
