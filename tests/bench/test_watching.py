"""The workers' logs as the rehearsal reads them on while they grow."""

from __future__ import annotations

import json
from pathlib import Path

from bench.rehearsal.watching import WorkerLogs


def line(event: str, revision: int, second: int) -> str:
    fields = {"event": event, "profile": "ann", "revision": revision, "rollout": 1}
    return json.dumps({**fields, "timestamp": f"2026-11-25T12:00:{second:02}.250000Z"}) + "\n"


def test_what_is_logged_bit_by_bit_is_told_once_and_whole(tmp_path: Path) -> None:
    log = tmp_path / "worker-1.log"
    with WorkerLogs([log]) as logs:
        with log.open("a") as file:
            file.write("a traceback, and no event\n" + line("worker_ready", 0, 0) + line("published", 3, 1))
            file.write(line("live", 3, 2)[:40])
        assert logs.wait(lambda: len(logs.told) == 1, timeout_s=5)
        with log.open("a") as file:
            file.write(line("live", 3, 2)[40:] + line("live", 5, 4))
        assert logs.wait(lambda: len(logs.told) == 3, timeout_s=5)
    assert [(one.worker, one.stage, one.revision) for one in logs.told] == [
        ("worker-1", "published", 3),
        ("worker-1", "live", 3),
        ("worker-1", "live", 5),
    ]
    assert logs.lives.at("ann", 4) - logs.lives.at("ann", 2) == 2.0
    assert logs.lives.at("ann", 6) == float("inf")
