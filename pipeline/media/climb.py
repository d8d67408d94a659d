"""Runs the child that makes several rungs at once, and takes each segment from it as soon as it is whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from core.errors import UnsupportedMedia
from pipeline.media import words
from pipeline.media.make import bounds_of, find_ffmpeg, working_folder
from pipeline.media.pace import rate_of, segment_frames
from pipeline.media.plain import read_plain
from pipeline.media.progress import telling
from pipeline.media.recipes import Limits, Probe, StillRecipe
from pipeline.media.sandbox import run
from pipeline.media.segments import Track, as_cmaf, segment

_TRACKS: TypeAdapter[list[Track]] = TypeAdapter(list[Track])
_CODECS = re.compile(r"[0-9A-Za-z.,]{1,60}")
_SEGMENT_BYTES_MAX = 32 << 20
"""Ten times what four seconds may need."""


def climb(
    original: Path,
    probe: Probe,
    recipes: Sequence[str],
    folder: Path,
    limits: Limits,
    begun: int,
    keep: Callable[[int, int, bytes], None],
    *,
    stopping: Callable[[], bool] = lambda: False,
    told: Callable[[float], None] = lambda _: None,
) -> list[Track]:
    """Makes those of the rungs that are `climbed(probe)` together, from segment `begun` + 1 on, in a folder in `folder`.

    Each segment is handed to `keep` as soon as it is whole: with the place of its rung in `recipes`, its number from 1, and
    its bytes; before a rung's first one number 0, what initialises its decoder. So a run that was killed goes on with the
    next one. Returns a track for each rung, whose `starts` begin with this run's first segment. Raises as `make` does.
    """
    job = {
        "task": "climb",
        "recipes": list(recipes),
        "begun": begun,
        "original": str(original.resolve()),
        "probe": probe._asdict(),
        "kind": probe.kind,
        "type": probe.type,
        "limits": limits._asdict(),
        "stills": StillRecipe()._asdict(),
        "ffmpeg": find_ffmpeg(),
    }
    made = [0] * len(recipes)
    with working_folder(folder) as name:
        work = Path(name)

        def take() -> None:
            for index, number in enumerate(made):
                while (body := _taken(work / segment(f"track{index}", number + 1))) is not None:
                    if number == 0:
                        keep(index, 0, as_cmaf(_taken(work / f"track{index}.mp4") or b""))
                    number += 1
                    keep(index, begun + number, body)
                made[index] = number

        def ask() -> bool:
            take()
            return stopping()

        from_s = float(begun * segment_frames(probe) / rate_of(probe))
        asked = telling(work, probe.duration_s or from_s + 1, told, ask, from_s)
        answer = run(job, bounds_of("video", "climb", limits), work, asked)
        take()
    return _believed(answer, made)


def _believed(answer: Mapping[str, Any], made: Sequence[int]) -> list[Track]:
    """The tracks that the child tells of, where they are those whose segments have come."""
    try:
        tracks = _TRACKS.validate_python(answer["tracks"])
    except (ValidationError, KeyError) as error:
        raise UnsupportedMedia(words.UNREADABLE) from error
    told = [(track.name, len(track.starts) - 1) for track in tracks]
    plain = all(_CODECS.fullmatch(track.codecs) and track.timescale > 0 for track in tracks)
    ascending = all(start < end for track in tracks for start, end in pairwise(track.starts))
    if told != [(f"track{index}", count) for index, count in enumerate(made)] or not (
        plain and ascending and all(made)
    ):
        raise UnsupportedMedia(words.UNREADABLE)
    return tracks


def _taken(path: Path) -> bytes | None:
    """The bytes of a file that the child, which still lives, has made, and the file is gone; None where there is none."""
    try:
        body = read_plain(path, _SEGMENT_BYTES_MAX + 1)
    except ValueError as error:
        raise UnsupportedMedia(words.UNREADABLE) from error
    if body is not None:
        if len(body) > _SEGMENT_BYTES_MAX:
            raise UnsupportedMedia(words.UNREADABLE)
        path.unlink()
    return body
