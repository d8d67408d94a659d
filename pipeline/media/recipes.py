"""Decides what is made of a medium: the limits, what a probe tells, the recipes in their order, the sizes."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

# NamedTuples and nothing heavier: the decoders' child process imports this file before each picture.

COVER_RATIO = 3
"""A cover's width by its height; an avatar is a square."""
BASE, PROFILE, SIZED = "base.raw", "base.icc", "base-{}-{}-{}.raw"
"""Files in which a picture stays decoded between its steps: pixels, the colour profile of a wide gamut, and what was cut
and sized of it, by its use, the focus and its width."""
PLACEHOLDER_CHARS_MAX = 700
"""It stands in the page itself; a busy shape with holes in it may need more, and then goes without."""
RECIPES_VERSION = 3
"""To be raised when the code makes other pictures or videos of the same settings: `holdfast rebuild --media` then makes
all anew."""
RUNG = "rung-"
LADDER = (360, 720, 1080)
"""The rungs by their shorter side in pixels, as viewers know them ("720p"), upright or lying."""
_BITS_PER_S_MAX = ((240, 450_000), (360, 900_000), (480, 1_500_000), (720, 3_000_000), (1080, 5_500_000))
LONG_SIDE_MAX = 3_840
STORYBOARD_FROM_S = 10
LONG_FROM_S = 120


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


class StillRecipe(NamedTuple):
    """How stills are made: their widths in pixels by use, their quality by format. A closed set: nobody who asks for a
    picture can have another one made."""

    avatar_px: tuple[int, ...] = (128, 256, 384)
    cover_px: tuple[int, ...] = (640, 960, 1280, 1920)
    gallery_px: tuple[int, ...] = (320, 640, 960, 1280)
    full_px: int = 2048
    jpeg_quality: int = 80
    webp_quality: int = 79
    avif_quality: int = 63
    avif_effort: int = 2
    """4 takes four times as long for 3 % fewer bytes."""

    def widths(self, recipe: str, own_px: int) -> tuple[int, ...]:
        """The widths to make of a picture (or crop) that is so wide: never upscaled, its own in place of the next bigger."""
        use = use_of(recipe)
        of_use = {"avatar": self.avatar_px, "cover": self.cover_px}
        wanted = sorted({*of_use.get(use, (*self.gallery_px, self.full_px))})
        return tuple(sorted({min(width, own_px) for width in wanted}))

    @property
    def widest_px(self) -> int:
        return max(*self.avatar_px, *self.cover_px, *self.gallery_px, self.full_px)


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
    frames: int = 1
    """Of an animation."""
    interlaced: bool = False
    start_s: float = 0
    """When the pictures begin, in seconds after the file does: the zero of all that is made."""
    copied: bool = False
    """Whether a video's pictures fit its highest rung as they are."""
    sound_from_s: float | None = None
    """When the sound begins, in seconds by the pictures' clock, if it is copied as it is; else None."""


def steps(probe: Probe, uses: Collection[str] = ("gallery",)) -> tuple[str, ...]:
    """The recipes for this medium in the order they are to be made: what shows or plays first, first. `uses` says where a
    page shows a picture (`core.media.Use`)."""
    if probe.kind == "image":
        stills = stills_for(uses)
        loop = ("loop",) if probe.frames > 1 and "gallery" in uses else ()
        return (*stills, *loop, *map(avif_of, stills))
    if probe.kind == "audio":
        return ("sound",) if probe.video_stream is None else ("sound", "poster")
    lowest, *others = (f"{RUNG}{rung}" for rung in rungs(probe))
    # What needs no encoder first: then a fast connection has all there is to see.
    others.sort(key=lambda recipe: recipe in climbed(probe))
    storyboard = ("storyboard",) if (probe.duration_s or 0) >= STORYBOARD_FROM_S else ()
    # A short film plays before anybody has looked at its poster; a long one shows it while its first rung is made.
    is_long = (probe.duration_s or 0) >= LONG_FROM_S
    first = ("poster", lowest) if is_long else (lowest, "poster")
    return (*first, "mp4", *storyboard, *others)


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


def climbed(probe: Probe) -> tuple[str, ...]:
    """The recipes of the rungs that are encoded together, all of one decoding: those above the lowest, without what is
    copied."""
    if probe.kind != "video":
        return ()
    _, *upper = rungs(probe)
    return tuple(f"{RUNG}{rung}" for rung in (upper[:-1] if probe.copied else upper))


def rung_size(probe: Probe, rung: int) -> tuple[int, int]:
    """Width and height of that rung, both even, as yuv420p wants them."""
    long, short = max(probe.width, probe.height), min(probe.width, probe.height)
    other = max(2, round(long * rung / short / 2) * 2)
    return (other, rung) if probe.width >= probe.height else (rung, other)


def rung_of(recipe: str) -> int:
    """The shorter side that `rung-720` names."""
    return int(recipe.removeprefix(RUNG))


_STILLS = {"avatar": "avatar", "cover": "cover", "gallery": "still"}


def stills_for(uses: Collection[str]) -> tuple[str, ...]:
    """The recipes of WebP and JPEG for these uses; small ones first."""
    return tuple(still for use, still in _STILLS.items() if use in uses)


def avif_of(still: str) -> str:
    """The recipe of the AVIF files that belong to those of `still`."""
    return "avif" if still == "still" else f"{still}-avif"


def use_of(recipe: str) -> str:
    """What the files of a still's recipe, AVIF or not, are for."""
    use = recipe.removesuffix("-avif")
    return use if use in ("avatar", "cover") else "gallery"


def is_still(recipe: str) -> bool:
    """Whether the settings for pictures say how it is made."""
    return recipe == "poster" or recipe.removesuffix("-avif") in (*_STILLS.values(), "avif")


def bits_per_s_max(rung: int) -> int:
    """Enough for the eye at that shorter side, with the quality (CRF) as the usual and lower bound."""
    return next((bits for side, bits in _BITS_PER_S_MAX if rung <= side), _BITS_PER_S_MAX[-1][1])


def has_sound(probe: Probe, recipe: str) -> bool:
    """Whether that rung's step makes the one sound track of all rungs, too: the lowest does, so that it plays at once."""
    return probe.has_audio and rung_of(recipe) == rungs(probe)[0]
