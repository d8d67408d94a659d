"""Reads what ffmpeg's DASH muxer has cut (its timeline, the sizes of its files) and tells it as an answer's files.

Runs in the child process.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import UnsupportedMedia
from pipeline.media import words
from pipeline.media.playlists import HLS_TYPE, playlist, rates

SEGMENT_LEAST_S = 3.5
"""A segment ends at the first keyframe after that: encoded ones have two of two seconds."""
_MANIFEST = "ffmpeg.mpd"
_CMAF = b"iso6" + bytes(4) + b"iso6cmfcdashmp41"

_REPRESENTATION = re.compile(
    r'<Representation id="(\d)"[^>]* codecs="([^"]+)".*?timescale="(\d+)"(.*?)</Representation>', re.DOTALL
)
_SPAN = re.compile(r'<S(?: t="(\d+)")? d="(\d+)"(?: r="(\d+)")? />')


class Track(NamedTuple):
    """One track, called `track<index>` in its files' names. `starts` has the end of the last segment as well."""

    name: str
    codecs: str
    timescale: int
    starts: tuple[int, ...]

    @property
    def durations_s(self) -> list[float]:
        return [(end - start) / self.timescale for start, end in pairwise(self.starts)]


def muxer() -> tuple[str, dict[str, Any]]:
    """File and options by which ffmpeg cuts each of its streams into CMAF segments."""
    options = {
        "format": "dash",
        "seg_duration": SEGMENT_LEAST_S,
        "use_template": 1,
        "use_timeline": 1,
        "init_seg_name": "track$RepresentationID$.mp4",
        "media_seg_name": "track$RepresentationID$-$Number%05d$.m4s",
        # Some versions write an index into each segment, which CMAF has no place for.
        "format_options": "movflags=+skip_sidx",
    }
    return _MANIFEST, options


def tracks() -> list[Track]:
    """The tracks that ffmpeg made here, in the order of its streams."""
    try:
        text = Path(_MANIFEST).read_text("utf-8")
    except FileNotFoundError as error:
        raise UnsupportedMedia(words.DAMAGED_VIDEO) from error
    found = []
    for index, codecs, timescale, spans in _REPRESENTATION.findall(text):
        starts, at = [], 0
        for start, ticks, again in _SPAN.findall(spans):
            # Where the source has a gap, the segment before it lasts until it ends.
            at = int(start or at)
            for _ in range(int(again or 0) + 1):
                starts.append(at)
                at += int(ticks)
        if starts:
            found.append(Track(f"track{index}", codecs, int(timescale), (0, *starts[1:], at)))
    return found


def answer(track: Track, name: str, **what: Any) -> dict[str, Any]:
    """Writes the track's playlist under that name; its files and segments for the child's answer."""
    init = Path(f"{track.name}.mp4")
    _call_it_cmaf(init)
    names = [f"{track.name}-{number:05}.m4s" for number in range(1, len(track.starts))]
    Path(name).write_text(playlist(init.name, names, track.durations_s), "ascii")
    peak, average = rates(track.durations_s, [Path(one).stat().st_size for one in names])
    told = {"bandwidth": peak, "average_bandwidth": average, "codecs": track.codecs}
    return {
        "files": [{"name": name, "type": HLS_TYPE, **told, **what}, {"name": init.name, "type": "video/mp4"}],
        "segments": [{"track": track.name, "count": len(names), "timescale": track.timescale}],
    }


def _call_it_cmaf(init: Path) -> None:
    """Names the brands that the track keeps to; ffmpeg's own flag for it moves the pictures against the sound."""
    body = init.read_bytes()
    rest = body[int.from_bytes(body[:4], "big") :]
    init.write_bytes((len(_CMAF) + 8).to_bytes(4, "big") + b"ftyp" + _CMAF + rest)
