"""The example for Prometheus: its own tool checks it and our names, and docs, settings and rules agree."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from ruamel.yaml import YAML

from core.metrics import EDGE, WORKER, Metric
from core.store import MAIN
from core.store.sqlite import SqliteStore
from edge.counts import ANSWERS, Counts
from pipeline.purge.figures import Figures, Waiting

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy" / "prometheus"
DOC = (ROOT / "docs" / "metrics.md").read_text()
NAMES = {metric.name for metric in (*WORKER, *EDGE)}
SUFFIX = re.compile(r"_(bucket|sum|count)$")


def row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |"


def named(text: str) -> set[str]:
    found = set(re.findall(r"\bholdfast_[a-z_]+", text))
    return {name if name in NAMES else SUFFIX.sub("", name) for name in found}


@pytest.fixture
def config() -> Any:
    return YAML(typ="safe").load(DEPLOY / "prometheus.yml")


def test_the_page_lists_every_name_as_it_is_told() -> None:
    rows = [line for line in DOC.splitlines() if line.startswith("| `holdfast_")]
    assert rows == [row(metric) for metric in (*WORKER, *EDGE)]
    assert re.findall(r"^\| `([a-z]+)` \|", DOC, re.MULTILINE) == list(ANSWERS)


def test_every_name_that_page_and_rules_ask_for_is_told() -> None:
    assert named(DOC + (DEPLOY / "holdfast.rules.yml").read_text()) - NAMES == set()


def test_page_and_example_have_the_same_ports(config: Any) -> None:
    (block,) = re.findall(r"(?:^    .*\n)+", DOC, re.MULTILINE)
    metrics = tomllib.loads(block)["metrics"]
    ports = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    assert ports == {
        "holdfast-edge": [f"{metrics['host']}:{metrics['edge_port']}"],
        "holdfast-worker": [f"{metrics['host']}:{metrics['worker_port']}"],
    }


# ── by its own tool ──


def promtool(*arguments: str, given: bytes = b"") -> str:
    done = subprocess.run(["promtool", *arguments], input=given, capture_output=True, timeout=30, check=False)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


@pytest.mark.server("prometheus")
def test_the_example_is_right() -> None:
    assert "4 rules found" in promtool("check", "config", str(DEPLOY / "prometheus.yml"))


@pytest.mark.server("prometheus")
def test_the_tool_finds_nothing_wrong_with_what_is_told(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "holdfast.db")
    figures = Figures(["cache"])
    figures.registry.register(Waiting(store, MAIN, ["cache"], lambda _: True))
    registries: list[CollectorRegistry] = [figures.registry, Counts().registry]
    for registry in registries:
        assert promtool("check", "metrics", given=generate_latest(registry)) == ""
    store.close()
