"""PNG and JPEG: bombs, lies about sizes, damaged structure, and odd but right files of every kind that cameras and programs make."""

from __future__ import annotations

import io
import random
import struct
import subprocess
import zipfile
import zlib
from typing import Any

from PIL import Image, ImageCms

from pipeline.media.make import find_ffmpeg
from tests.media.corpus.cases import ends, made, refused

SCRIPT = b"<script>alert(1)</script><?php system($_GET[0]); ?>"
MIB = 1 << 20


def picture(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    """Shades, and a little noise."""
    made = Image.linear_gradient("L").resize((width, height)).convert(mode)
    made.paste(Image.effect_noise((max(1, width // 2), max(1, height // 2)), 60).convert(mode), (0, 0))
    return made


def saved(image: Image.Image, file_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


# ── PNG ──

HEAD = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def header(width: int, height: int, depth: int = 8, colour: int = 2, interlace: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


def png(head: bytes, rows: bytes, *before: bytes) -> bytes:
    return HEAD + head + b"".join(before) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND")


def rows(width: int, height: int, pixel_bytes: int = 3) -> bytes:
    return (b"\0" + bytes(width * pixel_bytes)) * height


@refused("on a side")
def png_of_65500_pixels_on_a_side() -> bytes:
    return png(header(65_500, 65_500), rows(10, 10))


@refused("on a side")
def png_one_pixel_longer_than_allowed() -> bytes:
    return png(header(16_385, 1), rows(16_385, 1))


@refused("megapixels")
def png_of_true_and_too_many_pixels() -> bytes:
    """Its pixels are really there, in 150 KiB."""
    return png(header(12_000, 12_000, depth=1, colour=0), (b"\0" + bytes(1_500)) * 12_000)


@refused()
def png_without_any_pixel() -> bytes:
    return png(header(0, 0), b"")


@made(1, 1)
def png_of_one_pixel() -> bytes:
    return png(header(1, 1), rows(1, 1))


@made(1, 16_384)
def png_as_thin_as_a_hair() -> bytes:
    return png(header(1, 16_384), rows(1, 16_384))


@ends()
def png_whose_data_unpack_to_more_than_its_pixels() -> bytes:
    return png(header(16, 16), rows(16, 16) + bytes(200 * MIB))


@ends()
def png_with_a_text_that_unpacks_to_300_mib() -> bytes:
    bomb = zlib.compress(bytes(300 * MIB), 9)
    return png(header(16, 16), rows(16, 16), chunk(b"zTXt", b"Comment\0\0" + bomb))


@ends()
def png_with_international_text_that_unpacks_to_300_mib() -> bytes:
    bomb = zlib.compress(bytes(300 * MIB), 9)
    return png(header(16, 16), rows(16, 16), chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + bomb))


@ends()
def png_with_a_colour_profile_that_unpacks_to_300_mib() -> bytes:
    bomb = zlib.compress(bytes(300 * MIB), 9)
    return png(header(16, 16), rows(16, 16), chunk(b"iCCP", b"profile\0\0" + bomb))


@ends()
def png_with_100000_empty_chunks() -> bytes:
    return png(header(16, 16), rows(16, 16), chunk(b"teXt") * 100_000)


@refused()
def png_with_a_chunk_of_four_gigabytes() -> bytes:
    return HEAD + header(16, 16) + b"\xff\xff\xff\xffIDAT" + zlib.compress(rows(16, 16))


@refused()
def png_without_a_header() -> bytes:
    return HEAD + chunk(b"IDAT", zlib.compress(rows(16, 16))) + chunk(b"IEND")


@refused()
def png_without_data() -> bytes:
    return HEAD + header(16, 16) + chunk(b"IEND")


@refused()
def png_of_an_unknown_colour_type() -> bytes:
    return png(header(16, 16, colour=5), rows(16, 16))


@ends()
def png_with_a_wrong_checksum() -> bytes:
    whole = bytearray(png(header(16, 16), rows(16, 16)))
    whole[29] ^= 0xFF
    return bytes(whole)


@made(32, 32)
def png_of_sixteen_bits_interlaced() -> bytes:
    """Adam7: seven little pictures, one after the other."""
    steps = ((8, 8), (8, 8), (4, 8), (4, 4), (2, 4), (2, 2), (1, 2))
    starts = ((0, 0), (4, 0), (0, 4), (2, 0), (0, 2), (1, 0), (0, 1))
    passes = (
        rows(len(range(x, 32, across)), len(range(y, 32, down)), 8)
        for (x, y), (across, down) in zip(starts, steps, strict=True)
    )
    return png(header(32, 32, depth=16, colour=6, interlace=1), b"".join(passes))


@made(64, 48)
def png_of_one_bit() -> bytes:
    return saved(picture(mode="1"), "PNG")


@made(64, 48)
def png_of_sixteen_bits_of_grey() -> bytes:
    return saved(picture(mode="I;16"), "PNG")


@made(64, 48)
def png_with_a_palette_and_transparency() -> bytes:
    return saved(picture().quantize(7), "PNG", transparency=bytes([0, 60, 120, 255, 255, 9, 3]))


@refused()
def png_with_pixels_outside_its_palette() -> bytes:
    """Each pixel names colour 255 of none."""
    return png(header(16, 16, colour=3), (b"\0" + b"\xff" * 16) * 16)


@made(64, 48)
def png_that_moves() -> bytes:
    frames = [picture().rotate(angle) for angle in (90, 180, 270)]
    return saved(picture(), "PNG", save_all=True, append_images=frames, duration=50)


@ends()
def png_that_says_it_has_4_billion_frames() -> bytes:
    return png(header(16, 16), rows(16, 16), chunk(b"acTL", b"\xff" * 8))


# ── JPEG ──


def jpeg(**options: Any) -> bytes:
    return saved(picture(), "JPEG", **options)


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def with_segments(*more: bytes, whole: bytes | None = None) -> bytes:
    """With these before all else but the beginning."""
    whole = whole or jpeg()
    return whole[:2] + b"".join(more) + whole[2:]


def at_marker(whole: bytes, marker: int) -> int:
    return whole.index(bytes((0xFF, marker)))


def patched(whole: bytes, at: int, new: bytes) -> bytes:
    return whole[:at] + new + whole[at + len(new) :]


def exif(*entries: bytes, following: int = 0, tail: bytes = b"") -> bytes:
    """An APP1 with one TIFF directory."""
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", following)
    return segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0" + directory + tail)


def orientation(value: int) -> bytes:
    return struct.pack("<HHII", 0x0112, 3, 1, value)


@made(64, 48)
def jpeg_with_orientation_0() -> bytes:
    return with_segments(exif(orientation(0)))


@made(64, 48)
def jpeg_with_orientation_9() -> bytes:
    return with_segments(exif(orientation(9)))


@made(48, 64)
def jpeg_with_orientation_8() -> bytes:
    return with_segments(exif(orientation(8)))


@made(64, 48)
def jpeg_whose_exif_goes_in_circles() -> bytes:
    """The directory's next one is itself, and so is the one that it points to."""
    return with_segments(exif(struct.pack("<HHII", 0x8769, 4, 1, 8), following=8))


@made(64, 48)
def jpeg_whose_exif_has_an_entry_of_4_billion_values() -> bytes:
    return with_segments(exif(struct.pack("<HHII", 0x010F, 5, 0xFFFFFFFF, 26)))


@made(64, 48)
def jpeg_with_a_thumbnail_that_lies_outside() -> bytes:
    entries = [struct.pack("<HHII", tag, 4, 1, 0x7FFFFFF0) for tag in (0x0201, 0x0202)]
    return with_segments(exif(orientation(1), following=26, tail=struct.pack("<H", 2) + b"".join(entries)))


@made(64, 48)
def jpeg_with_six_mib_of_exif() -> bytes:
    return with_segments(*[segment(0xE1, b"Exif\0\0" + bytes(65_000))] * 100)


@made(64, 48)
def jpeg_with_a_script_in_its_exif() -> bytes:
    make = struct.pack("<HHII", 0x010F, 2, len(SCRIPT), 26)
    return with_segments(exif(make, tail=SCRIPT), segment(0xFE, SCRIPT))


@made(64, 48)
def jpeg_with_an_xmp_that_doubles_itself() -> bytes:
    """A billion laughs: each entity is ten of the one before."""
    lines = [b'<!ENTITY a0 "ha">']
    lines += [b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12)]
    xmp = (
        b"http://ns.adobe.com/xap/1.0/\0<?xml version='1.0'?><!DOCTYPE x ["
        + b"".join(lines)
        + b"]><x>&a11;</x>"
    )
    return with_segments(segment(0xE1, xmp))


@made(64, 48)
def jpeg_with_an_extended_xmp_of_4_gigabytes() -> bytes:
    part = (
        b"http://ns.adobe.com/xmp/extension/\0" + b"A" * 32 + b"\xff\xff\xff\xff" + b"\xff\xff\xff\xf0" + b"x"
    )
    return with_segments(segment(0xE1, part))


@made(64, 48)
def jpeg_with_a_broken_colour_profile() -> bytes:
    return with_segments(segment(0xE2, b"ICC_PROFILE\0\1\1" + random.Random(5).randbytes(3_000)))


@made(64, 48)
def jpeg_with_one_of_255_parts_of_a_colour_profile() -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return with_segments(segment(0xE2, b"ICC_PROFILE\0\7\xff" + profile))


@made(64, 48)
def jpeg_of_several_pictures() -> bytes:
    """MPF, as cameras append a preview or the second eye's view."""
    return saved(picture(), "MPO", save_all=True, append_images=[picture(32, 24)])


@made(64, 48)
def jpeg_with_an_archive_behind_it() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("run.sh", "#!/bin/sh\n")
    return jpeg() + archive.getvalue()


@made(64, 48)
def jpeg_of_four_inks() -> bytes:
    return saved(picture(mode="CMYK"), "JPEG")


@made(64, 48)
def jpeg_of_four_inks_as_adobe_turns_them() -> bytes:
    """YCCK: the fourth ink beside a transformed three."""
    whole = saved(picture(mode="CMYK"), "JPEG")
    return patched(whole, whole.index(b"Adobe") + 11, b"\2")


@made(64, 48)
def jpeg_of_grey() -> bytes:
    return saved(picture(mode="L"), "JPEG")


@ends()
def jpeg_of_arithmetic_coding() -> bytes:
    """By its marker at least."""
    whole = jpeg()
    return patched(whole, at_marker(whole, 0xC0) + 1, b"\xc9")


@ends()
def jpeg_without_loss() -> bytes:
    command = [find_ffmpeg(), "-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x48", "-frames:v", "1"]
    command += ["-c:v", "ljpeg", "-f", "image2pipe", "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout


@refused()
def jpeg_of_twelve_bits() -> bytes:
    whole = jpeg()
    return patched(whole, at_marker(whole, 0xC0) + 4, b"\x0c")


@refused()
def jpeg_without_height() -> bytes:
    whole = jpeg()
    return patched(whole, at_marker(whole, 0xC0) + 5, b"\0\0")


@refused("on a side")
def jpeg_of_65500_pixels_in_a_row() -> bytes:
    return saved(Image.new("RGB", (65_500, 1)), "JPEG")


@refused("on a side")
def jpeg_of_65500_pixels_in_a_column() -> bytes:
    return saved(Image.new("L", (1, 65_500)), "JPEG")


@refused("damaged")
def jpeg_much_larger_than_its_data() -> bytes:
    whole = jpeg()
    return patched(whole, at_marker(whole, 0xC0) + 5, struct.pack(">HH", 7_000, 7_000))


@refused()
def jpeg_without_its_tables() -> bytes:
    whole = jpeg()
    at = at_marker(whole, 0xDB)
    return whole[:at] + whole[at_marker(whole, 0xC0) :]


@refused()
def jpeg_without_a_frame() -> bytes:
    whole = jpeg()
    return whole[: at_marker(whole, 0xC0)] + whole[at_marker(whole, 0xDA) :]


@ends()
def jpeg_of_more_components_than_there_are() -> bytes:
    whole = jpeg()
    return patched(whole, at_marker(whole, 0xC0) + 9, b"\xff")


@ends()
def jpeg_with_a_million_fill_bytes() -> bytes:
    return with_segments(b"\xff" * 1_000_000)


@ends()
def jpeg_with_a_thousand_scans() -> bytes:
    """Each goes over all of the picture again."""
    whole = saved(picture(640, 480), "JPEG", progressive=True)
    at = whole.rindex(b"\xff\xda")
    return whole[:at] + whole[at:-2] * 1_000 + whole[-2:]


@refused()
def jpeg_that_begins_again_and_again() -> bytes:
    return b"\xff\xd8" * 300_000 + b"\xff\xff"


@refused()
def jpeg_cut_before_its_first_scan() -> bytes:
    whole = jpeg()
    return whole[: at_marker(whole, 0xDA)]


@refused()
def jpeg_cut_within_a_segment() -> bytes:
    whole = jpeg()
    return whole[: at_marker(whole, 0xC4) + 12]


@refused()
def jpeg_of_noise_after_its_head() -> bytes:
    return jpeg()[:20] + random.Random(6).randbytes(20_000)
