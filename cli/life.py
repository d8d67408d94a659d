"""A process that outlives who started it, and whether it still lives: known by its pid and its birth."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class _Look(NamedTuple):
    letter: str
    threads: int
    birth: str


class Life(NamedTuple):
    """One line of a pid file. The birth (clock ticks since the machine started) guards against a pid used again."""

    pid: int
    birth: str

    def state(self) -> str | None:
        """The kernel's letter, T for stopped; None once the process has ended."""
        now = _look(self.pid)
        if now is None or now.birth != self.birth:
            return None
        # Its first thread is dead before the others are, which still hold its ports.
        if now.letter == "Z" and now.threads <= 1:
            # Ours to bury if we started it; else that is its parent's duty.
            with suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)
            return None
        return now.letter

    def record(self, path: Path) -> None:
        # Whole or absent: who reads half a line would think that the process is gone, and start another.
        beside = path.with_suffix(".new")
        beside.write_text(f"{self.pid} {self.birth}\n")
        beside.replace(path)


def start(
    command: Sequence[str],
    folder: Path,
    out: Path,
    pid_file: Path,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Starts a process in that folder, and records its life. What it prints is added to `out`."""
    with out.open("ab") as printed:
        # A session of its own, so that Ctrl-C ends who waits for it, not the process.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    now = _look(process.pid)
    Life(process.pid, now.birth if now else "").record(pid_file)
    # It may outlive us, and `Life` buries it: Popen need not warn that it still runs.
    process.returncode = 0


def recorded(path: Path) -> Life | None:
    """What `record` wrote there, if anything."""
    try:
        pid, birth = path.read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    return Life(int(pid), birth)


def _look(pid: int) -> _Look | None:
    try:
        # The name in brackets may hold anything, even blanks; the last bracket ends it.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # proc_pid_stat(5), whose fields 1 and 2 are cut off: state is 3, num_threads 20, starttime 22.
    return _Look(letter=fields[0], threads=int(fields[17]), birth=fields[19])
