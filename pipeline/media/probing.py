"""Probes a video by PyAV: what is truly in it, and whether it may be used. Runs in the child process."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import av
import av.error

from core.errors import UnsupportedMedia
from pipeline.media import words
from pipeline.media.copying import pictures_fit, sound_start_s
from pipeline.media.formats import AUDIO_DECODERS, DECODERS, DEMUXERS, VIDEO_DECODERS
from pipeline.media.recipes import Limits, Probe
from pipeline.media.whole import missing_s

_SAMPLE_RATE_MIN, _CHANNELS_MAX = 4_000, 16
_STANDARD_RATES = tuple(
    Fraction(rate)
    for rate in ("15", "24000/1001", "24", "25", "30000/1001", "30", "48", "50", "60000/1001", "60")
)
_MISSING_S_MAX, _MISSING_SHARE_MAX = 1.0, 0.02
"""So much may be missing at the end of what is taken nevertheless."""
_HDR_TRANSFERS = {16, 18}  # PQ and HLG, by ITU-T H.273


class Shape(NamedTuple):
    """A frame as it is shown."""

    width: int
    height: int
    rotation: int


def probe(original: str, mime: str, limits: Limits) -> Probe:
    """Opens the file and decodes one frame of it; raises UnsupportedMedia where it can't be used."""
    options = {
        "protocol_whitelist": "file",
        "codec_whitelist": DECODERS,
        "max_pixels": str(limits.pixels_max),
    }
    try:
        with av.open(
            f"file:{original}", "r", format=DEMUXERS[mime], options=options, metadata_errors="replace"
        ) as container:
            found = _probe(container, mime, limits)
            _check_end(container, original, found)
    except (av.error.FFmpegError, EOFError, ValueError) as error:
        damaged = words.DAMAGED_SOUND if mime.startswith("audio/") else words.DAMAGED_VIDEO
        raise UnsupportedMedia(damaged) from error
    return found._replace(
        copied=found.kind == "video" and pictures_fit(original, found, limits),
        sound_from_s=sound_start_s(original, found, limits),
    )


def _probe(container: Any, mime: str, limits: Limits) -> Probe:
    audio, video = _sound(container), _picture(container)
    if video is None:
        return _of_sound(container, audio, mime, limits)
    _check_codec(video)
    coded = video.codec_context
    if max(coded.width, coded.height) > limits.video_side_px_max:
        raise UnsupportedMedia(
            words.VIDEO_TOO_LARGE.format(coded.width, coded.height, limits.video_side_px_max)
        )
    frame = next(container.decode(video), None)
    if frame is None:
        raise UnsupportedMedia(words.DAMAGED_VIDEO)
    shape = _shape(frame, video)
    duration_s = _duration_s(container, video)
    _check_length(duration_s, words.VIDEO_TOO_LONG, limits)
    return Probe(
        kind="video",
        type=mime,
        width=shape.width,
        height=shape.height,
        duration_s=round(duration_s, 3),
        has_audio=audio is not None,
        rotation=shape.rotation,
        frame_rate=str(_frame_rate(video)),
        video_stream=video.index,
        audio_stream=audio,
        hdr=frame.color_trc in _HDR_TRANSFERS,
        interlaced=bool(frame.interlaced_frame),
        start_s=round(_start_s(container, video), 6),
    )


def _of_sound(container: Any, audio: int | None, mime: str, limits: Limits) -> Probe:
    """Sound alone; a frame of it is decoded, too."""
    from pipeline.media import sounds  # with libvips, for the cover

    if audio is None or next(container.decode(container.streams[audio]), None) is None:
        raise UnsupportedMedia(words.DAMAGED_SOUND)
    container.seek(0)
    duration_s = _duration_s(container, container.streams[audio])
    _check_length(duration_s, words.SOUND_TOO_LONG, limits)
    container.seek(0)
    return Probe(
        kind="audio",
        type=mime,
        width=0,
        height=0,
        duration_s=round(duration_s, 3),
        has_audio=True,
        video_stream=sounds.cover_stream(container, limits),
        audio_stream=audio,
    )


def _check_length(duration_s: float, too_long: str, limits: Limits) -> None:
    if duration_s > limits.duration_s_max:
        minutes, most = -(-duration_s // 60), limits.duration_s_max / 60
        raise UnsupportedMedia(too_long.format(f"{minutes:.0f}", f"{most:.0f}"))


def _check_end(container: Any, original: str, found: Probe) -> None:
    is_sound = found.kind == "audio"
    used = (found.audio_stream, None if is_sound else found.video_stream)
    streams = [container.streams[index] for index in used if index is not None]
    duration_s = found.duration_s or 0.0
    missing = missing_s(original, found.type, streams, duration_s)
    if missing > _MISSING_S_MAX or missing > _MISSING_SHARE_MAX * duration_s:
        raise UnsupportedMedia(words.INCOMPLETE_SOUND if is_sound else words.INCOMPLETE_VIDEO)


def _start_s(container: Any, video: Any) -> float:
    """When the pictures begin after the rest of the file, by which ffmpeg sets its clock to zero."""
    if video.start_time is None or container.start_time is None:
        return 0.0
    return float(video.start_time * video.time_base) - float(container.start_time) / av.time_base


def _picture(container: Any) -> Any:
    """The first stream of moving pictures; the cover of a sound file is none. None where there is only sound."""
    cover = av.stream.Disposition.attached_pic
    moving = [s for s in container.streams.video if not s.disposition & cover]
    if moving:
        return moving[0]
    if not container.streams.audio:
        raise UnsupportedMedia(words.DAMAGED_VIDEO)
    return None


def _check_codec(video: Any) -> None:
    if video.codec_context is None or video.codec_context.name not in VIDEO_DECODERS.split(","):
        name = video.codec_context.name if video.codec_context else "unknown"
        raise UnsupportedMedia(words.OTHER_CODEC.format(name))


def _sound(container: Any) -> int | None:
    """The first stream of sound that we can decode: phones add others that nobody else can."""
    for stream in container.streams.audio:
        sound = stream.codec_context
        known = sound is not None and sound.name in AUDIO_DECODERS.split(",")
        # At a sample a second ffmpeg works for hours, and 64 channels it mixes down to nothing.
        if known and sound.sample_rate >= _SAMPLE_RATE_MIN and sound.channels <= _CHANNELS_MAX:
            return int(stream.index)
    return None


def _shape(frame: Any, video: Any) -> Shape:
    """The size as shown: pixels made square, then rotated."""
    aspect = video.sample_aspect_ratio or Fraction(1)
    width = max(1, round(frame.width * aspect)) if aspect > 0 else frame.width
    height = frame.height
    rotation = round(frame.rotation) % 360
    return Shape(height, width, rotation) if rotation in (90, 270) else Shape(width, height, rotation)


def _duration_s(container: Any, video: Any) -> float:
    """As the header says; a recording of a browser has none there, so its packets are read through."""
    if container.duration:
        return float(container.duration) / av.time_base
    if video.duration:
        return float(video.duration * video.time_base)
    ends = [
        (packet.pts + (packet.duration or 0)) * video.time_base
        for packet in container.demux(video)
        if packet.pts is not None
    ]
    return float(max(ends, default=0))


def _frame_rate(video: Any) -> Fraction:
    """A constant rate for the rungs, near the source's: the standard one within 2 %, between 10 and 60."""
    source = Fraction(video.guessed_rate or video.average_rate or 30).limit_denominator(1001)
    nearest = min(_STANDARD_RATES, key=lambda rate: abs(rate - source))
    if abs(source - nearest) <= nearest / 50:
        return nearest
    return min(max(source, Fraction(10)), Fraction(60))
