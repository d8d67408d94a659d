"""The supervisor of `holdfast run`: starts studio, edge and worker as processes, restarts what dies, drains them all."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

DRAIN_S = 18.0
"""What the children get to drain; the whole of `holdfast run` ends within 20 s."""
BACKOFF_S, BACKOFF_MAX_S = 0.5, 15.0
STEADY_S = 20.0
LOG_BYTES_MAX = 20_000_000

Event = dict[str, Any]


@dataclass
class _Child:
    name: str
    arguments: list[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    deaths: int = 0
    start_again_at: float = 0.0


class Supervisor:
    """Runs `holdfast <arguments>` for each name, in sessions of their own, so that Ctrl-C reaches only the supervisor.

    `heard` gets every log line of theirs as (name, event); the lines themselves go to `logs/<name>.log`.
    """

    def __init__(
        self, logs: Path, environment: Mapping[str, str], heard: Callable[[str, Event], None]
    ) -> None:
        self._environment, self._heard, self._logs = dict(environment), heard, logs
        self._children: list[_Child] = []
        self._stopping = threading.Event()
        # Whoever looks at a child must not find it between its end and its start anew.
        self._guard = threading.Lock()
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, arguments: list[str]) -> None:
        child = _Child(name, arguments)
        self._children.append(child)
        self._spawn(child)

    def restart(self, name: str) -> None:
        """Drains one child and starts it again."""
        child = next(one for one in self._children if one.name == name)
        with self._guard:
            if child.process is None or self._stopping.is_set():
                return
            child.process.terminate()
            try:
                child.process.wait(DRAIN_S)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
            if child.process.stdin:
                child.process.stdin.close()
            self._spawn(child)

    def alive(self, name: str) -> bool:
        child = next(one for one in self._children if one.name == name)
        return child.process is not None and child.process.poll() is None

    def watch(self, poll_s: float = 0.2) -> None:
        """Returns once `stop` was called; until then a child that dies is started again, later each time."""
        while not self._stopping.wait(poll_s):
            with self._guard:
                for child in self._children:
                    self._look(child)

    def stop(self) -> None:
        self._stopping.set()

    def drain(self) -> list[str]:
        """Ends all children; returns the names of those that had to be killed."""
        self._stopping.set()
        with self._guard:
            running = [(c.name, c.process) for c in self._children if c.process and c.process.poll() is None]
        for _, process in running:
            process.terminate()
        ends = time.monotonic() + DRAIN_S
        killed = []
        for name, process in running:
            try:
                process.wait(max(0.1, ends - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                killed.append(name)
            if process.stdin:
                process.stdin.close()
        return killed

    def _look(self, child: _Child) -> None:
        if child.process is None:
            if time.monotonic() >= child.start_again_at and not self._stopping.is_set():
                self._spawn(child)
            return
        code = child.process.poll()
        if code is None:
            return
        lived_s = time.monotonic() - child.started_at
        child.deaths = 0 if lived_s > STEADY_S else child.deaths + 1
        delay_s = 0.0 if child.deaths == 0 else min(BACKOFF_MAX_S, BACKOFF_S * 2 ** (child.deaths - 1))
        child.process, child.start_again_at = None, time.monotonic() + delay_s
        event = {"event": "died", "level": "error", "code": code, "again_in_s": delay_s}
        self._heard(child.name, event)

    def _spawn(self, child: _Child) -> None:
        # Its standard input is a pipe that we hold: when we die, however, it closes and the child drains.
        child.process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", *child.arguments, "--supervised"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,
        )
        child.started_at = time.monotonic()
        out = child.process.stdout
        assert out is not None
        threading.Thread(
            target=self._read, args=(child.name, out), name=f"log-{child.name}", daemon=True
        ).start()

    def _read(self, name: str, lines: IO[bytes]) -> None:
        path = self._logs / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
            path.replace(path.with_suffix(".log.1"))
        with lines, path.open("ab", buffering=0) as log:
            for line in lines:
                log.write(line)
                try:
                    event = json.loads(line)
                except ValueError:
                    event = {"event": line.decode(errors="replace").rstrip(), "level": "error"}
                if isinstance(event, dict):
                    self._heard(name, event)
