"""Writes the DASH manifest (ISO/IEC 23009-1) over the rungs, whose segments HLS and DASH share.

Each track has its own timeline: one that was copied from the source is cut where the source has its keyframes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

from core.media import Rendition, RenditionFile, Segments
from pipeline.media.playlists import PLAYLIST, SOUND, durations, tracks

MANIFEST = "manifest.mpd"
DASH_TYPE = "application/dash+xml"

_BUFFER_S = 4


class _Track(NamedTuple):
    rendition: Rendition
    file: RenditionFile
    segments: Segments
    ticks: tuple[int, ...]
    """How long each segment lasts, by the segments' own clock."""

    @property
    def duration_s(self) -> Fraction:
        return Fraction(sum(self.ticks), self.segments.timescale)

    @property
    def cuts(self) -> list[float]:
        """How long each segment but the last lasts."""
        return [round(ticks / self.segments.timescale, 3) for ticks in self.ticks[:-1]]


def manifest(renditions: Sequence[Rendition], read: Callable[[Rendition, str], str]) -> bytes | None:
    """The manifest over the rungs among these renditions; None where none has segments that DASH can name. `read` gives
    a file of a rendition as text."""
    video, sound = (list(_found(renditions, name, read)) for name in (PLAYLIST, SOUND))
    if not video:
        return None
    longest_s = max(track.duration_s for track in (*video, *sound))
    segment_s = max(max(track.ticks) / track.segments.timescale for track in (*video, *sound))
    aligned = len({tuple(track.cuts) for track in video}) == 1
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011,'
        'urn:mpeg:dash:profile:cmaf:2019" type="static" '
        f'mediaPresentationDuration="PT{float(longest_s):.3f}S" maxSegmentDuration="PT{segment_s:.3f}S" '
        f'minBufferTime="PT{_BUFFER_S}S">',
        '<Period id="0" start="PT0S">',
        f'<AdaptationSet id="0" contentType="video" mimeType="video/mp4" startWithSAP="1" '
        f'segmentAlignment="{str(aligned).lower()}">',
        *(line for track in video for line in _representation(track, _picture(track.file))),
        "</AdaptationSet>",
    ]
    if sound:
        rate = f' audioSamplingRate="{sound[0].segments.timescale}"'
        lines += [
            '<AdaptationSet id="1" contentType="audio" mimeType="audio/mp4" startWithSAP="1" '
            'segmentAlignment="true">',
            *_representation(sound[0], rate),
            "</AdaptationSet>",
        ]
    return "\n".join([*lines, "</Period>", "</MPD>", ""]).encode("ascii")


def _found(
    renditions: Sequence[Rendition], name: str, read: Callable[[Rendition, str], str]
) -> Iterable[_Track]:
    for rendition, file in tracks(renditions, name):
        # A rung's segments stand in the order of its playlists: pictures, then sound.
        if rendition.segments:
            segments = rendition.segments[0 if name == PLAYLIST else -1]
            spans = durations(read(rendition, name))
            yield _Track(rendition, file, segments, tuple(round(s * segments.timescale) for s in spans))


def _representation(track: _Track, what: str) -> list[str]:
    folder, name = f"../{track.rendition.recipe}-{track.rendition.attempt}", track.segments.track
    number = "$Number%05d$"
    lines = [
        f'<Representation id="{track.rendition.recipe}-{name}" codecs="{track.file.codecs}" '
        f'bandwidth="{track.file.bandwidth}"{what}>',
        f'<SegmentTemplate timescale="{track.segments.timescale}" startNumber="1" '
        f'initialization="{folder}/{name}.mp4" media="{folder}/{name}-{number}.m4s">',
        "<SegmentTimeline>",
    ]
    at = ' t="0"'
    for ticks, alike in groupby(track.ticks):
        again = len(list(alike)) - 1
        lines.append(f'<S{at} d="{ticks}"' + (f' r="{again}"/>' if again else "/>"))
        at = ""
    return [*lines, "</SegmentTimeline>", "</SegmentTemplate>", "</Representation>"]


def _picture(file: RenditionFile) -> str:
    rate = Fraction(file.frame_rate or 30).limit_denominator(1001)
    return f' width="{file.width}" height="{file.height}" frameRate="{rate}" sar="1:1"'
