"""Makes renditions: an original and a recipe in, files in a folder out, with every decoder in a child process."""

from __future__ import annotations

import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from core.errors import OperatorError, Unavailable, UnsupportedMedia
from core.media import SEGMENT_TYPE, Focus, Frozen, Kind, RenditionFile, Segments, Use
from core.media_types import HEAD_BYTES, accept
from generator.cards import Card
from pipeline.media import sandbox, words
from pipeline.media.playlists import HLS_TYPE, MASTER, master
from pipeline.media.progress import telling
from pipeline.media.recipes import (
    PLACEHOLDER_CHARS_MAX,
    Limits,
    Probe,
    StillRecipe,
    climbed,
    rungs,
    steps,
    stills_for,
)
from pipeline.media.sandbox import Bounds, run

__all__ = [
    "HLS_TYPE",
    "MASTER",
    "Limits",
    "Made",
    "Probe",
    "StillRecipe",
    "climbed",
    "make",
    "master",
    "probe",
    "rungs",
    "steps",
]

_PROBE: TypeAdapter[Probe] = TypeAdapter(Probe)
_DECODED = re.compile(r"base(-[0-9a-z]+){0,3}\.(raw|icc)")
_TYPES = {
    ".avif": "image/avif",
    ".jpg": "image/jpeg",
    ".m3u8": HLS_TYPE,
    ".m4a": "audio/mp4",
    ".mp4": "video/mp4",
    ".png": "image/png",
    ".vtt": "text/vtt",
    ".webp": "image/webp",
}
_SIDE_PX_MAX, _DURATION_S_MAX = 1 << 20, 1e6
# ffmpeg and its like use two threads; each second by the clock may cost two of processor time.
_CPUS = 2
_NICE = {"image": 5}
"""How far a decoder stands back for publishing and the studio; whatever is longer than a picture, farther."""
_NICE_ELSE = 10


class Made(Frozen):
    """What one step made. The bytes lie in the folder given to `make`, by their names.

    Stills and `poster` also tell how large the picture is as shown, its ThumbHash, this as a tiny `data:` URI, and its
    main colour.
    """

    files: tuple[RenditionFile, ...]
    segments: tuple[Segments, ...] = ()
    width: int | None = None
    height: int | None = None
    placeholder: Annotated[
        str,
        StringConstraints(
            pattern=r"^(data:image/webp;base64,[A-Za-z0-9+/]+=*)?$", max_length=PLACEHOLDER_CHARS_MAX
        ),
    ] = ""
    thumbhash: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{0,40}=*$")] = ""
    probe: Probe | None = None
    """What the original is, if the step had to find out."""
    colour: Annotated[str, StringConstraints(pattern=r"^(#[0-9a-f]{6})?$")] = ""


class _Answer(Made):
    """A child's answer: as `Made`, but the sizes of files are looked up, never believed."""

    files: Annotated[tuple[RenditionFile, ...], Field(min_length=1, max_length=100)]


def probe(
    original: Path, limits: Limits | None = None, *, stopping: Callable[[], bool] = lambda: False
) -> Probe:
    """What that file truly is. Raises UnsupportedMedia with a sentence for the creator if it can't be used."""
    limits = limits or Limits()
    kind, mime = _accepted(original)
    with working_folder(None) as work:
        job = {"task": "probe", "original": str(original.resolve()), "kind": kind, "type": mime}
        answer = run(
            job | {"limits": limits._asdict()}, bounds_of(kind, "probe", limits), Path(work), stopping
        )
        try:
            return _believed(_PROBE.validate_python(answer), kind, mime)
        except ValidationError as error:
            raise UnsupportedMedia(words.UNREADABLE) from error


def _believed(found: Probe, kind: str, mime: str) -> Probe:
    """What a child says that the original is, where that can be: what came as a video may be sound alone, and the other
    way round."""
    kinds = ("image",) if kind == "image" else ("video", "audio")
    sizes = 0 <= found.width < _SIDE_PX_MAX and 0 <= found.height < _SIDE_PX_MAX
    lasts = found.duration_s is None or 0 <= found.duration_s < _DURATION_S_MAX
    if found.kind not in kinds or found.type != mime or not (sizes and lasts):
        raise UnsupportedMedia(words.UNREADABLE)
    return found


def _accepted(original: Path | None) -> tuple[Kind, str]:
    """Kind and type by the bytes. Raises UnsupportedMedia for what is none of ours, or can't be decoded safely here."""
    assert original is not None
    with original.open("rb") as file:
        kind, mime = accept(file.read(HEAD_BYTES))
    if mime == "image/heic" and not sandbox.is_strict():
        raise UnsupportedMedia(words.NO_HEIC_HERE)
    return kind, mime


def make(
    original: Path | None,
    probe: Probe | None,
    recipe: str,
    folder: Path,
    limits: Limits | None = None,
    *,
    stills: StillRecipe | None = None,
    focus: Focus | None = None,
    base: Path | None = None,
    rung: Path | None = None,
    stopping: Callable[[], bool] = lambda: False,
    told: Callable[[float], None] | None = None,
) -> Made:
    """Makes one of `steps(probe)` of `original` into `folder`, which is created; nothing is left there on failure.

    Without a probe (None) it must be a picture's still: one child then finds out what it is and makes that at once.
    Of a picture, `base` is a folder (on the same disk) in which it stays decoded: the first step leaves it there, and the
    others need no original (None). `focus` is what its crops are to show. For "mp4", `rung` is the folder of the lowest rung's files, whose streams are then copied; without it the
    original is encoded once more. Raises UnsupportedMedia for the input's fault (with technical details as a note),
    OperatorError or Unavailable for the machine's, Unavailable too when `stopping()` became true meanwhile. `told` hears
    a few times a second which share of a video's step is done.
    """
    can = steps(probe, get_args(Use)) if probe else stills_for(get_args(Use))
    if recipe not in can or (probe and recipe in climbed(probe)):
        raise ValueError(f"{recipe} is none of {can}")
    kind, mime = (probe.kind, probe.type) if probe else _accepted(original)
    if kind != "image" and probe is None:
        raise UnsupportedMedia(words.UNREADABLE)
    limits = limits or Limits()
    job = {
        "task": recipe,
        "original": str(original.resolve()) if original else "",
        "kind": kind,
        "type": mime,
        "probe": probe._asdict() if probe else None,
        "limits": limits._asdict(),
        "stills": (stills or StillRecipe())._asdict(),
        "focus": (focus.x, focus.y) if focus else None,
        "ffmpeg": find_ffmpeg() if kind != "image" else "",
        "rung": str(rung.resolve()) if rung else None,
    }
    folder.mkdir(parents=True, exist_ok=True)
    with working_folder(folder) as work, _lent(base, Path(work)):
        if told and probe and probe.duration_s:
            stopping = telling(Path(work), probe.duration_s, told, stopping)
        answer = run(job, bounds_of(kind, recipe, limits), Path(work), stopping)
        made = _checked(answer, Path(work))
        if made.probe:
            _believed(made.probe, kind, mime)
        for name in (*(file.name for file in made.files), *(n for row in made.segments for n in row.names())):
            (Path(work) / name).replace(folder / name)
    return made


def draw_card(
    card: Card, avatar: Path, folder: Path, limits: Limits, *, stopping: Callable[[], bool] = lambda: False
) -> Made:
    """Draws a profile's card with that rendition of its avatar into `folder`. Raises as `make` does."""
    job = {"task": "card", "original": str(avatar), "card": [*card], "limits": limits._asdict()}
    with working_folder(folder) as work:
        answer = run(job, bounds_of("image", "card", limits), Path(work), stopping)
        made = _checked(answer, Path(work))
        for file in made.files:
            (Path(work) / file.name).replace(folder / file.name)
    return made


def find_ffmpeg() -> str:
    """The system's ffmpeg, else the one of the imageio-ffmpeg wheel."""
    if found := shutil.which("ffmpeg"):
        return found
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise OperatorError(
            "There is no ffmpeg: install it, for example by `apt-get install ffmpeg`."
        ) from error


def working_folder(beside: Path | None) -> tempfile.TemporaryDirectory[str]:
    """On the same disk as the files' last place, so that they only need to be renamed."""
    try:
        return tempfile.TemporaryDirectory(prefix=".making-", dir=beside, ignore_cleanup_errors=True)
    except OSError as error:
        raise Unavailable(f"No folder to work in: {error}.") from error


@contextmanager
def _lent(base: Path | None, work: Path) -> Iterator[None]:
    """What was decoded lies in the child's own folder while it works: it sees no other."""
    if base:
        _move(base, work)
    yield
    if base:
        _move(work, base)


def _move(from_: Path, to: Path) -> None:
    for path in from_.glob("base*"):
        if _DECODED.fullmatch(path.name) and path.is_file() and not path.is_symlink():
            path.replace(to / path.name)


def bounds_of(kind: str, task: str, limits: Limits) -> Bounds:
    wall_s = limits.wall_s(kind, task)
    memory_bytes = limits.image_memory_bytes if kind == "image" else limits.video_memory_bytes
    return Bounds(wall_s, memory_bytes, int(wall_s * _CPUS) + 1, _NICE.get(kind, _NICE_ELSE))


def _checked(answer: dict[str, Any], work: Path) -> Made:
    """The answer with each file's true size; a file that is not there, or no plain file, makes it garbage."""
    try:
        unsized = {
            "files": [{**one, "bytes": 0} for one in answer.get("files", ())],
            "segments": [{**one, "bytes": 0, "type": SEGMENT_TYPE} for one in answer.get("segments", ())],
        }
        for one in unsized["files"]:
            # What it is served as: a picture's decoder must not come to write a page.
            if one["type"] != _TYPES[Path(one["name"]).suffix]:
                raise ValueError(f"{one['name']} is no {one['type']}")
        claimed = _Answer.model_validate({**answer, **unsized})
        files = tuple(f.model_copy(update={"bytes": _plain_bytes(work / f.name)}) for f in claimed.files)
        segments = tuple(
            row.model_copy(update={"bytes": sum(_plain_bytes(work / name) for name in row.names())})
            for row in claimed.segments
        )
    except (ValidationError, ValueError, KeyError, TypeError, OSError) as error:
        raise UnsupportedMedia(words.UNREADABLE) from error
    return Made.model_validate(claimed.model_dump() | {"files": files, "segments": segments})


def _plain_bytes(path: Path) -> int:
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path.name} is no plain file")
    return found.st_size
