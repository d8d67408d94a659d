"""What a video's rungs cost, and how soon it plays, against one plain ffmpeg command that makes the same rungs at once.

The peer decodes once, cuts the same segments with the same encoder settings, and has no sandbox, no steps to come back to
and nothing copied. Ours makes the lowest rung first, and stores the others segment by segment, so that a worker that is
killed loses seconds. Both take turns; medians count.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from pipeline.media import clips
from pipeline.media.climb import climb
from pipeline.media.make import Limits, Probe, climbed, find_ffmpeg, make, probe, rungs, steps
from pipeline.media.recipes import RUNG, rung_size
from pipeline.media.segments import muxer_of_many

ROUNDS = 5
CLIP_S = 30


class Measured(NamedTuple):
    """Seconds of one round."""

    probe: float
    steps: dict[str, float]
    plain: float
    plain_first: float

    @property
    def rungs(self) -> float:
        return self.probe + sum(s for recipe, s in self.steps.items() if recipe.startswith(RUNG))

    @property
    def first(self) -> float:
        """From the original to the first rung, with all that is made before it."""
        names = list(self.steps)
        ends = next(at for at, name in enumerate(names) if name.startswith(RUNG))
        return self.probe + sum(self.steps[name] for name in names[: ends + 1])


def film(folder: Path, *, fits: bool) -> Path:
    """A synthetic 1080p clip with sound; `fits`: H.264 with a keyframe every two seconds, as an editor exports it."""
    path = folder / ("fits.mp4" if fits else "recodes.webm")
    source = ["-f", "lavfi", "-i", "mandelbrot=size=1920x1080:rate=25", "-f", "lavfi", "-i", "sine=440"]
    picture = (
        ["-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-b:v", "6M", "-c:a", "aac"]
        if fits
        else ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-row-mt", "1", "-b:v", "6M"]
    )
    command = [find_ffmpeg(), "-v", "error", *source, "-t", str(CLIP_S), "-pix_fmt", "yuv420p", *picture]
    subprocess.run([*command, str(path)], check=True)
    return path


def plain(original: Path, found: Probe, wanted: tuple[int, ...], folder: Path) -> None:
    """One ffmpeg command for those rungs and the sound."""
    folder.mkdir()
    split = "".join(f"[v{rung}]" for rung in wanted)
    chains = [f"[0:{found.video_stream}]split={len(wanted)}{split}"]
    options: list[str] = []
    for number, rung in enumerate(wanted):
        width, height = rung_size(found, rung)
        chains.append(
            f"[v{rung}]scale={width}:{height},setsar=1,fps={found.frame_rate},format=yuv420p[o{rung}]"
        )
        options += ["-map", f"[o{rung}]"]
        for name, value in clips.encoded_pictures(found, min(width, height)).items():
            # The peer may use as many threads as it likes.
            if name != "threads":
                options += [f"-{name.removesuffix(':v')}:v:{number}", str(value)]
    if found.has_audio:
        options += ["-map", f"0:{found.audio_stream}", "-c:a", "aac", "-b:a", str(clips.AUDIO_BITS_PER_S)]
        options += ["-ac", "2", "-ar", str(clips.SAMPLE_RATE)]
    file, cut = muxer_of_many()
    cutting = [part for name, value in cut.items() if name != "format" for part in (f"-{name}", str(value))]
    command = [find_ffmpeg(), "-v", "error", "-nostdin", "-i", str(original.resolve())]
    command += ["-filter_complex", ";".join(chains), *options, "-f", "dash", *cutting, file]
    subprocess.run(command, check=True, cwd=folder)


def measure(original: Path, folder: Path) -> Measured:
    found, probe_s = _timed(lambda: probe(original))
    taken = {}
    lowest, upper = folder / f"{RUNG}{rungs(found)[0]}", climbed(found)
    for recipe in (one for one in steps(found) if one not in upper):
        rung = lowest if recipe == "mp4" else None
        _, taken[recipe] = _timed(lambda: make(original, found, recipe, folder / recipe, rung=rung))  # noqa: B023
    if upper:
        stored = folder / "upper"
        stored.mkdir()

        def keep(index: int, number: int, body: bytes) -> None:
            (stored / f"{index}-{number}").write_bytes(body)

        _, taken[f"{RUNG}…"] = _timed(lambda: climb(original, found, upper, folder, Limits(), 0, keep))
    _, plain_s = _timed(lambda: plain(original, found, rungs(found), folder / "plain"))
    _, first_s = _timed(lambda: plain(original, found, rungs(found)[:1], folder / "first"))
    return Measured(probe_s, taken, plain_s, first_s)


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.monotonic()
    done = work()
    return done, time.monotonic() - started


def summary(name: str, rounds: list[Measured]) -> dict[str, Any]:
    def middle(what: Callable[[Measured], float]) -> float:
        return round(statistics.median(map(what, rounds)), 3)

    return {
        "film": name,
        "rungs_s": middle(lambda one: one.rungs),
        "plain_rungs_s": middle(lambda one: one.plain),
        "rungs_ratio": middle(lambda one: one.rungs / one.plain),
        "first_s": middle(lambda one: one.first),
        "plain_first_s": middle(lambda one: one.plain_first),
        "first_ratio": middle(lambda one: one.first / one.plain_first),
        "probe_s": middle(lambda one: one.probe),
        "steps_s": {recipe: middle(lambda one, r=recipe: one.steps[r]) for recipe in rounds[0].steps},  # type: ignore[misc]
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.video", description=__doc__)
    parser.add_argument("films", nargs="*", type=Path, help="videos to measure besides the synthetic ones")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        films = [*wanted.films, film(folder, fits=False), film(folder, fits=True)]
        for original in films:
            rounds = []
            for number in range(wanted.rounds):
                work = folder / f"{original.stem}-{number}"
                work.mkdir()
                rounds.append(measure(original, work))
            lines.append(summary(original.name, rounds))
    if wanted.json:
        print(json.dumps({"bench": "video", "rounds": wanted.rounds, "rows": lines}))
        return
    table = Table("film", "rungs: ours, plain (s)", "ratio", "first playable: ours, plain (s)", "ratio")
    for line in lines:
        table.add_row(
            line["film"],
            f"{line['rungs_s']:.2f}, {line['plain_rungs_s']:.2f}",
            f"{line['rungs_ratio']:.2f}",
            f"{line['first_s']:.2f}, {line['plain_first_s']:.2f}",
            f"{line['first_ratio']:.2f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
