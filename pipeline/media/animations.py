"""Makes an animated GIF or WebP a silent MP4 that loops: a tenth of the bytes, and one that can be paused. Runs in the
child process."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import pyvips

from core.errors import UnsupportedMedia
from pipeline.media import words
from pipeline.media.images import frames
from pipeline.media.recipes import Probe

WIDTH_PX_MAX, DURATION_MS_MAX = 960, 120_000
LOOP = "loop.mp4"
# What browsers do with a frame that is to be shown for no time (Chromium, WebKit and Gecko alike).
_SHORTEST_MS, _INSTEAD_MS = 11, 100
# Of frames and packets. The stream's own becomes another one once the muxer has written its head.
_MS = Fraction(1, 1000)


def loop(original: str, probe: Probe) -> dict[str, Any]:
    """One MP4 with each frame for as long as the original shows it, two minutes at most."""
    strip, delays_ms = frames(original, probe)
    width, height = _even(probe)
    with av.open(LOOP, "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}) as out:
        # Without B-frames packets come in the order of frames, so the last one's duration is where the film ends.
        options = {"preset": "medium", "crf": "22", "tune": "animation", "bf": "0"}
        stream = out.add_stream("libx264", options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = _MS
        at_ms = 0
        shown_by_pts: dict[int, int] = {}

        def encode(frame: av.VideoFrame | None) -> None:
            for packet in stream.encode(frame):
                packet.duration = shown_by_pts[packet.pts or 0]
                out.mux(packet)

        try:
            for picture, shown_ms in zip(_pictures(strip, probe, width, height), delays_ms, strict=False):
                frame = av.VideoFrame.from_bytes(bytes(picture.write_to_memory()), width, height)
                frame.pts, frame.time_base = at_ms, _MS
                wanted_ms = shown_ms if shown_ms >= _SHORTEST_MS else _INSTEAD_MS
                shown_by_pts[at_ms] = min(wanted_ms, DURATION_MS_MAX - at_ms)
                at_ms += shown_by_pts[at_ms]
                encode(frame)
                if at_ms >= DURATION_MS_MAX:
                    break
            encode(None)
        except pyvips.Error as error:
            raise UnsupportedMedia(words.DAMAGED_PICTURE) from error
    return {"files": [{"name": LOOP, "type": "video/mp4", "width": width, "height": height}]}


def _even(probe: Probe) -> tuple[int, int]:
    """The size: never upscaled, both sides even as yuv420p wants them, but for a side of one pixel."""
    width = min(probe.width, WIDTH_PX_MAX)
    height = probe.height * width / probe.width
    return max(2, width // 2 * 2), max(2, round(height) // 2 * 2)


def _pictures(strip: Any, probe: Probe, width: int, height: int) -> Iterator[Any]:
    """The frames in turn, on white where they are transparent: video has no alpha that every browser knows."""
    side_px = strip.height // probe.frames
    for number in range(probe.frames):
        frame = strip.crop(0, number * side_px, strip.width, side_px)
        opaque = frame.flatten(background=[255, 255, 255]) if frame.hasalpha() else frame
        sized = opaque.thumbnail_image(width, height=height, size="force").cast("uchar")
        yield sized.bandjoin(255)  # PyAV takes RGBA
