"""The bench's profiles as a site of Hugo's: a content file for each, and a template that draws the same page."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from core.profile import Profile

HERE = Path(__file__).parent / "hugo"


class Built(NamedTuple):
    seconds: float
    peak_mib: int
    bytes: int


def write(folder: Path, profiles: Iterator[tuple[str, Profile]]) -> None:
    """The site in `folder`; as Hugo wants it, front matter as JSON and the bio as Markdown."""
    (folder / "layouts" / "_default").mkdir(parents=True)
    (folder / "content").mkdir()
    shutil.copy(HERE / "hugo.toml", folder / "hugo.toml")
    shutil.copy(HERE / "single.html", folder / "layouts" / "_default" / "single.html")
    for username, profile in profiles:
        (folder / "content" / f"{username}.md").write_text(page(username, profile))


def page(username: str, profile: Profile) -> str:
    milestones = [
        {"title": one.title, "date": one.date, "description": one.description}
        for section in profile.sections
        for one in getattr(section, "milestones", ())
    ]
    front = {
        "title": profile.name,
        "username": username,
        "id": "0" * 20,
        "tagline": profile.tagline,
        "chips": list(profile.tags),
        "links": [{"label": one.label, "url": one.url, "icon": one.icon} for one in profile.links],
        "addresses": [one.url for one in profile.links],
        "milestones": milestones,
    }
    return f"{json.dumps(front, indent=1)}\n\n{profile.bio}\n"


def build(hugo: str, folder: Path, into: Path) -> Built:
    """Runs Hugo as it comes; memory as the system counts it (GNU time's maximum resident set)."""
    started = time.perf_counter()
    ran = subprocess.Popen(
        [hugo, "--quiet", "--source", str(folder), "--destination", str(into), "--noBuildLock"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(ran.pid, 0)
    seconds = time.perf_counter() - started
    ran.returncode = status
    if status:
        raise RuntimeError(f"Hugo ended with {status}")
    size = next(iter(into.glob("*/index.html"))).stat().st_size
    return Built(seconds, round(usage.ru_maxrss / 1024), size)
