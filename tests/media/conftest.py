"""Little pictures and clips for the media tests, made on the spot, and a bench that works on them."""

from __future__ import annotations

import random
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core import keys
from core.objects.folder import FolderObjects
from pipeline.climbing import Climber
from pipeline.media.make import Limits, Made, Probe, climbed, find_ffmpeg, make, probe

Clip = Callable[..., Path]


@dataclass
class Workbench:
    """A folder with an original in it, and one for what is made of it."""

    folder: Path
    limits: Limits = field(default_factory=Limits)

    def put(self, content: bytes, name: str = "original") -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def picture(self, image: Image.Image, file_format: str, **options: Any) -> Path:
        path = self.folder / "original"
        image.save(path, file_format, **options)
        return path

    def probe(self, original: Path) -> Probe:
        return probe(original, self.limits)

    def make(
        self, original: Path, recipe: str, rung: str | None = None, into: str = "", **options: Any
    ) -> Made:
        """What a step makes, in `made(into or recipe)`; `rung` is the recipe of the lowest rung, for the MP4."""
        found = probe(original)
        if recipe in climbed(found):
            return self._climb(original, found, recipe, self.made(into or recipe))
        lowest = self.made(rung) if rung else None
        return make(original, found, recipe, self.made(into or recipe), self.limits, rung=lowest, **options)

    def _climb(self, original: Path, found: Probe, recipe: str, into: Path) -> Made:
        stored = FolderObjects(self.folder / "stored")
        climber = Climber(stored, "film", lambda: None, original, found, self.limits, self.folder, "0123")
        made = next(one for one in climber.make(climbed(found)) if one.recipe == recipe)
        into.mkdir(parents=True, exist_ok=True)
        for part in made.parts():
            found_part = stored.get(keys.rendition("film", recipe, made.attempt, part.name))
            assert found_part
            (into / part.name).write_bytes(found_part.body)
        return Made(files=made.files, segments=made.segments)

    def made(self, recipe: str) -> Path:
        return self.folder / "made" / recipe

    def leftovers(self) -> list[Path]:
        return [path for path in (self.folder / "made").rglob("*") if path.is_file() or path.name[0] == "."]


def noise(width: int, height: int) -> Image.Image:
    return Image.frombytes("RGB", (width, height), random.Random(3).randbytes(width * height * 3))


def processes_with(argument: str) -> list[str]:
    """The command lines of living processes that name it; but for this one, and where there is no /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if argument in line:
            found.append(line)
    return found


def wait_for(true: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(400):
        if true():
            return
        pause.wait(0.025)
    raise AssertionError("waited in vain")


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    return Workbench(tmp_path)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """Films a clip by ffmpeg's own test pictures; the same order twice gives the same file."""
    folder = tmp_path_factory.mktemp("clips")
    shelf: dict[tuple[str, ...], Path] = {}

    def film(
        picture: str, *options: str, name: str = "clip.mp4", sound: bool = False, film_s: float = 1
    ) -> Path:
        order = (picture, *options, name, str(sound), str(film_s))
        if order not in shelf:
            path = folder / f"{len(shelf)}-{name}"
            tone = ["-f", "lavfi", "-i", "sine=440"] if sound else []
            command = [find_ffmpeg(), "-v", "error", "-f", "lavfi", "-i", picture, *tone]
            subprocess.run([*command, "-t", str(film_s), *options, str(path)], check=True)
            shelf[order] = path
        return shelf[order]

    return film
