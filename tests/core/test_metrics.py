"""Metrics: names as Prometheus wants them, and a listener that tells them to whoever asks, one after the other."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from core import metrics
from core.errors import OperatorError
from core.metrics import EDGE, WORKER, Metric, family, told_at
from tests import told
from tests.house import free_port

ALL = (*WORKER, *EDGE)


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_names_keep_to_the_conventions(metric: Metric) -> None:
    """prometheus.io, "Metric and label naming": a prefix of ours, base units at the end, `_total` for what only counts."""
    assert re.fullmatch(r"holdfast(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert not re.search(
        r"_(ms|milliseconds|minutes|kilobytes|mb|count|sum|bucket|created|info)$", metric.name
    )
    assert metric.kind != "histogram" or metric.unit
    assert not {"le", "job", "instance", "quantile"} & set(metric.labels)
    assert all(re.fullmatch(r"[a-z]+", label) for label in metric.labels)
    assert re.fullmatch(r"[A-Z].+\.", metric.help)


def test_no_name_is_given_twice() -> None:
    assert len({metric.name for metric in ALL}) == len(ALL)
    assert set(ALL) == {one for one in vars(metrics).values() if isinstance(one, Metric)}


def test_a_unit_is_told_where_there_is_one() -> None:
    assert family(metrics.MEMORY_BYTES, {"public": 1}).unit == "bytes"
    assert family(metrics.PURGED, 1).unit == ""


# ── the listener ──


@pytest.fixture
def port() -> Iterator[int]:
    registry, port = CollectorRegistry(), free_port()
    Counter("boats_total", "Boats.", registry=registry).inc(3)
    with told_at(registry, "127.0.0.1", port, "edge_port"):
        yield port


def test_it_tells_in_both_formats(port: int) -> None:
    assert told.told_at(port)("boats_total") == 3
    assert told.told_at(port, openmetrics=True)("boats_total") == 3


def test_it_only_tells(port: int) -> None:
    assert (
        httpx.post(f"http://127.0.0.1:{port}/metrics", content=b"boats 4", trust_env=False).status_code == 405
    )


def test_who_connects_and_says_nothing_does_not_keep_others_waiting_for_ever(
    port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection(("127.0.0.1", port)):
        assert told.told_at(port)("boats_total") == 3
    assert "Traceback" not in capfd.readouterr().err


def test_it_ends_with_its_block(port: int) -> None:
    other = free_port()
    with told_at(CollectorRegistry(), "127.0.0.1", other, "edge_port"):
        pass
    with pytest.raises(httpx.ConnectError):
        told.told_at(other)


@pytest.mark.parametrize("host", ["127.0.0.1", "203.0.113.1", "no-such-host.invalid"])
def test_where_nothing_can_listen_the_setting_is_named(port: int, host: str) -> None:
    said = rf"{host}:{port} .*\[metrics\] worker_port or host; .* HOLDFAST_METRICS__WORKER_PORT"
    with (
        pytest.raises(OperatorError, match=said),
        told_at(CollectorRegistry(), host, port, "worker_port"),
    ):
        pass
