"""`holdfast serve ingest|edge`: one of the two ASGI apps, served by uvicorn."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import threading
from contextlib import suppress
from typing import Annotated, Literal

import typer
import uvicorn
from starlette.types import ASGIApp

from cli.metrics import edge_metrics
from cli.options import Flags, is_free, settings_for, with_flags
from core import insync, keys
from core.backends import open_backends, open_reader
from core.errors import HoldfastError, OperatorError
from core.keyring import grants_of, shared_secret
from core.log import configure, get_logger
from core.objects.regions import Regions
from core.settings import Settings

DRAIN_S = 10
FILES_BESIDES = 200
"""What an edge has open besides its readers: storage, libraries, logs."""
Supervised = Annotated[bool, typer.Option("--supervised", hidden=True, help="Ends when standard input does.")]


@with_flags
def serve(
    flags: Flags,
    app: Annotated[
        Literal["ingest", "edge"],
        typer.Argument(help="ingest (the studio and the API) or edge (the readers' side)."),
    ],
    supervised: Supervised = False,
) -> None:
    """Serve the studio with its API, or the readers' side."""
    settings = settings_for(flags)
    configure(settings.log)
    if supervised:
        end_with_parent()
    if app == "ingest":
        _listen(_ingest(settings), settings.studio.host, settings.studio.port, "--studio")
    else:
        _serve_edge(settings)


def _ingest(settings: Settings) -> ASGIApp:
    from ingest.app import create_app

    backends = open_backends(settings, None)
    secret, grants = shared_secret(settings, "studio"), grants_of(settings)
    return create_app(backends.store, backends.private, settings, secret, grants)


def _serve_edge(settings: Settings) -> None:
    from edge.app import create_app
    from edge.counts import Counts
    from edge.server import bounded
    from generator.release import load_release

    edge, counts = settings.edge, Counts()
    _allow_files(2 * edge.connections + FILES_BESIDES)
    secret = shared_secret(settings, "purge")
    regions, private = open_reader(settings), open_reader(settings, "private")
    _learn_regions(regions, secret, private)
    app = create_app(
        regions,
        load_release(settings.site),
        edge,
        settings.site,
        secret,
        heartbeat_s=settings.purge.heartbeat_s,
        private=private,
        grants=grants_of(settings),
        counts=counts,
    )
    http = bounded(edge.connections, edge.connections_each, edge.trusted_proxies)
    with edge_metrics(settings, counts.registry):
        _listen(app, edge.host, edge.port, "--edge", http)


def _allow_files(wanted: int) -> None:
    """Lets this process open so many files and connections, as far as the system's hard limit goes: what is accepted
    beyond the soft one, often 1024, could read no page."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    top = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < top:
        resource.setrlimit(resource.RLIMIT_NOFILE, (top, hard))


def _learn_regions(regions: Regions, secret: bytes, private: Regions) -> None:
    """What the regions themselves say of which are in sync: while no worker calls, a restarted edge must not read one that
    was taken off."""
    if len(regions.readers) == 1:
        return
    for reader in regions.readers.values():
        with suppress(HoldfastError):
            stored = reader.get(keys.IN_SYNC)
            listed = insync.read(stored.body, secret) if stored else None
            if listed:
                regions.use(*listed)
                private.use(*listed)


def _listen(
    app: ASGIApp, host: str, port: int, flag: str, http: type[asyncio.Protocol] | Literal["auto"] = "auto"
) -> None:
    if port and not is_free(host, port):
        raise OperatorError(f"{host}:{port} is in use: choose another address with {flag} HOST:PORT")
    log = get_logger("serve")
    log.info("listening", host=host, port=port)
    uvicorn.run(
        app,
        host=host,
        port=port,
        http=http,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_S,
    )
    log.info("drained", host=host, port=port)


def end_with_parent() -> None:
    """Stops this process (gracefully) when the supervisor is gone, however it died: its end of our standard input closes."""

    def watch() -> None:
        # The descriptor itself: a buffered reader held by a daemon thread aborts the interpreter at its end.
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()
