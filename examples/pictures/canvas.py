"""What all our artists paint with: gradients, noise, light, masks and grain, made by Pillow's C code from seeds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageOps

Size = tuple[int, int]
Point = tuple[float, float]
Colour = tuple[int, int, int]
Stops = Sequence[tuple[float, str | Colour]]

OVERSAMPLING = 2
"""How much larger a mask is drawn than it is used: Pillow's polygons have hard edges."""


class Picture(NamedTuple):
    """One picture of a sample artist: its size in pixels and the function that paints it at any size."""

    size: Size
    paint: Callable[[Size], Image.Image]


def rgb(colour: str | Colour) -> Colour:
    if isinstance(colour, tuple):
        return colour
    red, green, blue = ImageColor.getrgb(colour)[:3]
    return red, green, blue


def mix(one: str | Colour, other: str | Colour, share: float) -> Colour:
    """The colour on the way from `one` (0) to `other` (1)."""
    a, b = rgb(one), rgb(other)
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def smooth(share: float) -> float:
    """0…1 with a soft start and end."""
    share = min(1.0, max(0.0, share))
    return share * share * (3 - 2 * share)


def vertical(size: Size, stops: Stops) -> Image.Image:
    """A gradient from top (0) to bottom (1)."""
    width, height = size
    line = Image.new("RGB", (1, height))
    line.putdata([_at(stops, y / max(1, height - 1)) for y in range(height)])
    return line.resize((width, height), Image.Resampling.NEAREST)


def _at(stops: Stops, place: float) -> Colour:
    for (start, one), (end, other) in itertools.pairwise(stops):
        if place <= end:
            return mix(one, other, smooth((place - start) / max(1e-6, end - start)))
    return rgb(stops[-1][1])


def ramp(size: Size, stops: Sequence[tuple[float, int]]) -> Image.Image:
    """A mask that changes from top (0) to bottom (1)."""
    return vertical(size, [(place, (value, value, value)) for place, value in stops]).getchannel(0)


def noise(rng: Random, size: Size, cells: Size, octaves: int = 4) -> Image.Image:
    """Clouds: value noise of `cells` across and down, each octave twice as fine and half as strong."""
    total: Image.Image | None = None
    weight = 0.0
    for octave in range(octaves):
        grid = (max(2, cells[0] << octave), max(2, cells[1] << octave))
        if total is not None and grid[0] > 2 * size[0]:
            break
        layer = Image.frombytes("L", grid, rng.randbytes(grid[0] * grid[1]))
        layer = layer.resize(size, Image.Resampling.BICUBIC)
        weight += 0.5**octave
        total = layer if total is None else Image.blend(total, layer, 0.5**octave / weight)
    assert total is not None
    return ImageOps.autocontrast(total)


def levels(mask: Image.Image, low: float, high: float, most: float = 255) -> Image.Image:
    """`low` and below becomes 0, `high` and above becomes `most`, straight between them."""
    return mask.point([round(min(1.0, max(0.0, (v - low) / (high - low))) * most) for v in range(256)])


def both(*masks: Image.Image) -> Image.Image:
    """Where all masks agree."""
    total = masks[0]
    for mask in masks[1:]:
        total = ImageChops.multiply(total, mask)
    return total


def drawn(size: Size, draw: Callable[[ImageDraw.ImageDraw, float], None]) -> Image.Image:
    """A soft-edged mask: `draw` gets a larger canvas and the factor by which it is larger."""
    large = Image.new("L", (size[0] * OVERSAMPLING, size[1] * OVERSAMPLING))
    draw(ImageDraw.Draw(large), float(OVERSAMPLING))
    return large.reduce(OVERSAMPLING)


def polygon(size: Size, *outlines: Sequence[Point]) -> Image.Image:
    """A soft-edged mask of outlines."""

    def fill(draw: ImageDraw.ImageDraw, scale: float) -> None:
        for outline in outlines:
            if len(outline) > 2:
                draw.polygon([(x * scale, y * scale) for x, y in outline], fill=255)

    return drawn(size, fill)


def disc(size: Size, centre: Point, radius: float) -> Image.Image:
    """A soft-edged mask of a disc."""
    x, y = centre
    return drawn(
        size,
        lambda draw, s: draw.ellipse(
            ((x - radius) * s, (y - radius) * s, (x + radius) * s, (y + radius) * s), fill=255
        ),
    )


def glow(size: Size, centre: Point, radius: float, power: float = 2.0, flat: float = 1.0) -> Image.Image:
    """Light that fades from a centre: faint at `radius`, gone at 1.4 of it; `flat` below 1 makes it an ellipse."""
    # Pillow's radial gradient reaches 255 in its corners, 180 at the middle of each side.
    fade = Image.radial_gradient("L").point([round(255 * max(0, 1 - v / 179) ** power) for v in range(256)])
    wide, high = max(2, round(2.8 * radius)), max(2, round(2.8 * radius * flat))
    field = Image.new("L", size)
    field.paste(
        fade.resize((wide, high), Image.Resampling.BICUBIC),
        (round(centre[0] - wide / 2), round(centre[1] - high / 2)),
    )
    return field


def lit(image: Image.Image, colour: str | Colour, mask: Image.Image, strength: float = 1.0) -> Image.Image:
    """The picture with light of that colour added where the mask is."""
    return ImageChops.screen(image, ImageOps.colorize(mask, "black", mix("black", colour, strength)))


def shaded(image: Image.Image, colour: str | Colour, mask: Image.Image, strength: float = 1.0) -> Image.Image:
    """The picture with a glaze of that colour multiplied in where the mask is."""
    return ImageChops.multiply(image, ImageOps.colorize(mask, "white", mix("white", colour, strength)))


def dyed(image: Image.Image, colour: str | Colour, mask: Image.Image, strength: float = 1.0) -> None:
    """Lays opaque colour over the picture, in place, where the mask is."""
    if strength < 1:
        mask = mask.point([round(v * strength) for v in range(256)])
    image.paste(rgb(colour), (0, 0), mask)


def grained(image: Image.Image, rng: Random, amount: int) -> Image.Image:
    """Fine grain, which also hides the steps of an 8-bit gradient."""
    raw = Image.frombytes("L", image.size, rng.randbytes(image.width * image.height))
    fine = raw.point([v * amount // 255 for v in range(256)])
    return ImageChops.add(image, Image.merge("RGB", (fine, fine, fine)), 1, -amount // 2)


def papered(image: Image.Image, rng: Random, strength: float = 0.12) -> Image.Image:
    """The tooth of laid paper, multiplied in."""
    tooth = noise(rng, image.size, (image.width // 9, image.height // 5), 2)
    return grained(shaded(image, "#6d6455", tooth, strength), rng, 10)


def ridge(rng: Random, steps: int, roughness: float) -> list[float]:
    """A skyline of about -1…1 by midpoint displacement; a smaller `roughness` is smoother."""
    line = [rng.uniform(-1, 1), rng.uniform(-1, 1)]
    reach = 1.0
    while len(line) < steps:
        reach *= roughness
        wider = [line[0]]
        for left, right in itertools.pairwise(line):
            wider += [(left + right) / 2 + rng.uniform(-reach, reach), right]
        line = wider
    return line


def curve(points: Sequence[Point], steps: int = 12) -> list[Point]:
    """A smooth line through the points (Catmull-Rom)."""
    padded = [points[0], *points, points[-1]]
    line: list[Point] = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        for step in range(steps):
            t = step / steps
            x, y = (
                0.5
                * (2 * q + (r - p) * t + (2 * p - 5 * q + 4 * r - s) * t * t + (3 * q - p - 3 * r + s) * t**3)
                for p, q, r, s in zip(a, b, c, d, strict=True)
            )
            line.append((x, y))
    line.append(points[-1])
    return line


def turned(points: Sequence[Point], centre: Point, angle: float, scale: float = 1.0) -> list[Point]:
    """Points about the origin, turned by `angle` (radians), scaled and moved to `centre`."""
    cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
    return [(centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos) for x, y in points]
