"""A rebuild of many profiles: on every core of this machine, or by the workers, going on where the last one stopped."""

from __future__ import annotations

import gc
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple

from rich.console import Console
from rich.progress import TextColumn

from cli.bar import bar_of
from cli.wiring import tools_for
from core.backends import open_backends
from core.log import configure
from core.objects.folder import FolderObjects
from core.settings import LogSettings, Settings
from pipeline.batch import Each
from pipeline.job import Tools
from pipeline.rebuild import Diary, Met, Outcome, Scope, Sharing, Stand, rebuild_chunk, select

CHUNK, AHEAD = 100, 2
"""Profiles that a process publishes together, and how many such chunks wait for each."""
SAVE_S = 1.0
RATE = "rebuild rate"


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
        bar = bar_of("rebuild", self._out, TextColumn("{task.fields[rate]} /s"))
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
