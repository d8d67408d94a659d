"""`holdfast purge`: makes every cache ask for a profile's pages again, and proves that it did; or tries again what caches
would not take."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from cli.failures import say_disabled
from cli.options import AsJson, Flags, profile_name, settings_for, with_flags
from cli.wiring import profile_of, tools_for
from core import keys
from core.backends import open_backends
from core.errors import OperatorError
from core.ids import new_id
from core.log import configure
from core.settings import LogSettings
from core.store import Purge, PurgePath, Store
from pipeline.job import queue_outside
from pipeline.publish import read_manifest
from pipeline.purge.aside import disables, replay


@with_flags
def purge(
    flags: Flags,
    name: Annotated[str | None, typer.Argument(metavar="[@NAME]", help="Whose pages.")] = None,
    hard: Annotated[
        bool, typer.Option("--hard", help="Nothing may be served stale, even if storage is away.")
    ] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="Try again the purges that caches in front would not take.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Purge a profile's pages from every cache, and look whether readers get the newest."""
    if retry == (name is not None):
        raise OperatorError("Say whose pages: `holdfast purge @NAME`; or try again what failed: --retry")
    settings = settings_for(flags)
    configure(LogSettings(level="error"))
    backends = open_backends(settings)
    if name is None:
        _replay(backends.store, as_json)
        backends.close()
        return
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
    queue_outside(tools, profile_id, manifest.mark, paths)
    tools.purger.heartbeat()
    done, live = tools.purger.settle(job), [one.url for one in tools.purger.live]
    backends.close()
    if as_json:
        told = {"paths": len(paths), "purged": done, "edges": live, "queued": list(tools.outside)}
        print(json.dumps(told))
    elif done:
        print(
            f"{len(paths)} paths purged and proven at {len(live)} edge(s): {', '.join(live) or 'none answers'}."
        )
        if tools.outside:
            print(
                f"The worker purges them from {', '.join(tools.outside)}: `holdfast status` counts what waits."
            )
    else:
        raise OperatorError("Not every edge answered; the purge stays queued and the worker goes on trying.")


def _replay(store: Store, as_json: bool) -> None:
    purges = [one for one in store.failures.all() if one.kind == "purge"]
    found = [one for one in purges if not disables(one)]
    queued = sum(replay(store, one) for one in found)
    if as_json:
        print(json.dumps({"failures": len(found), "queued": queued}))
        return
    print(f"{queued} purges handed to the worker again." if found else "No cache has refused a purge.")
    say_disabled(purges)
