"""The scenes of a rehearsal: publishing it all, the search for the highest rate, the long run with its faults, and the look
for every acknowledged edit."""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from typing import Any

from rich.console import Console

from bench.rehearsal import stage
from bench.rehearsal.cpu import CoresUsed
from bench.rehearsal.creators import Creator
from bench.rehearsal.faults import Faults
from bench.rehearsal.ledger import (
    Edit,
    Stored,
    behind,
    lost,
    percentile,
    times,
    took,
    took_acknowledged,
    twice,
    within,
)
from bench.rehearsal.load import Load
from bench.rehearsal.report import as_json, seconds
from bench.rehearsal.watching import Readers, WorkerLogs
from cli.ring.ring import Ring
from core.errors import OperatorError
from tests.fleet import Fleet

READERS = 8
FIRST_RATE, CLOSE_ENOUGH = 4.0, 1.2
"""The search begins here, and ends once what holds and what doesn't are so close."""
TOLD_S = 5.0
out = Console(stderr=True, highlight=False)


def tell(words: str) -> None:
    out.print(f"[dim]{time.strftime('%H:%M:%S')}[/]  {words}")


class Progress:
    """Says now and then how many are left."""

    def __init__(self, what: str) -> None:
        self._what, self._began, self._told = what, time.monotonic(), time.monotonic()

    def __call__(self, done: int, count: int) -> None:
        now = time.monotonic()
        if now - self._told > TOLD_S:
            self._told = now
            tell(f"{self._what}: {done:,}, {count - done:,} left ({done / (now - self._began):.0f}/s)")


class Rehearsal:
    """One evening: what all its scenes share."""

    def __init__(self, wanted: argparse.Namespace, ring: Ring, fleet: Fleet, logs: WorkerLogs) -> None:
        self.wanted, self.ring, self.fleet, self.logs = wanted, ring, fleet, logs
        self.edits: list[Edit] = []
        self.problems: list[str] = []
        self.readers = Readers(fleet.edges, READERS)
        self.twice: dict[str, dict[str, int]] = {}
        self._counted = 0

    def publish(self, count: int) -> float:
        """Starts the fleet; how long it took until all were live at both edges."""
        began, progress = time.monotonic(), Progress("published")
        self.fleet.start()
        lives = self.logs.lives
        wait_s = self.wanted.publish_minutes * 60
        if not self.logs.wait(lambda: len(lives) >= count, wait_s, lambda: progress(len(lives), count)):
            raise OperatorError(
                f"{count - len(lives)} of {count} profiles are not live after {self.wanted.publish_minutes} minutes:"
                f" see worker-*.log in {self.fleet.folder} (with --folder they stay)"
            )
        return time.monotonic() - began

    def count_twice(self, scene: str) -> None:
        """Counts what workers have done again since the scene before."""
        told = self.logs.told[self._counted :]
        self._counted += len(told)
        self.twice[scene] = twice(told)._asdict()

    def search(self, creators: list[Creator]) -> tuple[float, list[dict[str, Any]]]:
        """The highest rate that holds (0: none did), by doubling, then by halving the distance; and all its steps."""
        low, high, steps = 0.0, 0.0, []
        rate = FIRST_RATE
        while not high or (low and high / low > CLOSE_ENOUGH):
            step = self._step(creators, rate)
            steps.append(step)
            low, high = (rate, high) if step["holds"] else (low, rate)
            if not high:
                rate = 2 * rate
            elif low:
                rate = round((low + high) / 2, 1)
            elif rate < 0.5:
                break
            else:
                rate, high = rate / 4, 0.0
        return low, steps

    def _step(self, creators: list[Creator], rate: float) -> dict[str, Any]:
        edits = Load(creators, self.fleet.studios, self.readers, 0).run(rate, self.wanted.step_s)
        self.edits += edits
        self.settle(edits)
        found = took(edits, self.logs.lives)
        late = percentile([one.sent_at - one.due_at for one in edits], 0.99)
        step = {"rate_per_s": rate, **as_json(times(found)), "late_p99_s": seconds(late)}
        step["holds"] = times(found).p99_s < self.wanted.limit_s
        tell(f"{rate} edits/s: p50 {step['p50_s']} s, p99 {step['p99_s']} s")
        return step

    def settle(self, edits: list[Edit]) -> bool:
        """Waits until all that was acknowledged is live."""
        acknowledged = [one for one in edits if one.outcome == "acknowledged"]
        lives = self.logs.lives
        return self.logs.wait(
            lambda: all(lives.at(one.profile_id, one.revision) < float("inf") for one in acknowledged),
            self.wanted.settle_s,
        )

    def long_run(self, creators: list[Creator], rate: float) -> dict[str, Any]:
        """The load with the faults; what came of it."""
        duration_s = self.wanted.minutes * 60
        tell(f"{self.wanted.minutes} minutes at {rate} edits/s")
        load = Load(creators, self.fleet.studios, self.readers, self.wanted.polled)
        cores = CoresUsed(self.ring, self.fleet)
        with Faults(self.ring, self.fleet, duration_s, tell) as faults:
            edits = load.run(rate, duration_s, lambda: faults.over)
            used = cores.since()
        self.edits += edits
        self.readers.wait()
        if faults.failed:
            self.problems.append(faults.failed)
        if not self.settle(edits):
            self.problems.append(
                f"not everything acknowledged was live {self.wanted.settle_s} s after the end"
            )
        lives = self.logs.lives
        rows = {"all": times(took_acknowledged(edits, lives))}
        for window in faults.windows:
            name = f"{window.name} ({window.ended - window.began:.0f} s)"
            rows[name] = times(took_acknowledged(within(edits, window), lives))
        polled = self.readers.seen
        rows["polled at an edge"] = times([seen - one.due_at for one, seen in polled])
        rows["the same, as logged"] = times(took_acknowledged((one for one, _ in polled), lives))
        outcomes = Counter(one.outcome for one in edits)
        return {
            "minutes": self.wanted.minutes,
            "seconds": round(edits[-1].due_at - edits[0].due_at, 1),
            "rate_per_s": rate,
            "sent": len(edits),
            "acknowledged": outcomes["acknowledged"],
            "refused": dict(Counter(str(one.status) for one in edits if one.outcome == "refused")),
            "unknown": outcomes["unknown"],
            "edit_to_live": {name: as_json(row) for name, row in rows.items()},
            "cores_used": used,
        }

    def verify(self, stored: dict[str, Stored | None], names: dict[str, str]) -> dict[str, Any]:
        """Looks for every acknowledged edit of the evening in the store, and for every touched profile at every edge."""
        by_profile: defaultdict[str, list[Edit]] = defaultdict(list)
        for one in self.edits:
            by_profile[one.profile_id].append(one)
        missing, old, pages = [], [], 0
        for profile_id, edits in by_profile.items():
            head = stored[profile_id]
            missing += lost(edits, head)
            shown = stage.shown(self.fleet, names[profile_id])
            pages += len(shown)
            if head:
                old += behind(profile_id, head, shown)
        acknowledged = sum(one.outcome == "acknowledged" for one in self.edits)
        return {"acknowledged": acknowledged, "pages": pages, "lost": missing, "behind": old}
