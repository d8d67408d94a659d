"""Pictures become stills: the right sizes, upright, in sRGB, and with nothing of where and by whom they were taken."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest
import pyvips
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from core.errors import UnsupportedMedia
from pipeline.media.make import Made, StillRecipe, make, steps
from pipeline.media.recipes import PLACEHOLDER_CHARS_MAX
from tests.media.conftest import Workbench, noise

RED, BLUE = (220, 20, 20), (20, 20, 220)


def quarters(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Blue, with a red upper left quarter: whoever turns or mirrors it is found out."""
    image = Image.new("RGB", (width, height), BLUE)
    image.paste(RED, (0, 0, width // 2, height // 2))
    return image.convert(mode)


def near(pixel: object, colour: tuple[int, ...], by: int = 40) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(a - b) <= by for a, b in zip(pixel[:3], colour, strict=True))


def load(path: Path) -> Image.Image:
    """From memory, so that no file stays open."""
    image = Image.open(io.BytesIO(path.read_bytes()))
    image.load()
    return image


def widths(made: Made, mime: str) -> list[int | None]:
    return [file.width for file in made.files if file.type == mime]


def opened(bench: Workbench, made: Made, recipe: str = "") -> list[Image.Image]:
    assert made.files
    images = []
    for file in made.files:
        path = bench.made(recipe or ("avif" if file.name.endswith("avif") else "still")) / file.name
        assert path.stat().st_size == file.bytes
        image = load(path)
        assert image.size == (file.width, file.height), file.name
        images.append(image)
    return images


def test_a_picture_is_made_at_several_widths_and_never_upscaled(bench: Workbench) -> None:
    photo = bench.picture(quarters(700, 350), "JPEG")
    probe = bench.probe(photo)
    assert (probe.width, probe.height, steps(probe)) == (700, 350, ("still", "avif"))
    still, avif = bench.make(photo, "still"), bench.make(photo, "avif")
    assert widths(still, "image/webp") == widths(still, "image/jpeg") == [320, 640, 700]
    assert widths(avif, "image/avif") == [320, 640, 700]
    assert {file.name for file in avif.files} == {"320.avif", "640.avif", "700.avif"}
    for image in (*opened(bench, still), *opened(bench, avif)):
        pixels = image.convert("RGB")
        assert near(pixels.getpixel((5, 5)), RED)
        assert near(pixels.getpixel((pixels.width - 5, 5)), BLUE)
    assert (still.width, still.height) == (700, 350)


def test_a_wide_picture_stops_at_2048(bench: Workbench) -> None:
    still = bench.make(bench.picture(quarters(8192, 40), "JPEG"), "still")
    assert widths(still, "image/webp") == [320, 640, 960, 1280, 2048]
    assert [file.height for file in still.files if file.name == "2048.jpg"] == [10]
    opened(bench, still)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_shown_upright(bench: Workbench, orientation: int) -> None:
    upright = quarters(200, 100)
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = bench.picture(stored, "JPEG", exif=exif)
    assert bench.probe(photo)[2:4] == (200, 100)
    for image in opened(bench, bench.make(photo, "still")):
        pixels = image.convert("RGB")
        assert near(pixels.getpixel((10, 10)), RED)
        assert near(pixels.getpixel((image.width - 10, image.height - 10)), BLUE)
        assert image.getexif().get(0x0112) is None


XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>Secret Author</x:xmpmeta>"


def of_a_camera(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = "Secret Camera"
    exif[0x0112] = orientation
    exif.get_ifd(0x8825).update({1: "N", 2: (43.0, 28.0, 2.81), 3: "E", 4: (11.0, 53.0, 6.45)})
    return exif


def texts() -> PngInfo:
    """Every chunk of text that PNG has, but the packed one."""
    chunks = PngInfo()
    chunks.add_text("Author", "Secret Author")
    chunks.add_itxt("Comment", "Secret Comment", lang="en")
    chunks.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return chunks


@pytest.mark.parametrize(
    ("file_format", "secrets", "turned", "said"),
    [
        ("JPEG", 3, True, {"exif": of_a_camera(6), "xmp": XMP, "comment": b"Secret Comment"}),
        ("WEBP", 2, True, {"exif": of_a_camera(6), "xmp": XMP}),
        ("PNG", 4, True, {"exif": of_a_camera(6), "pnginfo": texts()}),
        ("AVIF", 2, True, {"exif": of_a_camera(6), "xmp": XMP}),
        ("GIF", 1, False, {"comment": b"Secret Comment"}),
    ],
)
def test_what_a_file_says_besides_its_picture_is_in_nothing_that_is_made(
    bench: Workbench, file_format: str, secrets: int, turned: bool, said: dict[str, Any]
) -> None:
    stored = quarters(200, 100).transpose(Image.Transpose.ROTATE_90) if turned else quarters(200, 100)
    moving = {"save_all": True, "append_images": [Image.new("RGB", (200, 100), BLUE)], "duration": 500}
    photo = bench.picture(stored, file_format, **said, **(moving if file_format == "GIF" else {}))
    assert photo.read_bytes().count(b"Secret") == secrets
    probe = bench.probe(photo)
    assert (probe.width, probe.height) == (200, 100)
    recipes = steps(probe, ("gallery", "avatar", "cover"))
    assert {"still", "avif", "avatar", "cover"} < set(recipes) and ("loop" in recipes) is not turned
    for recipe in recipes:
        for file in bench.make(photo, recipe).files:
            path = bench.made(recipe) / file.name
            assert b"Secret" not in path.read_bytes(), file.name
            if file.type.startswith("image/"):
                assert_bare(load(path))
        if recipe in ("still", "avif"):
            shown = load(path).convert("RGB")
            assert shown.size == (200, 100)
            assert near(shown.getpixel((10, 10)), RED) and near(shown.getpixel((190, 10)), BLUE)


def assert_bare(image: Image.Image) -> None:
    assert not image.getexif()
    assert not {"exif", "xmp", "comment", "icc_profile"} & set(image.info)


def test_a_busy_shape_with_holes_is_no_more_refused_than_others(bench: Workbench) -> None:
    tiles = noise(4, 4).convert("RGBA")
    tiles.putalpha(noise(4, 4).convert("L"))
    made = bench.make(bench.picture(tiles.resize((400, 400), Image.Resampling.NEAREST), "PNG"), "still")
    assert made.thumbhash
    assert len(made.placeholder) <= PLACEHOLDER_CHARS_MAX


def test_transparency_stays_and_jpeg_gets_a_white_ground(bench: Workbench) -> None:
    image = Image.new("RGBA", (200, 200), (0, 0, 0, 0))
    image.paste((*RED, 255), (0, 0, 100, 200))
    logo = bench.picture(image, "PNG")
    for image in (*opened(bench, bench.make(logo, "still")), *opened(bench, bench.make(logo, "avif"))):
        clear = image.getpixel((image.width - 10, 10))
        if image.format == "JPEG":
            assert near(clear, (255, 255, 255))
        else:
            assert isinstance(clear, tuple)
            assert clear[3] < 10
        assert near(image.getpixel((10, 10)), RED)


@pytest.mark.parametrize(
    ("mode", "file_format"),
    [
        ("L", "JPEG"),
        ("CMYK", "JPEG"),
        ("P", "GIF"),
        ("P", "PNG"),
        ("1", "PNG"),
        ("I;16", "PNG"),
        ("LA", "PNG"),
        ("RGB", "WEBP"),
        ("RGB", "AVIF"),
    ],
)
def test_every_accepted_kind_of_picture_becomes_plain_rgb(
    bench: Workbench, mode: str, file_format: str
) -> None:
    if mode == "I;16":
        image = Image.new("I;16", (40, 30), 0x8080)
    else:
        image = quarters(40, 30, mode)
    original = bench.picture(image, file_format)
    still = opened(bench, bench.make(original, "still"))
    assert [s.mode for s in still if s.format == "JPEG"] == ["RGB"]
    if mode == "I;16":
        assert near(still[1].getpixel((5, 5)), (128, 128, 128), by=3)
    elif mode not in ("L", "LA", "1"):
        # CMYK's blue is another one, but blue.
        assert near(still[1].getpixel((5, 5)), RED, by=60)
    avif = opened(bench, bench.make(original, "avif"))[0]
    assert avif.mode == ("RGBA" if mode == "LA" else "RGB")


def photo_in(profile: str, file_format: str = "jpeg") -> bytes:
    """A red that is (200, 60, 60) in sRGB, stored as that profile counts."""
    plain = pyvips.Image.new_from_memory(bytes([200, 60, 60]) * 40 * 30, 40, 30, 3, "uchar")
    stored = plain.copy(interpretation="srgb").icc_transform(profile, input_profile="srgb")
    if file_format == "png":
        return bytes(stored.pngsave_buffer())
    return bytes(stored.jpegsave_buffer(Q=98, subsample_mode="off"))


@pytest.mark.parametrize("file_format", ["jpeg", "png"])
def test_a_wide_gamut_stays_with_its_profile(bench: Workbench, file_format: str) -> None:
    original = bench.put(photo_in("p3", file_format))
    stored = load(original).getpixel((5, 5))
    assert not near(stored, (200, 60, 60), by=8)
    for recipe in ("still", "avif"):
        for image in opened(bench, bench.make(original, recipe), recipe):
            profile = image.info["icc_profile"]
            assert (
                ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip()
                == "sP3C"
            )
            pixels = ImageCms.profileToProfile(image, io.BytesIO(profile), ImageCms.createProfile("sRGB"))  # type: ignore[arg-type]
            assert pixels is not None
            assert near(pixels.getpixel((5, 5)), (200, 60, 60), by=8)


def avif_that_says(primaries: int, transfer: int, colour: tuple[int, int, int]) -> bytes:
    """An AVIF without a profile, which says by numbers what its colours are."""
    saved = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(saved, "AVIF", quality=95)
    body = saved.getvalue()
    before, box, after = body.partition(b"colrnclx")
    assert box
    return before + box + primaries.to_bytes(2, "big") + transfer.to_bytes(2, "big") + after[4:]


def test_a_wide_gamut_that_is_told_by_a_number_stays_too(bench: Workbench) -> None:
    in_p3 = load(bench.put(photo_in("p3"))).getpixel((5, 5))
    original = bench.put(avif_that_says(12, 13, in_p3))
    for recipe in ("still", "avif"):
        for image in opened(bench, bench.make(original, recipe), recipe):
            profile = image.info["icc_profile"]
            pixels = ImageCms.profileToProfile(image, io.BytesIO(profile), ImageCms.createProfile("sRGB"))  # type: ignore[arg-type]
            assert pixels is not None
            assert near(pixels.getpixel((5, 5)), (200, 60, 60), by=8)


@pytest.mark.parametrize(("primaries", "transfer"), [(9, 16), (9, 18), (12, 16), (9, 14)])
def test_hdr_colours_are_refused_and_not_shown_pale(bench: Workbench, primaries: int, transfer: int) -> None:
    with pytest.raises(UnsupportedMedia, match="HDR"):
        bench.probe(bench.put(avif_that_says(primaries, transfer, (90, 90, 90))))


def test_a_plain_gamut_needs_no_profile(bench: Workbench) -> None:
    original = bench.put(photo_in("srgb"))
    assert load(original).info.get("icc_profile")
    for recipe in ("still", "avif"):
        for image in opened(bench, bench.make(original, recipe), recipe):
            assert near(image.convert("RGB").getpixel((5, 5)), (200, 60, 60), by=8)
            assert not image.info.get("icc_profile")


def test_a_broken_profile_spoils_no_picture(bench: Workbench) -> None:
    original = bench.picture(quarters(40, 30), "JPEG", icc_profile=b"\0\0\0\x80ADBE\2\0" + b"?" * 118)
    for image in opened(bench, bench.make(original, "still")):
        assert near(image.convert("RGB").getpixel((5, 5)), RED)
        assert not image.info.get("icc_profile")


def test_an_animated_gif_gives_its_first_frame(bench: Workbench) -> None:
    frames = [Image.new("RGB", (60, 40), colour) for colour in (RED, BLUE, BLUE)]
    original = bench.picture(frames[0], "GIF", save_all=True, append_images=frames[1:])
    for image in opened(bench, bench.make(original, "still")):
        assert image.size == (60, 40)
        assert near(image.convert("RGB").getpixel((30, 20)), RED)


def test_a_single_pixel_is_a_picture_too(bench: Workbench) -> None:
    dot = bench.picture(Image.new("RGB", (1, 1), RED), "PNG")
    still, avif = bench.make(dot, "still"), bench.make(dot, "avif")
    assert [file.name for file in (*still.files, *avif.files)] == ["1.webp", "1.jpg", "1.avif"]
    assert near(opened(bench, still)[0].getpixel((0, 0)), RED)
    assert still.colour == "#dc1414"


@pytest.mark.parametrize("size", [(1, 16_384), (16_384, 1)])
def test_the_longest_side_allowed_can_be_made(bench: Workbench, size: tuple[int, int]) -> None:
    strip = bench.picture(Image.new("RGB", size, RED), "PNG")
    assert opened(bench, bench.make(strip, "still"))
    assert opened(bench, bench.make(strip, "avif"))


def test_the_placeholder_is_tiny_and_the_colour_is_the_one_it_has_most_of(bench: Workbench) -> None:
    still = bench.make(bench.picture(quarters(640, 480), "JPEG"), "still")
    head, _, data = still.placeholder.partition(",")
    assert head == "data:image/webp;base64"
    assert len(still.placeholder) <= 700
    tiny = Image.open(io.BytesIO(base64.b64decode(data)))
    assert tiny.size == (32, 23)
    assert len(base64.b64decode(still.thumbhash)) in range(15, 30)
    assert near(tuple(bytes.fromhex(still.colour[1:])), BLUE, by=10)


def test_nothing_but_the_named_files_lies_in_the_folder(bench: Workbench, tmp_path: Path) -> None:
    still = bench.make(bench.picture(quarters(300, 300), "JPEG"), "still")
    assert sorted(path.name for path in bench.made("still").iterdir()) == sorted(f.name for f in still.files)


def test_settings_say_widths_and_qualities(bench: Workbench) -> None:
    photo = bench.picture(noise(300, 200), "JPEG")
    how = StillRecipe(gallery_px=(50, 100), full_px=200, webp_quality=20)
    rough, usual = bench.make(photo, "still", stills=how), bench.make(photo, "still")
    assert widths(rough, "image/webp") == widths(rough, "image/jpeg") == [50, 100, 200]
    assert how.widths("still", 300) == (50, 100, 200)
    fine = bench.make(photo, "still", stills=how._replace(webp_quality=90))
    assert rough.files[0].bytes < fine.files[0].bytes
    assert usual.files


def test_a_picture_that_stays_decoded_needs_no_original(bench: Workbench, tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    wide = bench.put(photo_in("p3"))
    probe = bench.probe(wide)
    once = make(wide, probe, "still", bench.made("still"), base=base)
    again = make(wide, probe, "avif", bench.made("from original"))
    kept = make(None, probe, "avif", bench.made("avif"), base=base)
    assert once.files
    assert [file.bytes for file in kept.files] == [file.bytes for file in again.files]
    for file in kept.files:
        assert (bench.made("avif") / file.name).read_bytes() == (
            bench.made("from original") / file.name
        ).read_bytes()


def test_a_jpeg_with_oddities_that_do_no_harm_is_a_picture(bench: Workbench) -> None:
    whole = bench.picture(quarters(64, 48), "JPEG").read_bytes()
    behind_app0 = 4 + int.from_bytes(whole[4:6], "big")
    odd = bench.put(whole[:behind_app0] + b"\0" * 9 + whole[behind_app0:])
    with pytest.raises(pyvips.Error, match="extraneous bytes"):
        pyvips.Image.jpegload(str(odd), fail_on="warning").avg()
    for image in opened(bench, bench.make(odd, "still")):
        assert near(image.convert("RGB").getpixel((5, 5)), RED)
