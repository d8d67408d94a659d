"""Writes HLS playlists (RFC 8216): of one track over its segments, and the multivariant one over all rungs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # the decoders' child process starts faster without pydantic
    from collections.abc import Iterable

    from core.media import Rendition, RenditionFile

PLAYLIST = "index.m3u8"
SOUND = "audio.m3u8"
MASTER = "master.m3u8"
HLS_TYPE = "application/vnd.apple.mpegurl"

_GROUP = "sound"
_EXTINF = re.compile(r"^#EXTINF:([0-9.]+)", re.MULTILINE)


class Rates(NamedTuple):
    """What a connection must bear, in bits per second."""

    peak: int
    average: int


def playlist(init: str, names: Sequence[str], durations_s: Sequence[float]) -> str:
    """The media playlist of a track that is complete."""
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max(1, round(max(durations_s)))}",
        "#EXT-X-MEDIA-SEQUENCE:1",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        f'#EXT-X-MAP:URI="{init}"',
    ]
    for name, duration_s in zip(names, durations_s, strict=True):
        lines += [f"#EXTINF:{duration_s:.6f},", name]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def durations(playlist: str) -> list[float]:
    """How long each segment lasts, in seconds."""
    return [float(found) for found in _EXTINF.findall(playlist)]


def rates(durations_s: Sequence[float], sizes: Sequence[int]) -> Rates:
    """Peak and average, as section 4.3.4.2 defines them."""
    # A segment much shorter than the others says nothing about what a connection must bear.
    least_s = round(max(durations_s)) / 2
    peaks = [size * 8 / s for s, size in zip(durations_s, sizes, strict=True) if s >= least_s]
    average = sum(sizes) * 8 / sum(durations_s)
    return Rates(max(1, round(max([average, *peaks]))), max(1, round(average)))


def master(renditions: Iterable[Rendition]) -> bytes:
    """The multivariant playlist over the rungs among these renditions, lowest first: players begin with the first."""
    made = list(renditions)
    sound = next(tracks(made, SOUND), None)
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if sound:
        uri = f'URI="{address(*sound)}"'
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="{_GROUP}",NAME="Sound",DEFAULT=YES,AUTOSELECT=YES,{uri}'
        )
    for rendition, file in tracks(made, PLAYLIST):
        lines.append(f"#EXT-X-STREAM-INF:{_attributes(file, sound[1] if sound else None)}")
        lines.append(address(rendition, file))
    return ("\n".join(lines) + "\n").encode("ascii")


def tracks(renditions: Iterable[Rendition], name: str) -> Iterator[tuple[Rendition, RenditionFile]]:
    """The playlists by that name among the rungs, by the bandwidth that they need."""
    found = [(r, f) for r in renditions if r.recipe.startswith("rung-") for f in r.files if f.name == name]
    # Rungs of releases before CMAF have sound and picture in one and go with no others.
    cmaf = [(rendition, file) for rendition, file in found if rendition.segments]
    yield from sorted(cmaf or found, key=lambda track: track[1].bandwidth or 0)


def address(rendition: Rendition, file: RenditionFile) -> str:
    """Where a file of a rung lies, as seen from what names all rungs."""
    return f"../{rendition.recipe}-{rendition.attempt}/{file.name}"


def _attributes(picture: RenditionFile, sound: RenditionFile | None) -> str:
    peak, average = picture.bandwidth or 1, picture.average_bandwidth or 1
    codecs = picture.codecs
    if sound:
        peak, average = peak + (sound.bandwidth or 0), average + (sound.average_bandwidth or 0)
        codecs = f"{codecs},{sound.codecs}"
    attributes = [
        f"BANDWIDTH={peak}",
        f"AVERAGE-BANDWIDTH={average}",
        f"RESOLUTION={picture.width}x{picture.height}",
        f'CODECS="{codecs}"',
        f"FRAME-RATE={picture.frame_rate:.3f}",
    ]
    return ",".join(attributes + ([f'AUDIO="{_GROUP}"'] if sound else []))
