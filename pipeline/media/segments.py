"""Reads what ffmpeg's DASH muxer has cut (its timeline, the sizes of its files) and tells it as an answer's files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import UnsupportedMedia
from pipeline.media import words
from pipeline.media.pace import SEGMENT_LEAST_S
from pipeline.media.playlists import HLS_TYPE, playlist, rates

_CMAF = b"iso6" + bytes(4) + b"iso6cmfcdashmp41"

_REPRESENTATION = re.compile(
    r'<Representation id="(\d)"[^>]* codecs="([^"]+)".*?timescale="(\d+)"(.*?)</Representation>', re.DOTALL
)
_SPAN = re.compile(r'<S(?: t="(\d+)")? d="(\d+)"(?: r="(\d+)")? />')


class Track(NamedTuple):
    """One track, called `track<index>` in its files' names. `starts` are in ticks, and have the end of the last segment as
    well."""

    name: str
    codecs: str
    timescale: int
    starts: tuple[int, ...]

    @property
    def init(self) -> str:
        return f"{self.name}.mp4"

    @property
    def names(self) -> list[str]:
        """Of its segments, in their order."""
        return [segment(self.name, number) for number in range(1, len(self.starts))]

    @property
    def durations_s(self) -> list[float]:
        return [(end - start) / self.timescale for start, end in pairwise(self.starts)]


def segment(track: str, number: int) -> str:
    """The name of that segment; the first is 1."""
    return f"{track}-{number:05}.m4s"


def muxer(index: int) -> tuple[str, dict[str, Any]]:
    """File and options by which ffmpeg cuts its one stream into the CMAF segments of `track<index>`."""
    return f"track{index}.mpd", _options(f"track{index}", "+skip_sidx")


def muxer_of_many() -> tuple[str, dict[str, Any]]:
    """The same for any number of streams, from `track0` on. They may begin in the middle of a film, and then say so."""
    return "track0.mpd", _options("track$RepresentationID$", "+skip_sidx+frag_discont")


def _options(track: str, flags: str) -> dict[str, Any]:
    return {
        "format": "dash",
        "seg_duration": float(SEGMENT_LEAST_S),
        "use_template": 1,
        "use_timeline": 1,
        "init_seg_name": f"{track}.mp4",
        "media_seg_name": f"{track}-$Number%05d$.m4s",
        # Some versions write an index into each segment, which CMAF has no place for.
        "format_options": f"movflags={flags}",
    }


def tracks(index: int = 0) -> Iterator[Track]:
    """The tracks that ffmpeg made here in one run, in the order of its streams; the first is `track<index>`."""
    try:
        text = Path(f"track{index}.mpd").read_text("utf-8")
    except FileNotFoundError as error:
        raise UnsupportedMedia(words.DAMAGED_VIDEO) from error
    for number, codecs, timescale, spans in _REPRESENTATION.findall(text):
        starts, at = [], 0
        for start, ticks, again in _SPAN.findall(spans):
            # Where the source has a gap, the segment before it lasts until it ends.
            at = int(start or at)
            for _ in range(int(again or 0) + 1):
                starts.append(at)
                at += int(ticks)
        if starts:
            yield Track(f"track{index + int(number)}", codecs, int(timescale), (*starts, at))


def answer(track: Track, name: str, **what: Any) -> dict[str, Any]:
    """Writes the playlist of a track that was made here under that name; its files and segments for the child's answer."""
    whole = track._replace(starts=(0, *track.starts[1:]))
    init = Path(track.init)
    init.write_bytes(as_cmaf(init.read_bytes()))
    text, told = described(whole, {one: Path(one).stat().st_size for one in whole.names})
    Path(name).write_text(text, "ascii")
    return {
        "files": [{"name": name, "type": HLS_TYPE, **told, **what}, {"name": init.name, "type": "video/mp4"}],
        "segments": [{"track": track.name, "count": len(whole.names), "timescale": track.timescale}],
    }


def described(track: Track, sizes: Mapping[str, int]) -> tuple[str, dict[str, Any]]:
    """The playlist of a whole track, and what its file is told of by: the bandwidth that its segments need, its codecs."""
    peak, average = rates(track.durations_s, [sizes[name] for name in track.names])
    told = {"bandwidth": peak, "average_bandwidth": average, "codecs": track.codecs}
    return playlist(track.init, track.names, track.durations_s), told


def as_cmaf(init: bytes) -> bytes:
    """An initialisation segment that names the brands which its track keeps to; ffmpeg's own flag for it moves the
    pictures against the sound."""
    rest = init[int.from_bytes(init[:4], "big") :]
    return (len(_CMAF) + 8).to_bytes(4, "big") + b"ftyp" + _CMAF + rest
