"""Ports of metrics that can't be: each is refused before anything starts, with the key that has to change."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from tests.cli.conftest import Holdfast
from tests.house import free_port


@pytest.fixture
def busy() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize("key", ["edge_port", "worker_port"])
def test_run_names_the_key_whose_port_is_busy(
    holdfast: Holdfast, monkeypatch: pytest.MonkeyPatch, busy: int, key: str
) -> None:
    monkeypatch.setenv(f"HOLDFAST_METRICS__{key.upper()}", str(busy))
    ran = holdfast("run", "--no-sample")
    assert ran.code != 0
    assert f"[metrics] {key} needs port {busy}, which is in use at 127.0.0.1" in ran.err


@pytest.mark.parametrize(
    ("flag", "whose"), [("--edge", "the edge's own (--edge)"), ("--studio", "the studio's (--studio)")]
)
def test_run_tells_metrics_at_no_port_of_another(
    holdfast: Holdfast, monkeypatch: pytest.MonkeyPatch, flag: str, whose: str
) -> None:
    port = free_port()
    monkeypatch.setenv("HOLDFAST_METRICS__EDGE_PORT", str(port))
    ran = holdfast("run", "--no-sample", flag, f"127.0.0.1:{port}")
    assert f"[metrics] edge_port needs port {port}, which is {whose}" in ran.err


def test_run_gives_edge_and_workers_a_port_each(holdfast: Holdfast, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workers of each further region have the ports that follow."""
    port = free_port()
    monkeypatch.setenv("HOLDFAST_OBJECTS__REPLICA", json.dumps([{"name": "west", "dir": "west"}]))
    monkeypatch.setenv("HOLDFAST_METRICS__EDGE_PORT", str(port))
    monkeypatch.setenv("HOLDFAST_METRICS__WORKER_PORT", str(port - 1))
    ran = holdfast("run", "--no-sample")
    assert f"[metrics] worker_port needs port {port}, which is that of [metrics] edge_port" in ran.err


def test_the_last_port_leaves_none_for_another_region(
    holdfast: Holdfast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_OBJECTS__REPLICA", json.dumps([{"name": "west", "dir": "west"}]))
    monkeypatch.setenv("HOLDFAST_METRICS__WORKER_PORT", "65535")
    ran = holdfast("run", "--no-sample")
    assert "[metrics] worker_port 65535 leaves none for west: choose a lower one" in ran.err


def test_an_edge_never_tells_at_its_public_port(holdfast: Holdfast, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("HOLDFAST_METRICS__EDGE_PORT", str(port))
    ran = holdfast("serve", "edge", "--edge", f"127.0.0.1:{port}")
    assert f"[metrics] edge_port needs port {port}, which is the edge's own (--edge)" in ran.err


def test_a_second_edge_with_the_same_settings_says_how_to_give_it_a_port(
    holdfast: Holdfast, monkeypatch: pytest.MonkeyPatch, busy: int
) -> None:
    monkeypatch.setenv("HOLDFAST_METRICS__EDGE_PORT", str(busy))
    ran = holdfast("serve", "edge", "--edge", f"127.0.0.1:{free_port()}")
    assert "[metrics] edge_port" in ran.err
    assert "HOLDFAST_METRICS__EDGE_PORT" in ran.err
