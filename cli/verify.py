"""`holdfast verify`: compares store, manifests and objects, says what differs, and mends it if asked to."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.options import AsJson, Flags, profile_name, settings_for, with_flags
from cli.wiring import open_existing, profile_of, tools_for
from core.backends import prove
from core.errors import OperatorError
from core.log import configure
from core.settings import LogSettings
from pipeline.job import Tools
from pipeline.repair import Deletes, mend_profile, remove_orphan
from pipeline.survey import Survey
from pipeline.verify import Difference, differences

GRACE_H, DELETES_MAX, SHOWN_MAX = 24.0, 1000, 100


@with_flags
def verify(
    flags: Flags,
    name: Annotated[
        str | None, typer.Argument(metavar="[@NAME]", help="One profile; else everything.")
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what differs.")] = False,
    grace_h: Annotated[
        float,
        typer.Option(
            "--grace-h", min=0, metavar="H", help="Hours before an unnamed object counts as an orphan."
        ),
    ] = GRACE_H,
    deletes_max: Annotated[
        int, typer.Option("--deletes-max", min=0, metavar="N", help="Objects that a repair may delete.")
    ] = DELETES_MAX,
    as_json: AsJson = False,
) -> None:
    """Compare store, manifests and objects. Exit code 1 if anything differs, and is not mended."""
    settings = settings_for(flags)
    configure(LogSettings(level="error"))
    backends = open_existing(settings)
    tools = tools_for(settings, backends)
    _require_promoted(tools)
    if repair:
        prove((backends.public, backends.private))
        tools.purger.heartbeat()
    out = Console(stderr=True, highlight=False, soft_wrap=True, quiet=as_json)
    started = time.monotonic()
    survey = None
    if name:
        found: Iterator[Difference] = iter(differences(tools, profile_of(backends.store, profile_name(name))))
    else:
        bar = out.status("looking …")
        survey = Survey(
            tools,
            settings.data.dir / "scratch",
            grace_h * 3600,
            lambda what, count: bar.update(f"{count:,} {what} …"),
        )
        bar.start()
        found = survey.run()
    job = _Verify(tools, repair, Deletes(deletes_max))
    try:
        job.run(found)
    finally:
        if survey:
            bar.stop()
        backends.close()
    counts = survey.counts._asdict() if survey else {"profiles": 1}
    if as_json:
        print(json.dumps({**counts, **job.report(), "seconds": round(time.monotonic() - started, 3)}))
    else:
        job.show(out)
        what = ", ".join(f"{count:,} {word}" for word, count in counts.items())
        out.print(f"{job.verdict()} ({what}, {time.monotonic() - started:.1f} s)")
    if job.left:
        raise typer.Exit(1)


def _require_promoted(tools: Tools) -> None:
    rollout = tools.store.rollouts.current()
    if rollout is None or rollout.fingerprint != tools.release.fingerprint:
        raise OperatorError(
            "Another release is promoted: verify with that one, or `holdfast rebuild --all` first"
        )


class _Verify:
    """Takes differences as they come: those of one profile follow each other."""

    def __init__(self, tools: Tools, repair: bool, deletes: Deletes) -> None:
        self._tools, self._repair, self._deletes = tools, repair, deletes
        self.found: list[tuple[Difference, str]] = []
        self.counts: Counter[str] = Counter()
        self.mended = self.left = 0

    def run(self, found: Iterator[Difference]) -> None:
        for (profile_id, is_orphan), some in groupby(
            found, lambda one: (one.profile_id, one.kind == "orphan")
        ):
            of_one = list(some)
            if is_orphan:
                for one in of_one:
                    self._note([one], remove_orphan(self._tools, one, self._deletes) if self._repair else "")
            else:
                self._note(of_one, mend_profile(self._tools, profile_id, of_one) if self._repair else "")

    def _note(self, some: list[Difference], why: str | None) -> None:
        """`why` they are still there: None if they are mended, "" if nobody tried."""
        for one in some:
            self.counts[one.kind] += 1
            if why is None:
                self.mended += 1
            else:
                self.left += 1
            if len(self.found) < SHOWN_MAX or why:
                self.found.append((one, "mended" if why is None else why))

    def verdict(self) -> str:
        if not self.counts:
            return "Equal: every profile lies in storage as the store has it."
        words = ", ".join(f"{count:,} {kind}" for kind, count in self.counts.items())
        if self._repair:
            return f"{words}: {self.mended:,} mended, {self.left:,} left."
        return f"{words}. `holdfast verify --repair` mends them."

    def report(self) -> dict[str, object]:
        shown = [{**one._asdict(), "outcome": outcome} for one, outcome in self.found]
        return {"differences": dict(self.counts), "mended": self.mended, "left": self.left, "shown": shown}

    def show(self, out: Console) -> None:
        if not self.found:
            return
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for one, outcome in self.found[:SHOWN_MAX]:
            where = f"{one.bucket}/{one.key}" if one.bucket else one.profile_id
            table.add_row(
                Text(one.kind, "bold"),
                Text(where),
                Text(one.said),
                Text(outcome, "green" if outcome == "mended" else "red"),
            )
        out.print(table)
        total = self.counts.total()
        if total > SHOWN_MAX:
            out.print(f"and {total - SHOWN_MAX:,} more", style="dim")
