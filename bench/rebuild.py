"""How fast a whole site is rebuilt: profiles/s and peak memory at 1,000 and 10,000 profiles.

Every page is written anew, since the release changed. The peer is the floor of this machine in the same run: writing
the same files, with the same bytes, synced once at the end, and doing nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from core.backends import open_backends
from core.profile import Link, Milestone, Profile, TimelineSection
from core.settings import Settings
from core.store.naming import found

SIZES = (1_000, 10_000)


def seed(data: Path, count: int) -> None:
    """Profiles with 12 links, 10 tags and a timeline each, straight into the store."""
    backends = open_backends(Settings.model_validate({"data": {"dir": data}}))
    for number in range(count):
        found(backends.store, f"artist{number}", _profile(number))
    backends.close()


def _profile(number: int) -> Profile:
    links = tuple(
        Link(label=f"Place {one} of artist {number}", url=f"https://example.org/{number}/{one}", icon="globe")
        for one in range(12)
    )
    milestones = tuple(
        Milestone(title=f"Year {year}", date=str(year), description=f"What artist {number} did in {year}.")
        for year in range(2018, 2023)
    )
    return Profile(
        name=f"Artist {number}",
        tagline="Paints boats and the weather over them.",
        bio=f"**Artist {number}** lives by the sea.\n\nMore of that on [the blog](https://example.org/{number}).",
        tags=tuple(f"tag {one}" for one in range(10)),
        links=links,
        sections=(TimelineSection(kind="timeline", title="Years", milestones=milestones),),
    )


def rebuild(data: Path, description: str) -> dict[str, Any]:
    """Runs `holdfast rebuild --all` under a release of its own, and measures the whole process tree."""
    environment = {**os.environ, "HOLDFAST_SITE__DESCRIPTION": description, "HOLDFAST_PURGE__EDGES": ""}
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "rebuild", "--all", "--json", "--data", str(data)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    peak_kib = max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    result: dict[str, Any] = json.loads(done.stdout)
    return {**result, "peak_mib": round(peak_kib / 1024)}


def floor(data: Path, into: Path) -> float:
    """Profiles/s of writing the same files: read first, so that only writing is timed."""
    public = data / "public"
    names = [
        path
        for path in public.rglob("*")
        if path.is_file() and not path.relative_to(public).parts[0].startswith((".", "_site"))
    ]
    bodies = {path.relative_to(public): path.read_bytes() for path in names}
    profiles = sum(1 for path in bodies if path.name == "index.html" and len(path.parts) == 2)
    started = time.perf_counter()
    for path, body in bodies.items():
        target = into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)
    os.sync()
    return profiles / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES))
    wanted, _ = parser.parse_known_args()
    table = Table(
        "Profiles", "first build /s", "rebuild /s", "peak MiB a process", "floor /s", "rebuild / floor"
    )
    lines = []
    for size in wanted.sizes:
        with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as name:
            data = Path(name) / "data"
            seed(data, size)
            first, again = rebuild(data, "The first release."), rebuild(data, "The second release.")
            floor_per_s = floor(data, Path(name) / "floor")
            share = again["profiles_per_s"] / floor_per_s
            lines.append(
                {
                    "bench": "rebuild",
                    "profiles": size,
                    "first_per_s": first["profiles_per_s"],
                    "rebuild_per_s": again["profiles_per_s"],
                    "peak_mib": again["peak_mib"],
                    "floor_per_s": round(floor_per_s),
                    "to_floor": round(share, 3),
                }
            )
            table.add_row(
                f"{size:,}",
                f"{first['profiles_per_s']:,.0f}",
                f"{again['profiles_per_s']:,.0f}",
                str(again["peak_mib"]),
                f"{floor_per_s:,.0f}",
                f"{share:.3f}",
            )
    if wanted.json:
        print(json.dumps({"bench": "rebuild", "rows": lines}))
    else:
        Console().print(table)


if __name__ == "__main__":
    main()
