"""Bad and tricky input of every kind: each ends within its limits in a sentence for the creator or in a right rendition."""

from __future__ import annotations

import time
from pathlib import Path

import av
import pytest
from _pytest.mark import ParameterSet
from PIL import Image

from core.errors import UnsupportedMedia
from core.media_types import accept
from pipeline.media.make import Limits, Made, climbed, make, steps
from tests.media.conftest import Workbench
from tests.media.corpus import CASES, Case

LIMITS = Limits(probe_wall_s=20, image_wall_s=20, video_wall_s=40)
WITHIN_S = 60.0
"""Of which most is spent on waiting for a processor, where tests run side by side."""
PIXEL_SECONDS_MAX = 2_000_000
"""Of a film that goes through all steps: 320 x 240 for 26 s."""
SLOW = {
    "jpeg_much_larger_than_its_data",
    "mov_whose_packed_index_unpacks_to_a_gigabyte",
    "mp4_of_a_thousand_tracks",
    "mp4_of_ten_hours_that_says_it_is_of_a_second",
    "mp4_that_says_it_is_much_larger_than_it_is",
    "mp4_with_square_pixels_that_are_a_thousand_times_as_wide",
}


def cases() -> list[ParameterSet]:
    return [
        pytest.param(case, id=name, marks=[pytest.mark.slow] if name in SLOW else [])
        for name, case in CASES.items()
    ]


def test_there_are_enough_kinds() -> None:
    assert len(CASES) >= 200
    assert CASES.keys() > SLOW


@pytest.mark.parametrize("case", cases())
def test_it_ends_well(case: Case, bench: Workbench) -> None:
    original = bench.put(case.build())
    bench.limits = LIMITS
    began = time.monotonic()
    try:
        made = make_all(bench, original)
    except UnsupportedMedia as refusal:
        assert case.refused is not False, f"{refusal.detail} ({' '.join(refusal.__notes__)})"
        assert case.says in refusal.detail
        assert is_a_sentence(refusal.detail)
        assert [path for path in bench.leftovers() if path.name[0] == "."] == []
    else:
        assert case.refused is not True, "it was made into something"
        assert_right(bench, made, case.size)
    assert time.monotonic() - began < WITHIN_S


def make_all(bench: Workbench, original: Path) -> dict[str, Made]:
    """What a worker would make of it; of a large or long video only what shows it."""
    with original.open("rb") as file:
        accept(file.read(512))
    found = bench.probe(original)
    is_much = found.width * found.height * (found.duration_s or 0) > PIXEL_SECONDS_MAX
    wanted = steps(found)[:3] if is_much and found.kind == "video" else steps(found)
    made: dict[str, Made] = {}
    lowest = None
    for recipe in wanted:
        if recipe in climbed(found):
            made[recipe] = bench.make(original, recipe)
            continue
        made[recipe] = make(original, found, recipe, bench.made(recipe), bench.limits, rung=lowest)
        if recipe.startswith("rung-"):
            lowest = lowest or bench.made(recipe)
    return made


def is_a_sentence(words: str) -> bool:
    """Something that a creator can read, and act on; not an error of a library's."""
    return words[0].isupper() and words.endswith(".") and 15 < len(words) < 300 and "Error" not in words


def assert_right(bench: Workbench, made: dict[str, Made], size: tuple[int, int] | None) -> None:
    """Every file opens, shows what it should, and holds nothing that was hidden in the original."""
    assert all(one.files for one in made.values())
    rungs = [recipe for recipe in made if recipe.startswith("rung-")]
    for recipe, one in made.items():
        if size and recipe in ("still", "poster"):
            assert (one.width, one.height) == size
        for file in one.files:
            path = bench.made(recipe) / file.name
            content = path.read_bytes()
            assert b"<script" not in content and b"<?php" not in content
            if file.type.startswith("image/"):
                with Image.open(path) as picture:
                    picture.load()
                    assert picture.size == (file.width, file.height)
            if recipe == "sound":
                with av.open(str(path)) as recording:
                    assert next(recording.decode(recording.streams.audio[0]), None) is not None
            if file.name.endswith(".mp4") and recipe == "mp4":
                assert playing_size(path) == playing_size(bench.made(rungs[0]) / "index.m3u8")
    if size and rungs:
        assert max(playing_size(bench.made(rung) / "index.m3u8") for rung in rungs) == size


def playing_size(path: Path) -> tuple[int, int]:
    """Of its first frame."""
    options = {"allowed_extensions": "ALL"} if path.suffix == ".m3u8" else {}
    with av.open(str(path), options=options) as film:
        (stream,) = film.streams.video
        frame = next(film.decode(stream))
        return frame.width, frame.height
