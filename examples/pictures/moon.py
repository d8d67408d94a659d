"""Leïla Amrani's moon: its face, and what of it the sun lights on each day."""

from __future__ import annotations

import math
from random import Random

from PIL import Image, ImageChops, ImageFilter

from examples.pictures.canvas import (
    Size,
    disc,
    glow,
    levels,
    lit,
    noise,
    polygon,
    shaded,
)


def face(radius: int, rng: Random) -> Image.Image:
    edge = radius * 2 + 6
    size = (edge, edge)
    image = Image.new("RGB", size, "#f3ead6")
    image = shaded(image, "#7d7f8c", levels(noise(rng, size, (3, 3), 4), 120, 190), 0.7)
    for _ in range(46):
        at, r = (rng.random() * edge, rng.random() * edge), radius * rng.uniform(0.02, 0.11)
        crater = disc(size, at, r)
        rim = ImageChops.subtract(crater, disc(size, (at[0] + r * 0.25, at[1] + r * 0.25), r))
        image = lit(shaded(image, "#6b6e7c", crater, 0.3), "#ffffff", rim, 0.5)
    return shaded(image, "#4a4f66", levels(glow(size, (edge / 2, edge / 2), radius * 0.95, 0.8), 150, 0), 0.5)


def phase_light(size: Size, radius: float, phase: float) -> Image.Image:
    """What the sun lights: new at 0, full at 0.5, waning after."""
    middle = size[0] / 2
    bulge = math.cos(phase * math.tau)
    waxing = phase < 0.5
    side = 1 if waxing else -1
    edge = [
        (middle + side * radius * math.cos(t), middle + radius * math.sin(t))
        for t in (math.pi * (i / 40 - 0.5) for i in range(41))
    ]
    line = [
        (middle + side * radius * bulge * math.cos(t), middle + radius * math.sin(t))
        for t in (math.pi * (0.5 - i / 40) for i in range(41))
    ]
    return polygon(size, [*edge, *line]).filter(ImageFilter.GaussianBlur(radius / 22))
