"""Runs one job in a child process that may crash, hang or lie, and turns every ending into an answer or an error."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import HoldfastError, OperatorError, Unavailable, UnsupportedMedia
from pipeline.media import words

_ANSWER_BYTES_MAX = 1 << 20
_DISK_FREE_BYTES_MIN = 64 << 20
_LOOK_EVERY_S = 0.25
_LOG = "stderr.log"
_LOG_TAIL_BYTES = 2_000


class Bounds(NamedTuple):
    """What the child may take; the child sets all but the wall clock on itself."""

    wall_s: float
    memory_bytes: int
    cpu_s: int


def run(
    job: Mapping[str, Any], bounds: Bounds, work: Path, stopping: Callable[[], bool] = lambda: False
) -> dict[str, Any]:
    """What the child answers to `job`, having worked in the empty folder `work`.

    Raises UnsupportedMedia when the input was refused, or the child crashed, hung or babbled over it; OperatorError
    or Unavailable when the machine is at fault, or `stopping()` became true. No process is left behind.
    """
    child = _start(work)
    try:
        _send(child, {**job, "memory_bytes": bounds.memory_bytes, "cpu_s": bounds.cpu_s})
        answer, ending = _listen(child, bounds.wall_s, stopping)
    finally:
        _end(child)
    if ending == "stopped":
        raise Unavailable("The worker is stopping; this goes on when it is back.")
    try:
        return _read(answer)
    except (ValueError, TypeError, KeyError):
        error = _crash(ending, child.returncode, work)
    except UnsupportedMedia as refusal:
        error = refusal
    if shutil.disk_usage(work).free < _DISK_FREE_BYTES_MIN:
        # Libraries name this in many ways or not at all; it is never the input's fault.
        raise Unavailable(words.DISK_FULL) from error
    raise error


def _start(work: Path) -> subprocess.Popen[bytes]:
    """Isolated (-I): neither the working folder nor the environment can lend it a module, nor tell it a secret."""
    environment = {
        "PATH": os.defpath,
        "LC_ALL": "C.UTF-8",
        "HOME": str(work),
        "TMPDIR": str(work),
        # A heap for every thread would eat the limit on address space unused.
        "MALLOC_ARENA_MAX": "2",
        "VIPS_CONCURRENCY": "2",
    }
    with (work / _LOG).open("wb") as log:
        try:
            return subprocess.Popen(
                [sys.executable, "-I", "-m", "pipeline.media.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=work,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise Unavailable(f"No process for decoding could be started: {error}.") from error


def _send(child: subprocess.Popen[bytes], job: Mapping[str, Any]) -> None:
    """Stdin stays open: its end would tell the child that we died."""
    assert child.stdin is not None
    with suppress(BrokenPipeError):  # it died at once; its ending says why
        child.stdin.write(json.dumps(job).encode() + b"\n")
        child.stdin.flush()


def _listen(child: subprocess.Popen[bytes], wall_s: float, stopping: Callable[[], bool]) -> tuple[bytes, str]:
    """All that the child says until it ends, and how that came: "ended", "slow", "babble" or "stopped"."""
    assert child.stdout is not None
    deadline = time.monotonic() + wall_s
    said = b""
    while True:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            return said, "slow"
        if stopping():
            return said, "stopped"
        if not select.select([child.stdout], [], [], min(left_s, _LOOK_EVERY_S))[0]:
            continue
        chunk = os.read(child.stdout.fileno(), 65_536)
        said += chunk
        if not chunk:
            return said, "ended"
        if len(said) > _ANSWER_BYTES_MAX:
            return said, "babble"


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kills whatever of its group still lives, before it is waited for, while its number can't be another's yet."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _read(answer: bytes) -> dict[str, Any]:
    """The child's result, or the error it names; ValueError, TypeError or KeyError where it is no answer."""
    said = json.loads(answer)
    errors: dict[str, type[HoldfastError]] = {
        "refused": UnsupportedMedia,
        "operator": OperatorError,
        "unavailable": Unavailable,
    }
    for key, error in errors.items():
        if key in said:
            raised = error(str(said[key]))
            raised.add_note(str(said.get("why", "")))
            raise raised
    done = said["done"]
    if not isinstance(done, dict):
        raise TypeError("no result")
    return done


def _crash(ending: str, code: int, work: Path) -> UnsupportedMedia:
    """The error for a child that gave no answer."""
    slow = ending == "slow" or code == -signal.SIGXCPU
    error = UnsupportedMedia(words.TOO_SLOW if slow else words.UNREADABLE)
    error.add_note(f"The decoder {ending} with {code}. {_tail(work / _LOG)}")
    return error


def _tail(log: Path) -> str:
    with suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LOG_TAIL_BYTES))
        return file.read().decode("utf-8", "replace").strip()
    return ""
