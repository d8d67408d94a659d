"""Reads what a rung truly needs (bandwidth, codecs) and writes the HLS multivariant playlist over the rungs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the decoders' child process starts faster without pydantic
    from collections.abc import Iterable

    from core.media import Rendition, RenditionFile

INIT = "init.mp4"
PLAYLIST = "index.m3u8"
MASTER = "master.m3u8"
HLS_TYPE = "application/vnd.apple.mpegurl"

_SEGMENT = re.compile(r"^#EXTINF:([0-9.]+).*\n(?:#.*\n)*([^#\s]+)$", re.MULTILINE)
_TARGET = re.compile(r"^#EXT-X-TARGETDURATION:(\d+)$", re.MULTILINE)


def measure(rung: Path) -> dict[str, Any]:
    """Peak and average bits per second, and codecs, of the rung whose files lie in that folder (RFC 8216, 4.3.4.2)."""
    text = (rung / PLAYLIST).read_text("utf-8")
    target = _TARGET.search(text)
    least_s = int(target[1]) / 2 if target else 0
    segments = [(float(s), (rung / name).stat().st_size * 8) for s, name in _SEGMENT.findall(text)]
    # A segment much shorter than the others says nothing about what a connection must bear.
    peaks = [bits / s for s, bits in segments if s >= least_s and s > 0]
    total_s = sum(s for s, _ in segments)
    average = sum(bits for _, bits in segments) / total_s if total_s > 0 else 0.0
    return {
        "bandwidth": max(1, round(max([average, *peaks]))),
        "average_bandwidth": max(1, round(average)),
        "codecs": codecs((rung / INIT).read_bytes()),
    }


def codecs(init: bytes) -> str:
    """The codecs of an initialisation segment, spelled as RFC 6381 does."""
    found = []
    at = init.find(b"avcC")
    if at >= 0:
        found.append(f"avc1.{init[at + 5 : at + 8].hex()}")
    if b"mp4a" in init:
        found.append("mp4a.40.2")
    return ",".join(found)


def master(renditions: Iterable[Rendition]) -> bytes:
    """The multivariant playlist over the rungs among these renditions, lowest first: players begin with the first."""
    rungs = [
        (r, f) for r in renditions if r.recipe.startswith("rung-") for f in r.files if f.name == PLAYLIST
    ]
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for rendition, playlist in sorted(rungs, key=lambda rung: rung[1].bandwidth or 0):
        lines.append(f"#EXT-X-STREAM-INF:{_attributes(playlist)}")
        lines.append(f"../{rendition.recipe}-{rendition.attempt}/{playlist.name}")
    return ("\n".join(lines) + "\n").encode("ascii")


def _attributes(playlist: RenditionFile) -> str:
    attributes = [
        f"BANDWIDTH={playlist.bandwidth}",
        f"AVERAGE-BANDWIDTH={playlist.average_bandwidth}",
        f"RESOLUTION={playlist.width}x{playlist.height}",
        f'CODECS="{playlist.codecs}"',
        f"FRAME-RATE={playlist.frame_rate:.3f}",
    ]
    return ",".join(attributes)
