"""Makes playable video by ffmpeg: rungs as CMAF, and a progressive MP4 of the lowest. Runs in the child process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import ffmpeg

from core.errors import OperatorError, Unavailable, UnsupportedMedia
from pipeline.media import segments, words
from pipeline.media.formats import DECODERS, DEMUXERS
from pipeline.media.pace import keyframes_apart, rate_of, segment_frames
from pipeline.media.playlists import PLAYLIST, SOUND
from pipeline.media.progress import FILE as PROGRESS
from pipeline.media.recipes import (
    Limits,
    Probe,
    bits_per_s_max,
    has_sound,
    rung_of,
    rung_size,
    rungs,
)

DECODER_THREADS, ENCODER_THREADS = 4, 3
"""They wait for one another, so that two processors need more of each to be busy."""
_MANY_DECODER_THREADS, _MANY_UP_TO_PX = 8, 1920 * 1088
"""For the lowest rung, which waits for little else; each holds several pictures, so of small ones alone."""
AUDIO_BITS_PER_S = 128_000
SAMPLE_RATE = 48_000
RUN_UP_SAMPLES = 1024
_ENCODED_SOUND = {"c:a": "aac", "b:a": AUDIO_BITS_PER_S, "ac": 2}
_LOG = "ffmpeg-{}.log"
_LOG_TAIL_CHARS = 2_000
# As libc and x264 say it; the last is of a thread that could not have its stack.
_STARVED = ("Cannot allocate memory", "malloc of size", "Resource temporarily unavailable")
# As ffmpeg says it of a part that it was built without, or is too old to have: 4 and 5 in other words.
_LACKING = (
    "Unknown encoder",
    "No such filter",
    "Unknown input format",
    "Option not found",
    "Error parsing bitstream filter",
    "Error parsing options for bitstream filter",
)
SEEK_BEFORE_S = 1
"""A run that begins in the middle of a film is shown so much of what comes before: decoders and deinterlacers need some."""

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
            **{"threads": DECODER_THREADS, **options},
        )

    def open(self) -> Any:
        """The original for PyAV, under the same restrictions."""
        import av  # most steps start faster without it

        options = {"protocol_whitelist": "file", "codec_whitelist": DECODERS}
        return av.open(f"file:{self.original}", "r", format=DEMUXERS[self.probe.type], options=options)

    def pictures(self, source: Any) -> Any:
        """The stream of pictures as it is, but whole ones; ffmpeg has rotated them by then."""
        stream = source[str(self.probe.video_stream)]
        return stream.filter("bwdif", mode="send_frame") if self.probe.interlaced else stream

    def sized(self, stream: Any, width: int, height: int) -> Any:
        """Those pictures at that size, with square pixels, for plain screens."""
        if not self.probe.hdr:
            # As good as the default at making smaller, and faster.
            return stream.filter("scale", width, height, flags="area").filter("setsar", 1)
        # Phones film in HDR by now; shown as it is on a plain screen it would be grey.
        linear = stream.filter("zscale", w=width, h=height, t="linear", npl=100).filter("format", "gbrpf32le")
        mapped = linear.filter("zscale", p="bt709").filter("tonemap", tonemap="hable", desat=0)
        return mapped.filter("zscale", t="bt709", m="bt709", r="tv").filter("setsar", 1)

    def picture(self, source: Any, width: int, height: int) -> Any:
        """The stream of pictures at that size."""
        return self.sized(self.pictures(source), width, height)

    def steady(self, source: Any, from_s: Fraction = Fraction(0)) -> Any:
        """The pictures from that second of the film on, at one rate whatever the source does, by a clock that begins at
        zero in every rung."""
        stream = self.pictures(source).filter("fps", self.probe.frame_rate, start_time=f"{float(from_s):.6f}")
        return stream.filter("setpts", "PTS-STARTPTS")

    def run(self, *outputs: Any) -> None:
        """Runs to the end, several side by side; raises UnsupportedMedia for the input's fault, an operator's error for ours.
        Of the first is told how far it is."""
        running = [self._start(output, number) for number, output in enumerate(outputs)]
        while None in (codes := [process.poll() for process in running]) and not any(codes):
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        for process in running:
            process.kill()  # of those that haven't ended: another has failed
            process.wait()
        for number, code in enumerate(codes):
            if code == -signal.SIGXCPU:
                raise UnsupportedMedia(words.TOO_SLOW)
            if code:
                log = Path(_LOG.format(number)).read_text("utf-8", "replace")
                raise _failure(log[-_LOG_TAIL_CHARS:], self.binary)

    def _start(self, output: Any, number: int) -> subprocess.Popen[bytes]:
        command = output.global_args(
            *("-nostdin", "-hide_banner", "-loglevel", "error", "-filter_threads", "2"),
            *(("-progress", PROGRESS) if number == 0 else ()),
        ).compile(cmd=self.binary, overwrite_output=True)
        with Path(_LOG.format(number)).open("wb") as log:
            try:
                return subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log
                )
            except (FileNotFoundError, PermissionError) as error:
                no_ffmpeg = f"{self.binary} can't be started. {words.INSTALL_FFMPEG}"
                raise OperatorError(no_ffmpeg) from error


def rung(encoder: Ffmpeg, recipe: str) -> Answer:
    """The lowest rung, or one that is copied, as CMAF: a track of pictures and its playlist; the lowest has the track of
    sound, too, which is made beside it."""
    probe, (width, height) = encoder.probe, rung_size(encoder.probe, rung_of(recipe))
    is_small = probe.width * probe.height <= _MANY_UP_TO_PX
    threads = _MANY_DECODER_THREADS if is_small else DECODER_THREADS
    source = encoder.source(itsoffset=-probe.start_s, threads=threads)
    if probe.copied and rung_of(recipe) == rungs(probe)[-1]:
        pictures, options = source[str(probe.video_stream)], _copied_pictures()
    else:
        pictures = encoder.sized(encoder.steady(source), width, height).filter("format", "yuv420p")
        options = encoded_pictures(probe, rung_of(recipe))
    names = [PLAYLIST]
    outputs = [_cut(encoder, pictures, options, index=0)]
    if has_sound(probe, recipe):
        names.append(SOUND)
        outputs.append(_cut(encoder, *sound(encoder, source), index=1))
    encoder.run(*outputs)
    what: Answer = {"width": width, "height": height, "frame_rate": round(float(rate_of(probe)), 3)}
    files: Answer = {"files": [], "segments": []}
    for index, name in enumerate(names):
        track = next(segments.tracks(index), None)
        if track is None:
            raise UnsupportedMedia(words.DAMAGED_VIDEO)
        for key, more in segments.answer(track, name, **(what if name == PLAYLIST else {})).items():
            files[key] += more
    return files


def _cut(encoder: Ffmpeg, stream: Any, options: Answer, *, index: int) -> Any:
    file, cmaf = segments.muxer(index)
    return ffmpeg.output(stream, file, **options, **cmaf, **tidy(encoder.limits))


def climb(encoder: Ffmpeg, recipes: Sequence[str], begun: int) -> Answer:
    """Those rungs as CMAF tracks, all of one decoding, without their first `begun` segments, which are there already.

    Each is cut at the same times, wherever the run begins: so the next run goes on where one was killed.
    """
    probe, from_s = encoder.probe, begun * segment_frames(encoder.probe) / rate_of(encoder.probe)
    shown_from_s = max(0.0, float(from_s) + probe.start_s - SEEK_BEFORE_S)
    sought = {"ss": f"{shown_from_s:.6f}"} if begun else {}
    source = encoder.source(itsoffset=(shown_from_s if begun else 0) - probe.start_s, **sought)
    pictures = encoder.steady(source, from_s).filter_multi_output("split", len(recipes))
    streams, options = [], {}
    for index, recipe in enumerate(recipes):
        sized = encoder.sized(pictures[index], *rung_size(probe, rung_of(recipe)))
        streams.append(sized.filter("format", "yuv420p"))
        for name, value in encoded_pictures(probe, rung_of(recipe)).items():
            options[f"{name.removesuffix(':v')}:v:{index}"] = value
    file, cmaf = segments.muxer_of_many()
    left = {"t": encoder.limits.duration_s_max - float(from_s), "output_ts_offset": f"{float(from_s):.6f}"}
    encoder.run(ffmpeg.output(*streams, file, **options, **cmaf, **tidy(encoder.limits) | left))
    made = list(segments.tracks())
    if len(made) != len(streams):
        raise UnsupportedMedia(words.DAMAGED_VIDEO)
    return {"tracks": [track._asdict() for track in made]}


def progressive(encoder: Ffmpeg, lowest_rung: str | None) -> Answer:
    """One MP4 that any browser plays without a script: the lowest rung's streams in another wrapping.

    Where the rung's files aren't at hand the original is encoded again.
    """
    probe = encoder.probe
    width, height = rung_size(probe, rungs(probe)[0])
    name, wrapping = "video.mp4", {"format": "mp4", "movflags": "+faststart", **tidy(encoder.limits)}
    if lowest_rung is None:
        source = encoder.source(itsoffset=-probe.start_s)
        streams = [encoder.sized(encoder.steady(source), width, height).filter("format", "yuv420p")]
        options = encoded_pictures(probe, rungs(probe)[0])
        if probe.has_audio:
            streams.append(_encoded(source, probe))
            options |= _ENCODED_SOUND
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


def sound(encoder: Ffmpeg, source: Any) -> tuple[Any, Answer]:
    """The one sound track and the options for its file: copied where the probe says so."""
    probe = encoder.probe
    if probe.sound_from_s is None:
        return _encoded(source, probe), _ENCODED_SOUND
    copied = encoder.source(itsoffset=-probe.start_s - probe.sound_from_s)[str(probe.audio_stream)]
    return copied, {"c:a": "copy", "bsf:a": f"noise=drop=lt(pts\\,-{RUN_UP_SAMPLES // 2})"}


def _encoded(source: Any, probe: Probe) -> Any:
    steady = source[str(probe.audio_stream)].filter("aresample", SAMPLE_RATE, **{"async": 1, "first_pts": 0})
    # The encoder's run-up takes the place of the first 21 ms: so sound begins at zero, too, and stays in step.
    return steady.filter("atrim", start_sample=RUN_UP_SAMPLES)


def encoded_pictures(probe: Probe, rung: int) -> Answer:
    """H.264 with a keyframe every two seconds, by counting frames: so that players can change rungs anywhere."""
    ceiling, apart = bits_per_s_max(rung), keyframes_apart(probe)
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
        "threads": ENCODER_THREADS,
    }


def _copied_pictures() -> Answer:
    # Unit 6 (SEI) holds whatever a camera wanted to say: its make, times, places.
    return {"c:v": "copy", "bsf:v": "filter_units=remove_types=6"}


def tidy(limits: Limits) -> Answer:
    """No word of the source's goes along. A header may lie about the duration: what comes after the limit is left out."""
    return {"map_metadata": -1, "map_chapters": -1, "t": limits.duration_s_max, "fflags": "+bitexact"}


def _failure(log: str, binary: str) -> Exception:
    if "No space left on device" in log or "Disk quota exceeded" in log:
        return Unavailable(words.DISK_FULL)
    if any(sign in log for sign in _LACKING):
        return OperatorError(
            f"{binary} lacks a part that Holdfast needs ({log.strip()[:200]}). {words.INSTALL_FFMPEG}"
        )
    refusal = UnsupportedMedia(
        words.TOO_MUCH_MEMORY if any(sign in log for sign in _STARVED) else words.DAMAGED_VIDEO
    )
    refusal.__cause__ = RuntimeError(log)
    return refusal
