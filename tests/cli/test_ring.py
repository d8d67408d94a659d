"""A real ring: it boots, and what is killed, hung or stopped comes back; whoever finds its folder can end it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from cli.ring import java
from cli.ring.jars import cache, prepare, version
from cli.ring.ring import Ring, silent
from core.errors import OperatorError
from tests.cli.conftest import Holdfast

real = pytest.mark.server("cassandra")


def states(ring: Ring) -> list[str]:
    """Asked again for a while: under load a single look may time out."""
    ends = time.monotonic() + 30
    while (found := [one["state"] for one in ring.status()]) != ["ready"] * 3 and time.monotonic() < ends:
        time.sleep(0.2)
    return found


# ── three nodes, shared with all tests that need a ring ──


def test_a_ring_is_whole_and_listens_on_its_own_addresses_only(ring: Ring) -> None:
    assert states(ring) == ["ready"] * 3
    pids = {node.pid for node in ring.nodes}
    assert len(pids) == 3
    assert all(address.startswith("127.") for address in ring.addresses)
    assert listening(pids) == {(address, port) for address in ring.addresses for port in (7000, 9042)}


def test_a_killed_node_is_seen_and_comes_back(whole_ring: Ring) -> None:
    whole_ring.kill(2)
    assert whole_ring.nodes[1].state() == "down"
    assert not whole_ring.nodes[0].ready(), "it misses its peer"
    with pytest.raises(OperatorError, match="is down"):
        whole_ring.wait()
    whole_ring.boot(2)
    whole_ring.wait()
    assert states(whole_ring) == ["ready"] * 3


def test_a_paused_node_answers_again(whole_ring: Ring) -> None:
    before = whole_ring.nodes[2].pid
    whole_ring.pause(3)
    assert whole_ring.nodes[2].state() == "paused"
    assert not whole_ring.whole()
    whole_ring.resume(3)
    assert whole_ring.wait().nodes[2].pid == before


def test_a_paused_node_can_be_killed_and_mended(whole_ring: Ring) -> None:
    before = whole_ring.nodes[0].pid
    whole_ring.pause(1)
    whole_ring.kill(1)
    assert whole_ring.nodes[0].state() == "down"
    assert states(whole_ring.mend()) == ["ready"] * 3
    assert whole_ring.nodes[0].pid != before


# ── one node, by the command ──


@real
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_command_starts_stops_and_starts_again(holdfast: Holdfast, data: Path) -> None:
    started = holdfast("dev-cluster", "start", "--nodes", 1)
    try:
        assert started.code == 0, started.err
        assert "waiting for 127." in started.out
        (line,) = [one for one in started.out.splitlines() if "export" in one]
        report = holdfast("dev-cluster", "status", "--json").json
        (node,) = report["nodes"]
        assert node["ready"]
        assert (
            line.split()[1:]
            == [
                "HOLDFAST_STORE__BACKEND=scylla",
                f"HOLDFAST_STORE__NODES={node['address']}",
                "HOLDFAST_STORE__REPLICATION=datacenter1:1",
            ]
            == [f"{name}={value}" for name, value in report["settings"].items()]
        )

        (stopped,) = holdfast("dev-cluster", "stop", "--json").json["nodes"]
        assert (stopped["state"], stopped["pid"], stopped["up"]) == ("down", None, False)
        kept = data / "cassandra" / "node1" / "data" / "system"
        assert list(kept.iterdir())
        assert "down" in holdfast("dev-cluster", "status").out

        (again,) = holdfast("dev-cluster", "start", "--json").json["nodes"]
        assert (again["state"], again["address"]) == ("ready", node["address"])
        assert again["pid"] != node["pid"]
    finally:
        ended = holdfast("dev-cluster", "destroy")
    assert ended.code == 0
    assert not (data / "cassandra").exists()
    assert not Path(f"/proc/{again['pid']}").exists()


OWNER = """
import sys
from pathlib import Path
from cli.ring.ring import Ring
Ring(Path(sys.argv[1]), nodes=3).start()
"""


@real
@pytest.mark.slow
@pytest.mark.timeout(120)
def test_who_finds_the_folder_of_a_dead_owner_can_end_its_nodes(tmp_path: Path) -> None:
    prepare(silent)
    folder = tmp_path / "a folder"
    owner = subprocess.Popen([sys.executable, "-c", OWNER, folder])
    try:
        while not (folder / "node3" / "pid").exists():
            assert owner.poll() is None
            time.sleep(0.02)
    finally:
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        ring = Ring.existing(folder)
        pids = [node.pid for node in ring.nodes]
        ring.destroy()
    assert all(pids)
    assert states(ring) == ["down"] * 3
    assert not folder.exists()


# ── what needs no server ──


def test_a_ring_keeps_its_addresses(tmp_path: Path) -> None:
    made = Ring(tmp_path, nodes=3)
    assert len(set(made.addresses)) == 3
    assert Ring(tmp_path).addresses == Ring.existing(tmp_path).addresses == made.addresses
    assert states(made) == ["down"] * 3


def test_a_pid_used_again_is_not_taken_for_the_node(tmp_path: Path) -> None:
    ring = Ring(tmp_path / "ring", nodes=1)
    home = ring.nodes[0].home
    home.mkdir()
    (home / "pid").write_text(f"{os.getpid()} 1\n")
    assert ring.nodes[0].pid is None
    ring.kill(1)
    ring.destroy()


def test_destroy_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear Ann")
    Ring(tmp_path, nodes=1).destroy()
    assert [one.name for one in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("status",), "`holdfast dev-cluster start` makes one"),
        (("start", "--nodes", 2), "choose --nodes 1 or 3"),
    ],
    ids=["no ring", "two nodes"],
)
def test_what_cannot_be_is_a_sentence(
    holdfast: Holdfast, data: Path, words: tuple[object, ...], told: str
) -> None:
    ran = holdfast("dev-cluster", *words)
    assert (ran.code, ran.out) == (1, "")
    assert told in ran.err
    assert not data.exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("start", "--nodes", 3), "`holdfast dev-cluster destroy`"),
        (("kill",), "`holdfast dev-cluster kill --node 1`"),
        (("boot", "--node", 2), "no node 2"),
    ],
    ids=["another size", "no node named", "no such node"],
)
def test_a_mistake_about_a_ring_is_a_sentence(
    holdfast: Holdfast, data: Path, words: tuple[object, ...], told: str
) -> None:
    Ring(data / "cassandra", nodes=1)
    ran = holdfast("dev-cluster", *words)
    assert ran.code == 1
    assert told in ran.err


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with neither Java nor Maven nor jars; the folder is its PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(java, "ELSEWHERE", str(tmp_path / "jvm"))
    return programs


def put_program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_without_java_it_says_what_installs_it(bare: Path, holdfast: Holdfast) -> None:
    ran = holdfast("dev-cluster", "start")
    assert ran.code == 1
    for words in (
        "needs Java 17",
        "none was found",
        "`make servers`",
        "apt-get install openjdk-17-jre-headless",
    ):
        assert words in ran.err


def test_another_java_is_named_and_one_beside_it_is_found(bare: Path, tmp_path: Path) -> None:
    put_program(bare, "java", """echo 'openjdk version "21.0.8" 2025-07-15' >&2""")
    with pytest.raises(OperatorError, match=r'only openjdk version "21\.0\.8".*`make servers`'):
        java.java_17()
    beside = tmp_path / "jvm" / "java-17-openjdk" / "bin"
    beside.mkdir(parents=True)
    put_program(beside, "java", """echo 'openjdk version "17.0.15" 2025-04-15' >&2""")
    assert java.java_17().program == str(beside / "java")


def test_without_maven_or_its_repository_it_says_so_and_leaves_nothing(bare: Path) -> None:
    put_program(bare, "java", """echo 'openjdk version "17.0.15" 2025-04-15' >&2""")
    with pytest.raises(OperatorError, match=r"no mvn on PATH.*`make servers`"):
        prepare(silent)
    put_program(bare, "mvn", "echo '[ERROR] No route to host'; exit 1")
    told: list[str] = []
    with pytest.raises(OperatorError, match=r"(?s)No route to host.*`make servers` tries again"):
        prepare(told.append)
    assert told == [f"fetching Cassandra {version()} (70 MB, once for this machine)"]
    assert [one.name for one in cache().iterdir()] == ["lock"]


def listening(pids: set[int | None]) -> set[tuple[str, int]]:
    """Where these processes listen, by the kernel's own tables."""
    sockets = set()
    for pid in pids:
        for one in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed since
                sockets.add(str(one.readlink()).removeprefix("socket:[").removesuffix("]"))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in sockets:
                host, _, port = fields[1].partition(":")
                # Its last four bytes, in this machine's order, are the IPv4 address, also within IPv6.
                found.add((".".join(str(byte) for byte in bytes.fromhex(host)[:-5:-1]), int(port, 16)))
    return found
