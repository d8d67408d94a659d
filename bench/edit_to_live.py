"""How long an edit takes to be live: edits through the API until the edge shows them, idle and under load, on each store.

SQLite's peer is the floor of this machine in the same run: one synced database commit and the three synced files (data
document, page, manifest) that an edit must write. The cluster is a ring of three on this same machine, with nudges and
without: so it is seen what they bring.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sqlite3
import statistics
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from bench.grounds import ring
from tests.cluster import keyspace_on
from tests.house import Creator, House

LOADERS = 10


class Scene(NamedTuple):
    """A store, and what is asked of it: so many edits, alone and among others' edits; `poll_s` apart a reader looks. Alone,
    each comes after `quiet_s`: who polls a quiet log does so less and less often."""

    words: str
    settings: dict[str, str]
    edits: int
    load_per_s: float
    poll_s: float
    quiet_s: float


SQLITE = Scene("SQLite", {}, 200, 50, 0.001, 0.0)
# A ring on the cores that it shares with its clients takes a tenth of the edits; nor shall the reader take its time.
CLUSTER = Scene("ring of three", {"store__backend": "scylla"}, 60, 5, 0.01, 1.0)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def edit_until_live(creator: Creator, count: int, poll_s: float, quiet_s: float = 0.0) -> list[float]:
    """Milliseconds from sending each edit until a reader of the edge gets it."""
    took = []
    edit = creator.client.profile(creator.id)["edit"]
    for number in range(count):
        time.sleep(random.uniform(0.5, 1.0) * quiet_s)
        mark = f"edit-{number}-{time.monotonic_ns()}"
        started = time.perf_counter()
        edit = creator.client.edit(creator.id, edit, tagline=mark)["edit"]
        while mark not in creator.house.visit(f"/{creator.username}").text:
            if time.perf_counter() - started > 30:
                raise SystemExit(f"edit {number} did not appear within 30 s")
            time.sleep(poll_s)
        took.append((time.perf_counter() - started) * 1000)
    return took


class Load:
    """Other creators who edit, evenly spread, until it is left; `rate` is what they really reached."""

    def __init__(self, creators: list[Creator], per_s: float) -> None:
        self._gap_s = len(creators) / per_s
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._edit, args=(one,)) for one in creators]
        self._count, self._started = 0, 0.0
        self.rate = 0.0

    def _edit(self, creator: Creator) -> None:
        edit, due = creator.client.profile(creator.id)["edit"], time.monotonic()
        while not self._stop.is_set():
            edit = creator.client.edit(creator.id, edit, bio=f"Busy {time.monotonic_ns()}")["edit"]
            self._count += 1
            due += self._gap_s
            self._stop.wait(max(0.0, due - time.monotonic()))

    def __enter__(self) -> Load:
        self._started = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.rate = self._count / (time.monotonic() - self._started)
        self._stop.set()
        for thread in self._threads:
            thread.join()


def disk_floor(folder: Path, rounds: int) -> float:
    """Median milliseconds of the synced writes that an edit can't do without: one commit and three files."""
    folder.mkdir()
    database = sqlite3.connect(folder / "floor.db", isolation_level=None)
    database.execute("pragma journal_mode=wal")
    database.execute("pragma synchronous=full")
    database.execute("create table edits (body)")
    took = []
    for _ in range(rounds):
        started = time.perf_counter()
        database.execute("insert into edits values (?)", ("x" * 2000,))
        for name in ("data", "page", "manifest"):
            temp = folder / f"{name}.new"
            with temp.open("wb") as file:
                file.write(b"x" * 8000)
                file.flush()
                os.fsync(file.fileno())
            temp.rename(folder / name)
            handle = os.open(folder, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)
        took.append((time.perf_counter() - started) * 1000)
    database.close()
    return statistics.median(took)


def measure(folder: Path, scene: Scene) -> list[dict[str, Any]]:
    """A row for the idle house, and one for the loaded."""
    limits = {"studio__writes_per_minute": "1000000", "studio__logins_per_minute": "1000000"}
    folder.mkdir()
    with House(folder, **limits, **scene.settings) as house:
        ann = house.sign_up("ann")
        ann.wait_live()
        idle = edit_until_live(ann, scene.edits, scene.poll_s, scene.quiet_s)
        busy = [house.sign_up(f"busy{number}") for number in range(LOADERS)]
        with Load(busy, scene.load_per_s) as load:
            loaded = edit_until_live(ann, scene.edits, scene.poll_s)
    return [
        {
            "store": scene.words,
            "load_edits_per_s": round(rate, 1),
            "edits": scene.edits,
            "p50_ms": round(percentile(took, 0.5), 1),
            "p99_ms": round(percentile(took, 0.99), 1),
            "max_ms": round(max(took), 1),
        }
        for rate, took in ((0.0, idle), (load.rate, loaded))
    ]


def on_ring(folder: Path, existing: Path | None, edits: int | None) -> list[dict[str, Any]]:
    """The same on a ring, with nudges and without."""
    rows = []
    with ring(existing, folder, Console(stderr=True).print) as on:
        for nudge, words in (("auto", "nudges"), ("off", "no nudges")):
            with keyspace_on(on) as keyspace:
                settings = {
                    "store__backend": "scylla",
                    "store__nodes": ",".join(on.addresses),
                    "store__keyspace": keyspace.settings.keyspace,
                    "store__nudge": nudge,
                }
                scene = CLUSTER._replace(words=f"{CLUSTER.words}, {words}", settings=settings)
                rows += measure(folder / nudge, scene._replace(edits=edits or scene.edits))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--edits", type=int)
    parser.add_argument(
        "--store", choices=("sqlite", "scylla"), help="only that (both, where Java and Maven are)"
    )
    parser.add_argument("--ring", type=Path, help="folder of a ring that runs already")
    wanted, _ = parser.parse_known_args()
    stores = [wanted.store] if wanted.store else ["sqlite"]
    if wanted.store is None and shutil.which("java") and shutil.which("mvn"):
        stores.append("scylla")
    rows: list[dict[str, Any]] = []
    with ExitStack() as held:
        temporary = tempfile.TemporaryDirectory(prefix="holdfast-bench-", dir=os.environ.get("TMPDIR"))
        folder = Path(held.enter_context(temporary))
        floor_ms = disk_floor(folder / "floor", 100)
        if "sqlite" in stores:
            rows += measure(folder / "sqlite", SQLITE._replace(edits=wanted.edits or SQLITE.edits))
        if "scylla" in stores:
            rows += on_ring(folder, wanted.ring, wanted.edits)
    if wanted.json:
        print(json.dumps({"bench": "edit_to_live", "floor_ms": round(floor_ms, 2), "rows": rows}))
        return
    table = Table("Edit to live", "edits", "p50 ms", "p99 ms", "max ms", "p50 / floor")
    for row in rows:
        load = f"under {row['load_edits_per_s']:.0f} edits/s" if row["load_edits_per_s"] else "idle"
        to_floor = f"{row['p50_ms'] / floor_ms:.1f}" if row["store"] == SQLITE.words else ""
        table.add_row(
            f"{row['store']}, {load}",
            str(row["edits"]),
            *(f"{row[key]:.1f}" for key in ("p50_ms", "p99_ms", "max_ms")),
            to_floor,
        )
    Console().print(table)
    print(f"Floor: {floor_ms:.2f} ms for the synced writes of one edit on this disk.")


if __name__ == "__main__":
    main()
