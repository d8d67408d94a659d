"""What benches stand on: a ring to measure on, and what the machine is."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cli.ring.jars import version as cassandra_version
from cli.ring.ring import Ring


@contextmanager
def ring(folder: Path | None, scratch: Path, tell: Callable[[str], None]) -> Iterator[Ring]:
    """The ring of three in that folder, made whole; or one of our own, which is destroyed at the end."""
    if folder:
        yield Ring.existing(folder).mend()
        return
    own = Ring(scratch / "ring", 3)
    try:
        yield own.start(tell)
    finally:
        own.destroy()


def machine() -> dict[str, Any]:
    """What all of it ran on, clients and cluster alike."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    memory = Path("/proc/meminfo").read_text().split()[1]
    return {
        "cores": os.cpu_count(),
        "cpu": next((line.partition(": ")[2] for line in info if line.startswith("model name")), ""),
        "memory_gb": round(int(memory) / 1_000_000),
        "system": platform.platform(),
        "python": platform.python_version(),
        "cassandra": cassandra_version(),
        "driver": version("cassandra-driver"),
        "load_before": round(os.getloadavg()[0], 2),
    }
