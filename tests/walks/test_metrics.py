"""A walk of what is told: a real purge through a real edge and a cache in front that lies, and Prometheus that asks."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from core.settings import EdgeSettings
from pipeline.purge.figures import OWN_EDGES
from tests.house import House, free_port
from tests.pipeline.targets.vendor import running
from tests.told import told_at
from tests.walks.test_purging import Cache, proven, wait_for

pytestmark = pytest.mark.slow
DEPLOY = Path(__file__).parents[2] / "deploy" / "prometheus"
AGAIN_S = 0.2


class Telling(House):
    """A house with a cache in front, whose edge and worker tell what they do."""

    def __init__(self, folder: Path, cache: Cache) -> None:
        self.edge_told, self.worker_told = free_port(), free_port()
        target = {"kind": "varnish", "name": "cache", "addresses": [cache.url]}
        super().__init__(
            folder,
            purge__target=json.dumps([target | {"again_s": AGAIN_S, "attempts": 1}]),
            metrics__edge_port=str(self.edge_told),
            metrics__worker_port=str(self.worker_told),
        )
        cache.house = self

    def worker_tells(self, name: str, target: str = "cache", **labels: str) -> float:
        return told_at(self.worker_told)(name, target=target, **labels)


@pytest.fixture
def cache() -> Iterator[Cache]:
    yield from running(Cache)


@pytest.fixture
def house(cache: Cache, tmp_path: Path) -> Iterator[Telling]:
    with Telling(tmp_path, cache) as house:
        yield house


def test_the_time_of_a_purge_is_told_and_what_a_lying_cache_leaves_unproven(
    house: Telling, cache: Cache
) -> None:
    ann = house.sign_up("ann")
    ann.edit(bio="Paints boats.")
    receipt: Any = ann.wait_live()
    ann.wait_settled()
    wait_for(lambda: proven(ann) and not house.worker_tells("holdfast_purges_waiting"))
    told = told_at(house.worker_told, openmetrics=True)
    took_s = (receipt["live"]["at_ms"] - receipt["published"]["at_ms"]) / 1000
    assert told("holdfast_purge_proven_seconds_sum", target=OWN_EDGES) >= took_s
    count = told("holdfast_purge_proven_seconds_count", target="cache")
    assert told("holdfast_purge_proven_seconds_sum", target="cache") >= count * AGAIN_S
    assert told("holdfast_purge_looks_total", target="cache", outcome="shown") >= 1
    assert told("holdfast_purges_unproven_total", target="cache") == 0

    cache.lying = True
    began = time.time()
    ann.edit(bio="Paints ships.")
    ann.wait_live()
    wait_for(lambda: house.worker_tells("holdfast_purges_put_aside"))
    told = told_at(house.worker_told)
    assert told("holdfast_purge_looks_total", target="cache", outcome="older") >= 3
    assert told("holdfast_purges_unproven_total", target="cache") >= 1
    until = told("holdfast_purge_unproven_until_timestamp_seconds", target="cache")
    edge = EdgeSettings()
    assert until >= began + edge.cdn_s + edge.stale_s
    (failure,) = json.loads(house.holdfast("failures", "--json").stdout)
    assert time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(until)) in failure["reason"]
    assert "ann" not in told.labels


def test_an_edge_tells_how_it_answers_but_not_to_its_readers(house: Telling) -> None:
    ann = house.sign_up("ann")
    ann.edit(bio="Paints boats.")
    ann.wait_settled()
    told = told_at(house.edge_told)
    hits = told("holdfast_edge_requests_total", answer="hit")
    assert told("holdfast_edge_purges_total") >= 1
    assert told("holdfast_edge_purge_calls_total", outcome="taken") >= 1
    for _ in range(5):
        house.visit("/ann")
    told = told_at(house.edge_told, openmetrics=True)
    assert told("holdfast_edge_requests_total", answer="hit") >= hits + 4
    assert told("holdfast_edge_memory_objects", cache="public") >= 1
    assert told("holdfast_edge_memory_bytes", cache="public") > len(house.visit("/ann").content)
    assert "ann" not in told.labels
    for path in ("/metrics", "/-/metrics"):
        answer = house.visit(path)
        assert (answer.status_code, "holdfast_" in answer.text) == (404, False)


@contextmanager
def prometheus(folder: Path, config: Path) -> Iterator[str]:
    """Debian's, with that configuration; its address."""
    address = f"127.0.0.1:{free_port()}"
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address={address}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.server("prometheus")
def test_prometheus_gets_it_as_the_example_says(house: Telling, tmp_path: Path) -> None:
    config = YAML(typ="safe").load(DEPLOY / "prometheus.yml")
    config["global"]["scrape_interval"] = "1s"
    config["rule_files"] = [str(DEPLOY / "holdfast.rules.yml")]
    ports = {"holdfast-edge": house.edge_told, "holdfast-worker": house.worker_told}
    for job in config["scrape_configs"]:
        job["static_configs"][0]["targets"] = [f"127.0.0.1:{ports[job['job_name']]}"]
    file = tmp_path / "prometheus.yml"
    YAML().dump(config, file)
    house.sign_up("ann").wait_settled()
    proofs = f'sum(holdfast_purge_proven_seconds_count{{target="{OWN_EDGES}"}}) > 0'

    with prometheus(tmp_path, file) as url, httpx.Client(base_url=url, trust_env=False) as http:

        def found(query: str) -> Any:
            try:
                answer = http.get("/api/v1/query", params={"query": query})
            except httpx.ConnectError:
                return None
            return answer.status_code == 200 and answer.json()["data"]["result"]

        wait_for(lambda: found(proofs))
        wait_for(lambda: len(found("up == 1") or ()) == 2)
        wait_for(lambda: found("holdfast_edge_purges_total > 0"))
