"""Makes playable video by ffmpeg: HLS rungs, and a progressive MP4 of the lowest. Runs in the child process."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import ffmpeg

from core.errors import OperatorError, Unavailable, UnsupportedMedia
from pipeline.media import words
from pipeline.media.formats import DECODERS, DEMUXERS
from pipeline.media.playlists import HLS_TYPE, INIT, PLAYLIST, measure
from pipeline.media.recipes import Limits, Probe, rung_of, rung_size, rungs

SEGMENT_S = 4
KEYFRAME_S = 2
AUDIO_BITS_PER_S = 128_000
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
            threads=2,
            **options,
        )

    def picture(self, source: Any, width: int, height: int) -> Any:
        """The stream of pictures at that size with square pixels; ffmpeg has rotated it by then."""
        stream = source[str(self.probe.video_stream)]
        if not self.probe.hdr:
            return stream.filter("scale", width, height).filter("setsar", 1)
        # Phones film in HDR by now; shown as it is on a plain screen it would be grey.
        linear = stream.filter("zscale", w=width, h=height, t="linear", npl=100).filter("format", "gbrpf32le")
        mapped = linear.filter("zscale", p="bt709").filter("tonemap", tonemap="hable", desat=0)
        return mapped.filter("zscale", t="bt709", m="bt709", r="tv").filter("setsar", 1)

    def run(self, output: Any) -> None:
        """Runs to the end; raises UnsupportedMedia for the input's fault, an operator's error for ours."""
        command = output.global_args(
            *("-nostdin", "-hide_banner", "-loglevel", "error", "-filter_threads", "2")
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
    """One rung: an HLS media playlist with its segments, cut at the same times in all rungs."""
    source = encoder.source()
    width, height = rung_size(encoder.probe, rung_of(recipe))
    output = ffmpeg.output(
        *_streams(encoder, source, width, height),
        PLAYLIST,
        format="hls",
        hls_time=SEGMENT_S,
        hls_playlist_type="vod",
        hls_list_size=0,
        hls_segment_type="fmp4",
        hls_fmp4_init_filename=INIT,
        hls_segment_filename="seg-%04d.m4s",
        hls_flags="independent_segments",
        **_encoding(encoder.probe, encoder.limits, min(width, height)),
    )
    encoder.run(output)
    sizes = {"width": width, "height": height}
    segments = sorted(Path().glob("seg-*.m4s"))
    if not segments or not Path(PLAYLIST).is_file():
        raise UnsupportedMedia(words.DAMAGED_VIDEO)
    playlist = {"name": PLAYLIST, "type": HLS_TYPE, **sizes}
    files = [
        playlist | measure(Path()) | {"frame_rate": round(_rate(encoder.probe), 3)},
        {"name": INIT, "type": "video/mp4"},
        *({"name": segment.name, "type": "video/iso.segment"} for segment in segments),
    ]
    return {"files": files}


def progressive(encoder: Ffmpeg, lowest_rung: str | None) -> Answer:
    """One MP4 that any browser plays without a script: the lowest rung's streams in another wrapping.

    Where the rung's files aren't at hand the original is encoded again.
    """
    width, height = rung_size(encoder.probe, rungs(encoder.probe)[0])
    name, wrapping = "video.mp4", {"format": "mp4", "movflags": "+faststart", "fflags": "+bitexact"}
    if lowest_rung is None:
        streams = _streams(encoder, encoder.source(), width, height)
        encoding = _encoding(encoder.probe, encoder.limits, min(width, height)) | wrapping
        output = ffmpeg.output(*streams, name, **encoding)
    else:
        joined = Path("joined.mp4")
        _join(Path(lowest_rung), joined)
        source = ffmpeg.input(f"file:{joined.absolute()}", format="mov", protocol_whitelist="file")
        output = ffmpeg.output(source, name, c="copy", map_metadata=-1, **wrapping)
    encoder.run(output)
    return {"files": [{"name": name, "type": "video/mp4", "width": width, "height": height}]}


def _join(rung: Path, into: Path) -> None:
    """Initialisation and segments in a row are one fragmented MP4 (ISO/IEC 23000-19, 7.3)."""
    with into.open("wb") as out:
        for part in (rung / INIT, *sorted(rung.glob("seg-*.m4s"))):
            with part.open("rb") as segment:
                shutil.copyfileobj(segment, out)


def _streams(encoder: Ffmpeg, source: Any, width: int, height: int) -> list[Any]:
    picture = encoder.picture(source, width, height)
    timed = picture.filter("fps", encoder.probe.frame_rate).filter("format", "yuv420p")
    audio = encoder.probe.audio_stream
    return [timed] if audio is None else [timed, source[str(audio)]]


def _encoding(probe: Probe, limits: Limits, short: int) -> Answer:
    """H.264 and AAC with a keyframe every two seconds exactly, so that players can change rungs anywhere."""
    ceiling = next((bits for side, bits in _MAX_BITS_PER_S if short <= side), _MAX_BITS_PER_S[-1][1])
    video = {
        "c:v": "libx264",
        "preset": "veryfast",
        "profile:v": "high",
        "crf": 23,
        "maxrate": ceiling,
        "bufsize": ceiling * 2,
        "force_key_frames": f"expr:gte(t,n_forced*{KEYFRAME_S})",
        "forced-idr": 1,
        "sc_threshold": 0,
        "g": round(_rate(probe) * KEYFRAME_S * 2),
        "threads": 2,
    }
    sound = {"c:a": "aac", "b:a": AUDIO_BITS_PER_S, "ac": 2, "ar": 48_000} if probe.has_audio else {}
    # A header may lie about the duration: what comes after the limit is left out.
    tidy = {"map_metadata": -1, "map_chapters": -1, "t": limits.duration_s_max, "fflags": "+bitexact"}
    return video | sound | tidy


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
