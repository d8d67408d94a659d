"""Saegusa Mio's blocks: ridge behind ridge with mist between, geese, and how the printed sheet looks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from examples.pictures.canvas import (
    Point,
    Stops,
    both,
    curve,
    drawn,
    dyed,
    levels,
    mix,
    noise,
    papered,
    polygon,
    ramp,
    ridge,
    shaded,
)


class Season(NamedTuple):
    """The inks of one print."""

    sky: Stops
    far: str
    near: str
    mist: str
    orb: str


def ranges(
    image: Image.Image,
    rng: Random,
    inks: Season,
    count: int,
    top: float,
    bottom: float,
    *,
    peak: float = 0.0,
    snow: bool = False,
    mist: float = 0.8,
) -> None:
    """Ridges from far to near between two heights (shares of the picture), each fading into mist at its foot."""
    width, height = image.size
    for i in range(count):
        depth = i / max(1, count - 1)
        if mist and i == count - 2:
            _mist(image, rng, inks, top + (bottom - top) * 0.45, 0.1, mist)
        base = height * (top + (bottom - top) * depth**1.15)
        reach = width * (0.075 + 0.05 * depth) * (0.75 if i % 2 else 1.15)
        skyline = _skyline(width, base, reach, rng, 0.56 - 0.05 * depth)
        if peak and i == 0:
            skyline = _volcano(width, base, peak * width, rng)
        mask = polygon(image.size, [(0, height), *skyline, (width, height)])
        foot, pale = base + reach * 1.5 + height * 0.06, 45 + round(140 * depth)
        fade = ramp(
            image.size,
            [(0, 255), (max(0.0, (base - reach) / height), 255), (min(0.99, foot / height), pale), (1, pale)],
        )
        ink = mix(inks.far, inks.near, depth**1.25)
        dyed(image, inks.mist, mask, 0.85)
        dyed(image, ink, both(mask, fade))
        _cut(image, skyline, mask, ink, base, reach, snow and depth < 0.35, inks)
        if depth > 0.55:
            _pines(image, rng, skyline, mix(ink, "black", 0.25), width * 0.012 * (depth**2) * 1.9)


def _skyline(width: int, base: float, reach: float, rng: Random, roughness: float) -> list[Point]:
    line = ridge(rng, 65, roughness)
    low, high = min(line), max(line)
    points = [
        (i * width / (len(line) - 1), base - reach * (2 * (v - low) / (high - low) - 0.6))
        for i, v in enumerate(line)
    ]
    return curve(points[::2], 8)


def _volcano(width: int, base: float, tall: float, rng: Random) -> list[Point]:
    """The one mountain everybody prints, a little off the middle."""
    x = width * rng.uniform(0.4, 0.6)
    side = [(1.75, 0.0), (1.1, 0.16), (0.7, 0.38), (0.38, 0.68), (0.16, 0.95), (0.09, 0.985)]
    left = [(x - dx * tall * 1.35, base - dy * tall) for dx, dy in side]
    right = [(x + dx * tall * 1.35, base - dy * tall) for dx, dy in reversed(side)]
    return [
        (0, base + 4),
        *curve(
            [*left, (x - tall * 0.03, base - tall * 0.97), (x + tall * 0.04, base - tall * 0.99), *right], 10
        ),
        (float(width), base + 4),
    ]


def _cut(
    image: Image.Image,
    skyline: Sequence[Point],
    mask: Image.Image,
    ink: tuple[int, int, int],
    base: float,
    reach: float,
    snow: bool,
    inks: Season,
) -> None:
    """The knife's light edge along a ridge, and snow or a darker bokashi below it."""
    size = image.size
    lift = max(1, round(size[0] / 900))
    edge = ImageChops.subtract(mask, ImageChops.offset(mask, 0, lift))
    dyed(image, mix(ink, "white", 0.35), both(edge, mask), 0.7)
    if snow:
        rng = Random(len(skyline))
        teeth = noise(rng, (size[0], 1), (60, 2), 3).tobytes()
        top = min(y for _, y in skyline)
        line = base - (base - top) * 0.42
        low = [
            (x, y + max(0.0, line - y) * (0.2 + 0.75 * teeth[min(size[0] - 1, max(0, int(x)))] / 255))
            for x, y in skyline
        ]
        cap = polygon(size, [*skyline, *reversed(low)])
        dyed(image, mix(inks.mist, "white", 0.5), both(cap, mask), 0.92)


def _pines(
    image: Image.Image, rng: Random, skyline: Sequence[Point], ink: tuple[int, int, int], tall: float
) -> None:
    """A fringe of cedars along a ridge."""
    if tall < 1.5:
        return

    def fringe(draw: ImageDraw.ImageDraw, s: float) -> None:
        for (x, y), (nx, ny) in itertools.pairwise(skyline):
            steps = max(1, round((nx - x) / (tall * 0.42)))
            for i in range(steps):
                if rng.random() < 0.72:
                    px = x + (nx - x) * i / steps + rng.uniform(-0.2, 0.2) * tall
                    py = y + (ny - y) * i / steps + tall * 0.25
                    high = tall * rng.uniform(0.7, 1.9)
                    for tier in range(4):
                        half = high * (0.07 + 0.055 * tier)
                        up = py - high * (1 - 0.2 * tier)
                        draw.polygon(
                            [
                                (px * s, up * s),
                                ((px - half) * s, (up + high * 0.36) * s),
                                ((px + half) * s, (up + high * 0.36) * s),
                            ],
                            fill=255,
                        )

    dyed(image, ink, drawn(image.size, fringe))


def _mist(
    image: Image.Image, rng: Random, inks: Season, where: float, thick: float, strength: float = 0.85
) -> None:
    cloud = both(
        noise(rng, image.size, (3, 9), 4),
        ramp(
            image.size,
            [(0, 0), (max(0.0, where - thick), 0), (where, 255), (min(0.99, where + thick), 0), (1, 0)],
        ),
    )
    dyed(image, inks.mist, levels(cloud, 35, 170), strength)


def geese(image: Image.Image, ink: str, at: Point, span: float, count: int) -> None:
    def flock(draw: ImageDraw.ImageDraw, s: float) -> None:
        for i in range(count):
            side = 1 if i % 2 else -1
            row = (i + 1) // 2
            x, y = at[0] + row * span * 1.5, at[1] + side * row * span * 0.62 + row * span * 0.2
            wing = curve(
                [
                    (x - span * 0.6, y - span * 0.16),
                    (x - span * 0.2, y - span * 0.3),
                    (x, y),
                    (x + span * 0.2, y - span * 0.3),
                    (x + span * 0.62, y - span * 0.1),
                ],
                6,
            )
            draw.line(
                [(a * s, b * s) for a, b in wing],
                fill=255,
                width=max(1, round(span * s * 0.13)),
                joint="curve",
            )

    dyed(image, ink, drawn(image.size, flock), 0.85)


def _seal(image: Image.Image, corner: Point, edge: float) -> None:
    """The printer's red seal: three ridges under a circle, in a rough square."""
    x, y = corner

    def block(draw: ImageDraw.ImageDraw, s: float) -> None:
        draw.rounded_rectangle(
            (x * s, y * s, (x + edge) * s, (y + edge * 1.25) * s), edge * 0.12 * s, fill=255
        )
        draw.ellipse(
            ((x + edge * 0.34) * s, (y + edge * 0.16) * s, (x + edge * 0.66) * s, (y + edge * 0.48) * s),
            fill=0,
        )
        for row in range(3):
            base = y + edge * (0.74 + 0.18 * row)
            draw.line(
                [
                    ((x + edge * a) * s, (base - edge * b) * s)
                    for a, b in ((0.14, 0), (0.34, 0.16), (0.52, 0.02), (0.7, 0.13), (0.86, 0))
                ],
                fill=0,
                width=max(1, round(edge * 0.075 * s)),
            )

    dyed(image, "#b3271c", drawn(image.size, block), 0.92)


def printed(image: Image.Image, rng: Random, margin: float = 0.0) -> Image.Image:
    """Baren marks and paper; with a margin the block stands on its sheet."""
    width, height = image.size
    baren = noise(rng, image.size, (width // 26, height // 90), 2)
    image = shaded(image, "#4f4a58", levels(baren, 120, 255), 0.1)
    if margin:
        inset = round(width * margin)
        rough = noise(rng, image.size, (width // 6, height // 6), 1)
        frame = Image.new("L", image.size)
        ImageDraw.Draw(frame).rectangle((inset, inset, width - inset, height - round(inset * 1.5)), fill=255)
        frame = levels(
            Image.blend(frame.filter(ImageFilter.GaussianBlur(width / 600)), rough, 0.12), 100, 140
        )
        image = Image.composite(image, Image.new("RGB", image.size, "#f3e9d6"), frame)
        _seal(image, (width - inset * 1.75, height - inset * 3.4), inset * 0.62)
    return papered(image, rng, 0.13)
