"""`holdfast rebuild`: publishes profiles again, whatever storage holds; one, or all of them on every core."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.options import AsJson, Flags, profile_name, settings_for, with_flags
from cli.wiring import profile_of, promote, tools_for
from core.backends import open_backends
from core.errors import HoldfastError, OperatorError, Stale
from core.log import configure
from core.settings import LogSettings, Settings
from core.store.everyone import everyone
from pipeline.job import Tools, publish_profile
from pipeline.sitemap import Sitemap

CHUNK = 20
STALE_TRIES = 5


class Outcome(NamedTuple):
    """What became of one chunk: how many profiles, how many keys were written, and who failed why."""

    profiles: int
    wrote: int
    failed: list[tuple[str, str]]


@with_flags
def rebuild(
    flags: Flags,
    name: Annotated[str | None, typer.Argument(metavar="[@NAME]", help="One profile.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every profile.")] = False,
    as_json: AsJson = False,
) -> None:
    """Publish again: one profile, or --all. Looks at every key, so it also mends what storage has lost."""
    if (name is None) == (not all_):
        raise OperatorError("Say which: `holdfast rebuild @ann`, or `holdfast rebuild --all`")
    settings = settings_for(flags)
    configure(LogSettings(level="error"))
    backends = open_backends(settings)
    tools = tools_for(settings, backends)
    rollout, fresh = promote(backends, tools.release, tools.urls)
    out = Console(stderr=True, highlight=False)
    if fresh and not as_json:
        out.print(f"Release {rollout.fingerprint[:12]} is new: promoted as roll-out {rollout.number}.")
    started = time.monotonic()
    if name:
        ids = [profile_of(backends.store, profile_name(name))]
        outcome = rebuild_chunk(tools, ids)
    else:
        total = sum(1 for _ in everyone(backends.store.profiles))
        ids_of_all = (one.profile_id for one in everyone(backends.store.profiles))
        outcome = _everywhere(settings, ids_of_all, total, out, quiet=as_json)
    Sitemap(backends.store, backends.public, tools.urls, tools.lister, mine=lambda _: all_).draw()
    seconds = time.monotonic() - started
    backends.close()
    rate = outcome.profiles / seconds if seconds else 0.0
    if as_json:
        print(
            json.dumps({**outcome._asdict(), "seconds": round(seconds, 3), "profiles_per_s": round(rate, 1)})
        )
    else:
        out.print(
            f"{outcome.profiles} profiles looked at, {outcome.wrote} files written"
            f" in {seconds:.1f} s ({rate:.0f} profiles/s)."
        )
        for profile_id, reason in outcome.failed:
            out.print(f"  {profile_id}: {reason}", style="red", markup=False)
    if outcome.failed:
        raise typer.Exit(1)


def rebuild_chunk(tools: Tools, ids: list[str]) -> Outcome:
    """Publishes these profiles; one that fails doesn't stop the others."""
    wrote, failed = 0, []
    for profile_id in ids:
        for again in range(STALE_TRIES):
            try:
                wrote += publish_profile(tools, profile_id, trust=False).wrote
            except Stale:
                if again == STALE_TRIES - 1:
                    failed.append((profile_id, "was edited too often meanwhile; the worker publishes it"))
                continue
            except HoldfastError as error:
                failed.append((profile_id, str(error)))
            break
    return Outcome(len(ids), wrote, failed)


_tools: Tools | None = None


def _open(settings: Settings) -> None:
    """Each process opens its own backends: neither libvips nor SQLite survives a fork, so they are spawned."""
    global _tools
    configure(LogSettings(level="error"))
    _tools = tools_for(settings, open_backends(settings))
    _tools.purger.heartbeat()


def _chunk(ids: list[str]) -> Outcome:
    assert _tools is not None
    return rebuild_chunk(_tools, ids)


def _everywhere(settings: Settings, ids: Iterator[str], total: int, out: Console, *, quiet: bool) -> Outcome:
    """All profiles, on all cores; only a few chunks are ever waiting, so memory does not grow with the site."""
    cores = os.cpu_count() or 1
    done = Outcome(0, 0, [])
    bar = Progress(
        TextColumn("rebuild"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} /s"),
        TimeRemainingColumn(),
        console=out,
        disable=quiet or not out.is_terminal,
    )
    started = time.monotonic()
    spawn = multiprocessing.get_context("spawn")
    with bar, ProcessPoolExecutor(cores, spawn, _open, (settings,)) as pool:
        line = bar.add_task("rebuild", total=total, rate="-")
        waiting: set[Future[Outcome]] = set()
        while (chunk := list(islice(ids, CHUNK))) or waiting:
            if chunk:
                waiting.add(pool.submit(_chunk, chunk))
            if len(waiting) > 4 * cores or not chunk:
                ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for one in ready:
                    got = one.result()
                    done = Outcome(
                        done.profiles + got.profiles, done.wrote + got.wrote, done.failed + got.failed
                    )
                rate = done.profiles / (time.monotonic() - started)
                bar.update(line, completed=done.profiles, rate=f"{rate:.0f}")
    return done
