"""`holdfast rebuild --media`: has the workers make pictures and videos anew that were made with other settings."""

from __future__ import annotations

import json
from collections.abc import Iterator

from rich.console import Console

from cli.bar import bar_of
from cli.options import profile_name
from cli.wiring import profile_of, tools_for
from core.backends import open_backends
from core.log import configure
from core.settings import LogSettings, Settings
from core.store import MediaTask
from pipeline.rebuild import Diary, Scope, Stand
from pipeline.remaking import Remaking
from pipeline.wanted import fingerprint
from pipeline.worker import still_recipe

PER_S = 2.0
"""What is asked for unless the operator says so: a site of everybody's pictures is no work for one night."""


def remake(
    settings: Settings, name: str | None, per_s: float | None, *, anew: bool, dry_run: bool, as_json: bool
) -> None:
    """Goes on where it was stopped. Pages show what there is until the new renditions are ready."""
    configure(LogSettings(level="error"))
    backends, stills = open_backends(settings), still_recipe(settings)
    tools = tools_for(settings, backends)
    out = Console(stderr=True, highlight=False, soft_wrap=True, quiet=as_json)
    remaking = Remaking(tools, stills, per_s or PER_S)
    diary = Diary(tools, Scope("media", with_=fingerprint("still", stills)))
    stand = Stand() if anew or name else diary.read()

    def walk(begin: Stand, *, note: bool) -> Iterator[MediaTask]:
        if name:
            yield from remaking.of_one(profile_of(backends.store, profile_name(name)))
            return
        for number, found in enumerate(remaking.of_all(begin), begin.profiles + 1):
            yield from found.tasks
            if note and found.tasks:
                diary.write(Stand(found.met.part, found.met.walked.place, number))

    wanted = sum(1 for _ in walk(stand, note=False))
    if dry_run:
        seconds = wanted / (per_s or PER_S)
        if as_json:
            print(json.dumps({"media": wanted, "seconds": seconds}))
        else:
            out.print(f"{wanted:,} media would be made anew, in {seconds / 60:,.0f} minutes or more.")
        return
    if stand.profiles:
        out.print(
            f"Going on where the last one stopped, behind {stand.profiles:,} profiles (--anew begins at the start)."
        )
    bar = bar_of("remake", out)
    with bar:
        line = bar.add_task("remake", total=wanted)
        done = remaking.run(walk(stand, note=True), lambda count: bar.update(line, completed=count))
    if not name:
        diary.close()
    backends.close()
    if as_json:
        print(json.dumps({"media": done}))
    else:
        out.print(f"{done:,} media were made anew.")
