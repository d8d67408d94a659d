"""ThumbHash as its reference makes it; the hashes here were made by that (thumbhash 0.1.1 of npm)."""

from __future__ import annotations

import base64
import random

import pytest

from pipeline.media.thumbhash import Size, decode, encode


def picture(name: str) -> tuple[Size, bytes]:
    dice = random.Random(name)
    if name == "noise":
        return Size(31, 20), bytes(v for _ in range(31 * 20) for v in (*dice.randbytes(3), 255))
    if name == "noise with alpha":
        return Size(17, 40), dice.randbytes(17 * 40 * 4)
    if name == "a sunset":
        return Size(40, 30), bytes(
            v
            for y in range(30)
            for x in range(40)
            for v in (255 - y * 6, 120 + (x * y) % 60, 40 + y * 5 + x, 255)
        )
    return Size(4, 4), bytes(64)


REFERENCE = {
    "noise": "HwgCFYThkIqKrHZJiVZYtlag8Yd1",
    "noise with alpha": "4AeCAgAH2L9Jdki58q8Er7yFWkiH94g=",
    "a sunset": "5SgCZZJwdnZ7d3d3d3h3d3l/h/iI",
    "nothing": "AAiCBQAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
}


@pytest.mark.parametrize("name", REFERENCE)
def test_a_hash_is_the_reference_s(name: str) -> None:
    size, rgba = picture(name)
    hash_ = encode(rgba, size)
    assert base64.b64encode(hash_).decode() == REFERENCE[name]


def test_a_hash_is_decoded_to_the_picture_s_colours() -> None:
    halves = bytes(
        v for _ in range(30) for x in range(40) for v in ((250, 30, 30, 255), (20, 40, 240, 255))[x > 19]
    )
    size, pixels = decode(encode(halves, Size(40, 30)))
    assert size == (32, 23)
    left, right = pixels[11 * 32 * 4 :][:4], pixels[(11 * 32 + 31) * 4 :][:4]
    assert left[0] > 180 > 80 > left[2]
    assert right[2] > 180 > 80 > right[0]
    assert set(pixels[3::4]) == {255}


def test_transparency_is_kept() -> None:
    half = bytes(v for _ in range(20) for x in range(20) for v in (250, 20, 20, 255 if x < 10 else 0))
    size, pixels = decode(encode(half, Size(20, 20)))
    assert size == (32, 32)
    left, right = pixels[16 * 32 * 4 :][:4], pixels[(16 * 32 + 31) * 4 :][:4]
    assert left[3] > 200 > 40 > right[3]
    assert left[0] > 200


def test_more_than_a_hundred_pixels_a_side_are_not_taken() -> None:
    with pytest.raises(ValueError, match="101 x 1"):
        encode(bytes(404), Size(101, 1))
