"""Makes playable video by ffmpeg: rungs as CMAF, and a progressive MP4 of the lowest. Runs in the child process."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import av
import ffmpeg

from core.errors import OperatorError, Unavailable, UnsupportedMedia
from pipeline.media import segments, words
from pipeline.media.copying import Fit, fit
from pipeline.media.formats import DECODERS, DEMUXERS
from pipeline.media.playlists import PLAYLIST, SOUND
from pipeline.media.progress import FILE as PROGRESS
from pipeline.media.recipes import Limits, Probe, has_sound, rung_of, rung_size, rungs

KEYFRAME_S = 2
THREADS = 4
"""Of decoder and encoder. They wait for one another, so that two processors need four of each to be busy."""
AUDIO_BITS_PER_S = 128_000
SAMPLE_RATE = 48_000
RUN_UP_SAMPLES = 1024
COPIED_FACTOR = 1.5
"""A source may need so much more than we would give it, and still be copied."""
_LOG = "ffmpeg.log"
_LOG_TAIL_CHARS = 2_000
# As libc and x264 say it; the last is of a thread that could not have its stack.
_STARVED = ("Cannot allocate memory", "malloc of size", "Resource temporarily unavailable")
# Enough for the eye at each shorter side, with the quality (CRF) as the usual and lower bound.
_MAX_BITS_PER_S = ((240, 450_000), (360, 900_000), (480, 1_500_000), (720, 3_000_000), (1080, 5_500_000))

Answer = dict[str, Any]


class Ffmpeg(NamedTuple):
    """One original and the binary that reads it."""

    binary: str
    original: str
    probe: Probe
    limits: Limits

    def source(self, **options: Any) -> Any:
        """The original as an input that opens no other file, address or codec, whatever its bytes say."""
        return ffmpeg.input(
            f"file:{self.original}",
            format=DEMUXERS[self.probe.type],
            protocol_whitelist="file",
            codec_whitelist=DECODERS,
            max_pixels=self.limits.pixels_max,
            threads=THREADS,
            **options,
        )

    def open(self) -> Any:
        """The original for PyAV, under the same restrictions."""
        options = {"protocol_whitelist": "file", "codec_whitelist": DECODERS}
        return av.open(f"file:{self.original}", "r", format=DEMUXERS[self.probe.type], options=options)

    def picture(self, source: Any, width: int, height: int) -> Any:
        """The stream of pictures at that size with square pixels; ffmpeg has rotated it by then."""
        stream = source[str(self.probe.video_stream)]
        if self.probe.interlaced:
            stream = stream.filter("bwdif", mode="send_frame")
        if not self.probe.hdr:
            return stream.filter("scale", width, height).filter("setsar", 1)
        # Phones film in HDR by now; shown as it is on a plain screen it would be grey.
        linear = stream.filter("zscale", w=width, h=height, t="linear", npl=100).filter("format", "gbrpf32le")
        mapped = linear.filter("zscale", p="bt709").filter("tonemap", tonemap="hable", desat=0)
        return mapped.filter("zscale", t="bt709", m="bt709", r="tv").filter("setsar", 1)

    def run(self, output: Any) -> None:
        """Runs to the end; raises UnsupportedMedia for the input's fault, an operator's error for ours."""
        command = output.global_args(
            *("-nostdin", "-hide_banner", "-loglevel", "error", "-filter_threads", "2"),
            *("-progress", PROGRESS),
        ).compile(cmd=self.binary, overwrite_output=True)
        with Path(_LOG).open("wb") as log:
            try:
                code = subprocess.run(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, check=False
                ).returncode
            except (FileNotFoundError, PermissionError) as error:
                no_ffmpeg = f"{self.binary} can't be started. {words.INSTALL_FFMPEG}"
                raise OperatorError(no_ffmpeg) from error
        if code == -signal.SIGXCPU:
            raise UnsupportedMedia(words.TOO_SLOW)
        if code != 0:
            raise _failure(Path(_LOG).read_text("utf-8", "replace")[-_LOG_TAIL_CHARS:], self.binary)


def rung(encoder: Ffmpeg, recipe: str) -> Answer:
    """One rung as CMAF: a track of pictures and its playlist; the lowest rung has the track of sound, too, of one run.

    What of the source fits as it is, is copied. Encoded rungs are cut at the same times.
    """
    probe, (width, height) = encoder.probe, rung_size(encoder.probe, rung_of(recipe))
    short, sounds = min(width, height), has_sound(encoder.probe, recipe)
    asked = (width, height) if rung_of(recipe) == rungs(probe)[-1] else None
    can = (
        fit(encoder.original, probe, encoder.limits, asked, _ceiling(short) * COPIED_FACTOR)
        if asked or sounds
        else Fit()
    )
    source = encoder.source(itsoffset=-probe.start_s)
    streams = [_pictures(encoder, source, width, height, copied=can.video)]
    options = _copied_pictures() if can.video else encoded_pictures(probe, short)
    if sounds:
        streams.append(sound(encoder, source, can.sound_start_s))
        options |= encoded_sound() if can.sound_start_s is None else copied_sound()
    file, cmaf = segments.muxer()
    encoder.run(ffmpeg.output(*streams, file, **options, **cmaf, **tidy(encoder.limits)))
    made = segments.tracks()
    if len(made) != len(streams):
        raise UnsupportedMedia(words.DAMAGED_VIDEO)
    rate = round(_rate(probe), 3)
    files = segments.answer(made[0], PLAYLIST, width=width, height=height, frame_rate=rate)
    for track in made[1:]:
        files = {what: [*files[what], *more] for what, more in segments.answer(track, SOUND).items()}
    return files


def progressive(encoder: Ffmpeg, lowest_rung: str | None) -> Answer:
    """One MP4 that any browser plays without a script: the lowest rung's streams in another wrapping.

    Where the rung's files aren't at hand the original is encoded again.
    """
    probe = encoder.probe
    width, height = rung_size(probe, rungs(probe)[0])
    name, wrapping = "video.mp4", {"format": "mp4", "movflags": "+faststart", **tidy(encoder.limits)}
    if lowest_rung is None:
        source = encoder.source(itsoffset=-probe.start_s)
        streams = [_pictures(encoder, source, width, height, copied=False)]
        options = encoded_pictures(probe, min(width, height))
        if probe.has_audio:
            streams.append(sound(encoder, source, None))
            options |= encoded_sound()
        output = ffmpeg.output(*streams, name, **options, **wrapping)
    else:
        tracks = sorted(Path(lowest_rung).glob("track?.mp4"))
        joined = [_join(init, Path(f"joined-{init.name}")) for init in tracks]
        inputs = [ffmpeg.input(f"file:{one}", format="mov", protocol_whitelist="file") for one in joined]
        output = ffmpeg.output(*inputs, name, c="copy", **wrapping)
    encoder.run(output)
    return {"files": [{"name": name, "type": "video/mp4", "width": width, "height": height}]}


def _join(init: Path, into: Path) -> Path:
    """Initialisation and segments in a row are one fragmented MP4 (ISO/IEC 23000-19, 7.3)."""
    with into.open("wb") as out:
        for part in (init, *sorted(init.parent.glob(f"{init.stem}-*.m4s"))):
            with part.open("rb") as segment:
                shutil.copyfileobj(segment, out)
    return into.absolute()


def _pictures(encoder: Ffmpeg, source: Any, width: int, height: int, *, copied: bool) -> Any:
    if copied:
        return source[str(encoder.probe.video_stream)]
    picture = encoder.picture(source, width, height)
    # They begin at zero in every rung and come at one rate, whatever the source does.
    return picture.filter("fps", encoder.probe.frame_rate, start_time=0).filter("format", "yuv420p")


def sound(encoder: Ffmpeg, source: Any, copied_from_s: float | None) -> Any:
    stream = str(encoder.probe.audio_stream)
    if copied_from_s is not None:
        return encoder.source(itsoffset=-encoder.probe.start_s - copied_from_s)[stream]
    steady = source[stream].filter("aresample", SAMPLE_RATE, **{"async": 1, "first_pts": 0})
    # The encoder's run-up takes the place of the first 21 ms: so sound begins at zero, too, and stays in step.
    return steady.filter("atrim", start_sample=RUN_UP_SAMPLES)


def encoded_pictures(probe: Probe, short: int) -> Answer:
    """H.264 with a keyframe every two seconds, by counting frames: so that players can change rungs anywhere."""
    ceiling, apart = _ceiling(short), max(1, round(_rate(probe) * KEYFRAME_S))
    return {
        "c:v": "libx264",
        "preset": "veryfast",
        "profile:v": "high",
        "crf": 23,
        "maxrate": ceiling,
        "bufsize": ceiling * 2,
        "g": apart,
        "keyint_min": apart,
        "sc_threshold": 0,
        "threads": THREADS,
    }


def _copied_pictures() -> Answer:
    # Unit 6 (SEI) holds whatever a camera wanted to say: its make, times, places.
    return {"c:v": "copy", "bsf:v": "filter_units=remove_types=6"}


def encoded_sound() -> Answer:
    return {"c:a": "aac", "b:a": AUDIO_BITS_PER_S, "ac": 2}


def copied_sound() -> Answer:
    return {"c:a": "copy", "bsf:a": f"noise=drop=lt(pts\\,-{RUN_UP_SAMPLES // 2})"}


def tidy(limits: Limits) -> Answer:
    """No word of the source's goes along. A header may lie about the duration: what comes after the limit is left out."""
    return {"map_metadata": -1, "map_chapters": -1, "t": limits.duration_s_max, "fflags": "+bitexact"}


def _ceiling(short: int) -> int:
    return next((bits for side, bits in _MAX_BITS_PER_S if short <= side), _MAX_BITS_PER_S[-1][1])


def _rate(probe: Probe) -> float:
    count, _, per = probe.frame_rate.partition("/")
    return int(count) / int(per or 1)


def _failure(log: str, binary: str) -> Exception:
    if "No space left on device" in log or "Disk quota exceeded" in log:
        return Unavailable(words.DISK_FULL)
    if "Unknown encoder" in log or "No such filter" in log or "Unknown input format" in log:
        return OperatorError(
            f"{binary} lacks a part that Holdfast needs ({log.strip()[:200]}). {words.INSTALL_FFMPEG}"
        )
    refusal = UnsupportedMedia(
        words.TOO_MUCH_MEMORY if any(sign in log for sign in _STARVED) else words.DAMAGED_VIDEO
    )
    refusal.__cause__ = RuntimeError(log)
    return refusal
