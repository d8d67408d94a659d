"""`holdfast dev-s3`: a real S3 server on this machine's loopback, to develop against and to rehearse faults on."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from cli.gateway.build import Kind
from cli.gateway.server import Server
from cli.options import AsJson, Flags, flagged, with_flags
from core.errors import OperatorError

Action = Literal["start", "stop", "status", "destroy", "kill", "pause", "resume"]
COLOURS = {"ready": "green", "not ready": "yellow", "paused": "yellow", "down": "red"}


@with_flags
def dev_s3(
    flags: Flags,
    action: Annotated[Action, typer.Argument(help="What to do.")],
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help="Its data (default: s3 in data.dir).")
    ] = None,
    kind: Annotated[Kind, typer.Option("--kind", help="Of a new server: which one.")] = "versitygw",
    as_json: AsJson = False,
) -> None:
    """Run an S3 server on loopback; another folder is another server (a second region, say). Stop keeps the data."""
    out = Console(highlight=False, soft_wrap=True, quiet=as_json)
    place = folder or flagged(flags).data.dir / "s3"
    if action != "start" and not (place / "server.json").exists():
        raise OperatorError(f"There is no S3 server in {place}: `holdfast dev-s3 start` makes one.")
    server = Server(place, kind)
    if action == "start":
        _start(server, out)
    elif action == "destroy":
        server.destroy()
        out.print(f"The S3 server in {place} is gone.", markup=False)
        return
    elif action != "status":
        {"stop": server.stop, "kill": server.kill, "pause": server.pause, "resume": server.resume}[action]()
    state = server.state()
    if as_json:
        report = {"folder": str(server.folder), "kind": server.record.kind, "pid": server.pid, "state": state}
        print(json.dumps({**report, "settings": server.environment}))
    elif action != "start":
        out.print(f"{server.record.kind}  {server.endpoint}  [{COLOURS[state]}]{state}[/]")


def _start(server: Server, out: Console) -> None:
    started = time.monotonic()
    server.start(lambda words: out.print(f"[dim]{time.strftime('%H:%M:%S')}[/]  {words} …"))
    out.print(f"{server.record.kind} is ready after {time.monotonic() - started:.1f} s. To use it:\n")
    settings = " ".join(f"{name}={value}" for name, value in server.environment.items())
    out.print(f"  export {settings}", "  holdfast objects init", sep="\n", markup=False)
