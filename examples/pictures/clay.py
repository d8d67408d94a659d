"""Inês Caldeira's clay: vessels turned from a profile, lit from a window on the left, with their glazes and shadows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from examples.pictures.canvas import (
    Point,
    Size,
    both,
    curve,
    drawn,
    dyed,
    glow,
    levels,
    lit,
    mix,
    noise,
    polygon,
    ramp,
    rgb,
    shaded,
    turned,
    vertical,
)

FLATNESS = 0.15
"""How round edges look from where we stand: the height of an ellipse by its width."""


class Glaze(NamedTuple):
    """Colours in shadow, in plain light and at the brightest; how much it shines and is speckled (0…1)."""

    dark: str
    plain: str
    bright: str
    shine: float = 0.25
    speckle: float = 0.3


BISQUE = Glaze("#4a2a20", "#b8745a", "#eab898", 0.05, 0.15)
CHALK = Glaze("#6f655b", "#dcd2c2", "#fdf8ec", 0.3, 0.5)
OLIVE = Glaze("#23291c", "#77805a", "#c3c79c", 0.4, 0.35)
COBALT = Glaze("#101c3c", "#33568f", "#9db9dc", 0.6, 0.2)
HONEY = Glaze("#4a2410", "#c17f34", "#f4cf87", 0.6, 0.25)
SLATE = Glaze("#15181b", "#454c50", "#98a19f", 0.3, 0.3)
ROSE = Glaze("#5c332f", "#c99688", "#f4d9cb", 0.25, 0.4)


class Vessel(NamedTuple):
    """A form by (height from the top 0…1, radius as a share of the height), what it is dipped in, and how deep."""

    outline: Sequence[Point]
    body: Glaze
    dip: Glaze | None = None
    depth: float = 0.5


BOTTLE: Sequence[Point] = (
    (0, 0.085),
    (0.03, 0.07),
    (0.3, 0.062),
    (0.42, 0.13),
    (0.55, 0.215),
    (0.78, 0.235),
    (0.94, 0.19),
    (1, 0.15),
)
AMPHORA: Sequence[Point] = (
    (0, 0.15),
    (0.04, 0.125),
    (0.14, 0.12),
    (0.24, 0.22),
    (0.4, 0.31),
    (0.6, 0.3),
    (0.85, 0.18),
    (1, 0.13),
)
MOON: Sequence[Point] = (
    (0, 0.2),
    (0.05, 0.19),
    (0.12, 0.3),
    (0.3, 0.46),
    (0.52, 0.5),
    (0.75, 0.43),
    (0.93, 0.28),
    (1, 0.22),
)
BOWL: Sequence[Point] = ((0, 1.05), (0.3, 0.98), (0.6, 0.8), (0.84, 0.5), (0.93, 0.36), (1, 0.36))
CUP: Sequence[Point] = ((0, 0.46), (0.3, 0.44), (0.7, 0.42), (0.9, 0.38), (1, 0.3))
CYLINDER: Sequence[Point] = ((0, 0.19), (0.04, 0.18), (0.3, 0.2), (0.7, 0.205), (0.96, 0.19), (1, 0.17))
BUD: Sequence[Point] = (
    (0, 0.1),
    (0.05, 0.075),
    (0.25, 0.07),
    (0.4, 0.16),
    (0.62, 0.33),
    (0.8, 0.35),
    (0.95, 0.25),
    (1, 0.2),
)
JUG: Sequence[Point] = (
    (0, 0.2),
    (0.05, 0.17),
    (0.2, 0.16),
    (0.36, 0.24),
    (0.62, 0.31),
    (0.85, 0.27),
    (1, 0.2),
)


def _light(width: int, shine: float) -> tuple[Image.Image, Image.Image]:
    """One row of a round body from its left to its right edge: light, and the gleam of its glaze."""
    light, gleam = [], []
    for i in range(width):
        across = 2 * (i + 0.5) / width - 1
        facing = math.sqrt(max(0.0, 1 - across * across))
        direct = max(0.0, -0.62 * across + 0.78 * facing)
        bounce = 0.13 * max(0.0, across) ** 2
        light.append(round(255 * min(1.0, 0.1 + 0.82 * direct**1.15 + bounce)))
        gleam.append(round(255 * shine * math.exp(-(((across + 0.52) / 0.11) ** 2))))
    rows = Image.new("L", (width, 1)), Image.new("L", (width, 1))
    rows[0].putdata(light)
    rows[1].putdata(gleam)
    return rows


def _ellipse(size: Size, x: float, y: float, radius: float, grow: float = 0.0) -> Image.Image:
    flat = radius * FLATNESS + grow
    return drawn(
        size,
        lambda d, s: d.ellipse(
            ((x - radius) * s, (y - flat) * s, (x + radius) * s, (y + flat) * s), fill=255
        ),
    )


def turn(vessel: Vessel, height: int, rng: Random) -> Image.Image:
    """The vessel as an RGBA sprite; it stands on the sprite's lower edge, in its middle."""
    radii = [(y * height, r * height) for y, r in curve(vessel.outline, 24)]
    widest = max(r for _, r in radii)
    top, foot = radii[0][1], radii[-1][1]
    head = math.ceil(top * FLATNESS) + 3
    size = (math.ceil(widest) * 2 + 8, head + height + math.ceil(foot * FLATNESS) + 2)
    middle = size[0] / 2
    sides = [(middle + r, head + y) for y, r in radii]
    outline = sides + [(2 * middle - x, y) for x, y in reversed(sides)]
    form = ImageChops.lighter(polygon(size, outline), _ellipse(size, middle, head + height, foot))
    form = ImageChops.lighter(form, _ellipse(size, middle, head, top))
    light, gleam = _turned_light(size, radii, head, vessel.dip.shine if vessel.dip else vessel.body.shine)
    lines = noise(rng, size, (2, max(8, height // 9)), 2)
    light = ImageChops.multiply(light, levels(lines, -900, 255))
    image = _fired(light, vessel.body, rng)
    if vessel.dip:
        image.paste(
            _fired(light, vessel.dip, rng),
            (0, 0),
            _dip(size, head, height, vessel.depth, middle, widest, rng),
        )
    image = lit(image, "#fff6e4", both(gleam, form.filter(ImageFilter.MinFilter(5))))
    _mouth(image, middle, head, top, vessel)
    image.putalpha(form)
    return image


def _turned_light(
    size: Size, radii: Sequence[Point], head: int, shine: float
) -> tuple[Image.Image, Image.Image]:
    light, gleam = Image.new("L", size), Image.new("L", size)
    light_row, gleam_row = _light(512, shine)
    at = 0
    for y in range(size[1]):
        while at < len(radii) - 1 and radii[at][0] < y - head:
            at += 1
        wide = max(2, round(2 * radii[at][1] + 4))
        left = round(size[0] / 2 - wide / 2)
        light.paste(light_row.resize((wide, 1), Image.Resampling.BILINEAR), (left, y))
        gleam.paste(gleam_row.resize((wide, 1), Image.Resampling.BILINEAR), (left, y))
    ends = ramp(size, [(0, 150), (0.06, 255), (0.94, 255), (1, 110)])
    return light, both(gleam, ends).filter(ImageFilter.GaussianBlur(max(0.5, size[0] / 160)))


def _fired(light: Image.Image, glaze: Glaze, rng: Random) -> Image.Image:
    """Light on a glaze: its three colours, clouded a little, with iron specks."""
    image = ImageOps.colorize(light, rgb(glaze.dark), rgb(glaze.bright), rgb(glaze.plain), midpoint=150)
    image = shaded(image, glaze.dark, levels(noise(rng, light.size, (3, 5), 4), 120, 255), 0.22)
    specks = Image.frombytes("L", light.size, rng.randbytes(light.width * light.height))
    specks = levels(specks.filter(ImageFilter.GaussianBlur(max(0.7, light.width / 380))), 188, 205)
    return shaded(image, glaze.dark, specks, glaze.speckle)


def _dip(
    size: Size, head: int, height: int, depth: float, middle: float, widest: float, rng: Random
) -> Image.Image:
    """Where the second glaze lies: from the rim down to a line that bends round the form and runs a little."""
    drips = noise(rng, (size[0], 1), (7, 2), 2).tobytes()
    edge = []
    for x in range(0, size[0], 2):
        across = min(1.0, abs(x - middle) / widest)
        round_the_form = math.sqrt(1 - across * across) * widest * FLATNESS
        edge.append(
            (float(x), head + height * depth + round_the_form + (drips[x] / 255 - 0.5) * height * 0.05)
        )
    return polygon(size, [(0, 0), *edge, (size[0], edge[-1][1]), (size[0], 0)])


def _mouth(image: Image.Image, middle: float, head: int, radius: float, vessel: Vessel) -> None:
    glaze = vessel.dip or vessel.body
    dyed(image, mix(glaze.plain, glaze.bright, 0.6), _ellipse(image.size, middle, head, radius))
    inside = _ellipse(image.size, middle, head, radius * 0.93, -radius * FLATNESS * 0.06)
    dyed(image, glaze.dark, inside)
    deep = glow(image.size, (middle + radius * 0.75, head), radius * 1.5, 1.0, 0.5)
    dyed(image, glaze.plain, both(inside, deep), 0.75)


def stood(image: Image.Image, sprite: Image.Image, x: float, y: float) -> Image.Image:
    """Sets a vessel down at (x, y) with its shadows, away from the window."""
    wide, high = sprite.size
    alpha = sprite.getchannel("A")
    fallen = Image.new("L", image.size)
    # Sheared to the right and pressed flat: the form's shadow on the table.
    lying = alpha.transform(
        (wide * 3, round(high * 0.34)),
        Image.Transform.AFFINE,
        (1, 3.4, -high * 1.17, 0, 1 / 0.34, 0),
    )
    fallen.paste(lying, (round(x - wide / 2), round(y - lying.height + high * 0.012)))
    fallen = fallen.filter(ImageFilter.GaussianBlur(max(1, wide / 22)))
    image = shaded(image, "#2d1d18", fallen, 0.5)
    image = shaded(image, "#1d120e", glow(image.size, (x + wide * 0.1, y - 2), wide * 0.62, 1.3, 0.24), 0.75)
    image.paste(sprite.convert("RGB"), (round(x - wide / 2), round(y - high + wide * 0.02)), alpha)
    return image


def room(size: Size, rng: Random, wall: str, table: str, edge: float) -> Image.Image:
    """A limewashed wall and a table, with the light of a window and an olive tree before it."""
    width, height = size
    image = vertical(size, [(0, mix(wall, "black", 0.1)), (edge, wall), (edge, wall), (1, wall)])
    lime = noise(rng, size, (5, 4), 5)
    image = shaded(image, mix(wall, "black", 0.5), levels(lime, 90, 255), 0.28)
    slant = height * 0.25
    panes = [
        [
            (left, top + slant * (left / width)),
            (left + width * 0.16, top + slant * (left / width + 0.16)),
            (left + width * 0.16, bottom + slant * (left / width + 0.16)),
            (left, bottom + slant * (left / width)),
        ]
        for left in (width * 0.34, width * 0.515)
        for top, bottom in ((-height * 0.1, height * 0.24), (height * 0.27, height * 0.6))
    ]
    leaves = sprigs(
        size,
        rng,
        [
            ((width * 0.78, -height * 0.05), 2.3, width * 0.36),
            ((width * 0.5, -height * 0.1), 1.75, width * 0.3),
        ],
    )
    sun = ImageChops.subtract(polygon(size, *panes), leaves).filter(ImageFilter.GaussianBlur(width / 190))
    image = lit(image, "#ffe2b0", sun, 0.32)
    top = vertical(size, [(0, table), (edge, mix(table, "white", 0.08)), (1, mix(table, "black", 0.22))])
    grain = noise(rng, size, (3, 40), 4)
    top = shaded(top, mix(table, "black", 0.6), levels(grain, 100, 255), 0.3)
    image.paste(top, (0, 0), polygon(size, [(0, edge * height), (width, edge * height), size, (0, height)]))
    image = shaded(
        image, "#20140f", ramp(size, [(0, 0), (edge - 0.05, 0), (edge, 120), (edge + 0.002, 0), (1, 0)]), 0.4
    )
    image = lit(image, "#ffe9c8", glow(size, (width * 0.15, height * 0.3), width * 0.8, 1.4), 0.2)
    return shaded(
        image, "#1b1210", ImageOps.invert(glow(size, (width * 0.42, height * 0.5), width * 1.0, 0.7)), 0.55
    )


def sprigs(size: Size, rng: Random, stems: Sequence[tuple[Point, float, float]]) -> Image.Image:
    """Olive twigs as a mask; each stem is (where it begins, its direction in radians, its length)."""

    def draw_all(draw: ImageDraw.ImageDraw, s: float) -> None:
        for (x, y), angle, length in stems:
            bend = rng.uniform(-0.35, 0.35)
            steps = 15
            for i in range(steps):
                here = (x * s, y * s)
                angle += bend / steps
                x, y = x + math.cos(angle) * length / steps, y + math.sin(angle) * length / steps
                draw.line((*here, x * s, y * s), fill=255, width=max(1, round(length * s / 90)))
                for side in (-1, 1):
                    if i > 1:
                        leaf(
                            draw,
                            s,
                            (x, y),
                            angle + side * rng.uniform(0.5, 0.9),
                            length * rng.uniform(0.11, 0.18),
                        )

    return drawn(size, draw_all)


def leaf(
    draw: ImageDraw.ImageDraw,
    s: float,
    foot: Point,
    angle: float,
    length: float,
    width: float = 0.11,
    fill: int = 255,
) -> None:
    """A slender leaf that grows from `foot`."""
    side = curve([(0, 0), (0.3, width), (0.65, width * 0.85), (1, 0)], 5)
    outline = side + [(x, -y) for x, y in reversed(side)]
    draw.polygon(turned(outline, (foot[0] * s, foot[1] * s), angle, length * s), fill=fill)
