"""A video's storyboard: each small picture is on the sheet where the track says, and shows what is on at that time."""

from __future__ import annotations

import re

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
