"""What a missing server costs is said plainly: skipped, summed up, or a failure where all are required."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser
from playwright.sync_api import Error as PlaywrightError

TESTS = """
    import pytest

    @pytest.mark.server("chromium")
    def test_of_a_page(): pass

    @pytest.mark.server("chromium", "ffmpeg")
    def test_of_a_clip_in_a_page(): pass

    def test_through_the_fixture(chromium): pass

    def test_of_nothing_special(): pass
"""


@pytest.fixture
def bare_machine(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A machine with none of the servers, and three tests which want some."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("HOLDFAST_TEST_REQUIRE", raising=False)
    pytester.makepyfile(test_wishes=TESTS)
    return pytester


def run(machine: pytest.Pytester, *flags: str) -> pytest.RunResult:
    return machine.runpytest_inprocess("-p", "tests.servers", *flags)


@pytest.mark.parametrize("flags", [(), ("-n", "1")], ids=["alone", "in a worker"])
def test_a_test_whose_server_is_missing_is_skipped_and_summed_up(
    bare_machine: pytest.Pytester, flags: tuple[str, ...]
) -> None:
    result = run(bare_machine, *flags)
    result.assert_outcomes(passed=1, skipped=3)
    result.stdout.fnmatch_lines(
        [
            "*= missing servers =*",
            "chromium: 3 tests skipped. Not on PATH: chromium.",
            "  To have it: make servers (Debian's package: chromium).",
            "  test_wishes.py::test_of_a_clip_in_a_page",
            "  test_wishes.py::test_of_a_page",
            "  test_wishes.py::test_through_the_fixture",
            "ffmpeg: 1 test skipped. Not on PATH: ffmpeg, ffprobe.",
            "  test_wishes.py::test_of_a_clip_in_a_page",
        ]
    )


@pytest.mark.parametrize("flags", [(), ("-n", "1")], ids=["alone", "in a worker"])
def test_where_all_are_required_a_missing_server_is_a_failure(
    bare_machine: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]
) -> None:
    monkeypatch.setenv("HOLDFAST_TEST_REQUIRE", "all")
    result = run(bare_machine, *flags)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1, errors=3)
    result.stdout.fnmatch_lines(
        [
            "*needs chromium and ffmpeg, which `make servers` installs*",
            "*= missing servers =*",
            "chromium: 3 tests could not run and failed.*",
            "ffmpeg: 1 test could not run and failed.*",
        ]
    )


def test_a_fixture_of_a_server_marks_its_tests(bare_machine: pytest.Pytester) -> None:
    result = run(bare_machine, "-m", "not server")
    result.assert_outcomes(passed=1, deselected=3)
    result.stdout.no_fnmatch_line("*missing servers*")


RING_TESTS = """
    import os
    import pytest

    @pytest.fixture(scope="session")
    def ring(): return os.environ.get("PYTEST_XDIST_WORKER")

    @pytest.mark.parametrize("number", range(6))
    def test_ring(ring, number): print(f"ring in {ring}.")

    @pytest.mark.timeout(300)
    def test_at_length(ring): print(f"ring in {ring}.")

    @pytest.mark.parametrize("number", range(6))
    def test_alone(number): pass
"""


@pytest.mark.slow
def test_all_tests_of_the_ring_run_in_one_worker(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("java", "mvn"):
        (tmp_path / name).write_text("#!/bin/sh")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    pytester.makepyfile(test_rings=RING_TESTS)
    result = run(pytester, "-n", "2", "--dist", "loadgroup", "-rP")
    result.assert_outcomes(passed=13)
    workers = [line for line in result.outlines if line.startswith("ring in gw")]
    assert len(workers) == 7
    assert len(set(workers)) == 1


def test_a_test_of_the_ring_is_slow_needs_cassandra_and_gets_time(pytester: pytest.Pytester) -> None:
    items, _ = pytester.inline_genitems(pytester.makepyfile(test_rings=RING_TESTS), "-p", "tests.servers")
    marks = {
        item.name: [(mark.name, *mark.args) for mark in item.iter_markers() if mark.name != "parametrize"]
        for item in items
    }
    of_the_ring = [("server", "cassandra"), ("slow",), ("xdist_group", "ring")]
    assert marks["test_ring[0]"] == [*of_the_ring, ("timeout", 180)]
    assert sorted(marks["test_at_length"]) == [*of_the_ring[:2], ("timeout", 300), of_the_ring[2]]
    assert marks["test_alone[0]"] == []


def test_a_server_nobody_knows_is_refused(pytester: pytest.Pytester) -> None:
    pytester.makepyfile('import pytest\n\n@pytest.mark.server("cromium")\ndef test_typo(): pass')
    result = run(pytester)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*asks for the server 'cromium'; tests/servers.py knows chromium, ffmpeg*"])


def test_chromium_draws_a_page_and_reaches_only_this_machine(chromium: Browser) -> None:
    page = chromium.new_page()
    page.set_content("<h1>Boats</h1>")
    assert page.get_by_role("heading").inner_text() == "Boats"
    # An address that isn't let through counts as a name unknown; otherwise this one would refuse a connection.
    with pytest.raises(PlaywrightError, match="ERR_NAME_NOT_RESOLVED"):
        page.goto("http://127.0.0.2:49151/")
    page.close()
