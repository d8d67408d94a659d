"""What bubblewrap holds, looked at from inside by a child that was taken over: no file, process, network or secret of ours.

And without a bubblewrap that works there are limits alone, which is told.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.errors import Unavailable, UnsupportedMedia
from pipeline.media import bubblewrap, progress, sandbox
from pipeline.media.make import Limits, probe
from pipeline.media.sandbox import Bounds, Confinement, run
from tests.media.conftest import Workbench, processes_with, wait_for

BOUNDS = Bounds(wall_s=30, memory_bytes=2 << 30, cpu_s=30, nice=7)
PYTHON = sys.executable
Inside = Callable[..., Any]
bubblewrapped = pytest.mark.server("bubblewrap")


def taken_over(folder: Path, lines: str) -> Path:
    """A Python whose decoder does what these lines say, after all limits are set, and answers what they put in `found`."""
    python = folder / "python" / "bin" / "python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(
        f"#!{PYTHON} -I\nimport os, pathlib, socket, subprocess, sys, time\nfrom pipeline.media import child\n"
        f"def work(job):\n    exec({lines!r}, names := dict(globals(), job=job))\n    return {{'found': names['found']}}\n"
        "child._work = work\nchild.main()\n"
    )
    python.chmod(0o755)
    return python


@pytest.fixture
def inside(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> Inside:
    """Runs such lines in a child, and gives what they found."""
    original, work = bench.put(b"the original"), bench.folder / "work"
    work.mkdir()

    def look(lines: str, bounds: Bounds = BOUNDS, **job: Any) -> Any:
        monkeypatch.setattr(sys, "executable", str(taken_over(bench.folder, lines)))
        told = {"task": "probe", "original": str(original), "limits": Limits()._asdict()}
        return run(told | job, bounds, work)["found"]

    return look


@bubblewrapped
def test_it_reads_its_original_and_no_other_file(bench: Workbench, inside: Inside) -> None:
    secret = bench.put(b"a secret", "secret")
    places = ["/etc/passwd", "/etc/hostname", "/root", "/home", "/var", "/sys", "/run", "/tmp/.X11-unix"]
    ours = [secret, Path.cwd() / "site.toml", Path.cwd() / ".git", Path(__file__), Path.home()]
    lines = "found = [one for one in job['places'] if os.path.lexists(one)]"
    # The way to what is shown leads through folders in which there is nothing else.
    hidden = [one for one in (*places, *map(str, ours)) if not is_way(Path(one))]
    assert len(hidden) >= 8
    assert inside(lines, places=hidden) == []
    assert inside("found = open(job['original']).read()") == "the original"
    assert sorted(inside(f"found = os.listdir({str(bench.folder)!r})")) == ["original", "python", "work"]


def is_way(place: Path) -> bool:
    """Whether something that the child may see lies below it."""
    return any(Path(shown).is_relative_to(place) for shown in bubblewrap._runtime())


@bubblewrapped
def test_it_writes_into_its_own_folder_alone(bench: Workbench, inside: Inside) -> None:
    folders = ["/", "/tmp", "/usr", "/usr/lib", "/dev", "/dev/shm", "/var/tmp", str(bench.folder), sys.prefix]
    lines = """
found = []
for folder in [*job["folders"], "."]:
    try:
        pathlib.Path(folder, "written").touch()
        found.append(folder)
    except OSError:
        pass
try:
    open(job["original"], "ab")
    found.append("original")
except OSError:
    pass
"""
    assert inside(lines, folders=folders) == ["."]
    assert (bench.folder / "work" / "written").exists()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@bubblewrapped
def test_it_reaches_no_network_not_even_this_machine(inside: Inside, listener: socket.socket) -> None:
    with socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(f"\0holdfast-{os.getpid()}")
        abstract.listen()
        lines = """
found = []
for family, address in job["addresses"]:
    try:
        socket.socket(family).connect(tuple(address) if isinstance(address, list) else address)
        found.append(address)
    except OSError:
        pass
"""
        addresses = [
            (socket.AF_INET, listener.getsockname()),
            (socket.AF_INET, ("192.0.2.1", 80)),
            (socket.AF_UNIX, abstract.getsockname().decode()),
        ]
        with socket.create_connection(listener.getsockname(), 1):
            pass
        assert inside(lines, addresses=addresses) == []
    assert inside("found = [name for _, name in socket.if_nameindex()]") == ["lo"]


@bubblewrapped
def test_it_sees_no_process_but_its_own(inside: Inside) -> None:
    seen = inside("found = [int(one) for one in os.listdir('/proc') if one.isdigit()]")
    assert max(seen) < 10, "a number of the system's"
    lines = "found = [open(f'/proc/{one}/environ').read() for one in (1, os.getpid())]"
    assert all("HOME" in one for one in inside(lines))
    lines = """
try:
    os.kill(job["other"], 0)
    found = "it is there"
except ProcessLookupError:
    found = "there is nobody"
"""
    assert inside(lines, other=os.getpid()) == "there is nobody"


@bubblewrapped
def test_it_reads_no_secret_of_our_environment(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_SECRET_KEY", "hunter2")
    everywhere = (
        "found = [open(f'/proc/{one}/environ').read() for one in os.listdir('/proc') if one.isdigit()]"
    )
    assert "hunter2" not in str(inside(everywhere))
    assert "hunter2" not in str(inside("found = dict(os.environ)"))


@bubblewrapped
def test_it_has_no_power_and_gets_none(inside: Inside) -> None:
    lines = "found = [line for line in open('/proc/self/status') if line.startswith('Cap')]"
    assert {int(line.split()[1], 16) for line in inside(lines)} == {0}
    # A namespace of users of its own would lend it all of them again.
    assert inside("found = subprocess.run(['unshare', '--user', 'true']).returncode") != 0


@bubblewrapped
def test_it_holds_no_descriptor_of_ours(inside: Inside) -> None:
    """Standard input, output and error; the answer; and the one that lists them."""
    assert len(inside("found = os.listdir('/proc/self/fd')")) == 5


@bubblewrapped
def test_its_limits_are_set_and_it_stands_back(inside: Inside) -> None:
    lines = """
import resource as r
found = {name: r.getrlimit(getattr(r, "RLIMIT_" + name))[1] for name in ("AS", "CPU", "FSIZE", "NOFILE", "NPROC", "CORE")}
found["nice"] = os.nice(0)
"""
    limits = Limits()
    assert inside(lines) == {
        "AS": BOUNDS.memory_bytes,
        "CPU": BOUNDS.cpu_s + 1,
        "FSIZE": limits.file_bytes_max,
        "NOFILE": limits.open_files_max,
        "NPROC": 256,
        "CORE": 0,
        "nice": BOUNDS.nice,
    }


DAEMON = """
subprocess.run(['setsid', '--fork', 'sleep', job['nap']], check=True)
pathlib.Path('begun').touch()
time.sleep(100)
found = 0
"""


@bubblewrapped
def test_what_left_its_group_ends_with_it(bench: Workbench, inside: Inside) -> None:
    """Without a namespace a process that has become a daemon would live on."""
    nap = f"100.{os.getpid()}1"
    with pytest.raises(UnsupportedMedia, match="too long"):
        inside(DAEMON, BOUNDS._replace(wall_s=2), nap=nap)
    assert (bench.folder / "work" / "begun").exists(), "else nothing had left"
    assert processes_with(f"sleep {nap}") == [], "not even for a moment"


@bubblewrapped
def test_nothing_outlives_a_killed_worker(bench: Workbench) -> None:
    nap = f"100.{os.getpid()}2"
    python = taken_over(bench.folder, DAEMON)
    (bench.folder / "work").mkdir()
    worker = (
        f"import sys; sys.executable = {str(python)!r}; from pathlib import Path\n"
        "from pipeline.media import sandbox; sandbox._tried = lambda: sandbox.Confinement(sys.argv[1])\n"
        f"job = {{'task': 'probe', 'nap': {nap!r}, 'limits': {Limits()._asdict()!r}}}\n"
        f"sandbox.run(job, sandbox.Bounds(*{tuple(BOUNDS)!r}), Path('work'))"
    )
    process = subprocess.Popen([PYTHON, "-c", worker, sandbox.confinement().bwrap or ""], cwd=bench.folder)
    wait_for(lambda: processes_with(f"sleep {nap}") != [])
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_for(lambda: processes_with(nap) == [])


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """As if this process hadn't tried yet: a folder for a bwrap, before all others on PATH."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(sandbox, "_tried", cache(sandbox._tried.__wrapped__))
    monkeypatch.setattr(sandbox, "_failed", None)
    return folder


def fake(folder: Path, lines: str) -> None:
    bwrap = folder / "bwrap"
    bwrap.write_text(f"#!/bin/sh\n{lines}\n")
    bwrap.chmod(0o755)


def picture_is_made(bench: Workbench) -> bool:
    return probe(bench.picture(Image.new("RGB", (3, 2)), "PNG"))[2:4] == (3, 2)


def test_without_bubblewrap_there_are_limits(
    bench: Workbench, fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(fresh))
    assert sandbox.confinement() == Confinement(None, "bubblewrap is not installed")
    assert sandbox.confinement().kind == "limits"
    assert not sandbox.is_strict()
    assert picture_is_made(bench)


def test_a_bubblewrap_that_fails_is_not_used_and_tells_why(bench: Workbench, fresh: Path) -> None:
    fake(fresh, "echo 'bwrap: No permissions to create a new namespace' >&2; exit 1")
    found = sandbox.confinement()
    assert found.kind == "limits"
    assert "does not work here" in found.reason
    assert "No permissions to create a new namespace" in found.reason
    assert picture_is_made(bench)


def test_a_bubblewrap_that_confines_nothing_is_found_out(
    bench: Workbench, fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "_START_S", 0.2)
    fake(fresh, 'while [ "$1" != -- ]; do shift; done; shift; "$@"')
    found = sandbox.confinement()
    assert found.kind == "limits"
    assert picture_is_made(bench)


@pytest.mark.parametrize("name", ["pipe", "link"])
def test_a_log_that_a_child_has_made_something_else_of_is_not_read(tmp_path: Path, name: str) -> None:
    log = tmp_path / "stderr.log"
    if name == "pipe":
        os.mkfifo(log)
    else:
        log.symlink_to("/dev/zero")
    assert sandbox._tail(log) == ""
    assert progress._seconds(log) == 0


def test_a_number_that_nobody_could_mean_is_no_progress(tmp_path: Path) -> None:
    said = tmp_path / "progress.txt"
    said.write_text(f"out_time_us=5000000\nout_time_us={'9' * 900}\n")
    assert progress._seconds(said) == 5


def test_it_is_tried_once(fresh: Path) -> None:
    fake(fresh, f"echo tried >> {fresh}/log; exit 1")
    for _ in range(3):
        assert not sandbox.is_strict()
    assert (fresh / "log").read_text() == "tried\n"


@bubblewrapped
def test_one_that_could_not_be_started_is_tried_again_before_long(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(fresh, "echo 'bwrap: Resource temporarily unavailable' >&2; exit 1")
    assert "Resource temporarily unavailable" in sandbox.confinement().reason
    (fresh / "bwrap").unlink()
    assert not sandbox.is_strict(), "not at once"
    monkeypatch.setattr(sandbox, "_failed", (0.0, Confinement(None)))
    assert sandbox.is_strict()


@bubblewrapped
def test_one_that_fails_later_is_never_the_pictures_fault(
    bench: Workbench, fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(fresh, "echo 'bwrap: Creating new namespace failed: No space left on device' >&2; exit 1")
    monkeypatch.setattr(sandbox, "_tried", lambda: Confinement(str(fresh / "bwrap")))
    with pytest.raises(Unavailable, match="No space left on device"):
        picture_is_made(bench)
