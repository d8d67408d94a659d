"""Makes a storyboard: one sheet of small pictures of a video, and WebVTT that tells which shows what time.

Runs in the child process. Only keyframes are decoded, so that it costs little however long the video is; unless they are
so far apart that many pictures would be the same.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import av.error
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
KEYFRAMES_APART_S_MAX = 12.0
"""Encoders by themselves set one every 250 frames, if nothing moves: of 24 a second that is every 10.4 s."""
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
    pictures = _pictures(encoder, apart_s).filter("fps", f"1/{apart_s:.6f}", start_time=0, eof_action="pass")
    # The last one is on until the film ends, or the sound of it.
    lasting = encoder.sized(pictures, width, height).filter("tpad", stop=count, stop_mode="clone")
    sheet = lasting.filter("tile", f"{columns}x{rows}", nb_frames=count)
    output = ffmpeg.output(sheet, str(raw), format="rawvideo", pix_fmt="rgb24", **{"frames:v": 1})
    # Most of a damaged film's keyframes may be broken: whether it can be shown at all, its lowest rung has told.
    encoder.run(output.global_args("-max_error_rate", "1"))
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


def _pictures(encoder: Ffmpeg, apart_s: float) -> Any:
    """The film's pictures without what lies between the keyframes, where those are near enough to one another."""
    probe = encoder.probe
    if _keyframes_apart_s(encoder) > max(KEYFRAMES_APART_S_MAX, 2 * apart_s):
        # No more than the lowest rung has cost, which was decoded whole.
        return encoder.pictures(encoder.source(itsoffset=-probe.start_s))
    source = encoder.source(skip_frame="nokey", itsoffset=-probe.start_s)
    if probe.rotation or probe.type not in _OF_VP9:
        return encoder.pictures(source)
    # The decoders of VP8 and VP9 don't skip, so they are given no other packets.
    pictures = source[str(probe.video_stream)]
    encoder.run(
        ffmpeg.output(pictures, _KEYFRAMES, format="matroska", c="copy", **{"bsf:v": "noise=drop=not(key)"})
    )
    path = Path(_KEYFRAMES).absolute()
    keyframes = ffmpeg.input(
        f"file:{path}", format="matroska", protocol_whitelist="file", codec_whitelist=DECODERS
    )
    return encoder._replace(probe=probe._replace(video_stream=0)).pictures(keyframes)


def _keyframes_apart_s(encoder: Ffmpeg) -> float:
    """How long the film goes on without one, at most; by its packets, of which none is decoded."""
    widest_s, keyframe_s = 0.0, None
    try:
        with encoder.open() as container:
            for packet in container.demux(container.streams[encoder.probe.video_stream or 0]):
                if packet.pts is None:
                    continue
                at_s = float(packet.pts * packet.time_base)
                if packet.is_keyframe or keyframe_s is None:
                    keyframe_s = at_s
                widest_s = max(widest_s, at_s - keyframe_s)
    except (av.error.FFmpegError, EOFError, ValueError):
        return math.inf  # it may be shown as far as it goes
    return widest_s


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
