"""Saegusa Mio's cherry: a branch that grows from a seed, in flower, with petals adrift."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from random import Random

from PIL import Image, ImageDraw

from examples.pictures.canvas import (
    Point,
    Size,
    drawn,
    dyed,
    turned,
)

Blossom = tuple[Point, float]
"""A flower's middle, and its petals' radius in shares of the sheet's width."""


class Cherry:
    """What has grown: boughs as (line, thickness in px) and blossoms that don't overlap."""

    def __init__(self, rng: Random, sheet_width: int) -> None:
        self.rng = rng
        self.sheet_width = sheet_width
        self.boughs: list[tuple[list[Point], float]] = []
        self.blossoms: list[Blossom] = []

    def grow(self, start: Point, angle: float, length: float, thick: float, depth: int = 0) -> None:
        """A bough and its twigs, three times over."""
        rng, (x, y), line = self.rng, start, [start]
        for step in range(9):
            angle += rng.uniform(-0.24, 0.24)
            x, y = x + math.cos(angle) * length / 9, y + math.sin(angle) * length / 9
            line.append((x, y))
            if depth < 3 and step > 1 and rng.random() < 0.5:
                turn = rng.choice((-1, 1)) * rng.uniform(0.5, 0.95)
                self.grow((x, y), angle + turn, length * rng.uniform(0.28, 0.48), thick * 0.55, depth + 1)
            if depth > 0 or step > 2:
                self._flower((x, y), length * 0.09)
        self.boughs.append((line, thick))

    def _flower(self, near: Point, spread: float) -> None:
        share = self.rng.uniform(0.012, 0.02)
        at = (near[0] + self.rng.uniform(-spread, spread), near[1] + self.rng.uniform(-spread, spread))
        if all(
            math.dist(at, other) > (share + size) * 0.95 * self.sheet_width for other, size in self.blossoms
        ):
            self.blossoms.append((at, share))


def branch(image: Image.Image, rng: Random, start: Point, angle: float, length: float) -> None:
    """Prints a cherry branch over the picture: wood, shadow of the petals, petals, hearts."""
    cherry, width = Cherry(rng, image.width), image.width
    cherry.grow(start, angle, length, length * 0.03)
    dyed(image, "#3a2530", _wood(image.size, cherry))
    adrift = [
        ((rng.uniform(0, 1) * width, rng.uniform(0.25, 0.85) * image.height), rng.uniform(0.004, 0.007))
        for _ in range(26)
    ]
    dyed(image, "#d98a9c", _petals(image.size, cherry.blossoms, adrift, width / 500, 1.0))
    dyed(image, "#f9d9dc", _petals(image.size, cherry.blossoms, adrift, 0, 0.86))

    def hearts(draw: ImageDraw.ImageDraw, s: float) -> None:
        for (x, y), share in cherry.blossoms:
            r = share * width * 0.22
            draw.ellipse(((x - r) * s, (y - r) * s, (x + r) * s, (y + r) * s), fill=255)

    dyed(image, "#c2506c", drawn(image.size, hearts), 0.9)


def _wood(size: Size, cherry: Cherry) -> Image.Image:
    def boughs(draw: ImageDraw.ImageDraw, s: float) -> None:
        for line, thick in cherry.boughs:
            for i, (a, b) in enumerate(itertools.pairwise(line)):
                wide = thick * s * (1 - i * 0.085)
                draw.line((a[0] * s, a[1] * s, b[0] * s, b[1] * s), fill=255, width=max(1, round(wide)))
                half = wide / 2
                draw.ellipse((b[0] * s - half, b[1] * s - half, b[0] * s + half, b[1] * s + half), fill=255)

    return drawn(size, boughs)


def _petals(
    size: Size, blossoms: Sequence[Blossom], adrift: Sequence[Blossom], shift: float, shrink: float
) -> Image.Image:
    # Both layers of a petal must be turned alike.
    chance, width = Random("petals"), size[0]

    def flowers(draw: ImageDraw.ImageDraw, s: float) -> None:
        for (x, y), share in blossoms:
            turn, reach = chance.uniform(0, math.tau), share * width * 0.62
            r = reach * shrink
            for petal in range(5):
                a = turn + petal * math.tau / 5
                px, py = x + math.cos(a) * reach, y + math.sin(a) * reach + shift
                draw.ellipse(((px - r) * s, (py - r) * s, (px + r) * s, (py + r) * s), fill=255)
        oval = [(math.cos(t / 8 * math.tau), 0.5 * math.sin(t / 8 * math.tau)) for t in range(8)]
        for (x, y), share in adrift:
            fallen = turned(
                oval, (x * s, (y + shift) * s), chance.uniform(0, 3.14), share * width * s * shrink
            )
            draw.polygon(fallen, fill=255)

    return drawn(size, flowers)
