"""Metrics: every name that Prometheus gets from us, with its labels and its help; and the listener where it fetches them.

No label ever holds what a stranger chose: targets are those of `site.toml`, all other values stand in the code.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from core.errors import OperatorError
from core.log import get_logger

UNITS = ("seconds", "bytes")
PATIENCE_S = 2.0
"""How long one who connects may say nothing; others wait meanwhile."""
log = get_logger("metrics")


class Metric(NamedTuple):
    """`name` is as queries have it: of a counter with `_total`."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str

    @property
    def base(self) -> tuple[str, str, tuple[str, ...]]:
        """What prometheus_client's own metrics begin with."""
        return self.name, self.help, self.labels

    @property
    def unit(self) -> str:
        last = self.name.rpartition("_")[2]
        return last if last in UNITS else ""


# ── workers ──

PROVEN = Metric(
    "holdfast_purge_proven_seconds",
    "histogram",
    ("target",),
    "From a purge being queued until its target was seen to show the new page, or to show nothing of what is gone.",
)
PROVEN_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
UNPROVEN = Metric(
    "holdfast_purges_unproven_total",
    "counter",
    ("target",),
    "Purges that were ended without proof: there is no place to look, or they were put aside.",
)
UNPROVEN_UNTIL = Metric(
    "holdfast_purge_unproven_until_timestamp_seconds",
    "gauge",
    ("target",),
    "When the last of what was not proven has expired (seconds since 1970); 0 while there is none since the start.",
)
CALLS = Metric(
    "holdfast_purge_calls_total",
    "counter",
    ("target", "outcome"),
    "Calls about purges, one of them about many: taken, away (no answer, or not now), refused, gone (410).",
)
LOOKS = Metric(
    "holdfast_purge_looks_total",
    "counter",
    ("target", "outcome"),
    "Looks through a target after a purge that it has taken: shown, older (it lies, or has not done it yet), away.",
)
WAITING = Metric(
    "holdfast_purges_waiting",
    "gauge",
    ("target",),
    "Purges that wait for the target in this worker's share, counted up to 5000.",
)
WAITING_AGE = Metric(
    "holdfast_purges_waiting_age_seconds",
    "gauge",
    ("target",),
    "How long the oldest of those has waited; 0 if none does.",
)
ASIDE = Metric(
    "holdfast_purges_put_aside",
    "gauge",
    ("target",),
    "Purges of this worker's share that were put aside after their last attempt, counted up to 5000.",
)

# ── edges ──

REQUESTS = Metric(
    "holdfast_edge_requests_total",
    "counter",
    ("answer",),
    "Readers' requests by how they were answered: hit, stale, revalidated, miss, rendered, bypass, moved, refused, failed.",
)
RENDERS = Metric(
    "holdfast_edge_renders_total",
    "counter",
    ("outcome",),
    "Pages that the edge had to draw itself: drawn, failed.",
)
HEARD = Metric(
    "holdfast_edge_purge_calls_total",
    "counter",
    ("outcome",),
    "Calls of the purger, heartbeats among them: taken, replayed, refused.",
)
PURGED = Metric(
    "holdfast_edge_purges_total", "counter", (), "Paths that were purged by the calls that were taken."
)
FILLS_REFUSED = Metric(
    "holdfast_edge_fills_refused_total",
    "counter",
    (),
    "Answers of storage that were not kept, since a purge had named them meanwhile.",
)
MEMORY_BYTES = Metric(
    "holdfast_edge_memory_bytes",
    "gauge",
    ("cache",),
    "What the answers kept in memory weigh: public, private.",
)
MEMORY_OBJECTS = Metric(
    "holdfast_edge_memory_objects",
    "gauge",
    ("cache",),
    "How many answers are kept in memory: public, private.",
)

WORKER = (PROVEN, UNPROVEN, UNPROVEN_UNTIL, CALLS, LOOKS, WAITING, WAITING_AGE, ASIDE)
EDGE = (REQUESTS, RENDERS, HEARD, PURGED, FILLS_REFUSED, MEMORY_BYTES, MEMORY_OBJECTS)

Family = CounterMetricFamily | GaugeMetricFamily


def family(metric: Metric, values: Mapping[str, float] | float) -> Family:
    """A counter or gauge as a collector tells it: by the values of its one label, or one number where it has none."""
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    made = kind(metric.name, metric.help, labels=metric.labels, unit=metric.unit)
    by_label = values.items() if isinstance(values, Mapping) else [(None, values)]
    for label, value in by_label:
        made.add_metric([] if label is None else [label], value)
    return made


# ── the listener ──


@contextmanager
def told_at(registry: CollectorRegistry, host: str, port: int, key: str) -> Iterator[None]:
    """Tells the registry to whoever asks at that address, until the block ends. Raises OperatorError, which names the `key`
    of [metrics] that says the port, if nothing can listen there."""
    try:
        server = _Server((host, port), _Handler)
    except OSError as error:
        raise OperatorError(
            f"Metrics can't be told at {host}:{port} ({error}): choose another [metrics] {key} or host; of this process"
            f" alone by HOLDFAST_METRICS__{key.upper()}"
        ) from None
    server.set_app(make_wsgi_app(registry))
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="metrics", daemon=True)
    thread.start()
    log.info("metrics_told", host=host, port=port)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Server(WSGIServer):
    """One request at a time: a scraper asks a few times a minute, and who asks more often waits for himself."""

    def __init__(self, address: tuple[str, int], handler: type[WSGIRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.warning("metrics_untold", reason=repr(sys.exception()))


class _Handler(WSGIRequestHandler):
    timeout = PATIENCE_S

    def log_message(self, format: str, *args: Any) -> None:
        return
