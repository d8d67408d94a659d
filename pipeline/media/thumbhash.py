"""ThumbHash: a picture in some 25 bytes, encoded and decoded as Evan Wallace's reference does (its constants, rounding and
bit layout), so that other systems read the hashes in the API. Its sums are in another order: a coefficient of exactly
nothing may come out as the step below or above it. Runs in the child process."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

SIDE_PX_MAX = 100
"""Of a picture to encode: the format's own limit."""

Channel = Sequence[float]


class Size(NamedTuple):
    width: int
    height: int


def encode(rgba: bytes, size: Size) -> bytes:
    """The hash of a picture of that size, 4 bytes a pixel, row by row, alpha not premultiplied."""
    width, height = size
    if max(size) > SIDE_PX_MAX:
        raise ValueError(f"{width} x {height} is more than {SIDE_PX_MAX} pixels a side")
    lightness, yellow_blue, red_green, alpha = _to_lpqa(rgba)
    opaque = min(alpha) >= 1
    # With transparency fewer bits are left for the rest.
    most = 7 if opaque else 5
    nx = max(1, _round(most * width / max(size)))
    ny = max(1, _round(most * height / max(size)))
    waves = _Waves(size, max(3, nx, 0 if opaque else 5), max(3, ny, 0 if opaque else 5))
    l_dc, l_ac, l_scale = waves.of(lightness, max(3, nx), max(3, ny))
    p_dc, p_ac, p_scale = waves.of(yellow_blue, 3, 3)
    q_dc, q_ac, q_scale = waves.of(red_green, 3, 3)
    landscape = width > height
    header24 = (
        _round(63 * l_dc)
        | _round(31.5 + 31.5 * p_dc) << 6
        | _round(31.5 + 31.5 * q_dc) << 12
        | _round(31 * l_scale) << 18
        | (not opaque) << 23
    )
    header16 = (
        (ny if landscape else nx) | _round(63 * p_scale) << 3 | _round(63 * q_scale) << 9 | landscape << 15
    )
    head = header24.to_bytes(3, "little") + header16.to_bytes(2, "little")
    coefficients = [*l_ac, *p_ac, *q_ac]
    if not opaque:
        a_dc, a_ac, a_scale = waves.of(alpha, 5, 5)
        head += bytes([_round(15 * a_dc) | _round(15 * a_scale) << 4])
        coefficients += a_ac
    nibbles = [_round(15 * one) for one in coefficients]
    nibbles += [0] * (len(nibbles) % 2)
    return head + bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))


def decode(hash_: bytes) -> tuple[Size, bytes]:
    """The picture: its size (the longer side 32 pixels) and 4 bytes a pixel, row by row, alpha not premultiplied."""
    header24, header16 = int.from_bytes(hash_[:3], "little"), int.from_bytes(hash_[3:5], "little")
    opaque, landscape = not header24 >> 23, bool(header16 >> 15)
    lx = max(3, (7 if opaque else 5) if landscape else header16 & 7)
    ly = max(3, header16 & 7 if landscape else (7 if opaque else 5))
    nibbles = (half for byte in hash_[5 if opaque else 6 :] for half in (byte & 15, byte >> 4))
    ratio = _ratio(opaque, landscape, header16 & 7)
    size = Size(_round(32 if ratio > 1 else 32 * ratio), _round(32 / ratio if ratio > 1 else 32))

    def channel(dc: float, nx: int, ny: int, scale: float) -> list[float]:
        waves = [(wave, (next(nibbles) / 7.5 - 1) * scale) for wave in _orders(nx, ny)]
        return _sum(dc, waves, size)

    # Colour is boosted, since quantisation makes it paler (so the reference).
    lightness = channel((header24 & 63) / 63, lx, ly, (header24 >> 18 & 31) / 31)
    yellow_blue = channel((header24 >> 6 & 63) / 31.5 - 1, 3, 3, (header16 >> 3 & 63) / 63 * 1.25)
    red_green = channel((header24 >> 12 & 63) / 31.5 - 1, 3, 3, (header16 >> 9 & 63) / 63 * 1.25)
    alpha = [1.0] * len(lightness)
    if not opaque:
        alpha = channel((hash_[5] & 15) / 15, 5, 5, (hash_[5] >> 4) / 15)
    pixels = bytearray()
    for l, p, q, a in zip(lightness, yellow_blue, red_green, alpha, strict=True):  # noqa: E741
        blue = l - 2 / 3 * p
        red = (3 * l - blue + q) / 2
        pixels += bytes(int(max(0, 255 * min(1, value))) for value in (red, red - q, blue, a))
    return size, bytes(pixels)


class _Waves:
    """Cosines of a picture's size, for its channels to be compared with."""

    def __init__(self, size: Size, nx: int, ny: int) -> None:
        self._width, self._height = size
        self._across = [_cosines(cx, self._width) for cx in range(nx)]
        self._down = [_cosines(cy, self._height) for cy in range(ny)]

    def of(self, channel: Channel, nx: int, ny: int) -> tuple[float, list[float], float]:
        """Mean, the other coefficients (each between 0 and 1, 0.5 for nothing), and what they are scaled by."""
        rows = [channel[at : at + self._width] for at in range(0, len(channel), self._width)]
        # Row by row first: the two directions are independent.
        by_row = [[sum(map(_times, row, self._across[cx])) for row in rows] for cx in range(nx)]

        def coefficient(cx: int, cy: int) -> float:
            return sum(map(_times, by_row[cx], self._down[cy])) / len(channel)

        ac = [coefficient(cx, cy) for cx, cy in _orders(nx, ny)]
        scale = max(map(abs, ac), default=0)
        return coefficient(0, 0), [0.5 + 0.5 / scale * one if scale else one for one in ac], scale


def _to_lpqa(rgba: bytes) -> tuple[Channel, Channel, Channel, Channel]:
    """Lightness, yellow against blue, red against green, alpha; what shows through takes on the mean colour."""
    pixels = [[value / 255 for value in rgba[at : at + 4]] for at in range(0, len(rgba), 4)]
    covered = sum(pixel[3] for pixel in pixels)
    mean = [
        sum(pixel[3] * pixel[channel] for pixel in pixels) / covered if covered else 0.0
        for channel in range(3)
    ]
    blended = [
        [mean[channel] * (1 - pixel[3]) + pixel[3] * pixel[channel] for channel in range(3)]
        for pixel in pixels
    ]
    return (
        [(r + g + b) / 3 for r, g, b in blended],
        [(r + g) / 2 - b for r, g, b in blended],
        [r - g for r, g, _ in blended],
        [pixel[3] for pixel in pixels],
    )


def _orders(nx: int, ny: int) -> Iterator[tuple[int, int]]:
    """The waves but the mean, in the hash's order: a triangle of low frequencies."""
    for cy in range(ny):
        cx = 0 if cy else 1
        while cx * ny < nx * (ny - cy):
            yield cx, cy
            cx += 1


def _sum(dc: float, waves: Sequence[tuple[tuple[int, int], float]], size: Size) -> list[float]:
    drawn = [(ac, _cosines(cx, size.width), _cosines(cy, size.height)) for (cx, cy), ac in waves]
    return [
        dc + sum(2 * ac * across[x] * down[y] for ac, across, down in drawn)
        for y in range(size.height)
        for x in range(size.width)
    ]


def _ratio(opaque: bool, landscape: bool, shorter: int) -> float:
    longer = 7 if opaque else 5
    return longer / shorter if landscape else shorter / longer


def _cosines(order: int, pixels: int) -> list[float]:
    return [math.cos(math.pi / pixels * order * (at + 0.5)) for at in range(pixels)]


def _round(value: float) -> int:
    """As JavaScript does: halves up."""
    return math.floor(value + 0.5)


_times: Callable[[float, float], float] = float.__mul__
