"""GIF, WebP, AVIF and HEIC: animations without end, canvases that lie, boxes that hold or point to themselves."""

from __future__ import annotations

import random
import struct
import tempfile
from pathlib import Path

from PIL import Image

from tests.media.corpus.boxes import box, boxes, full_box
from tests.media.corpus.cases import ends, made, refused
from tests.media.corpus.still_formats import patched, picture, saved
from tests.media.heif import heic

# ── GIF ──


def screen(width: int, height: int, flags: int = 0x80) -> bytes:
    """The head of a GIF with a palette of two."""
    palette = b"\0\0\0\xff\xff\xff" if flags & 0x80 else b""
    return b"GIF89a" + struct.pack("<HHBBB", width, height, flags, 0, 0) + palette


def frame(width: int, height: int, data: bytes, x: int = 0, y: int = 0, delay: int | None = None) -> bytes:
    timing = b"" if delay is None else b"\x21\xf9\x04\x04" + struct.pack("<H", delay) + b"\0\0"
    return timing + b"\x2c" + struct.pack("<HHHHB", x, y, width, height, 0) + b"\x02" + data


DOT = b"\x02\x44\x01\0"
"""One black pixel, by LZW."""


@refused("megapixels")
def gif_of_256_megapixels() -> bytes:
    return screen(16_000, 16_000) + frame(16_000, 16_000, DOT) + b";"


@ends()
def gif_of_256_megapixels_around_a_single_one() -> bytes:
    """Its decoder takes the frame's size."""
    return screen(16_000, 16_000) + frame(1, 1, DOT) + b";"


@made(1, 1)
def gif_of_10000_frames_without_a_delay() -> bytes:
    return screen(1, 1) + frame(1, 1, DOT, delay=0) * 10_000 + b";"


@refused("megapixels")
def gif_of_10000_frames_that_together_are_too_many_pixels() -> bytes:
    return screen(100, 100) + frame(1, 1, DOT, delay=0) * 10_000 + b";"


@made(40, 30)
def gif_that_never_waits() -> bytes:
    frames = [picture(40, 30).rotate(angle) for angle in (90, 180)]
    return saved(picture(40, 30), "GIF", save_all=True, append_images=frames, duration=0, loop=0)


@made(40, 30)
def gif_that_waits_for_eleven_minutes() -> bytes:
    frames = [picture(40, 30).rotate(angle) for angle in (90, 180)]
    return saved(picture(40, 30), "GIF", save_all=True, append_images=frames, duration=655_350)


@ends()
def gif_with_a_frame_outside_of_its_screen() -> bytes:
    return screen(10, 10) + frame(1, 1, DOT, x=60_000, y=60_000) + b";"


@ends()
def gif_with_a_frame_larger_than_its_screen() -> bytes:
    return screen(10, 10) + frame(16_000, 3_000, DOT) + b";"


@refused()
def gif_without_a_frame() -> bytes:
    return screen(10, 10) + b";"


@ends()
def gif_without_any_pixel() -> bytes:
    return screen(0, 0) + frame(0, 0, DOT) + b";"


@ends()
def gif_without_a_palette() -> bytes:
    return screen(1, 1, flags=0) + frame(1, 1, DOT) + b";"


@ends()
def gif_whose_codes_are_wider_than_allowed() -> bytes:
    return screen(1, 1) + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x0d" + DOT + b";"


@refused()
def gif_whose_data_never_end() -> bytes:
    return screen(100, 100) + frame(100, 100, b"\xff" + b"\x55" * 255) * 3


@ends()
def gif_with_forty_mib_of_comments() -> bytes:
    comment = b"\x21\xfe" + (b"\xff" + b"a" * 255) * 160_000 + b"\0"
    return screen(1, 1) + comment + frame(1, 1, DOT) + b";"


@refused()
def gif_that_is_a_script_too() -> bytes:
    """`GIF89a/*…*/=1;alert(1)` is JavaScript; by its bytes it is a GIF of 10,799 by 47 pixels without a frame."""
    return b"GIF89a/*" + bytes(300) + b"*/=1;alert(document.domain)//"


@refused()
def gif_of_noise_after_its_head() -> bytes:
    return screen(300, 300) + random.Random(7).randbytes(5_000)


# ── WebP ──


def riff(*chunks: bytes, size: int | None = None) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def part(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def canvas(width: int, height: int, flags: int = 0) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return part(b"VP8X", struct.pack("<I", flags) + sides)


def webp_parts(whole: bytes) -> bytes:
    """All that stands in its RIFF."""
    return whole[12:]


@refused("megapixels")
def webp_of_268_megapixels_in_a_few_bytes() -> bytes:
    return saved(Image.new("RGB", (16_383, 8_000)), "WEBP", lossless=True, method=0)


@ends()
def webp_whose_canvas_is_larger_than_its_picture() -> bytes:
    return riff(canvas(16_000, 3_000), webp_parts(saved(picture(), "WEBP")))


@refused()
def webp_whose_canvas_is_a_terapixel() -> bytes:
    return riff(canvas(1 << 24, 1 << 24), webp_parts(saved(picture(), "WEBP")))


@ends()
def webp_with_a_frame_outside_of_its_canvas() -> bytes:
    far = (1 << 23).to_bytes(3, "little")
    at = part(b"ANMF", far * 2 + bytes(10) + webp_parts(saved(picture(8, 8), "WEBP")))
    return riff(canvas(8, 8, flags=2), part(b"ANIM", bytes(6)), at)


@refused()
def webp_with_a_broken_alpha_plane() -> bytes:
    return riff(
        canvas(64, 48, flags=16), part(b"ALPH", b"\x01" + b"\xff" * 50), webp_parts(saved(picture(), "WEBP"))
    )


@refused()
def webp_of_size_nothing() -> bytes:
    return riff(webp_parts(saved(picture(), "WEBP")), size=0)


@ends()
def webp_of_size_four_gigabytes() -> bytes:
    return riff(webp_parts(saved(picture(), "WEBP")), size=0xFFFFFFFE)


@made(32, 32)
def webp_that_moves() -> bytes:
    frames = [picture(32, 32).rotate(angle) for angle in (90, 180)]
    return saved(picture(32, 32), "WEBP", save_all=True, append_images=frames, duration=40)


@refused("megapixels")
def webp_of_frames_that_together_are_too_many_pixels() -> bytes:
    moving = saved(
        Image.new("RGB", (2_000, 2_000)),
        "WEBP",
        save_all=True,
        append_images=[Image.new("RGB", (2_000, 2_000), (n, 0, 0)) for n in range(20)],
        lossless=True,
        method=0,
    )
    assert len(moving) < 100_000
    return moving


@made(64, 48)
def webp_without_loss_and_with_alpha() -> bytes:
    return saved(picture(mode="RGBA"), "WEBP", lossless=True)


# ── AVIF and HEIC ──


def avif(width: int = 64, height: int = 48) -> bytes:
    return saved(picture(width, height), "AVIF", speed=10)


def at_box(whole: bytes, kind: bytes) -> int:
    """Where the body of the first box of that kind begins."""
    return whole.index(kind) + 4


@refused()
def avif_that_says_it_is_a_gigapixel() -> bytes:
    whole = avif()
    return patched(whole, at_box(whole, b"ispe") + 4, struct.pack(">II", 60_000, 60_000))


@ends()
def avif_that_says_it_is_one_pixel() -> bytes:
    whole = avif()
    return patched(whole, at_box(whole, b"ispe") + 4, struct.pack(">II", 1, 1))


@refused()
def avif_whose_item_is_a_grid_of_nothing() -> bytes:
    """The item is said to be put together of 65,536 others; what it holds is no list of them."""
    whole = avif()
    return patched(whole, whole.index(b"av01", at_box(whole, b"infe")), b"grid")


@refused()
def avif_whose_data_lie_outside_of_the_file() -> bytes:
    whole = avif()
    at = at_box(whole, b"iloc")
    end = at - 8 + struct.unpack(">I", whole[at - 8 : at - 4])[0]
    return patched(whole, end - 8, struct.pack(">II", 0x7FFFFFFF, 0x7FFFFFFF))


@refused()
def avif_whose_item_is_made_of_itself() -> bytes:
    loop = full_box(b"iref", box(b"dimg", struct.pack(">HHH", 1, 1, 1)))
    return with_in_meta(patched(avif(), avif().index(b"av01", at_box(avif(), b"infe")), b"grid"), loop)


def with_in_meta(whole: bytes, more: bytes) -> bytes:
    """Its data then lie somewhere else than it says, too."""
    return b"".join(
        box(kind, body + more) if kind == b"meta" else box(kind, body) for kind, body in boxes(whole)
    )


@refused()
def avif_without_a_picture() -> bytes:
    return next(box(kind, body) for kind, body in boxes(avif()) if kind == b"ftyp")


@refused()
def avif_of_boxes_in_boxes() -> bytes:
    nested = b""
    for _ in range(3_000):
        nested = box(b"meta", bytes(4) + nested)
    return box(b"ftyp", b"avif\0\0\0\0avifmif1") + nested


@refused()
def avif_of_a_box_that_is_too_long_for_any_disk() -> bytes:
    return box(b"ftyp", b"avif\0\0\0\0avifmif1") + b"\0\0\0\1meta" + b"\x7f" + b"\xff" * 7 + bytes(100)


@refused()
def avif_of_boxes_without_a_size() -> bytes:
    return box(b"ftyp", b"avif\0\0\0\0avifmif1") + b"\0\0\0\0meta" * 1_000


@ends()
def avif_that_moves() -> bytes:
    frames = [picture(32, 32).rotate(angle) for angle in (90, 180)]
    return saved(picture(32, 32), "AVIF", save_all=True, append_images=frames, speed=10)


@refused()
def heic_that_holds_an_avif() -> bytes:
    whole = avif()
    return whole.replace(b"avif", b"heic").replace(b"mif1", b"heix")


@refused()
def heic_of_nothing_but_its_brand() -> bytes:
    return box(b"ftyp", b"heic\0\0\0\0mif1heic") + bytes(500)


def heic_of_a_phone() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return heic(Path(folder), "testsrc", (64, 64))


@ends()
def heic_that_is_right() -> bytes:
    """Made where a decoder is shut in, refused elsewhere."""
    return heic_of_a_phone()


@refused()
def heic_that_says_it_is_a_gigapixel() -> bytes:
    whole = heic_of_a_phone()
    return patched(whole, at_box(whole, b"ispe") + 4, struct.pack(">II", 60_000, 60_000))


@refused()
def heic_whose_item_is_a_grid_of_nothing() -> bytes:
    whole = heic_of_a_phone()
    return patched(whole, whole.index(b"hvc1", at_box(whole, b"infe")), b"grid")


@refused()
def heic_whose_data_lie_outside_of_the_file() -> bytes:
    whole = heic_of_a_phone()
    at = at_box(whole, b"iloc")
    end = at - 8 + struct.unpack(">I", whole[at - 8 : at - 4])[0]
    return patched(whole, end - 8, struct.pack(">II", 0x7FFFFFFF, 0x7FFFFFFF))


@refused()
def heic_cut_in_its_data() -> bytes:
    return heic_of_a_phone()[:-200]
