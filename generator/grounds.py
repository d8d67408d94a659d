"""Paints the ground of a card in the colours of its theme: soft lights, and a motif of each theme's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from PIL import Image, ImageDraw

from generator.lettering import Face

SIZE = (1200, 630)
_RIM = 178
"""What Pillow's radial gradient is in the middle of its edges: it reaches 255 in the corners only."""


class Look(NamedTuple):
    """A theme as its cards wear it: the face of names, colours of its style sheet (dusk's mostly of its dark half), and
    who paints the ground."""

    face: Face
    text: str
    quiet: str
    corner: str
    ring: str
    shade: str
    paint: Callable[[], Image.Image]


@lru_cache(maxsize=8)
def ground(theme: str) -> Image.Image:
    """The ground of every card of the theme: copy it before drawing."""
    return LOOKS[theme].paint()


def _plain() -> Image.Image:
    """White paper, three lights at its edges."""
    image = Image.new("RGB", SIZE, "#fbfbfa")
    image = _lit(image, "#c5d0ff", (0, -60), (900, 720), 1)
    image = _lit(image, "#ffd9c7", (1200, 40), (860, 640), 1)
    return _lit(image, "#d7f0e6", (640, 760), (900, 480), 1)


def _dusk() -> Image.Image:
    """The sky after the sun has gone."""
    image = _slope("#1d1226", "#130f26")
    image = _lit(image, "#4438a0", (60, -80), (1100, 820), 0.9)
    image = _lit(image, "#8a3a86", (1160, 330), (1000, 700), 0.85)
    return _lit(image, "#a3454a", (600, 700), (1300, 300), 1)


def _paper() -> Image.Image:
    """A printed page: a fine double frame."""
    image = Image.new("RGB", SIZE, "#f6f1e7")
    image = _lit(image, "#e7c9a0", (0, 0), (1000, 700), 0.6)
    image = _lit(image, "#d9a88a", (1200, 660), (940, 640), 0.4)
    pen = ImageDraw.Draw(image)
    pen.rectangle((26, 26, SIZE[0] - 27, SIZE[1] - 27), outline="#923e1a", width=2)
    pen.rectangle((34, 34, SIZE[0] - 35, SIZE[1] - 35), outline="#d9a88a", width=1)
    return image


def _moss() -> Image.Image:
    """A wood after rain: hills, one behind the other."""
    image = _slope("#f3f6f0", "#e1ecdd")
    image = _lit(image, "#e6e2a4", (960, 0), (720, 560), 1)
    image = _lit(image, "#b9dca0", (60, 160), (760, 560), 0.6)
    for colour, middle, top, reach in (
        ("#b9dca0", 150, 538, 900),
        ("#9fd0bd", 640, 570, 900),
        ("#28653c", 1130, 540, 740),
    ):
        image.paste(colour, (0, 0), _hill(middle, top, reach))
    return image


_SANS, _SERIF = Face("sans-semibold"), Face("serif-semibold")
LOOKS = {
    "plain": Look(_SANS, "#1b1b1f", "#5e5e69", "#5e5e69", "#ffffff", "#3646b4", _plain),
    "dusk": Look(_SANS, "#f7effb", "#ead8e6", "#f7effb", "#f7effb", "#130f26", _dusk),
    "paper": Look(_SERIF, "#2b2620", "#665c4f", "#665c4f", "#fcf9f2", "#923e1a", _paper),
    "moss": Look(_SANS, "#1c261e", "#526053", "#fbfdf9", "#fbfdf9", "#28653c", _moss),
}


def _lit(
    image: Image.Image, colour: str, at: tuple[int, int], reach: tuple[int, int], strength: float
) -> Image.Image:
    """A soft light of the colour: its middle, how far it reaches, and how much of it is seen (0 to 1)."""
    mask = Image.new("L", SIZE, 0)
    glow = Image.radial_gradient("L").point(
        [round(255 * strength * _seen(step / _RIM)) for step in range(256)]
    )
    glow = glow.resize((2 * reach[0], 2 * reach[1]), Image.Resampling.BICUBIC)
    mask.paste(glow, (at[0] - reach[0], at[1] - reach[1]))
    return Image.composite(Image.new("RGB", SIZE, colour), image, mask)


def _seen(distance: float) -> float:
    """From 1 in the middle to 0 at the rim, level at both."""
    return (1 + math.cos(math.pi * min(1.0, distance))) / 2


def _slope(top: str, bottom: str) -> Image.Image:
    down = Image.linear_gradient("L").resize(SIZE)
    return Image.composite(Image.new("RGB", SIZE, bottom), Image.new("RGB", SIZE, top), down)


def _hill(middle: int, top: int, reach: int) -> Image.Image:
    """The upper part of a flat ellipse; drawn large, most of all in height: its edge is nearly level."""
    wider, higher = 2, 8
    mask = Image.new("L", (SIZE[0] * wider, SIZE[1] * higher), 0)
    box = (wider * (middle - reach), higher * top, wider * (middle + reach), higher * (top + reach // 2))
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    return mask.reduce((wider, higher))
