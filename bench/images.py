"""How long a picture's stills take and how large they are, beside sharp (npm) making the same files of the same picture; and
that the three formats look alike at the qualities we use, by SSIM, while their bytes fall.

Ours goes the production way: each step is a child process of its own, shut in, and the first finds out what the picture
is. sharp is one process of Node that decodes once and makes all files side by side; both are built on the same libvips and
may use two threads.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyvips
from rich.console import Console
from rich.table import Table

from bench.grounds import machine
from pipeline.media.make import StillRecipe, find_ffmpeg, make, probe, steps

HERE = Path(__file__).parent / "sharp"
SSIM = "[0]format=yuv444p[a];[1]format=yuv444p[b];[a][b]ssim"
FORMATS = {"webp": "WebP", "jpg": "JPEG", "avif": "AVIF"}
INVENTED = ((4032, 3024), (3024, 4032), (1600, 1200))


def timed(act: Callable[[], object]) -> float:
    """Seconds by the clock: what a killed namespace has used of the processors is in nobody's account."""
    began = time.monotonic()
    act()
    return time.monotonic() - began


def invent(folder: Path) -> list[Path]:
    """Clouds of Perlin noise: about as hard to pack as a landscape."""
    folder.mkdir()
    paths = []
    for number, (width, height) in enumerate(INVENTED):
        bands = [_clouds(width, height, seed=10 * number + band) for band in range(3)]
        path = folder / f"invented-{number}.jpg"
        bands[0].bandjoin(bands[1:]).cast("uchar").copy(interpretation="srgb").jpegsave(str(path), Q=92)
        paths.append(path)
    return paths


def _clouds(width: int, height: int, seed: int) -> Any:
    """Perlin noise of many sizes, the large ones strongest; 0 to 255."""
    image = pyvips.Image.black(width, height)
    for octave, cell_px in enumerate((1024, 512, 256, 128, 64, 32, 16, 8, 4)):
        image += pyvips.Image.perlin(width, height, cell_size=cell_px, seed=seed + octave) * (cell_px**0.6)
    return image * (255 / (image.max() - image.min())) + 128


def by_us(photo: Path, folder: Path) -> None:
    base = folder / "base"
    base.mkdir(parents=True)
    found = make(photo, None, "still", folder, base=base).probe
    assert found
    for recipe in steps(found)[1:]:
        make(None, found, recipe, folder, base=base)


def by_sharp(photo: Path, width: int, folder: Path, node_folder: Path) -> None:
    how = StillRecipe()
    wish = how._asdict() | {"widths": how.widths("still", width), "formats": list(FORMATS)}
    script = node_folder / "make.mjs"
    subprocess.run(["node", str(script), str(photo), str(folder), json.dumps(wish)], check=True)


def install_sharp(folder: Path) -> None:
    """Into a folder of its own, by npm as it is set up here."""
    shutil.copytree(HERE, folder)
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def sizes(folder: Path) -> dict[str, int]:
    """Bytes by format."""
    found: dict[str, int] = defaultdict(int)
    for file in folder.iterdir():
        if file.suffix[1:] in FORMATS:
            found[file.suffix[1:]] += file.stat().st_size
    return dict(found)


def looks(photo: Path, folder: Path, scratch: Path) -> dict[str, float]:
    """SSIM of a file of each format against the same pixels before they were packed (Wang et al. 2004, as ffmpeg's filter
    `ssim` has it: 1 is equal). Of one that was made smaller: what a JPEG's own blocks look like shall not count."""
    own = probe(photo).width
    width = max(width for width in StillRecipe().widths("still", own) if width <= 0.75 * own)
    plain = scratch / "plain.png"
    pyvips.Image.thumbnail(str(photo), width, height=16_383, size="down", export_profile="srgb").pngsave(
        str(plain), keep="none"
    )
    return {ending: ssim(plain, folder / f"{width}.{ending}", scratch) for ending in FORMATS}


def ssim(plain: Path, packed: Path, scratch: Path) -> float:
    opened = scratch / "opened.png"
    pyvips.Image.new_from_file(str(packed)).pngsave(str(opened), keep="none")
    command = [find_ffmpeg(), "-i", str(plain), "-i", str(opened), "-lavfi", SSIM, "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    found = re.search(r"All:([0-9.]+)", said)
    assert found, said
    return float(found[1])


def measure(photos: list[Path], rounds: int, scratch: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    node_folder = scratch / "sharp"
    tell("Installing sharp …")
    install_sharp(node_folder)
    answer: dict[str, Any] = {"photos": {}, "rounds": rounds}
    for photo in photos:
        ours: list[float] = []
        theirs: list[float] = []
        width = probe(photo).width
        for number in range(rounds):
            tell(f"{photo.name}, round {number + 1} of {rounds} …")
            here, there = scratch / f"ours-{photo.name}-{number}", scratch / f"sharp-{photo.name}-{number}"
            # In turn, so that neither always has the warmer machine.
            acts: list[tuple[list[float], Callable[[], object]]] = [
                (ours, partial(by_us, photo, here)),
                (theirs, partial(by_sharp, photo, width, there, node_folder)),
            ]
            for took, act in acts if number % 2 == 0 else reversed(acts):
                took.append(timed(act))
        answer["photos"][photo.name] = {
            "ours_s": round(statistics.median(ours), 3),
            "sharp_s": round(statistics.median(theirs), 3),
            "time_ratio": round(statistics.median(ours) / statistics.median(theirs), 3),
            "ours_bytes": sizes(here),
            "sharp_bytes": sizes(there),
            "bytes_ratio": round(sum(sizes(here).values()) / sum(sizes(there).values()), 4),
            "ssim": looks(photo, here, scratch),
            "sharp_ssim": looks(photo, there, scratch),
        }
    ratios = [one["time_ratio"] for one in answer["photos"].values()]
    return {**answer, "time_ratio": round(statistics.median(ratios), 3), "machine": machine()}


def show(answer: dict[str, Any], out: Console) -> None:
    table = Table(
        "picture", "s", "sharp s", "ratio", "bytes", *(f"{name}: kB, SSIM" for name in FORMATS.values())
    )
    for name, one in answer["photos"].items():
        formats = [f"{one['ours_bytes'][e] / 1000:.0f}  {one['ssim'][e]:.4f}" for e in FORMATS]
        times = (f"{one[key]:.2f}" for key in ("ours_s", "sharp_s", "time_ratio"))
        table.add_row(name, *times, f"{one['bytes_ratio']:.3f}", *formats)
    out.print(table)
    out.print(f"Ours to sharp, in time: {answer['time_ratio']} (median over the pictures).")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, help="a folder of pictures; without it some are invented")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    out = Console(stderr=True, highlight=False)
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        scratch = Path(folder)
        photos = (
            sorted(one for one in asked.photos.iterdir() if one.suffix == ".jpg")
            if asked.photos
            else invent(scratch / "photos")
        )
        answer = measure(photos, asked.rounds, scratch, out.print)
    show(answer, out)
    if asked.json:
        print(json.dumps(answer))


if __name__ == "__main__":
    main()
