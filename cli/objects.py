"""`holdfast objects init|rights`: makes the buckets of [objects], or prints what credentials for them have to allow."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from cli.options import AsJson, Flags, settings_for, with_flags
from core.backends import THREADS, open_bucket, prove, region_of
from core.errors import OperatorError
from core.log import configure
from core.settings import LogSettings, RegionSettings, Settings


@with_flags
def objects(
    flags: Flags,
    act: Annotated[
        Literal["init", "rights"],
        typer.Argument(
            help="init (make the buckets, and try them), rights (print policies for credentials)."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Make the two buckets that section objects names: policy, expiry, CORS; then prove that they can be published to."""
    settings = settings_for(flags)
    configure(LogSettings(level="error"))
    region = region_of(settings, settings.worker.replica)
    if region.backend == "folder":
        raise OperatorError(
            f"Objects lie in folders of {settings.data.dir.absolute()}, which need no init: for S3 set objects.backend"
        )
    if act == "rights":
        _print_rights(region)
        return
    steps = _init(settings, region, Console(stderr=True, highlight=False, soft_wrap=True, quiet=as_json))
    if as_json:
        print(json.dumps({"steps": steps}))


def _init(settings: Settings, region: RegionSettings, out: Console) -> list[dict[str, Any]]:
    from core.objects.s3_client import connect
    from core.objects.s3_setup import init

    steps = []
    for step in init(connect(region, THREADS, region.profile), region, settings.studio.url):
        steps.append(step._asdict())
        out.print(f"  [green]✓[/]  {step.what}" if step.done else f"  [yellow]–[/]  {step.what}: {step.why}")
    prove((open_bucket(settings, region, "public"), open_bucket(settings, region, "private")))
    out.print("  [green]✓[/]  both honour conditional writes: pages can be published")
    return steps


def _print_rights(region: RegionSettings) -> None:
    from core.objects.s3_setup import rights, shown_to

    writer, reader = rights("writer", region), rights("reader", region)
    bucket = shown_to("EDGE", region)
    print(json.dumps({"writer": writer, "reader": reader, "private_bucket": bucket}, indent=2))
