"""Inês Caldeira's pictures: vessels on a table, bowls from above, painted tiles."""

from __future__ import annotations

import math
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from examples.pictures import clay
from examples.pictures.canvas import (
    Picture,
    Point,
    Size,
    both,
    disc,
    dyed,
    glow,
    grained,
    levels,
    lit,
    mix,
    noise,
    ramp,
    rgb,
    shaded,
    vertical,
)
from examples.pictures.clay import BISQUE, CHALK, COBALT, HONEY, OLIVE, ROSE, SLATE, Vessel


def _still_life(
    size: Size,
    rng: Random,
    things: list[tuple[Vessel, float, float, float]],
    wall: str,
    table: str,
    edge: float,
) -> Image.Image:
    """Things are (vessel, x, y, height), the places in shares of the picture and the height in shares of its height."""
    width, height = size
    image = clay.room(size, rng, wall, table, edge)
    for vessel, x, y, tall in sorted(things, key=lambda thing: thing[2]):
        sprite = clay.turn(vessel, max(8, round(height * tall)), rng)
        image = clay.stood(image, sprite, x * width, y * height)
    return image


def cover(size: Size) -> Image.Image:
    rng = Random("ines-cover")
    things = [
        (Vessel(clay.AMPHORA, BISQUE, CHALK, 0.42), 0.16, 0.83, 0.56),
        (Vessel(clay.CUP, CHALK, COBALT, 0.5), 0.265, 0.9, 0.16),
        (Vessel(clay.BOTTLE, SLATE), 0.37, 0.82, 0.62),
        (Vessel(clay.MOON, CHALK), 0.485, 0.86, 0.4),
        (Vessel(clay.BOWL, BISQUE, OLIVE, 0.45), 0.63, 0.9, 0.17),
        (Vessel(clay.BOTTLE, ROSE, CHALK, 0.4), 0.735, 0.81, 0.46),
        (Vessel(clay.JUG, HONEY, OLIVE, 0.3), 0.83, 0.86, 0.5),
        (Vessel(clay.BUD, COBALT), 0.92, 0.84, 0.3),
    ]
    return grained(_still_life(size, rng, things, "#d9c5ac", "#9a6f55", 0.7), rng, 12)


def bottles(size: Size) -> Image.Image:
    rng = Random("ines-bottles")
    things = [
        (Vessel(clay.BOTTLE, CHALK, COBALT, 0.52), 0.28, 0.83, 0.58),
        (Vessel(clay.CYLINDER, SLATE, CHALK, 0.3), 0.47, 0.81, 0.4),
        (Vessel(clay.AMPHORA, BISQUE), 0.66, 0.85, 0.52),
        (Vessel(clay.CUP, CHALK, HONEY, 0.55), 0.42, 0.92, 0.15),
    ]
    return grained(_still_life(size, rng, things, "#c9b8a6", "#8c6a56", 0.68), rng, 12)


def moon_jar(size: Size) -> Image.Image:
    """A white jar with olive branches, upright."""
    rng = Random("ines-moon-jar")
    width, height = size
    image = clay.room(size, rng, "#a9ab98", "#a07a5c", 0.74)
    sprite = clay.turn(Vessel(clay.MOON, CHALK), round(height * 0.36), rng)
    mouth = (width * 0.5, height * 0.86 - sprite.height * 0.965)
    stems = [
        (mouth, -1.57 + lean, height * long)
        for lean, long in ((-0.75, 0.36), (-0.3, 0.45), (0.12, 0.4), (0.6, 0.38))
    ]
    twigs = clay.sprigs(size, rng, stems)
    tint = noise(rng, size, (40, 50), 2)
    shadow = ImageChops.offset(twigs, round(width * 0.09), round(height * 0.03)).filter(
        ImageFilter.GaussianBlur(width / 90)
    )
    image = shaded(image, "#2d2a1c", shadow, 0.4)
    image = clay.stood(image, sprite, width * 0.5, height * 0.86)
    image.paste(ImageOps.colorize(tint, "#2f3a22", "#a3ac80", "#5f6d42"), (0, 0), twigs)
    cup = clay.turn(Vessel(clay.CUP, BISQUE, OLIVE, 0.5), round(height * 0.085), rng)
    return grained(clay.stood(image, cup, width * 0.2, height * 0.9), rng, 12)


def bowls(size: Size) -> Image.Image:
    """Twelve bowls from above, each glaze pooled in its own way."""
    rng = Random("ines-bowls")
    width, height = size
    image = Image.new("RGB", size, "#dccfbb")
    linen = both(noise(rng, size, (width // 4, 6), 1), noise(rng, size, (6, height // 4), 1))
    image = shaded(image, "#5d4b3c", levels(linen, 0, 255), 0.3)
    glazes = [COBALT, CHALK, OLIVE, HONEY, ROSE, SLATE, CHALK, COBALT, BISQUE, OLIVE, HONEY, CHALK]
    cell = width / 4
    for i, glaze in enumerate(glazes):
        across, down = i % 4, i // 4
        x = cell * (across + 0.5) + rng.uniform(-0.02, 0.02) * cell
        y = height / 2 + (down - 1) * cell + rng.uniform(-0.02, 0.02) * cell
        image = _bowl_from_above(
            image, rng, (x, y), cell * rng.uniform(0.4, 0.44), glaze, glazes[(i * 5 + 3) % 12]
        )
    image = lit(image, "#ffe4b8", glow(size, (0, 0), width * 1.1, 1.3), 0.16)
    return grained(image, rng, 12)


def _bowl_from_above(
    image: Image.Image, rng: Random, centre: Point, radius: float, glaze: clay.Glaze, pool: clay.Glaze
) -> Image.Image:
    x, y = centre
    image = shaded(
        image, "#2a1a12", glow(image.size, (x + radius * 0.2, y + radius * 0.22), radius * 1.35, 0.8), 0.75
    )
    box = round(radius * 2.2)
    size, middle = (box, box), (box / 2, box / 2)
    light = Image.linear_gradient("L").rotate(-45).resize(size)
    light = ImageOps.invert(levels(light, -60, 330))
    warp = noise(rng, size, (5, 5), 4)
    dish = Image.new("RGB", size, mix(glaze.plain, glaze.bright, 0.5))
    inner = Image.composite(
        _tone(ImageOps.invert(light), pool), _tone(ImageOps.invert(light), glaze),
        levels(ImageChops.add(glow(size, middle, radius * rng.uniform(0.75, 1.05), 0.8), levels(warp, 0, 255, 70)), 95, 135),
    )  # fmt: skip
    inner = shaded(
        inner, glaze.dark, levels(glow(size, (box * 0.38, box * 0.36), radius * 1.1, 0.9), 0, 255), 0.3
    )
    for _ in range(5):  # the marks of the fingers
        ring = radius * rng.uniform(0.2, 0.85)
        line = ImageChops.subtract(disc(size, middle, ring), disc(size, middle, ring * 0.975)).filter(
            ImageFilter.GaussianBlur(radius / 90)
        )
        inner = shaded(inner, glaze.dark, line, 0.22)
    dish.paste(inner, (0, 0), disc(size, middle, radius * 0.94))
    specks = Image.frombytes("L", size, rng.randbytes(box * box)).filter(
        ImageFilter.GaussianBlur(max(0.7, radius / 130))
    )
    dish = shaded(dish, glaze.dark, levels(specks, 190, 206), glaze.speckle)
    gleam = both(
        ImageChops.subtract(
            disc(size, middle, radius * 0.86), disc(size, (box * 0.485, box * 0.485), radius * 0.84)
        ),
        glow(size, (box * 0.8, box * 0.8), radius * 0.75, 1.2),
    )
    dish = lit(dish, "#fff4dd", gleam.filter(ImageFilter.GaussianBlur(radius / 60)), 0.75)
    image.paste(dish, (round(x - box / 2), round(y - box / 2)), disc(size, middle, radius))
    return image


def _tone(light: Image.Image, glaze: clay.Glaze) -> Image.Image:
    return ImageOps.colorize(
        light, mix(glaze.dark, glaze.plain, 0.55), mix(glaze.plain, glaze.bright, 0.7), rgb(glaze.plain)
    )


def tiles(size: Size) -> Image.Image:
    """A panel of azulejos: two patterns, each drawn once as an eighth and mirrored round."""
    rng = Random("ines-tiles-2")
    width, height = size
    across = 6
    edge = math.ceil(width / across)
    faces = [_tile(edge, rng) for _ in range(2)]
    image = Image.new("RGB", size, "#8d8577")
    for row in range(math.ceil(height / edge)):
        for column in range(across):
            fired = rng.uniform(0.94, 1.0)  # no two come out of the kiln alike
            tile = faces[(row + column) % 2].point([round(v * fired) for v in range(256)] * 3)
            image.paste(tile, (column * edge, row * edge))
    wear = noise(rng, size, (14, 10), 5)
    image = shaded(image, "#6a5a3c", levels(wear, 130, 255), 0.3)
    image = lit(image, "#fff3da", glow(size, (width * 0.2, height * 0.1), width * 0.95, 1.3), 0.3)
    return grained(
        shaded(image, "#22283c", levels(glow(size, (width, height), width * 1.2, 1), 0, 255), 0.4), rng, 10
    )


def _tile(edge: int, rng: Random) -> Image.Image:
    big = edge * 2
    ink = Image.new("L", (big, big))
    wash = Image.new("L", (big, big))
    _ornament(ImageDraw.Draw(ink), ImageDraw.Draw(wash), big, rng)
    ink, wash = _mirrored(ink).reduce(2), _mirrored(wash).reduce(2)
    brush = noise(rng, (edge, edge), (6, 6), 4)
    face = Image.new("RGB", (edge, edge), "#f1ead9")
    dyed(face, "#7f9fcb", both(wash, levels(brush, -120, 230)), 0.85)
    dyed(face, "#1f3f86", both(ink, levels(brush, -260, 210)))
    line = max(1, edge // 110)
    frame = ImageDraw.Draw(face)
    frame.rectangle((0, 0, edge - 1, edge - 1), outline=mix("#8d8577", "#f1ead9", 0.3), width=line)
    bevel = Image.new("L", (edge, edge))
    ImageDraw.Draw(bevel).rectangle((line, line, edge - line, edge - line), outline=255, width=line * 2)
    return lit(face, "#ffffff", bevel.filter(ImageFilter.GaussianBlur(line * 1.5)), 0.35)


def _mirrored(eighth: Image.Image) -> Image.Image:
    whole = eighth
    for flip in (Image.Transpose.TRANSPOSE, Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.FLIP_TOP_BOTTOM):
        whole = ImageChops.lighter(whole, whole.transpose(flip))
    return whole


def _ornament(ink: ImageDraw.ImageDraw, wash: ImageDraw.ImageDraw, edge: int, rng: Random) -> None:
    """Marks in the first eighth of a tile; mirrored they make rosettes, leaves and corner flowers."""
    half = edge / 2
    corner = edge * rng.uniform(0.2, 0.27)
    wash.ellipse((-corner, -corner, corner, corner), fill=255)
    for ring in (1.0, 0.82, 0.4):
        ink.ellipse(
            (-corner * ring, -corner * ring, corner * ring, corner * ring),
            outline=255,
            width=round(edge / 70),
        )
    ink.ellipse((-corner * 0.25, -corner * 0.25, corner * 0.25, corner * 0.25), fill=255)
    for turn, long in ((0.0, 0.36), (math.pi / 4, 0.44), (math.pi / 8, 0.3)):
        clay.leaf(wash, 1, (half, half), math.pi + turn, edge * long, 0.3)
        clay.leaf(ink, 1, (half, half), math.pi + turn, edge * long * 0.84, 0.14)
    heart = edge * rng.uniform(0.06, 0.09)
    ink.ellipse((half - heart, half - heart, half + heart, half + heart), fill=255)
    wash.ellipse(
        (half - heart * 1.6, half - heart * 1.6, half + heart * 1.6, half + heart * 1.6),
        outline=255,
        width=round(edge / 60),
    )
    bow = edge * rng.uniform(0.3, 0.4)
    ink.arc((half - bow, -bow * 0.7, half + bow, bow * 0.7), 20, 160, fill=255, width=round(edge / 55))
    ink.arc(
        (half - bow * 0.7, -bow * 0.5, half + bow * 0.7, bow * 0.5), 30, 150, fill=255, width=round(edge / 90)
    )
    for i in range(4):
        at = 0.3 + i * 0.055
        dot = edge * (0.013 - i * 0.002)
        ink.ellipse(
            (edge * at - dot, edge * at * 0.55 - dot, edge * at + dot, edge * at * 0.55 + dot), fill=255
        )
    clay.leaf(ink, 1, (half, 0), math.pi / 2, edge * 0.16, 0.28)


def avatar(size: Size) -> Image.Image:
    rng = Random("ines-avatar")
    width, height = size
    image = vertical(size, [(0, "#e3a27d"), (1, "#c97a58")])
    dyed(image, "#f3d9b8", disc(size, (width * 0.5, height * 0.46), width * 0.33))
    image = shaded(image, "#6b3a28", ramp(size, [(0, 0), (0.72, 0), (0.74, 150), (1, 255)]), 0.45)
    sprite = clay.turn(Vessel(clay.AMPHORA, CHALK, COBALT, 0.42), round(height * 0.62), rng)
    return grained(clay.stood(image, sprite, width * 0.5, height * 0.84), rng, 12)


PICTURES = {
    "ines-avatar.jpg": Picture((800, 800), avatar),
    "ines-cover.jpg": Picture((1600, 600), cover),
    "ines-bottles.jpg": Picture((1600, 1067), bottles),
    "ines-moon-jar.jpg": Picture((1200, 1600), moon_jar),
    "ines-bowls.jpg": Picture((1600, 1200), bowls),
    "ines-tiles.jpg": Picture((1600, 1067), tiles),
}
