"""Maren Solvik's hand: calm northern seas, wooden boats and the long light, as if in thin oil paint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from examples.pictures.canvas import (
    Point,
    Size,
    Stops,
    both,
    curve,
    disc,
    drawn,
    dyed,
    glow,
    levels,
    lit,
    mix,
    noise,
    polygon,
    ramp,
    ridge,
    shaded,
    vertical,
)


class Light(NamedTuple):
    """The colours of an hour of the day: sky from top to horizon, clouds, hills far and near, water, sails."""

    sky: Stops
    cloud: str
    far: str
    near: str
    water: str
    sun: str
    sail: str


DUSK = Light(
    [(0, "#27325c"), (0.35, "#6a5585"), (0.62, "#c8718a"), (0.82, "#f3a37d"), (1, "#fbd9a0")],
    "#f4a58c", "#9d6286", "#2a2748", "#2f3a66", "#fff1cf", "#e9b48f",
)  # fmt: skip
GOLD = Light(
    [(0, "#5b7f95"), (0.4, "#9db3ab"), (0.7, "#ecd3a2"), (0.9, "#f9c979"), (1, "#fde6b4")],
    "#fbe7c3", "#b59a86", "#3c4149", "#4a6f80", "#fffbe6", "#b5543c",
)  # fmt: skip
BLUE = Light(
    [(0, "#0e1b3a"), (0.4, "#1f3d6b"), (0.75, "#4b7aa3"), (0.93, "#a9b9c4"), (1, "#dcc7b4")],
    "#8fa6c0", "#4f6d92", "#0d1a30", "#1a3558", "#f6dcb2", "#c9d3da",
)  # fmt: skip
NIGHT = Light(
    [(0, "#040a1c"), (0.5, "#0a1c36"), (0.85, "#123247"), (1, "#1f4a55")],
    "#12304a", "#12293f", "#050b16", "#071428", "#bff5d4", "#233a4d",
)  # fmt: skip
MIST = Light(
    [(0, "#b9c4c6"), (0.5, "#d3d8d3"), (0.85, "#eadfcf"), (1, "#f1e3cc")],
    "#f6f2e9", "#b3bdbf", "#5d6f78", "#9fb0b3", "#fff6e0", "#a85a45",
)  # fmt: skip


def sky(size: Size, rng: Random, light: Light, clouds: float = 1.0) -> Image.Image:
    """The sky down to the horizon, with streaks of cloud lit from below."""
    image = vertical(size, light.sky)
    streaks = noise(rng, size, (3, 9), 5)
    band = ramp(size, [(0, 40), (0.45, 255), (0.8, 190), (1, 0)])
    dyed(image, mix(light.cloud, light.far, 0.55), both(levels(streaks, 120, 235), band), 0.55 * clouds)
    edge = ImageChops.subtract(ImageChops.offset(streaks, 0, max(1, size[1] // 70)), streaks)
    image = lit(image, light.cloud, both(levels(edge, 2, 40), levels(streaks, 90, 170), band), 0.5 * clouds)
    return lit(image, light.cloud, both(levels(streaks, 150, 255), band), 0.25 * clouds)


def with_sun(image: Image.Image, light: Light, centre: Point, radius: float) -> Image.Image:
    halo = min(radius * 13, image.width * 0.5)
    image = lit(image, light.sky[-1][1], glow(image.size, centre, halo, 2.6, 0.8), 0.75)
    image = lit(image, light.sun, glow(image.size, centre, min(radius * 4, halo), 3), 0.8)
    dyed(image, light.sun, disc(image.size, centre, radius))
    return image


def hills(
    image: Image.Image, rng: Random, light: Light, layers: Sequence[tuple[float, float, float]], base: float
) -> None:
    """Islands on the horizon, far ones paler; each layer is (height in px, roughness, depth 0…1)."""
    width = image.width
    for height, roughness, depth in layers:
        line = ridge(rng, 129, roughness)
        low, high = min(line), max(line)
        tops = [(v - low) / (high - low) for v in line]
        outline = [(i * width / (len(tops) - 1), base - height * (0.08 + t * t)) for i, t in enumerate(tops)]
        mask = polygon(image.size, [(0, base + 2), *outline, (width, base + 2)])
        haze = ramp(image.size, [(0, 255), (max(0.0, (base - height) / image.height), 255), (1, 150)])
        dyed(image, mix(light.far, light.near, depth), both(mask, haze))


def rippled(image: Image.Image, reach: float, phase: float = 0.0) -> Image.Image:
    """Each row of a reflection pushed sideways, more and in longer waves towards the viewer."""
    out = image.copy()
    width, height = image.size
    for y in range(height):
        depth = (y + 1) / height
        wave = math.sin(34 * math.sqrt(depth) * 3 + phase) + 0.6 * math.sin(
            71 * math.sqrt(depth) * 3 - phase * 2
        )
        shift = round(reach * depth * wave)
        if shift:
            out.paste(image.crop((0, y, width, y + 1)), (shift, y))
    return out


def waves(rng: Random, size: Size) -> Image.Image:
    """Noise laid on the plane of the sea: fine at the horizon, broad at our feet."""
    width, height = size
    plane = noise(rng, (width, height * 2), (12, 46), 3)
    # Seen at a slant: rows of the plane crowd together as they should, and columns fan out.
    slant = 7.0
    return plane.transform(
        size, Image.Transform.PERSPECTIVE, (1, 0, 0, 0, 2 * (1 + slant), 0, 0, slant / height),
        Image.Resampling.BICUBIC,
    )  # fmt: skip


def sea(above: Image.Image, size: Size, rng: Random, light: Light, phase: float = 0.0) -> Image.Image:
    """The water below a sky: its mirror image, darker towards us, with ripples."""
    mirror = above.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    mirror = mirror.crop((0, 0, above.width, min(above.height, size[1] * 2))).resize(size)
    mirror = mirror.filter(ImageFilter.BoxBlur((max(1, size[0] / 160), 1)))
    water = rippled(mirror, size[0] / 130, phase)
    water = shaded(water, light.water, ramp(size, [(0, 40), (1, 255)]), 0.75)
    dyed(water, light.water, ramp(size, [(0, 10), (0.5, 60), (1, 150)]), 0.8)
    surface = waves(rng, size)
    fade = ramp(size, [(0, 30), (0.15, 200), (1, 255)])
    water = shaded(water, light.water, both(levels(surface, 120, 215), fade), 0.4)
    return lit(water, light.sky[-1][1], both(levels(ImageOps.invert(surface), 140, 225), fade), 0.22)


def glitter(size: Size, rng: Random, x: float, width: float, count: int = 700) -> Image.Image:
    """The path of light on water below a sun at `x`: short strokes, longer and sparser towards us."""

    def strokes(draw: ImageDraw.ImageDraw, s: float) -> None:
        for _ in range(count):
            depth = rng.random() ** 1.6
            spread = width * (0.25 + 1.2 * depth)
            px, py = x + rng.gauss(0, 0.45) * spread, depth * size[1]
            long, thick = size[0] / 90 * (0.2 + depth) * rng.uniform(0.4, 1.6), size[1] / 300 * (0.3 + depth)
            away = abs(px - x) / max(1.0, spread)
            value = round(255 * max(0.0, 1 - away * 0.75) * (1 - 0.65 * depth) * rng.uniform(0.35, 1))
            draw.ellipse(((px - long) * s, (py - thick) * s, (px + long) * s, (py + thick) * s), fill=value)

    return drawn(size, strokes).filter(ImageFilter.GaussianBlur(max(0.4, size[1] / 900)))


def birds(image: Image.Image, rng: Random, light: Light, around: Point, count: int, span: float) -> None:
    def wings(draw: ImageDraw.ImageDraw, s: float) -> None:
        for _ in range(count):
            x, y = around[0] + rng.gauss(0, span * 5), around[1] + rng.gauss(0, span * 1.6)
            half, lift = span * rng.uniform(0.5, 1), span * rng.uniform(0.2, 0.45)
            line = curve(
                [
                    (x - half, y - lift * 0.7),
                    (x - half / 2, y - lift),
                    (x, y),
                    (x + half / 2, y - lift),
                    (x + half, y - lift * 0.5),
                ],
                6,
            )
            draw.line([(a * s, b * s) for a, b in line], fill=220, width=max(1, round(span * s / 9)))

    dyed(image, light.near, drawn(image.size, wings))
