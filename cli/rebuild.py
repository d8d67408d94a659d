"""`holdfast rebuild`: publishes profiles again, whatever storage holds; one, or many of them on every core."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console

from cli.options import AsJson, Flags, profile_name, settings_for, with_flags
from cli.rebuilding import Many, Plan, Report
from cli.remake import remake
from cli.wiring import profile_of, promote, tools_for
from core.backends import Backends, open_backends, prove
from core.errors import OperatorError
from core.log import configure
from core.settings import LogSettings
from pipeline.job import Tools
from pipeline.rebuild import Diary, Outcome, Scope, rebuild_chunk
from pipeline.sitemap import Sitemap

FAILED_SHOWN = 50
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
    since_s = _parse_since(since) if since else 0
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
        scope = Scope("all" if all_ else "stale" if stale else "since", since_s)
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
