"""HEIC, as iPhones send it: decoded where bubblewrap holds the decoder, else refused with what to do."""

from __future__ import annotations

import io
from pathlib import Path

import pi_heif
import pytest
from PIL import Image

from core.errors import UnsupportedMedia
from pipeline.media import sandbox
from pipeline.media.make import make, steps
from pipeline.media.sandbox import Confinement
from tests.media.conftest import Workbench
from tests.media.heif import heic
from tests.media.test_confinement import bubblewrapped
from tests.media.test_stills import assert_bare, load, of_a_camera, photo_in


@bubblewrapped
@pytest.mark.parametrize(("turned", "size"), [(0, (320, 240)), (1, (240, 320)), (2, (320, 240))])
def test_a_phone_s_photo_becomes_stills(
    bench: Workbench, tmp_path: Path, turned: int, size: tuple[int, int]
) -> None:
    original = bench.put(heic(tmp_path, "testsrc", (320, 240), turned=turned))
    probe = bench.probe(original)
    assert (probe.type, probe.width, probe.height) == ("image/heic", *size)
    for recipe in ("still", "avif"):
        made = make(original, probe, recipe, bench.made(recipe), bench.limits)
        for file in made.files:
            image = load(bench.made(recipe) / file.name)
            assert image.size == (file.width, file.height) == size
            # The test picture's black bar is a stripe down its left side.
            spots = {0: (4, 100), 1: (100, image.height - 5), 2: (image.width - 5, 100)}
            assert max(image.convert("RGB").getpixel(spots[turned])) < 60  # type: ignore[arg-type]


@bubblewrapped
def test_its_wide_gamut_is_kept(bench: Workbench, tmp_path: Path) -> None:
    profile = Image.open(io.BytesIO(photo_in("p3"))).info["icc_profile"]
    original = bench.put(heic(tmp_path, "testsrc", (64, 64), icc=profile))
    made = bench.make(original, "still")
    assert made.files
    for file in made.files:
        assert load(bench.made("still") / file.name).info.get("icc_profile")


@bubblewrapped
def test_what_its_camera_says_is_in_nothing_that_is_made(bench: Workbench, tmp_path: Path) -> None:
    """Its turn is a property of the picture, and what EXIF says of that besides doesn't count."""
    original = bench.put(heic(tmp_path, "testsrc", (320, 240), turned=1, exif=of_a_camera(3).tobytes()))
    assert original.read_bytes().count(b"Secret") == 1
    assert b"Secret" in pi_heif.open_heif(original).info["exif"], "the file is one that decoders understand"
    probe = bench.probe(original)
    assert (probe.width, probe.height) == (240, 320)
    for recipe in steps(probe, ("gallery", "avatar", "cover")):
        for file in bench.make(original, recipe).files:
            path = bench.made(recipe) / file.name
            assert b"Secret" not in path.read_bytes()
            assert_bare(load(path))
        if recipe in ("still", "avif"):
            assert max(load(path).convert("RGB").getpixel((100, load(path).height - 5))) < 60  # type: ignore[arg-type]


@bubblewrapped
@pytest.mark.parametrize("kept", [0.3, 0.7, 0.98])
def test_one_cut_short_is_refused(bench: Workbench, tmp_path: Path, kept: float) -> None:
    whole = heic(tmp_path, "testsrc2", (200, 150))
    with pytest.raises(UnsupportedMedia, match="damaged"):
        bench.make(bench.put(whole[: int(len(whole) * kept)]), "still")
    assert bench.leftovers() == []


@bubblewrapped
def test_one_that_is_too_large_is_refused_by_its_header(bench: Workbench, tmp_path: Path) -> None:
    lie = heic(tmp_path, "testsrc", (64, 64)).replace(
        b"ispe\0\0\0\0\0\0\0\x40\0\0\0\x40", b"ispe\0\0\0\0\0\0\x40\0\0\0\x40\0"
    )
    with pytest.raises(UnsupportedMedia):
        bench.make(bench.put(lie), "still")


def test_without_bubblewrap_it_is_refused_with_what_to_do(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "confinement", lambda: Confinement(None, "not installed"))
    with pytest.raises(UnsupportedMedia, match="Most Compatible"):
        bench.probe(bench.put(heic(tmp_path, "testsrc", (64, 64))))
