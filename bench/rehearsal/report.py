"""The report: tables for people, and the same as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.rehearsal.ledger import Times


def seconds(value: float) -> float | None:
    """For JSON, which knows no infinity: what never came is null."""
    return round(value, 3) if math.isfinite(value) else None


def as_json(found: Times) -> dict[str, Any]:
    return {
        "edits": found.edits,
        "p50_s": seconds(found.p50_s),
        "p99_s": seconds(found.p99_s),
        "max_s": seconds(found.max_s),
    }


def show(report: Mapping[str, Any]) -> None:
    out = Console(highlight=False)
    machine = report["machine"]
    out.print(
        f"\n{machine['cores']} cores ({machine['cpu']}), {machine['memory_gb']} GB, Python {machine['python']},"
        f" Cassandra {machine['cassandra']}; ring, fleet and load all on them.\n",
        soft_wrap=True,
    )
    _steps(out, report)
    table = Table("", "", box=None, show_header=False)
    for part, words in (("import", "Imported"), ("publish", "Published")):
        one = report[part]
        table.add_row(words, f"{report['profiles']:,} profiles in {one['seconds']:,.0f} s ({one['per_s']}/s)")
    if report["highest_rate_per_s"]:
        limit = report["limit_s"]
        table.add_row("Highest rate", f"{report['highest_rate_per_s']} edits/s with p99 under {limit:.0f} s")
    run = report["run"]
    refused = ", ".join(f"{count} × {status}" for status, count in run["refused"].items()) or "0"
    table.add_row("Long run", f"{run['seconds']:.0f} s at {run['rate_per_s']} edits/s")
    table.add_row(
        "",
        f"sent {run['sent']}, acknowledged {run['acknowledged']}, refused {refused}, unknown {run['unknown']}",
    )
    table.add_row(
        "Lost", f"{len(report['lost'])} of {report['acknowledged']} acknowledged edits of the whole rehearsal"
    )
    table.add_row("Behind", f"{len(report['behind'])} of {report['pages']} pages at the edges")
    for scene, twice in report["twice"].items():
        words = f"{scene}: {twice['again']} of {twice['publishes']} publishes, {twice['by_another']} by another worker"
        table.add_row("Done twice" if scene == "first publishing" else "", words)
    table.add_row(
        "CPU", ", ".join(f"{name} {used:.0%}" for name, used in run["cores_used"].items()) + " of a core"
    )
    out.print(table)
    out.print()
    times = Table("Edit to live", "edits", "p50 s", "p99 s", "max s", box=None)
    for name, one in run["edit_to_live"].items():
        times.add_row(name, str(one["edits"]), *(_s(one[key]) for key in ("p50_s", "p99_s", "max_s")))
    out.print(times)
    for problem in (*report["lost"], *report["behind"], *report["problems"]):
        out.print(f"  {problem}", style="red", markup=False)


def _steps(out: Console, report: Mapping[str, Any]) -> None:
    if not report["steps"]:
        return
    table = Table("Step, edits/s", "edits", "p50 s", "p99 s", "max s", "sent late, p99 s", "", box=None)
    for step in report["steps"]:
        table.add_row(
            str(step["rate_per_s"]),
            str(step["edits"]),
            *(_s(step[key]) for key in ("p50_s", "p99_s", "max_s", "late_p99_s")),
            "" if step["holds"] else "too much",
        )
    out.print(table)
    out.print()


def _s(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f}"
