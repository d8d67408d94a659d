"""How long an edit takes to be live: 200 edits through the API until the edge shows them, idle and under 50 edits/s.

The peer is the floor of this machine in the same run: one synced database commit and the three synced files (data
document, page, manifest) that an edit must write.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import statistics
import tempfile
import threading
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.house import Creator, House

EDITS, LOAD_PER_S, LOADERS = 200, 50, 10


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def edit_until_live(creator: Creator, count: int) -> list[float]:
    """Milliseconds from sending each edit until a reader of the edge gets it."""
    took = []
    edit = creator.client.profile(creator.id)["edit"]
    for number in range(count):
        mark = f"edit-{number}-{time.monotonic_ns()}"
        started = time.perf_counter()
        edit = creator.client.edit(creator.id, edit, tagline=mark)["edit"]
        while mark not in creator.house.visit(f"/{creator.username}").text:
            if time.perf_counter() - started > 30:
                raise SystemExit(f"edit {number} did not appear within 30 s")
            time.sleep(0.001)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--edits", type=int, default=EDITS)
    wanted, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-", dir=os.environ.get("TMPDIR")) as name:
        folder = Path(name)
        floor_ms = disk_floor(folder / "floor", 100)
        with House(folder, studio__writes_per_minute="1000000", studio__logins_per_minute="1000000") as house:
            ann = house.sign_up("ann")
            ann.wait_live()
            idle = edit_until_live(ann, wanted.edits)
            busy = [house.sign_up(f"busy{number}") for number in range(LOADERS)]
            with Load(busy, LOAD_PER_S) as load:
                loaded = edit_until_live(ann, wanted.edits)
    rows = {"idle": idle, "loaded": loaded}
    result = {
        "bench": "edit_to_live",
        "edits": wanted.edits,
        "floor_ms": round(floor_ms, 2),
        "load_edits_per_s": round(load.rate, 1),
        **{f"{row}_p50_ms": round(percentile(took, 0.5), 1) for row, took in rows.items()},
        **{f"{row}_p99_ms": round(percentile(took, 0.99), 1) for row, took in rows.items()},
        "idle_p50_to_floor": round(percentile(idle, 0.5) / floor_ms, 1),
    }
    if wanted.json:
        print(json.dumps(result))
        return
    table = Table("Edit to live", "p50 ms", "p99 ms", "max ms", "p50 / floor")
    for row, took in rows.items():
        words = "idle" if row == "idle" else f"under {load.rate:.0f} edits/s"
        p50 = percentile(took, 0.5)
        table.add_row(
            words, f"{p50:.1f}", f"{percentile(took, 0.99):.1f}", f"{max(took):.1f}", f"{p50 / floor_ms:.1f}"
        )
    Console().print(table)
    print(
        f"{wanted.edits} edits each. Floor: {floor_ms:.2f} ms for the synced writes of one edit on this disk."
    )


if __name__ == "__main__":
    main()
