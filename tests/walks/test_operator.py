"""The fourth walk: the operator runs, rebuilds, kills and stops."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.house import House

pytestmark = pytest.mark.slow


def test_rebuild_puts_back_what_storage_has_lost(house: House) -> None:
    ola = house.sign_up("ola")
    ola.edit(bio="Weaves.")
    ola.wait_settled()
    page = house.data / "public" / "ola" / "index.html"
    before = page.read_bytes()
    page.unlink()
    done = house.holdfast("rebuild", "@ola", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["profiles"] == 1
    assert page.read_bytes() == before
    everything = house.holdfast("rebuild", "--all", "--json")
    assert json.loads(everything.stdout)["failed"] == []


def test_a_killed_worker_is_started_again_and_nothing_acknowledged_is_lost(house: House) -> None:
    pia = house.sign_up("pia")
    pia.wait_live()
    for victim in ("cli.main worker", "cli.main serve ingest"):
        pia.edit(bio=f"Before the end of {victim}")
        _kill(house, victim)
        house.wait_ready()
        pia.wait_live()
        assert f"Before the end of {victim}" in house.visit("/pia").text
    assert "died" in house.console() or "started again" in house.console()


def test_a_drain_is_quick_and_leaves_nothing_running(tmp_path: Path) -> None:
    house = House(tmp_path)
    with house:
        house.sign_up("quin").wait_live()
        assert _processes(house), "else none could be left"
        started = time.monotonic()
        assert house.stop(signal.SIGINT) == 0
        assert time.monotonic() - started < 20
        assert _processes(house) == []


def test_the_file_that_run_is_given_is_that_of_all_its_processes(tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text('[site]\nname = "Elsewhere"\n\n[edge]\nbrowser_s = 7\n')
    with House(tmp_path, "run", "--no-sample", "--site", str(file)) as house:
        house.sign_up("una").wait_live()
        page = house.visit("/una")
        assert "Elsewhere" in page.text, "the worker has it"
        assert "max-age=7," in page.headers["cache-control"], "the edge"
        assert "Elsewhere" in httpx.get(house.studio, trust_env=False).text, "the studio"


def test_errors_are_sentences_that_say_what_to_do(house: House) -> None:
    for arguments, words in (
        (("rebuild", "@nobody-here"), "no profile"),
        (("rebuild",), "holdfast rebuild --all"),
        (("purge", "@nobody-here"), "no profile"),
        (("retry", "nothing"), "holdfast failures"),
    ):
        done = house.holdfast(*arguments)
        assert done.returncode == 1, arguments
        assert words in done.stderr.replace("\n", " "), done.stderr
        assert "Traceback" not in done.stderr
    assert "[edge] port" in _with_setting(house, "edge__port", "many").stderr.replace(
        "HOLDFAST_EDGE__PORT", "[edge] port"
    )


def test_a_busy_port_is_named(house: House) -> None:
    done = house.holdfast("serve", "edge")
    assert done.returncode == 1
    assert f"127.0.0.1:{house.edge_port} is in use" in done.stderr.replace("\n", " ")


def test_purge_is_proven(house: House) -> None:
    rob = house.sign_up("rob")
    rob.wait_live()
    done = house.holdfast("purge", "@rob", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["purged"] is True
    assert answer["edges"] == [house.edge]


def _with_setting(house: House, name: str, value: str):  # type: ignore[no-untyped-def]
    broken = House(house.folder, **{name: value})
    try:
        return broken.holdfast("status")
    finally:
        broken.http.close()


def _kill(house: House, words: str) -> None:
    found = [pid for pid, command in _processes(house) if words in command]
    assert found, f"nothing runs as {words}"
    for pid in found:
        os.kill(pid, signal.SIGKILL)


def _processes(house: House) -> list[tuple[int, str]]:
    """Processes whose data folder is this house's."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            environment = (folder / "environ").read_bytes().decode(errors="replace")
        except (OSError, ValueError):
            continue
        if "cli.main" in command and f"HOLDFAST_DATA__DIR={house.data}" in environment:
            found.append((int(folder.name), command))
    return found
