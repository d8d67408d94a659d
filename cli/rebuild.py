"""`holdfast rebuild`: publishes profiles again, whatever storage holds; one, or many of them on every core."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.options import AsJson, Flags, profile_name, settings_for, with_flags
from cli.remake import remake
from cli.wiring import profile_of, promote, tools_for
from core.backends import Backends, open_backends, prove
from core.errors import OperatorError
from core.log import configure
from core.objects.folder import FolderObjects
from core.settings import LogSettings, Settings
from pipeline.batch import Each
from pipeline.job import Tools
from pipeline.rebuild import Diary, Met, Outcome, Scope, Sharing, Stand, rebuild_chunk, select
from pipeline.sitemap import Sitemap

CHUNK, AHEAD = 100, 2
"""Profiles that a process publishes together, and how many such chunks wait for each."""
SAVE_S = 1.0
FAILED_SHOWN = 50
RATE = "rebuild rate"
UNITS_S = {"m": 60, "h": 3600, "d": 86_400}


Name = Annotated[str | None, typer.Argument(metavar="[@NAME]", help="One profile.")]
All = Annotated[bool, typer.Option("--all", help="Every profile.")]
Stale = Annotated[
    bool, typer.Option("--stale", help="Those that are behind their newest edit, or this release.")
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="TIME", help="Those edited since: 2026-11-26, 2026-11-26T08:30, 90m, 12h, 3d."
    ),
]
OfMedia = Annotated[
    bool,
    typer.Option(
        "--media", help="Instead of pages: pictures and videos that were made with other settings ([media])."
    ),
]
PerS = Annotated[
    float | None,
    typer.Option("--per-s", min=0.1, metavar="N", help="Profiles (or media) a second, at most."),
]
Anew = Annotated[bool, typer.Option("--anew", help="From the start, not where the last one stopped.")]
Shared = Annotated[
    bool, typer.Option("--shared", help="By the workers, on whichever machines they run; not here.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say how many, and how long.")]


@with_flags
def rebuild(
    flags: Flags,
    name: Name = None,
    all_: All = False,
    stale: Stale = False,
    since: Since = None,
    media: OfMedia = False,
    per_s: PerS = None,
    anew: Anew = False,
    shared: Shared = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Publish again: one profile, or many. Looks at every key, so it also mends what storage has lost.

    A rebuild of many goes on where it was stopped.
    """
    if media:
        _require_media_alone(all_ or stale or bool(since) or shared)
        remake(settings_for(flags), name, per_s, anew=anew, dry_run=dry_run, as_json=as_json)
        return
    _require_one_of(name is not None, all_, stale, since is not None)
    settings = settings_for(flags)
    configure(LogSettings(level="error"))
    backends = open_backends(settings)
    out = Console(stderr=True, highlight=False, soft_wrap=True, quiet=as_json)
    tools = tools_for(settings, backends)
    if not dry_run:
        # Workers skip what is published in the current roll-out: for all of it they need another.
        anew_for_all = shared and all_ and not Diary(tools, Scope("all")).read().profiles
        _promote(backends, tools, out, anew=anew_for_all)
    started = time.monotonic()
    if name is not None:
        report = _one(tools, name, dry_run)
    else:
        scope = Scope("all" if all_ else "stale" if stale else "since", _parse_since(since) if since else 0)
        many = Many(settings, tools, scope, per_s, out)
        plan = many.plan(anew=anew)
        if dry_run:
            _tell_plan(plan, out, as_json)
            return
        report = many.share(plan) if shared else many.run(plan)
    Sitemap(backends.store, backends.public, tools.urls, tools.lister, mine=lambda _: name is None).draw()
    seconds = time.monotonic() - started
    backends.close()
    _tell(report, seconds, out, as_json)
    if report.outcome.failed:
        raise typer.Exit(1)


def _require_media_alone(others: bool) -> None:
    if others:
        raise OperatorError(
            "`holdfast rebuild --media` is for all, and `holdfast rebuild --media @ann` for one"
        )


def _require_one_of(*ways: bool) -> None:
    if ways.count(True) != 1:
        raise OperatorError(
            "Say which: `holdfast rebuild @ann`, or `holdfast rebuild --all` (--stale, --since TIME, --media)"
        )


def _one(tools: Tools, name: str, dry_run: bool) -> Report:
    ids = [profile_of(tools.store, profile_name(name))]
    return Report(1, Outcome(0, 0, []) if dry_run else rebuild_chunk(tools, ids))


def _promote(backends: Backends, tools: Tools, out: Console, *, anew: bool) -> None:
    prove((backends.public, backends.private))
    rollout, fresh = promote(backends, tools.release, tools.urls, anew=anew)
    if fresh:
        out.print(f"Release {rollout.fingerprint[:12]} is promoted as roll-out {rollout.number}.")


class Report(NamedTuple):
    """`wanted` profiles were to be done; the outcome is of this run alone."""

    wanted: int
    outcome: Outcome


class Plan(NamedTuple):
    """`wanted` profiles of the scope are still to be done, `done` were by a run that was stopped. `per_s` as the last
    rebuild here was measured; None if there was none."""

    stand: Stand
    wanted: int
    done: int
    per_s: float | None


class Many:
    """A rebuild of many profiles, on all cores; only a few chunks are ever waiting, so memory does not grow with the
    site."""

    def __init__(
        self, settings: Settings, tools: Tools, scope: Scope, per_s: float | None, out: Console
    ) -> None:
        self._settings, self._tools, self._scope, self._per_s, self._out = settings, tools, scope, per_s, out
        self._chunk = min(CHUNK, max(1, int(per_s))) if per_s else CHUNK
        self._diary = Diary(tools, scope)

    def plan(self, *, anew: bool) -> Plan:
        """Counts by a walk over all of them."""
        stand = Stand() if anew else self._diary.read()
        wanted = sum(met.wanted for met in select(self._tools, self._scope, stand))
        rate = self._tools.store.bookmarks.get(RATE)
        return Plan(stand, wanted, stand.profiles, float(rate) if rate else None)

    def run(self, plan: Plan) -> Report:
        if plan.done:
            self._out.print(
                f"Going on where the last one stopped: {plan.done:,} are done (--anew begins at the start)."
            )
        with self._bar(plan) as tell:
            outcome = self._work(plan, tell)
        self._diary.close()
        return Report(plan.wanted, outcome)

    def share(self, plan: Plan) -> Report:
        """By the workers, wherever they run: this process only announces, and watches."""
        started, stand = time.monotonic(), plan.stand
        with self._bar(plan) as tell:

            def done(count: int, last: Met) -> None:
                nonlocal stand
                stand = stand._replace(
                    part=last.part, place=last.walked.place, profiles=stand.profiles + count
                )
                self._diary.write(stand)
                total = stand.profiles - plan.done
                tell(total, f"{total / (time.monotonic() - started):.0f}")

            sharing = Sharing(self._tools, self._per_s)
            total = sharing.run(select(self._tools, self._scope, plan.stand), done)
        self._diary.close()
        return Report(plan.wanted, Outcome(total, 0, []))

    @contextmanager
    def _bar(self, plan: Plan) -> Iterator[Callable[[int, str], None]]:
        bar = Progress(
            TextColumn("rebuild"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]} /s"),
            TimeRemainingColumn(),
            console=self._out,
            disable=self._out.quiet or not self._out.is_terminal,
        )
        with bar:
            line = bar.add_task("rebuild", total=plan.done + plan.wanted, completed=plan.done, rate="–")
            yield lambda done, rate: bar.update(line, completed=plan.done + done, rate=rate)

    def _work(self, plan: Plan, tell: Callable[[int, str], None]) -> Outcome:
        cores = os.cpu_count() or 1
        started, saved, stand = time.monotonic(), 0.0, plan.stand
        total = Outcome(0, 0, [])
        spawn = multiprocessing.get_context("spawn")
        chunks = self._chunks(plan.stand)
        with ProcessPoolExecutor(cores, spawn, _open, (self._settings,)) as pool:
            waiting: deque[tuple[Future[Outcome], Met]] = deque()
            while True:
                for ids, last in islice(chunks, max(0, AHEAD * cores - len(waiting))):
                    self._pace(total.profiles + self._chunk * len(waiting), started)
                    waiting.append((pool.submit(_chunk, ids), last))
                if not waiting:
                    break
                # In their order, so that the stand never passes a chunk that isn't done.
                future, last = waiting.popleft()
                got = future.result()
                total = Outcome(
                    total.profiles + got.profiles, total.wrote + got.wrote, total.failed + got.failed
                )
                stand = Stand(
                    last.part,
                    last.walked.place,
                    stand.profiles + got.profiles,
                    stand.wrote + got.wrote,
                    stand.failed + len(got.failed),
                )
                now = time.monotonic()
                tell(total.profiles, f"{total.profiles / (now - started):.0f}")
                if now - saved > SAVE_S:
                    self._diary.write(stand)
                    saved = now
        took_s = time.monotonic() - started
        if total.profiles >= CHUNK and not self._per_s:
            self._tools.store.bookmarks.put(RATE, f"{total.profiles / took_s:.1f}")
        return total

    def _chunks(self, stand: Stand) -> Iterator[tuple[list[str], Met]]:
        """Ids of wanted profiles, each time with the last one that was met."""
        ids: list[str] = []
        met = None
        for met in select(self._tools, self._scope, stand):
            if met.wanted:
                ids.append(met.walked.profile_id)
            if len(ids) == self._chunk:
                yield ids, met
                ids = []
        if met and ids:
            yield ids, met

    def _pace(self, begun: int, started: float) -> None:
        if self._per_s:
            time.sleep(max(0.0, started + begun / self._per_s - time.monotonic()))


_tools: Tools | None = None
_each: Each = map


def _open(settings: Settings) -> None:
    """Each process opens its own backends: neither libvips nor SQLite survives a fork, so they are spawned."""
    global _tools, _each
    configure(LogSettings(level="error"))
    _tools = tools_for(settings, open_backends(settings))
    _tools.purger.heartbeat()
    if not isinstance(_tools.buckets["public"], FolderObjects):
        # Each write is a way to go: those of many profiles go it side by side.
        _each = ThreadPoolExecutor(settings.worker.threads).map
    # What was loaded until now stays: no need to look through it again and again.
    gc.freeze()


def _chunk(ids: list[str]) -> Outcome:
    assert _tools is not None
    return rebuild_chunk(_tools, ids, _each)


def _parse_since(text: str) -> int:
    """Seconds since 1970 of a date, a time, or so long ago; local time where none is told."""
    now = datetime.now(UTC)
    try:
        if text[-1:] in UNITS_S:
            return int((now - timedelta(seconds=float(text[:-1]) * UNITS_S[text[-1]])).timestamp())
        return int(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        raise OperatorError(
            f"--since {text} is no time: write 2026-11-26, 2026-11-26T08:30, or how long ago (90m, 12h, 3d)"
        ) from None


# ── what is told ──


def _tell_plan(plan: Plan, out: Console, as_json: bool) -> None:
    seconds = plan.wanted / plan.per_s if plan.per_s else None
    if as_json:
        print(json.dumps({"profiles": plan.wanted, "done": plan.done, "seconds": seconds}))
        return
    done = f" ({plan.done:,} are done already)" if plan.done else ""
    out.print(f"{plan.wanted:,} profiles would be published again{done}.")
    if seconds is None:
        out.print("How long that takes is known after the first rebuild here.")
    else:
        out.print(
            f"About {timedelta(seconds=round(seconds))}, at {plan.per_s:,.0f} profiles/s as the last time."
        )


def _tell(report: Report, seconds: float, out: Console, as_json: bool) -> None:
    outcome = report.outcome
    rate = outcome.profiles / seconds if seconds else 0.0
    if as_json:
        answer = {**outcome._asdict(), "seconds": round(seconds, 3), "profiles_per_s": round(rate, 1)}
        print(json.dumps(answer))
        return
    out.print(
        f"{outcome.profiles:,} profiles looked at, {outcome.wrote:,} files written in {seconds:.1f} s ({rate:,.0f} profiles/s)."
    )
    for profile_id, reason in outcome.failed[:FAILED_SHOWN]:
        out.print(f"  {profile_id}: {reason}", style="red", markup=False)
    if len(outcome.failed) > FAILED_SHOWN:
        out.print(f"  and {len(outcome.failed) - FAILED_SHOWN:,} more (--json has all).", style="red")
