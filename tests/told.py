"""Metrics as Prometheus reads them: an exposition or an address in, samples by name and labels out."""

from __future__ import annotations

from collections.abc import Iterable

import httpx
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from prometheus_client.samples import Sample

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


class Told:
    """`told("holdfast_purges_waiting", target="cache")` is a sample's value; KeyError where it isn't told."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._values = {(one.name, frozenset(one.labels.items())): one.value for one in samples}

    def __call__(self, name: str, **labels: str) -> float:
        return float(self._values[name, frozenset(labels.items())])

    @property
    def labels(self) -> set[str]:
        """All values of all labels."""
        return {value for _, labels in self._values for _, value in labels}


def told_by(registry: CollectorRegistry) -> Told:
    families = read_text(generate_latest(registry).decode())
    return Told(sample for family in families for sample in family.samples)


def told_at(port: int, *, openmetrics: bool = False) -> Told:
    """Asks a process, as a scraper would."""
    headers = {"accept": OPENMETRICS} if openmetrics else {}
    answer = httpx.get(f"http://127.0.0.1:{port}/metrics", headers=headers, timeout=10, trust_env=False)
    answer.raise_for_status()
    families = (read_openmetrics if openmetrics else read_text)(answer.text)
    return Told(sample for family in families for sample in family.samples)
