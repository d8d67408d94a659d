"""Logs: one JSON line an event, and nothing secret in it."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
from core.log import configure, get_logger
from core.settings import LogSettings
configure(LogSettings(format="{format}", level="info"))
log = get_logger("test")
log.debug("too_small")
log.info("signed_up", profile="ann", password="hunter2", nested={{"api_token": "hunter2", "list": [{{"cookie": "hunter2"}}]}})
log.info("unavailable", path="/-/g/hunter2-hunter2-hunter2-hunter2-hunter2-hunter2/ann", more=["/preview/hunter2-hunter2-hunter2-hunter2-hunter2-hunter2/ann"])
try:
    raise ValueError("no")
except ValueError:
    log.exception("failed")
"""


def lines(form: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(format=form)], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_an_event_is_one_json_line_with_its_fields() -> None:
    first, _, second = (json.loads(line) for line in lines("json"))
    assert (first["event"], first["level"], first["part"], first["profile"]) == (
        "signed_up",
        "info",
        "test",
        "ann",
    )
    assert first["timestamp"].endswith("Z")
    assert "ValueError: no" in second["exception"]


def test_secrets_are_hidden_however_deep_they_lie() -> None:
    for form in ("json", "console"):
        assert "hunter2" not in "\n".join(lines(form))


def test_on_a_terminal_it_reads_well() -> None:
    assert "signed_up" in lines("console")[0]
    assert not lines("console")[0].startswith("{")
