"""Finds what of a source fits as it is, so that it is copied and not encoded again. Runs in the child process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple, TypeVar

import av
import av.error

from pipeline.media.formats import DECODERS, DEMUXERS
from pipeline.media.recipes import Limits, Probe, bits_per_s_max, rung_size, rungs

KEYFRAMES_APART_S_MAX = 6.0
"""Segments are cut at keyframes alone, and who seeks or changes rungs waits for one."""
MORE_BITS = 1.5
"""A source may need so many times what we would give it, and still be copied."""
SOUND_BITS_PER_S_MAX = 330_000
_PROFILES = {"Constrained Baseline", "Baseline", "Main", "High"}
_LEVEL_MAX = 51
_SAMPLE_RATES = {32_000, 44_100, 48_000}
_GAP_S_MAX = 0.05
_AAC_SAMPLES = 1024
_IDR, _SPS = 5, 7
_Told = TypeVar("_Told")


def pictures_fit(original: str, probe: Probe, limits: Limits) -> bool:
    """Whether the pictures fit the highest rung as they are: by their headers, and then by every packet, since a header
    says little of keyframes and gaps."""
    highest = rungs(probe)[-1]
    most = bits_per_s_max(highest) * MORE_BITS

    def fit(container: Any) -> bool:
        if not _has_picture(container, probe, rung_size(probe, highest)):
            return False
        video = container.streams[probe.video_stream or 0]
        pictures = _Pictures(video)
        for packet in _timed(container, video):
            pictures.look(packet)
        return pictures.fit(most)

    return bool(_asked(original, probe, limits, fit))


def sound_start_s(original: str, probe: Probe, limits: Limits) -> float | None:
    """When the first sound comes that is to be copied, in seconds by the pictures' clock; None where it doesn't fit the
    one sound track."""

    def start_s(container: Any) -> float | None:
        sound = None if probe.audio_stream is None else container.streams[probe.audio_stream]
        if sound is None or not _is_plain_sound(sound):
            return None
        sounds = _Sounds(sound, (container.start_time or 0) / av.time_base + probe.start_s)
        for packet in _timed(container, sound):
            sounds.look(packet)
        return sounds.start_s()

    return _asked(original, probe, limits, start_s)


def _asked(original: str, probe: Probe, limits: Limits, ask: Callable[[Any], _Told]) -> _Told | None:
    if (probe.duration_s or 0) > limits.duration_s_max:
        return None
    options = {"protocol_whitelist": "file", "codec_whitelist": DECODERS}
    try:
        with av.open(f"file:{original}", "r", format=DEMUXERS[probe.type], options=options) as container:
            return ask(container)
    except (av.error.FFmpegError, EOFError, ValueError):
        return None  # encoding it will tell what is wrong


def _timed(container: Any, stream: Any) -> Iterator[Any]:
    return (one for one in container.demux(stream) if one.pts is not None and one.dts is not None)


class _Pictures:
    """Looks at the packets of the pictures, one after the other."""

    def __init__(self, video: Any) -> None:
        self._config = _Avc.read(video.codec_context.extradata or b"")
        self._bytes, self._keyframes, self._end = 0, 0, Fraction(0)
        self._first: Fraction | None = None
        self._key = Fraction(0)
        self._fits = self._config is not None

    def look(self, packet: Any) -> None:
        at = packet.pts * packet.time_base
        self._first = at if self._first is None else self._first
        self._bytes += packet.size
        self._end = max(self._end, at + (packet.duration or 0) * packet.time_base)
        apart_s = self._end - self._key if self._keyframes else 0
        if packet.is_keyframe and self._config:
            self._fits &= self._config.begins_anew(bytes(packet))
            self._keyframes, self._key = self._keyframes + 1, at
        # What comes before the first keyframe, or is there to be left out, players would show.
        self._fits &= self._keyframes > 0 and not packet.is_discard and not packet.is_corrupt
        self._fits &= apart_s <= KEYFRAMES_APART_S_MAX and at >= self._first

    def fit(self, bits_per_s_max: float) -> bool:
        if not self._fits or self._first is None or self._end <= self._first:
            return False
        return self._bytes * 8 / float(self._end - self._first) <= bits_per_s_max


class _Sounds:
    """Looks at the packets of the sound, one after the other."""

    def __init__(self, sound: Any, zero_s: float) -> None:
        self._there = True
        self._frame_s = _AAC_SAMPLES / sound.sample_rate
        self._zero_s, self._bytes = zero_s, 0
        self._start_s: float | None = None
        self._next_s = 0.0

    def look(self, packet: Any) -> None:
        at_s = float(packet.pts * packet.time_base) - self._zero_s
        if at_s < -self._frame_s / 2:
            return  # the encoder's run-up, and what comes before the pictures
        if self._start_s is None:
            self._start_s = self._next_s = at_s
        self._there &= abs(at_s - self._next_s) <= _GAP_S_MAX and not packet.is_corrupt
        self._bytes += packet.size
        self._next_s = at_s + self._frame_s

    def start_s(self) -> float | None:
        if not self._there or self._start_s is None or self._start_s > _GAP_S_MAX:
            return None
        rate = self._bytes * 8 / max(self._frame_s, self._next_s - self._start_s)
        return self._start_s if rate <= SOUND_BITS_PER_S_MAX else None


class _Avc(NamedTuple):
    """An AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1)."""

    length_bytes: int
    parameters: bytes

    @classmethod
    def read(cls, extradata: bytes) -> _Avc | None:
        if len(extradata) < 7 or extradata[0] != 1 or extradata[3] > _LEVEL_MAX:
            return None
        return cls((extradata[4] & 3) + 1, extradata)

    def begins_anew(self, packet: bytes) -> bool:
        """Whether a keyframe needs nothing from before it, and no other parameters than those at the beginning."""
        units = list(self._units(packet))
        return any(unit[0] & 31 == _IDR for unit in units) and all(
            unit in self.parameters for unit in units if unit[0] & 31 == _SPS
        )

    def _units(self, packet: bytes) -> Iterator[bytes]:
        at = 0
        while at + self.length_bytes < len(packet):
            size = int.from_bytes(packet[at : at + self.length_bytes], "big")
            at += self.length_bytes
            if size:
                yield packet[at : at + size]
            at += size


def _has_picture(container: Any, probe: Probe, size: tuple[int, int]) -> bool:
    video = container.streams[probe.video_stream or 0]
    coded = video.codec_context
    return (
        coded.name == "h264"
        and coded.profile in _PROFILES
        and coded.pix_fmt == "yuv420p"
        and (coded.width, coded.height) == size == (probe.width, probe.height)
        and (probe.rotation, probe.hdr, probe.interlaced) == (0, False, False)
        and float(video.average_rate or 0) <= 61
    )


def _is_plain_sound(sound: Any) -> bool:
    coded = sound.codec_context
    return (
        coded.name == "aac"
        and coded.profile == "LC"
        and coded.sample_rate in _SAMPLE_RATES
        and coded.channels in (1, 2)
        and bool(coded.extradata)
    )
