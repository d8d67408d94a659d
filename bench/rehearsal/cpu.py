"""How much of a core each kind of process uses, from /proc: where two cores go when ring, fleet and load share them."""

from __future__ import annotations

import os
import time
from pathlib import Path

from cli.ring.ring import Ring
from tests.fleet import Fleet

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class CoresUsed:
    """From when it is made. What a process that died has used since the last look is missed."""

    def __init__(self, ring: Ring, fleet: Fleet) -> None:
        self._ring, self._fleet = ring, fleet
        self._before, self._began = self._now(), time.monotonic()

    def since(self) -> dict[str, float]:
        took_s = time.monotonic() - self._began
        used: dict[str, float] = {}
        for (kind, pid), spent_s in self._now().items():
            used[kind] = used.get(kind, 0.0) + spent_s - self._before.get((kind, pid), 0.0)
        return {kind: round(spent_s / took_s, 2) for kind, spent_s in used.items()}

    def _now(self) -> dict[tuple[str, int], float]:
        pids = [("nodes", node.pid) for node in self._ring.nodes]
        pids += [
            (f"{name.partition('-')[0]}s", member.process.pid)
            for name, member in self._fleet.members.items()
            if member.process
        ]
        pids.append(("the load", os.getpid()))
        return {(kind, pid): _spent_s(pid) for kind, pid in pids if pid}


def _spent_s(pid: int) -> float:
    """User and system time, of all its threads."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) * TICK_S
