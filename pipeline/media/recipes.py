"""Decides what is made of a medium: the limits, what a probe tells, the recipes in their order, the sizes."""

from __future__ import annotations

from typing import NamedTuple

# NamedTuples and nothing heavier: the decoders' child process imports this file before each picture.

STILL_WIDTHS = (160, 320, 640, 960, 1280, 1920)
LADDER = (360, 720, 1080)
"""The rungs by their shorter side in pixels, as viewers know them ("720p"), upright or lying."""
LONG_SIDE_MAX = 3_840
STORYBOARD_FROM_S = 10


class Limits(NamedTuple):
    """What decoding one medium may cost. A step is one call of `make`."""

    pixels_max: int = 50_000_000
    """Of a picture, all its frames together, and of one frame of a video."""
    side_px_max: int = 16_384
    video_side_px_max: int = 8_192
    duration_s_max: float = 1_800
    probe_wall_s: float = 60
    image_wall_s: float = 120
    video_wall_s: float = 3_600
    image_memory_bytes: int = 2 << 30
    video_memory_bytes: int = 4 << 30
    file_bytes_max: int = 4 << 30
    open_files_max: int = 128

    def wall_s(self, kind: str, task: str) -> float:
        """How long one child may take by the clock on the wall."""
        if task == "probe":
            return self.probe_wall_s
        return self.image_wall_s if kind == "image" else self.video_wall_s


class Probe(NamedTuple):
    """What an original truly is. Sizes are pixels as shown: rotation and pixel shape applied."""

    kind: str
    type: str
    width: int
    height: int
    duration_s: float | None = None
    has_audio: bool = False
    rotation: int = 0
    frame_rate: str = ""
    """Of the rungs to be made: "25" or "30000/1001"."""
    video_stream: int | None = 0
    """Of sound alone: its cover, if it has one that can be shown."""
    audio_stream: int | None = None
    hdr: bool = False
    interlaced: bool = False
    start_s: float = 0
    """When the pictures begin, in seconds after the file does: the zero of all that is made."""


def steps(probe: Probe) -> tuple[str, ...]:
    """The recipes for this medium in the order they are to be made: what shows or plays first, first."""
    if probe.kind == "image":
        return "still", "avif"
    if probe.kind == "audio":
        return ("sound",) if probe.video_stream is None else ("sound", "poster")
    lowest, *others = (f"rung-{rung}" for rung in rungs(probe))
    storyboard = ("storyboard",) if (probe.duration_s or 0) >= STORYBOARD_FROM_S else ()
    return "poster", lowest, "mp4", *storyboard, *others


def rungs(probe: Probe) -> tuple[int, ...]:
    """The shorter sides of the rungs, lowest first: never upscaled, and two where the source allows it.

    The highest is the source's own size, so that it may be copied; no other is nearly as large.
    """
    long, short = max(probe.width, probe.height), min(probe.width, probe.height)
    own = max(2, min(short, LADDER[-1], LONG_SIDE_MAX * short // long) // 2 * 2)
    lower = tuple(rung for rung in LADDER if rung * 4 <= own * 3)
    if not lower:
        lower = next(((low,) for low, least in ((240, 360), (180, 240)) if own >= least), ())
    return (*lower, own)


def rung_size(probe: Probe, rung: int) -> tuple[int, int]:
    """Width and height of that rung, both even, as yuv420p wants them."""
    long, short = max(probe.width, probe.height), min(probe.width, probe.height)
    other = max(2, round(long * rung / short / 2) * 2)
    return (other, rung) if probe.width >= probe.height else (rung, other)


def rung_of(recipe: str) -> int:
    """The shorter side that `rung-720` names."""
    return int(recipe.removeprefix("rung-"))


def has_sound(probe: Probe, recipe: str) -> bool:
    """Whether that rung's step makes the one sound track of all rungs, too: the lowest does, so that it plays at once."""
    return probe.has_audio and rung_of(recipe) == rungs(probe)[0]


def still_widths(width: int) -> tuple[int, ...]:
    """The widths to make of a picture that wide (at most the widest): its own in place of the next bigger."""
    return (*(w for w in STILL_WIDTHS if w < width), width)
