"""`holdfast doctor`: checks everything, and says what is wrong and what mends it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import typer
from rich.console import Console
from rich.text import Text

from cli.checks import Check
from cli.checks.house import house
from cli.checks.machine import machine
from cli.checks.reach import reach
from cli.options import AsJson, Flags, settings_for, with_flags
from core.errors import SettingsError
from core.log import configure
from core.settings import LogSettings, Settings

MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}


@with_flags
def doctor(
    flags: Flags,
    as_json: AsJson = False,
) -> None:
    """Check settings, machine, storage and processes. Ends with 1 if something is wrong; ! is only worth knowing."""
    configure(LogSettings(level="error"))
    out = Console(highlight=False, soft_wrap=True)
    found = []
    for check in examine(flags):
        found.append(check)
        if not as_json:
            _show(out, check)
    wrong = sum(check.state == "fail" for check in found)
    if as_json:
        print(json.dumps({"ok": not wrong, "checks": [check._asdict() for check in found]}))
    else:
        out.print(f"{wrong} of {len(found)} checks failed." if wrong else "Nothing is wrong.")
    if wrong:
        raise typer.Exit(1)


def examine(flags: Flags) -> Iterator[Check]:
    """Every check. Wrong settings are all told; the rest is then looked at with the defaults."""
    try:
        settings = settings_for(flags)
    except SettingsError as error:
        for mistake in error.mistakes:
            yield Check("Settings", "fail", mistake, "mend it there; site.toml explains every key")
        yield from machine(Settings())
        return
    yield Check("Settings", "ok", f"{flags.site or 'site.toml, environment and defaults'}")
    yield from machine(settings)
    yield from house(settings)
    yield from reach(settings)


def _show(out: Console, check: Check) -> None:
    mark, style = MARKS[check.state]
    line = Text.assemble((mark, style), " ", (check.name, "bold"), f"  {check.said}")
    if check.remedy and check.state != "ok":
        line.append(f"\n    → {check.remedy}", "cyan")
    out.print(line)
