"""`holdfast dev-cluster`: a real Cassandra ring on this machine's loopback, to develop against and to rehearse faults on."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from cli.options import AsJson, Flags, flagged, with_flags
from cli.ring.ring import DATACENTER, Ring
from core.errors import OperatorError

Action = Literal["start", "stop", "status", "destroy", "kill", "pause", "resume", "boot"]
COLOURS = {"ready": "green", "not ready": "yellow", "paused": "yellow", "down": "red"}


@with_flags
def dev_cluster(
    flags: Flags,
    action: Annotated[Action, typer.Argument(help="What to do.")],
    folder: Annotated[
        Path | None,
        typer.Option("--folder", metavar="DIR", help="Its data (default: cassandra in data.dir)."),
    ] = None,
    nodes: Annotated[
        int | None, typer.Option("--nodes", metavar="1|3", help="Size of a new ring (default: 3).")
    ] = None,
    node: Annotated[
        int | None, typer.Option("--node", metavar="N", help="Which node to kill, pause, resume or boot.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run Cassandra on loopback: one node or three. Stop keeps the data, destroy removes it."""
    out = Console(highlight=False, soft_wrap=True, quiet=as_json)
    place = folder or flagged(flags).data.dir / "cassandra"
    ring = Ring(place, nodes) if action == "start" else Ring.existing(place)
    if action == "start":
        _start(ring, out)
    elif action == "destroy":
        ring.destroy()
        out.print(f"The ring in {place} is gone.", markup=False)
        return
    else:
        _act(ring, action, node)
    report = ring.status()
    if as_json:
        print(json.dumps({"folder": str(ring.folder), "nodes": report, "settings": settings_of(ring)}))
    elif action != "start":
        for one in report:
            colour = COLOURS[one["state"]]
            process = f"  process {one['pid']}" if one["pid"] else ""
            out.print(f"{one['node']}  {one['address']}  [{colour}]{one['state']}[/]{process}")


def settings_of(ring: Ring) -> dict[str, str]:
    """The environment with which Holdfast uses this ring."""
    nodes = len(ring.addresses)
    replication = {"HOLDFAST_STORE__REPLICATION": f"{DATACENTER}:1"} if nodes == 1 else {}
    return {
        "HOLDFAST_STORE__BACKEND": "scylla",
        "HOLDFAST_STORE__NODES": ",".join(ring.addresses),
        **replication,
    }


def _start(ring: Ring, out: Console) -> None:
    started = time.monotonic()
    ring.start(lambda words: out.print(f"[dim]{time.strftime('%H:%M:%S')}[/]  {words} …"))
    out.print(f"Ready after {time.monotonic() - started:.1f} s: {', '.join(ring.addresses)}. To use it:\n")
    settings = " ".join(f"{name}={value}" for name, value in settings_of(ring).items())
    out.print(f"  export {settings}", "  holdfast store init", sep="\n", markup=False)


def _act(ring: Ring, action: Action, node: int | None) -> None:
    if action == "status":
        return
    if action == "stop":
        ring.stop(node)
        return
    if node is None:
        raise OperatorError(f"Say which node: `holdfast dev-cluster {action} --node 1`.")
    {"kill": ring.kill, "pause": ring.pause, "resume": ring.resume, "boot": ring.boot}[action](node)
