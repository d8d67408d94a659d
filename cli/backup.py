"""`holdfast backup`: saves the whole site to a folder or bucket; what an earlier backup has is not sent again; and forgets
older backups."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer
from rich.console import Console

from cli.options import AsJson, Flags, settings_for, with_flags
from cli.wiring import open_existing
from core.backends import open_target
from core.log import configure
from core.settings import BackupSettings, LogSettings
from pipeline.backup.pruning import Pruned, prune
from pipeline.backup.saving import Saved, Saving
from pipeline.backup.turn import Turn

SHOWN_MAX = 20
Target = Annotated[
    str | None, typer.Argument(metavar="[TARGET]", help="A folder, or s3://bucket (default: backup.target).")
]


@with_flags
def backup(
    flags: Flags,
    target: Target = None,
    keep: Annotated[
        int | None,
        typer.Option(
            "--keep",
            min=1,
            metavar="N",
            help="Then forget all but the N newest backups there, and their data.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Save profiles, accounts and media. Every profile is saved whole, at its newest edit or a later one."""
    settings = settings_for(flags)
    configure(LogSettings(level="error"))
    to = open_target(aimed(settings.backup, target))
    backends = open_existing(settings)
    out = Console(stderr=True, highlight=False, soft_wrap=True, quiet=as_json)
    started = time.monotonic()
    with out.status("saving …") as bar, Turn(to) as turn:
        saving = Saving(
            backends.store, backends.private, to, lambda what, count: bar.update(f"{count:,} {what} …")
        )
        saved = saving.run(turn.check)
        bar.update("forgetting …")
        pruned = prune(to, keep) if keep else Pruned([], 0, 0)
    backends.close()
    seconds = time.monotonic() - started
    if as_json:
        _print_json(saved, pruned, seconds)
    else:
        _tell(saved, pruned, seconds, out)


def _print_json(saved: Saved, pruned: Pruned, seconds: float) -> None:
    index = saved.made
    report = {
        "id": index.id,
        "profiles": index.profiles,
        "accounts": index.accounts,
        "files": index.files,
        "wrote": {"packs": saved.packs, "files": saved.files, "bytes": saved.bytes},
        "missing": saved.missing,
        "forgot": pruned._asdict(),
        "seconds": round(seconds, 3),
    }
    print(json.dumps(report))


def _tell(saved: Saved, pruned: Pruned, seconds: float, out: Console) -> None:
    index = saved.made
    out.print(
        f"{index.profiles:,} profiles, {index.accounts:,} accounts and {index.files:,} files are saved as {index.id}"
        f" in {seconds:.1f} s."
    )
    out.print(
        f"New since the last backup: {saved.packs:,} packs, {saved.files:,} files, {saved.bytes / 1e6:,.1f} MB."
    )
    if pruned.forgotten or pruned.objects:
        out.print(
            f"Forgotten: {len(pruned.forgotten):,} older, with {pruned.objects:,} packs and files,"
            f" {pruned.bytes / 1e6:,.1f} MB."
        )
    for key in saved.missing[:SHOWN_MAX]:
        out.print(f"  {key} is not in storage", style="yellow", markup=False)
    if len(saved.missing) > SHOWN_MAX:
        out.print(f"  and {len(saved.missing) - SHOWN_MAX:,} more (--json has all)", style="yellow")


def aimed(backup: BackupSettings, target: str | None) -> BackupSettings:
    """The settings with the target that the command line names."""
    return BackupSettings.model_validate({**backup.model_dump(), "target": target}) if target else backup
