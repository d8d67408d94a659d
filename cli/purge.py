"""`holdfast purge`: makes every cache ask for a profile's pages again, and proves that it did."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from cli.options import AsJson, Flags, profile_name, settings_for, with_flags
from cli.wiring import profile_of, tools_for
from core import keys
from core.backends import open_backends
from core.errors import OperatorError
from core.ids import new_id
from core.log import configure
from core.settings import LogSettings
from core.store import Purge, PurgePath
from pipeline.publish import read_manifest


@with_flags
def purge(
    flags: Flags,
    name: Annotated[str, typer.Argument(metavar="@NAME", help="Whose pages.")],
    hard: Annotated[
        bool, typer.Option("--hard", help="Nothing may be served stale, even if storage is away.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Purge a profile's pages from every cache of ours, and look whether readers get the newest."""
    settings = settings_for(flags)
    configure(LogSettings(level="error"))
    backends = open_backends(settings)
    tools = tools_for(settings, backends)
    profile_id = profile_of(backends.store, profile_name(name))
    manifest, _ = read_manifest(backends.private, profile_id)
    paths = tuple(
        PurgePath(keys.purge_path(*place), str(entry.rank), hard)
        for place, entry in manifest.entries.items()
        if entry.rank is not None and not entry.lost
    )
    if manifest.mark is None or not paths:
        raise OperatorError(f"{name} has no published page: `holdfast status {name}` says how far it is")
    job = Purge(new_id(), profile_id, manifest.mark, paths, int(time.time()))
    backends.store.purges.queue(tools.replica, job)
    tools.purger.heartbeat()
    done, live = tools.purger.settle(job), [one.url for one in tools.purger.live]
    backends.close()
    if as_json:
        print(json.dumps({"paths": len(paths), "purged": done, "edges": live}))
    elif done:
        print(
            f"{len(paths)} paths purged and proven at {len(live)} edge(s): {', '.join(live) or 'none answers'}."
        )
    else:
        raise OperatorError("Not every edge answered; the purge stays queued and the worker goes on trying.")
