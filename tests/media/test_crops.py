"""Avatars and covers are cut to what the creator has pointed at, else to what draws the eye; never upscaled."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from core.media import Focus
from pipeline.media.make import Made, steps
from tests.media.conftest import Workbench
from tests.media.test_stills import load, near

GREY, RED, GREEN = (90, 90, 90), (230, 20, 20), (20, 200, 20)


def three_parts(width: int, height: int) -> Image.Image:
    """Red, grey, green: beside each other if it is wide, else below each other."""
    image = Image.new("RGB", (width, height), GREY)
    third = (width // 3, height) if width > height else (width, height // 3)
    image.paste(RED, (0, 0, *third))
    image.paste(GREEN, (width - third[0], height - third[1], width, height))
    return image


def pictures(bench: Workbench, made: Made, recipe: str) -> list[Image.Image]:
    """All but the one of the whole."""
    return [load(bench.made(recipe) / file.name) for file in made.files if not file.name.startswith("whole")]


@pytest.mark.parametrize("size", [(1200, 400), (400, 1200)])
@pytest.mark.parametrize(("share", "colour"), [(0.0, RED), (0.5, GREY), (1.0, GREEN)])
@pytest.mark.parametrize("recipe", ["avatar", "avatar-avif"])
def test_an_avatar_is_a_square_around_the_focus(
    bench: Workbench, size: tuple[int, int], share: float, colour: tuple[int, int, int], recipe: str
) -> None:
    original = bench.picture(three_parts(*size), "PNG")
    focus = Focus(x=share, y=0.5) if size[0] > size[1] else Focus(x=0.5, y=share)
    made = bench.make(original, recipe, focus=focus)
    assert max(image.width for image in pictures(bench, made, recipe)) == 384
    for image in pictures(bench, made, recipe):
        assert image.width == image.height
        for corner in ((3, 3), (image.width - 4, image.height - 4)):
            assert near(image.convert("RGB").getpixel(corner), colour)


def test_a_cover_is_three_by_one_around_the_focus(bench: Workbench) -> None:
    original = bench.picture(three_parts(600, 1800), "PNG")
    made = bench.make(original, "cover", focus=Focus(x=0.5, y=1))
    assert {(file.width, file.height) for file in made.files} == {(600, 200), (160, 480)}
    for image in pictures(bench, made, "cover"):
        assert near(image.convert("RGB").getpixel((10, 10)), GREEN)


def test_a_panorama_s_crop_is_sharp_too(bench: Workbench) -> None:
    """Eight by one: what is cut out of it has the pixels of the original, not of a picture made 2,048 wide first."""
    original = bench.picture(Image.new("RGB", (8000, 1000), RED), "JPEG")
    assert max(file.width or 0 for file in bench.make(original, "cover").files) == 1920


def test_a_crop_finds_what_draws_the_eye(bench: Workbench) -> None:
    image = Image.new("RGB", (1500, 500), (200, 205, 210))
    ImageDraw.Draw(image).ellipse((1150, 100, 1450, 400), fill=RED)
    made = bench.make(bench.picture(image, "PNG"), "avatar")
    centre = pictures(bench, made, "avatar")[-1].convert("RGB")
    assert any(near(centre.getpixel((x, 192)), RED) for x in range(0, 384, 8))


def test_small_pictures_are_not_upscaled(bench: Workbench) -> None:
    original = bench.picture(Image.new("RGB", (90, 60), RED), "PNG")
    avatar, cover = bench.make(original, "avatar"), bench.make(original, "cover")
    assert {(file.name, file.width, file.height) for file in avatar.files} == {
        ("60.webp", 60, 60),
        ("60.jpg", 60, 60),
        ("whole-480.webp", 90, 60),
        ("icon-48.png", 48, 48),
        ("icon-180.png", 60, 60),
    }
    assert {(file.width, file.height) for file in cover.files} == {(90, 30), (90, 60)}


def test_icons_are_plain_png_files(bench: Workbench) -> None:
    made = bench.make(bench.picture(three_parts(600, 600), "JPEG"), "avatar")
    names = [file.name for file in made.files if file.type == "image/png"]
    icons = {name: (bench.made("avatar") / name).read_bytes() for name in names}
    assert set(icons) == {"icon-48.png", "icon-180.png"}
    for body in icons.values():
        icon = Image.open(io.BytesIO(body))
        assert (icon.format, icon.info.get("icc_profile")) == ("PNG", None)


def test_only_what_is_used_is_made(bench: Workbench, tmp_path: Path) -> None:
    probe = bench.probe(bench.picture(three_parts(60, 60), "PNG"))
    assert steps(probe, ["avatar"]) == ("avatar", "avatar-avif")
    assert steps(probe, ["gallery", "cover"]) == ("cover", "still", "cover-avif", "avif")
