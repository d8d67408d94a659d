"""Makes a video's poster: one frame that shows something, as stills at several widths. Runs in the child process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ffmpeg

from core.errors import UnsupportedMedia
from pipeline.media import images, words
from pipeline.media.clips import Ffmpeg
from pipeline.media.recipes import StillRecipe

_MOMENTS = (0.1, 0.3, 0.5, 0.7, 0.0)
"""Where to look, as shares of the duration: past the fade-in first, the very beginning last."""
_DARKEST, _BRIGHTEST, _FLATTEST = 28, 235, 10


def poster(encoder: Ffmpeg, how: StillRecipe) -> dict[str, Any]:
    """Looks at a few moments; takes the first that is neither black, white nor flat, else the liveliest of them."""
    liveliest, best = None, -1.0
    for moment in _MOMENTS:
        frame = _frame(encoder, moment * (encoder.probe.duration_s or 0), how.widest_px)
        if frame is None:
            continue
        grey = frame.colourspace("b-w")
        spread = grey.deviate() if grey.width * grey.height > 1 else 0.0
        if spread > best:
            liveliest, best = frame, spread
        if spread >= _FLATTEST and _DARKEST <= grey.avg() <= _BRIGHTEST:
            liveliest = frame
            break
    if liveliest is None:
        raise UnsupportedMedia(words.NO_FRAME)
    return {
        "width": encoder.probe.width,
        "height": encoder.probe.height,
        **images.poster(liveliest, how),
    }


def _frame(encoder: Ffmpeg, at_s: float, widest_px: int) -> Any:
    """The frame at that second, at the size of the widest still; None where there is none."""
    width = min(encoder.probe.width, widest_px)
    height = max(1, round(encoder.probe.height * width / encoder.probe.width))
    raw = Path("frame.rgb")
    raw.unlink(missing_ok=True)
    picture = encoder.picture(encoder.source(ss=f"{at_s:.3f}"), width, height)
    output = ffmpeg.output(picture, str(raw), format="rawvideo", pix_fmt="rgb24", **{"frames:v": 1})
    encoder.run(output)
    pixels = raw.read_bytes() if raw.exists() else b""
    return images.from_rgb(pixels, width, height) if len(pixels) == width * height * 3 else None
