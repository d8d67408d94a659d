"""Makes a storyboard: one sheet of small pictures of a video, and WebVTT that tells which shows what time.

Runs in the child process. Only keyframes are decoded, so that it costs little however long the video is.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import ffmpeg

from core.errors import UnsupportedMedia
from pipeline.media import images, words
from pipeline.media.clips import Ffmpeg
from pipeline.media.formats import DECODERS

SHEET, TRACK = "storyboard.webp", "storyboard.vtt"
COLUMNS = 10
PICTURES_MAX = 100
APART_S_MIN = 2.0
LONG_SIDE_PX = 160
_QUALITY = 60
_KEYFRAMES = "keyframes.mkv"
_OF_VP9 = ("video/webm", "video/x-matroska")


def storyboard(encoder: Ffmpeg) -> dict[str, Any]:
    """A picture every two seconds, or a hundred evenly over all of a longer video."""
    probe, duration_s = encoder.probe, encoder.probe.duration_s or 0
    apart_s = max(APART_S_MIN, duration_s / PICTURES_MAX)
    count = max(1, math.ceil(duration_s / apart_s))
    columns, rows = min(COLUMNS, count), math.ceil(count / COLUMNS)
    scale = LONG_SIDE_PX / max(probe.width, probe.height)
    width, height = (max(2, round(side * scale / 2) * 2) for side in (probe.width, probe.height))
    raw = Path("sheet.rgb")
    picture = _keyframes(encoder, width, height)
    picture = picture.filter("fps", f"1/{apart_s:.6f}", start_time=0, eof_action="pass")
    sheet = picture.filter("tile", f"{columns}x{rows}", nb_frames=count)
    encoder.run(ffmpeg.output(sheet, str(raw), format="rawvideo", pix_fmt="rgb24", **{"frames:v": 1}))
    pixels = raw.read_bytes() if raw.exists() else b""
    across, down = columns * width, rows * height
    if len(pixels) != across * down * 3:
        raise UnsupportedMedia(words.NO_FRAME)
    images.from_rgb(pixels, across, down).webpsave(SHEET, Q=_QUALITY, effort=2, keep="none")
    Path(TRACK).write_text(_track(duration_s, apart_s, width, height), "ascii")
    return {
        "files": [
            {"name": SHEET, "type": "image/webp", "width": across, "height": down},
            {"name": TRACK, "type": "text/vtt"},
        ]
    }


def _keyframes(encoder: Ffmpeg, width: int, height: int) -> Any:
    """The pictures at that size, without what lies between the keyframes."""
    probe = encoder.probe
    source = encoder.source(skip_frame="nokey", itsoffset=-probe.start_s)
    if probe.rotation or probe.type not in _OF_VP9:
        return encoder.picture(source, width, height)
    # The decoders of VP8 and VP9 don't skip, so they are given no other packets.
    pictures = source[str(probe.video_stream)]
    encoder.run(
        ffmpeg.output(pictures, _KEYFRAMES, format="matroska", c="copy", **{"bsf:v": "noise=drop=not(key)"})
    )
    path = Path(_KEYFRAMES).absolute()
    keyframes = ffmpeg.input(
        f"file:{path}", format="matroska", protocol_whitelist="file", codec_whitelist=DECODERS
    )
    return encoder._replace(probe=probe._replace(video_stream=0)).picture(keyframes, width, height)


def _track(duration_s: float, apart_s: float, width: int, height: int) -> str:
    """A cue for each picture, which it names by its place on the sheet (Media Fragments URI, 4.2.2)."""
    cues = ["WEBVTT", ""]
    for number in range(max(1, math.ceil(duration_s / apart_s))):
        row, column = divmod(number, COLUMNS)
        end_s = min(duration_s, (number + 1) * apart_s)
        cues += [
            f"{_clock(number * apart_s)} --> {_clock(end_s)}",
            f"{SHEET}#xywh={column * width},{row * height},{width},{height}",
            "",
        ]
    return "\n".join(cues)


def _clock(at_s: float) -> str:
    seconds, ms = divmod(round(at_s * 1000), 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}"
