"""Efua Asante-Boadu's pictures: strip-woven cloth, an indigo panel, the week's work folded on a shelf."""

from __future__ import annotations

import math
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from examples.pictures import loom
from examples.pictures.canvas import (
    Picture,
    Size,
    both,
    drawn,
    glow,
    grained,
    levels,
    lit,
    noise,
    ramp,
    rgb,
    shaded,
    vertical,
)
from examples.pictures.loom import BLUE, CREAM, GOLD, GREEN, INK, RED, WINE


def cover(size: Size) -> Image.Image:
    rng = Random("efua-cover")
    cloth = loom.kente(size, rng, [[GOLD, GREEN, RED, INK], [GOLD, RED, INK, GREEN]], 9, 324)
    return loom.hand_lit(loom.draped(cloth, rng, 3.1))


def market(size: Size) -> Image.Image:
    """Gold, green and red: the cloth for feast days."""
    rng = Random("efua-market")
    return loom.hand_lit(
        loom.kente(size, rng, [[GOLD, GREEN, RED, INK], [INK, GOLD, GREEN, RED]], 6, 240), 0.25
    )


def river(size: Size) -> Image.Image:
    """Blue and cream, hung over a line."""
    rng = Random("efua-river")
    cloth = loom.kente(size, rng, [[BLUE, CREAM, INK, "#8fbde0"], [CREAM, BLUE, "#8fbde0", INK]], 6, 228)
    return loom.hand_lit(loom.draped(cloth, rng, 2.2))


def ember(size: Size) -> Image.Image:
    """So near that every thread can be counted."""
    rng = Random("efua-ember")
    return loom.hand_lit(
        loom.kente(size, rng, [[WINE, GOLD, RED, INK], [RED, INK, GOLD, WINE]], 3, 126), 0.25
    )


def indigo(size: Size) -> Image.Image:
    """Rings of stitched resist on indigo."""
    rng = Random("efua-indigo")
    width, height = size
    cloth = loom.dyed_cloth(size, rng)
    cell = width / 6

    def stitches(draw: ImageDraw.ImageDraw, s: float) -> None:
        for row in range(math.ceil(height / cell) + 1):
            for column in range(7):
                x, y = (column + (row % 2) / 2) * cell, row * cell * 0.92 + cell * 0.1
                for ring in range(1, 6 if (row + column) % 3 else 4):
                    radius, count = cell * 0.088 * ring, 7 * ring
                    for i in range(count):
                        turn = i / count * math.tau + ring * 0.4
                        px = x + math.cos(turn) * radius * rng.uniform(0.96, 1.04)
                        py = y + math.sin(turn) * radius * rng.uniform(0.96, 1.04)
                        dot = cell * 0.019 * rng.uniform(0.7, 1.25)
                        draw.ellipse(
                            ((px - dot) * s, (py - dot) * s, (px + dot) * s, (py + dot) * s),
                            fill=rng.randrange(170, 256),
                        )
                core = cell * 0.032
                draw.ellipse(((x - core) * s, (y - core) * s, (x + core) * s, (y + core) * s), fill=255)

    resist = drawn(size, stitches)
    bleed = resist.filter(ImageFilter.GaussianBlur(width / 260))
    uneven = levels(noise(rng, size, (160, 110), 2), -160, 190)
    cloth = lit(cloth, "#5f86c4", levels(bleed, 10, 150), 0.55)
    cloth = lit(cloth, "#eee9da", both(resist.filter(ImageFilter.GaussianBlur(width / 1300)), uneven), 0.85)
    return loom.hand_lit(cloth)


def shelf(size: Size) -> Image.Image:
    """Folded cloths on a shelf, the newest on top."""
    rng = Random("efua-shelf")
    width, height = size
    image = vertical(
        size, [(0, "#e6d6bd"), (0.8, "#d8bf9c"), (0.8, "#6d4a33"), (0.83, "#7d573d"), (1, "#4b3123")]
    )
    image = shaded(image, "#6b5138", levels(noise(rng, size, (6, 5), 5), 100, 255), 0.25)
    base = round(height * 0.82)
    colours = [
        [GOLD, GREEN, RED, INK],
        [BLUE, CREAM, INK, "#8fbde0"],
        [WINE, GOLD, RED, INK],
        [GREEN, CREAM, GOLD, INK],
        [CREAM, RED, INK, GOLD],
        [INK, GOLD, BLUE, CREAM],
    ]
    for pile, (left, right, count) in enumerate(((0.1, 0.47, 3), (0.54, 0.9, 4))):
        y = base
        foot = glow(size, (width * (left + right) / 2, base), width * 0.24, 0.9, 0.12)
        image = shaded(image, "#1e120b", foot, 0.8)
        for i in range(count):
            tall = round(height * rng.uniform(0.13, 0.16))
            wide = round(width * (right - left) * rng.uniform(0.9, 1.0))
            fold = _folded((wide, tall), rng, colours[(i * 2 + pile * 3) % 6])
            x = round(width * (left + right) / 2 - wide / 2 + rng.uniform(-0.008, 0.008) * width)
            y -= tall
            shadow = Image.new("L", size)
            shadow.paste(fold.getchannel("A"), (x + width // 90, y + height // 110))
            image = shaded(image, "#2a1a10", shadow.filter(ImageFilter.GaussianBlur(width / 130)), 0.5)
            image.paste(fold.convert("RGB"), (x, y), fold.getchannel("A"))
    return grained(loom.hand_lit(image), rng, 12)


def _folded(size: Size, rng: Random, palette: list[str]) -> Image.Image:
    """The rounded edges of one folded cloth."""
    width, height = size
    face = loom.kente((width, width // 2), rng, [palette, [*palette[1:], palette[0]]], 4, 176)
    layers = rng.choice((2, 3))
    image = Image.new("RGB", size, "#1a120d")
    tall = height // layers
    for layer in range(layers):
        top = layer * tall
        deep = tall if layer < layers - 1 else height - top
        part = face.crop((0, layer * tall + 20, width, layer * tall + 20 + deep))
        part = shaded(part, "#120b08", ramp(part.size, [(0, 190), (0.25, 0), (0.6, 20), (1, 255)]), 0.8)
        image.paste(
            lit(part, "#ffe9c4", ramp(part.size, [(0, 0), (0.28, 120), (0.5, 0), (1, 0)]), 0.3), (0, top)
        )
    bend = Image.linear_gradient("L").rotate(90).resize(size)
    image = shaded(image, "#140c08", ImageChops.lighter(levels(bend, 18, 0), levels(bend, 225, 255)), 0.7)
    radius = tall * 0.45

    def rounded(draw: ImageDraw.ImageDraw, s: float) -> None:
        for layer in range(layers):
            bottom = (layer + 1) * tall if layer < layers - 1 else height
            draw.rounded_rectangle(
                (0, layer * tall * s, (width - 1) * s, (bottom - 1) * s), radius * s, fill=255
            )

    image.putalpha(drawn(size, rounded))
    return image


def avatar(size: Size) -> Image.Image:
    rng = Random("efua-avatar")
    drawing = Image.new("RGB", (72, 72), GOLD)
    draw = ImageDraw.Draw(drawing)
    for inset, colour in ((0, INK), (3, GOLD), (6, RED), (9, GREEN)):
        draw.rectangle((inset, inset, 71 - inset, 71 - inset), fill=colour)
    loom.diamond(draw, (10, 10, 62, 62), rgb(GOLD), rgb(RED))
    return loom.hand_lit(loom.woven(drawing, size, rng), 0.2)


PICTURES = {
    "efua-avatar.jpg": Picture((800, 800), avatar),
    "efua-cover.jpg": Picture((1600, 600), cover),
    "efua-market.jpg": Picture((1600, 1067), market),
    "efua-river.jpg": Picture((1200, 1600), river),
    "efua-ember.jpg": Picture((1600, 1067), ember),
    "efua-indigo.jpg": Picture((1600, 1200), indigo),
    "efua-shelf.jpg": Picture((1600, 1067), shelf),
}
