"""Where processes tell their metrics: [metrics] in, an open listener out, or a sentence that names the key to change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

from prometheus_client import CollectorRegistry

from cli.options import is_free
from core.errors import OperatorError
from core.metrics import told_at
from core.settings import Settings
from core.store import MAIN

EDGE, WORKER = "edge_port", "worker_port"
PORT_MAX = 65535


def edge_metrics(settings: Settings, registry: CollectorRegistry) -> AbstractContextManager[None]:
    """Tells an edge's metrics until the block ends, if they are asked for; never at the public port."""
    port = settings.metrics.edge_port
    if port and port == settings.edge.port:
        raise _clash(EDGE, port, "the edge's own (--edge)")
    return told_at(registry, settings.metrics.host, port, EDGE) if port else nullcontext()


def worker_metrics(settings: Settings, registry: CollectorRegistry) -> AbstractContextManager[None]:
    """Tells a worker's metrics until the block ends, if they are asked for."""
    port = _worker_port(settings, settings.worker.replica)
    return told_at(registry, settings.metrics.host, port, WORKER) if port else nullcontext()


def check_ports(settings: Settings) -> None:
    """For those who start one process of each kind on this machine: OperatorError if one of them couldn't tell."""
    taken = {settings.studio.port: "the studio's (--studio)", settings.edge.port: "the edge's own (--edge)"}
    for key, port in _ports(settings):
        if port in taken:
            raise _clash(key, port, taken[port])
        if not is_free(settings.metrics.host, port):
            raise _clash(key, port, f"in use at {settings.metrics.host}, or not this machine's")
        taken[port] = f"that of [metrics] {EDGE}"


def _ports(settings: Settings) -> Iterator[tuple[str, int]]:
    if settings.metrics.edge_port:
        yield EDGE, settings.metrics.edge_port
    if settings.metrics.worker_port:
        for replica in _regions(settings):
            yield WORKER, _worker_port(settings, replica)


def _worker_port(settings: Settings, replica: str) -> int:
    """Workers of several regions can run on one machine."""
    first = settings.metrics.worker_port
    port = first + _regions(settings).index(replica) if first else 0
    if port > PORT_MAX:
        raise OperatorError(f"[metrics] {WORKER} {first} leaves none for {replica}: choose a lower one")
    return port


def _regions(settings: Settings) -> list[str]:
    return [MAIN, *(one.name for one in settings.objects.replica)]


def _clash(key: str, port: int, whose: str) -> OperatorError:
    return OperatorError(f"[metrics] {key} needs port {port}, which is {whose}: choose another")
