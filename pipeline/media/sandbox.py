"""Runs one job in a child process that may crash, hang or lie, and turns every ending into an answer or an error."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

from core.errors import HoldfastError, OperatorError, Unavailable, UnsupportedMedia
from pipeline.media import words
from pipeline.media.bubblewrap import shut_in
from pipeline.media.plain import read_plain

_ANSWER_BYTES_MAX = 1 << 20
_DISK_FREE_BYTES_MIN = 64 << 20
_LOOK_EVERY_S = 0.25
_START_S = 10.0
"""A bubblewrap that hasn't begun by then never will."""
_LOG = "stderr.log"
_LOG_TAIL_BYTES = 2_000
_READS = ("original", "ffmpeg", "rung")
"""What of a job names a file or folder that the child may read."""
_SLOW = (-signal.SIGXCPU, 128 + signal.SIGXCPU)
"""How a child ends whose processor time is used up: by itself, and as bubblewrap tells it."""
_MAIN = "import gc; gc.disable(); from pipeline.media.child import main; main()"
"""What it imports is there until it ends: to look through it for garbage costs a twentieth of its start."""
_AGAIN_S = 60.0
_BROKEN = 1
"""How Python ends by an exception that nobody has caught: a mistake of ours, or of a library's."""
_TRYING = threading.Lock()
_failed: tuple[float, Confinement] | None = None
"""Until when bubblewrap isn't tried again, and what holds meanwhile."""


class Bounds(NamedTuple):
    """What the child may take; the child sets all but the wall clock on itself. `nice` is how far it stands back for
    others who want the processor."""

    wall_s: float
    memory_bytes: int
    cpu_s: int
    nice: int = 0


class Confinement(NamedTuple):
    """What holds a decoder here: bubblewrap (its path) and limits, or limits alone, and then the reason for that."""

    bwrap: str | None
    reason: str = ""

    @property
    def kind(self) -> Literal["bubblewrap", "limits"]:
        return "bubblewrap" if self.bwrap else "limits"


class _Child(NamedTuple):
    """A started child; by bubblewrap with what that tells, and a handle on the first process of its namespace."""

    process: subprocess.Popen[bytes]
    status: IO[bytes] | None = None
    inner: int | None = None


def confinement() -> Confinement:
    """Which of the two holds on this machine, for this user: tried once in each process, with a real child; where no child
    could be started, again after a minute."""
    global _failed
    with _TRYING:
        if _failed and time.monotonic() < _failed[0]:
            return _failed[1]
        try:
            return _tried()
        except Unavailable as error:
            # That may be the machine's state just now: it is tried again before long.
            _failed = time.monotonic() + _AGAIN_S, Confinement(None, error.detail)
            return _failed[1]


def is_strict() -> bool:
    """Whether a decoder that is taken over gets at nothing but the file it was given."""
    return confinement().bwrap is not None


def run(
    job: Mapping[str, Any], bounds: Bounds, work: Path, stopping: Callable[[], bool] = lambda: False
) -> dict[str, Any]:
    """What the child answers to `job`, having worked in the empty folder `work`.

    Raises UnsupportedMedia when the input was refused, or the child crashed, hung or babbled over it; OperatorError
    or Unavailable when the machine or we are at fault, or `stopping()` became true. No process is left behind.
    """
    return _run(confinement().bwrap, job, bounds, work, stopping)


@cache
def _tried() -> Confinement:
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return Confinement(None, "bubblewrap is not installed")
    with tempfile.TemporaryDirectory(prefix="holdfast-trial-") as folder:
        outside, work = Path(folder) / "outside", Path(folder) / "work"
        outside.touch()
        work.mkdir()
        limits = {"file_bytes_max": 1 << 20, "open_files_max": 64}
        job = {"task": "trial", "outside": str(outside), "limits": limits}
        try:
            sees = _run(bwrap, job, Bounds(wall_s=30, memory_bytes=1 << 30, cpu_s=30), work)["sees"]
        except Unavailable as error:
            raise Unavailable(f"{bwrap} does not work here: {error.detail}") from error
        except (HoldfastError, KeyError) as error:
            notes = [note for note in getattr(error, "__notes__", ()) if note]
            return Confinement(None, f"{bwrap} does not work here: {' '.join([str(error), *notes])}")
    return Confinement(None, f"{bwrap} lets its child see other files") if sees else Confinement(bwrap)


def _run(
    bwrap: str | None,
    job: Mapping[str, Any],
    bounds: Bounds,
    work: Path,
    stopping: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    work = work.absolute()
    reads = {key: str(Path(job[key]).resolve()) for key in _READS if job.get(key)}
    child = _start(bwrap, reads.values(), work)
    told = {"memory_bytes": bounds.memory_bytes, "cpu_s": bounds.cpu_s, "nice": bounds.nice}
    try:
        _send(child.process, {**job, **reads, **told, "shut_in": bwrap is not None})
        answer, ending = _listen(child.process, bounds.wall_s, stopping)
    finally:
        began = _end(child)
    if ending == "stopped":
        raise Unavailable("The worker is stopping; this goes on when it is back.")
    if ending == "ended" and not began:
        raise Unavailable(f"No process for decoding could be shut in: {_tail(work / _LOG)}")
    try:
        return _read(answer)
    except (ValueError, TypeError, KeyError):
        if ending == "ended" and child.process.returncode == _BROKEN:
            raise Unavailable(f"The decoder broke: {_tail(work / _LOG)}") from None
        error = _crash(ending, child.process.returncode, work)
    except UnsupportedMedia as refusal:
        error = refusal
    if shutil.disk_usage(work).free < _DISK_FREE_BYTES_MIN:
        # Libraries name this in many ways or not at all; it is never the input's fault.
        raise Unavailable(words.DISK_FULL) from error
    raise error


def _start(bwrap: str | None, reads: Iterable[str], work: Path) -> _Child:
    """Isolated (-I): neither the working folder nor the environment can lend it a module, nor tell it a secret."""
    command = [sys.executable, "-I", "-c", _MAIN]
    if bwrap is None:
        return _Child(_popen(command, work))
    reader, writer = os.pipe()
    status = os.fdopen(reader, "rb")
    try:
        process = _popen(shut_in(bwrap, command, reads=reads, work=work, status=writer), work, writer)
    except BaseException:
        status.close()
        raise
    finally:
        os.close(writer)
    try:
        told = status.readline() if select.select([status], [], [], _START_S)[0] else b""
        return _Child(process, status, os.pidfd_open(json.loads(told)["child-pid"]))
    except (ValueError, KeyError, OSError):  # bwrap has failed, or all is over already
        return _Child(process, status)


def _popen(command: Sequence[str], work: Path, *kept: int) -> subprocess.Popen[bytes]:
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
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=work,
                env=environment,
                start_new_session=True,
                pass_fds=kept,
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


def _end(child: _Child) -> bool:
    """Kills whatever of it still lives, and waits until all is gone; whether it had begun at all.

    The group is killed before it is waited for, while its number can't be another's yet. The first process of a
    namespace is seen to end when every other one in it has.
    """
    process = child.process
    if child.inner is not None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(child.inner, signal.SIGKILL)
        select.select([child.inner], [], [])
        os.close(child.inner)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    if child.status is None:
        return True
    with child.status as status:
        return b"exit-code" in status.read()


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
    slow = ending == "slow" or code in _SLOW
    error = UnsupportedMedia(words.TOO_SLOW if slow else words.UNREADABLE)
    error.add_note(f"The decoder {ending} with {code}. {_tail(work / _LOG)}")
    return error


def _tail(log: Path) -> str:
    with suppress(ValueError):
        return (read_plain(log, _LOG_TAIL_BYTES, from_end=True) or b"").decode("utf-8", "replace").strip()
    return ""
