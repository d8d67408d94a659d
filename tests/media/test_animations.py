"""An animated GIF or WebP becomes a silent video that loops, and a still of its first frame."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from core.errors import UnsupportedMedia
from pipeline.media.animations import DURATION_MS_MAX
from pipeline.media.make import steps
from tests.media.conftest import Workbench
from tests.media.test_stills import BLUE, RED, load, near

GREEN = (20, 160, 20)


def animation(bench: Workbench, file_format: str, size: tuple[int, int] = (60, 40), **options: Any) -> Path:
    frames = [Image.new("RGB", size, colour) for colour in (RED, BLUE, GREEN)]
    return bench.picture(frames[0], file_format, save_all=True, append_images=frames[1:], **options)


def shown(path: Path) -> list[tuple[float, tuple[int, ...]]]:
    """When each frame begins, in seconds, and the colour in its middle."""
    with av.open(str(path)) as film:
        assert [stream.type for stream in film.streams] == ["video"]
        assert film.streams.video[0].codec_context.pix_fmt == "yuv420p"
        frames = []
        for frame in film.decode(video=0):
            image = frame.to_image()
            pixel = image.getpixel((image.width // 2, image.height // 2))
            assert isinstance(pixel, tuple)
            frames.append((round(float(frame.time or 0), 3), pixel))
        return frames


@pytest.mark.parametrize("file_format", ["GIF", "WEBP"])
def test_each_frame_is_shown_as_long_as_in_the_original(bench: Workbench, file_format: str) -> None:
    original = animation(bench, file_format, duration=[100, 700, 40])
    assert steps(bench.probe(original)) == ("still", "loop", "avif")
    made = bench.make(original, "loop")
    assert [(file.name, file.type, file.width, file.height) for file in made.files] == [
        ("loop.mp4", "video/mp4", 60, 40)
    ]
    frames = shown(bench.made("loop") / "loop.mp4")
    assert [at for at, _ in frames] == [0, 0.1, 0.8]
    assert all(
        near(pixel, colour, by=50) for (_, pixel), colour in zip(frames, (RED, BLUE, GREEN), strict=True)
    )
    still = load(bench.folder / "made" / "still" / bench.make(original, "still").files[0].name)
    assert near(still.convert("RGB").getpixel((30, 20)), RED)


def test_many_frames_keep_their_times(bench: Workbench) -> None:
    """More than the encoder holds back before it gives anything to the muxer."""
    frames = [Image.new("RGB", (16, 16), (number, 0, 0)) for number in range(150)]
    delays_ms = [(20, 70, 150)[number % 3] for number in range(150)]
    original = bench.picture(
        frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=delays_ms, lossless=True
    )
    bench.make(original, "loop")
    begins_s = [ms / 1000 for ms in accumulate(delays_ms[:-1], initial=0)]
    assert [at for at, _ in shown(bench.made("loop") / "loop.mp4")] == pytest.approx(begins_s)


def test_a_frame_for_no_time_is_shown_as_browsers_do(bench: Workbench) -> None:
    bench.make(animation(bench, "GIF", duration=0), "loop")
    assert [at for at, _ in shown(bench.made("loop") / "loop.mp4")] == [0, 0.1, 0.2]


def test_the_last_frame_is_shown_as_long_as_in_the_original(bench: Workbench) -> None:
    bench.make(animation(bench, "GIF", duration=[100, 100, 3000]), "loop")
    with av.open(str(bench.made("loop") / "loop.mp4")) as film:
        (stream,) = film.streams
        assert float((stream.duration or 0) * (stream.time_base or 0)) == pytest.approx(3.2, abs=0.002)
        assert (film.duration or 0) / av.time_base == pytest.approx(3.2, abs=0.002)
    assert [at for at, _ in shown(bench.made("loop") / "loop.mp4")] == [0, 0.1, 0.2]


def test_two_minutes_are_enough(bench: Workbench) -> None:
    bench.make(animation(bench, "GIF", duration=[DURATION_MS_MAX - 1000, 2000, 1000]), "loop")
    assert len(shown(bench.made("loop") / "loop.mp4")) == 2
    with av.open(str(bench.made("loop") / "loop.mp4")) as film:
        assert film.duration == DURATION_MS_MAX * 1000


@pytest.mark.parametrize("size", [(1, 1), (61, 41), (1600, 3), (3, 1600)])
def test_any_size_gets_even_sides_and_is_not_upscaled(bench: Workbench, size: tuple[int, int]) -> None:
    file = bench.make(animation(bench, "GIF", size), "loop").files[0]
    assert file.width is not None and file.height is not None
    assert file.width % 2 == file.height % 2 == 0
    assert file.width <= min(max(2, size[0]), 960)
    assert file.height <= max(2, size[1])


def test_what_was_transparent_is_white(bench: Workbench) -> None:
    frames = [Image.new("RGBA", (40, 40), (0, 0, 0, 0)) for _ in range(2)]
    frames[1].paste((*RED, 255), (0, 0, 10, 10))
    original = bench.picture(
        frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=100, lossless=True
    )
    bench.make(original, "loop")
    assert near(shown(bench.made("loop") / "loop.mp4")[0][1], (255, 255, 255), by=8)


def test_a_still_picture_has_no_loop(bench: Workbench) -> None:
    assert steps(bench.probe(bench.picture(Image.new("RGB", (4, 4)), "GIF"))) == ("still", "avif")


def test_an_animation_that_is_cut_short_is_refused(bench: Workbench) -> None:
    whole = animation(bench, "GIF", (200, 200)).read_bytes()
    original = bench.put(whole[: len(whole) * 2 // 3])
    with pytest.raises(UnsupportedMedia, match="damaged"):
        bench.make(original, "loop")
    assert bench.leftovers() == []
