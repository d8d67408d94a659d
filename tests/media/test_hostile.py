"""Bad files, lies and bombs: always a sentence for the creator, never a crash of ours, nothing left behind."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import av
import pytest
from PIL import Image

from core.errors import UnsupportedMedia
from pipeline.media import make as making
from pipeline.media import probing
from pipeline.media.make import Limits, Probe, make
from tests.media.conftest import Clip, Workbench, noise

MP4_HEAD = b"\0\0\0\x18ftypisom\0\0\2\0isomavc1"


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises that size, and a row of nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    rows = zlib.compress(b"\0" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def refusal(bench: Workbench, original: Path) -> str:
    """The sentence with which the file is refused, be it at the probe or at the first step that reads it whole."""
    with pytest.raises(UnsupportedMedia) as caught:
        found = bench.probe(original)
        for recipe in making.steps(found):
            make(original, found, recipe, bench.made(recipe), bench.limits)
    assert bench.leftovers() == []
    return caught.value.detail


def test_an_empty_file_says_so(bench: Workbench) -> None:
    assert refusal(bench, bench.put(b"")) == "The file is empty."


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
@pytest.mark.parametrize("kept", [0.02, 0.6, 0.97])
def test_a_picture_cut_short_is_refused(bench: Workbench, file_format: str, kept: float) -> None:
    whole = bench.picture(noise(200, 150), file_format).read_bytes()
    assert "damaged" in refusal(bench, bench.put(whole[: int(len(whole) * kept)]))


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_rubbish_after_a_true_beginning_never_crashes_us(bench: Workbench, file_format: str) -> None:
    whole = bench.picture(noise(64, 64), file_format).read_bytes()
    dice = random.Random(file_format)
    for _ in range(3):
        broken = bytearray(whole)
        for _ in range(30):
            broken[dice.randrange(24, len(broken))] = dice.randrange(256)
        original = bench.put(bytes(broken))
        try:
            made = bench.make(original, "still")
        except UnsupportedMedia:
            assert bench.leftovers() == []
        else:
            assert made.files


@pytest.mark.parametrize("side", [16_385, 65_500])
def test_a_bomb_is_refused_by_its_header(bench: Workbench, side: int) -> None:
    assert "on a side" in refusal(bench, bench.put(png_header(side, side)))


def test_more_than_fifty_megapixels_are_refused(bench: Workbench) -> None:
    assert "megapixels" in refusal(bench, bench.put(png_header(10_000, 5_001)))


def test_the_frames_of_an_animation_count_together(bench: Workbench) -> None:
    frames = [Image.new("RGB", (100, 100), (40 * number, 0, 0)) for number in range(6)]
    original = bench.picture(frames[0], "GIF", save_all=True, append_images=frames[1:])
    bench.limits = Limits(pixels_max=60_000)
    assert bench.probe(original).width == 100
    bench.limits = Limits(pixels_max=59_999)
    assert "megapixels" in refusal(bench, original)


def test_a_gif_that_calls_itself_jpeg_is_still_a_gif(bench: Workbench) -> None:
    original = bench.picture(Image.new("RGB", (30, 20), (9, 99, 9)), "GIF").rename(bench.folder / "photo.jpg")
    assert bench.probe(original)[:4] == ("image", "image/gif", 30, 20)
    assert bench.make(original, "still").files


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "GIF", "TIFF", "PPM"])
def test_a_process_that_reads_a_png_reads_nothing_else(bench: Workbench, file_format: str) -> None:
    original = bench.picture(noise(20, 20), file_format)
    script = (
        "import sys, pyvips; from pipeline.media import base; base._allow_only('image/png');"
        "pyvips.Image.new_from_file(sys.argv[1]).avg()"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(original)], capture_output=True, check=False)
    assert (ended.returncode == 0) == (file_format == "PNG")


def test_a_png_handed_on_as_a_jpeg_is_refused(bench: Workbench) -> None:
    original = bench.picture(noise(20, 20), "PNG")
    with pytest.raises(UnsupportedMedia):
        make(original, Probe("image", "image/jpeg", 20, 20), "still", bench.made("still"))
    assert bench.leftovers() == []


@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        b"<!doctype html><script>alert(1)</script>",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile 'secret.mp4'\n",
        b"#!/bin/sh\ntouch here\n",
    ],
)
def test_a_script_named_like_a_video_is_refused(bench: Workbench, content: bytes) -> None:
    assert "Accepted are" in refusal(bench, bench.put(content, "clip.mp4"))


@pytest.mark.parametrize(
    "script",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\ntarget.mp4\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile 'target.mp4'\n",
    ],
)
def test_a_script_opens_nothing_even_when_taken_for_a_video(
    bench: Workbench, clip: Clip, script: str
) -> None:
    """As if identifying had erred: the demuxer is forced, so neither PyAV nor ffmpeg follows what it says."""
    bench.put(clip("testsrc=size=64x64:rate=10").read_bytes(), "target.mp4")
    original = bench.put(script.encode(), "playlist.m3u8")
    with av.open(str(original)) as followed:
        assert followed.streams.video, "else there is nothing to be refused"
    with pytest.raises(UnsupportedMedia, match="damaged"):
        probing.probe(str(original), "video/mp4", bench.limits)
    believed = Probe("video", "video/mp4", 64, 64, duration_s=1, frame_rate="10")
    for recipe in making.steps(believed):
        with pytest.raises(UnsupportedMedia, match="damaged"):
            make(original, believed, recipe, bench.made(recipe))
    assert "damaged" in refusal(bench, bench.put(MP4_HEAD + script.encode()))


def test_a_video_without_its_end_is_refused(bench: Workbench, clip: Clip) -> None:
    whole = clip("testsrc=size=64x64:rate=10").read_bytes()
    assert whole.rindex(b"moov") > len(whole) // 2
    assert "damaged" in refusal(bench, bench.put(whole[: len(whole) // 2]))


def test_a_codec_that_is_not_on_the_list_is_refused(bench: Workbench, clip: Clip) -> None:
    odd = clip("testsrc=size=64x64:rate=10", "-c:v", "ffv1", name="odd.mkv")
    assert "H.264" in refusal(bench, bench.put(odd.read_bytes()))


def test_a_video_longer_than_allowed_is_refused(bench: Workbench, clip: Clip) -> None:
    bench.limits = Limits(duration_s_max=0.9)
    assert "shorter" in refusal(bench, clip("testsrc=size=64x64:rate=10"))
