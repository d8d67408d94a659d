"""The rehearsal: a site of many profiles on a ring of three is imported, published, edited at a rate that is searched for,
and edited on while a node and a worker are killed; then every acknowledged edit is looked for.

    make rehearsal                                               all of it: an hour and more on two cores
    make rehearsal ARGS="--profiles 200 --minutes 0.5 --rate 3"  a quick look: some two minutes

Exit code 1 if an acknowledged edit was lost, a page is older than its head, or something did not come back.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.grounds import machine
from bench.grounds import ring as a_ring
from bench.rehearsal import stage
from bench.rehearsal.creators import open_sessions
from bench.rehearsal.people import write_people
from bench.rehearsal.report import show
from bench.rehearsal.scenes import Progress, Rehearsal, out, tell
from bench.rehearsal.watching import WorkerLogs
from core.errors import OperatorError


def rehearse(wanted: argparse.Namespace, held: ExitStack) -> dict[str, Any]:
    """All scenes in their order; `held` keeps what has to be taken down."""
    ground = machine()
    folder = held.enter_context(stage.scratch(wanted.folder))
    names = write_people(folder / "people", wanted.profiles, wanted.seed)
    tell("a ring of three starts" if wanted.ring is None else f"the ring in {wanted.ring}")
    ring = held.enter_context(a_ring(wanted.ring, folder, tell))
    settings = held.enter_context(stage.keyspace(ring))
    fleet = held.enter_context(stage.fleet(folder / "fleet", settings))
    imported = stage.import_people(fleet, folder / "people", len(names), Progress("imported"))
    tell(f"imported in {imported['seconds']} s")
    logs = held.enter_context(WorkerLogs([member.log for member in fleet.workers]))
    evening = Rehearsal(wanted, ring, fleet, logs)
    published_s = evening.publish(len(names))
    evening.count_twice("first publishing")
    tell(f"published in {published_s:.1f} s")
    with stage.store(settings) as store:
        creators = open_sessions(store, names[:: max(1, len(names) // wanted.creators)][: wanted.creators])
        highest, steps = evening.search(creators) if wanted.rate is None else (0.0, [])
        evening.count_twice("search")
        run = evening.long_run(creators, wanted.rate or max(highest / 2, 0.5))
        evening.count_twice("long run")
        tell("looking for every edit")
        usernames = {one.profile_id: one.username for one in creators}
        found = evening.verify(stage.all_stored(store, list(usernames)), usernames)
    return {
        "rehearsal": 1,
        "machine": ground,
        "profiles": len(names),
        "creators": len(creators),
        "import": {"seconds": imported["seconds"], "per_s": round(len(names) / imported["seconds"], 1)},
        "publish": {"seconds": round(published_s, 1), "per_s": round(len(names) / published_s, 1)},
        "limit_s": wanted.limit_s,
        "steps": steps,
        "highest_rate_per_s": highest,
        "run": run,
        **found,
        "twice": evening.twice,
        "problems": evening.problems,
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        "make rehearsal", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("--profiles", type=int, default=20_000, help="how many are imported (20000)")
    add("--minutes", type=float, default=5, help="of the long run (5)")
    add(
        "--rate",
        type=float,
        help="edits/s of the long run; spares the search (half of the highest that holds)",
    )
    add("--limit-s", type=float, default=5, help="p99 of edit-to-live that a rate has to hold (5)")
    add("--step-s", type=float, default=25, help="length of a step of the search (25)")
    add(
        "--settle-s",
        type=float,
        default=120,
        help="how long to wait until all is live after a step or the run (120)",
    )
    add("--publish-minutes", type=float, default=120, help="how long the first publishing may take (120)")
    add("--creators", type=int, default=500, help="profiles that are edited (500)")
    add(
        "--polled",
        type=int,
        default=5,
        help="one of so many edits is also polled for at an edge (5); 0: none",
    )
    add("--seed", type=int, default=1, help="of the invented people (1)")
    add("--ring", type=Path, help="folder of a ring that runs already (a new one is made, and destroyed)")
    add("--folder", type=Path, help="where people, logs and pages go, and stay (a temporary one)")
    add("--json", type=Path, metavar="FILE", help="also write the report there")
    wanted = parser.parse_args()
    # As Ctrl-C: whatever was started is stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with ExitStack() as held:
            report = rehearse(wanted, held)
    except KeyboardInterrupt:
        return 130
    except (OperatorError, AssertionError) as error:
        out.print(f"{error}", style="red", markup=False)
        return 1
    if wanted.json:
        wanted.json.write_text(json.dumps(report, indent=1) + "\n")
    show(report)
    return 1 if report["lost"] or report["behind"] or report["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
