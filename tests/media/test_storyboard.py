"""A video's storyboard: each small picture is on the sheet where the track says, and shows what is on at that time."""

from __future__ import annotations

import re
from typing import Any

import pytest
from PIL import Image

from pipeline.media.make import steps
from tests.media.conftest import Clip, Workbench

CUE = re.compile(r"(\S+) --> (\S+)\nstoryboard\.webp#xywh=(\d+),(\d+),(\d+),(\d+)\n")


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.mp4", ()), ("a.webm", ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"))],
)
def test_each_cue_shows_its_moment(bench: Workbench, clip: Clip, name: str, options: tuple[str, ...]) -> None:
    """The picture grows lighter with each second."""
    picture = "color=black:size=320x180:rate=10,geq=lum=16+T*8:cb=128:cr=128"
    original = clip(picture, "-g", "10", *options, name=name, film_s=25)
    assert "storyboard" in steps(bench.probe(original))
    made = bench.make(original, "storyboard")
    assert [file.name for file in made.files] == ["storyboard.webp", "storyboard.vtt"]
    text = (bench.made("storyboard") / "storyboard.vtt").read_text()
    assert text.startswith("WEBVTT\n\n")
    cues = CUE.findall(text)
    assert len(cues) == 13
    assert cues[0][:2] == ("00:00:00.000", "00:00:02.000")
    assert cues[-1][:2] == ("00:00:24.000", "00:00:25.000")
    with Image.open(bench.made("storyboard") / "storyboard.webp") as sheet:
        assert sheet.size == (1600, 180)
        grey = sheet.convert("L")
    for number, (_, _, *box) in enumerate(cues):
        x, y, width, height = map(int, box)
        assert (width, height) == (160, 90)
        level = grey.getpixel((x + 80, y + 45))
        assert level == pytest.approx(number * 2 * 8 * 255 / 219, abs=14)


def greys(bench: Workbench, count: int) -> list[Any]:
    """What is in the middle of each tile of 160 x 120 pixels."""
    with Image.open(bench.made("storyboard") / "storyboard.webp") as sheet:
        grey = sheet.convert("L")
    return [grey.getpixel((n % 10 * 160 + 80, n // 10 * 120 + 60)) for n in range(count)]


@pytest.mark.parametrize(
    ("options", "apart"),
    [(("-g", "9999"), 1), (("-g", "9999", "-force_key_frames", "0,11,22,30"), 1), (("-g", "100"), 5)],
    ids=["one keyframe", "rare at times", "one every ten seconds"],
)
def test_rare_keyframes_leave_no_tile_black(
    bench: Workbench, clip: Clip, options: tuple[str, ...], apart: int
) -> None:
    """The picture grows darker with each second; a tile shows its moment, or the last keyframe before it."""
    picture = "color=black:size=64x48:rate=10,geq=lum=235-T*4:cb=128:cr=128"
    bench.make(clip(picture, *options, "-sc_threshold", "0", film_s=44), "storyboard")
    levels = greys(bench, 22)
    expected = [(219 - n // apart * apart * 2 * 4) * 255 / 219 for n in range(22)]
    assert levels == pytest.approx(expected, abs=14)


def test_the_last_picture_is_on_until_the_sound_ends(bench: Workbench, clip: Clip) -> None:
    picture = "color=white:size=64x48:rate=10:duration=9"
    bench.make(clip(picture, "-g", "10", sound=True, film_s=25), "storyboard")
    assert greys(bench, 13) == pytest.approx([255] * 13, abs=14)


def test_a_long_video_has_a_hundred_pictures(bench: Workbench, clip: Clip) -> None:
    original = clip("testsrc=size=64x96:rate=2", "-g", "2", film_s=300)
    bench.make(original, "storyboard")
    cues = CUE.findall((bench.made("storyboard") / "storyboard.vtt").read_text())
    assert len(cues) == 100
    assert cues[-1][1] == "00:05:00.000"
    with Image.open(bench.made("storyboard") / "storyboard.webp") as sheet:
        assert sheet.size == (1060, 1600)


def test_a_short_video_has_none(bench: Workbench, clip: Clip) -> None:
    assert "storyboard" not in steps(bench.probe(clip("testsrc=size=64x64:rate=10")))
