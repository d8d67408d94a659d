"""Nerys Pugh's pictures: two-colour linocuts of a Welsh hedge bank."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

from PIL import Image

from examples.pictures import lino
from examples.pictures.canvas import Picture, Point, Size, curve, turned

UP = -math.pi / 2
PAPER = "#f2ead8"

# One side of a moth, in shares of the sheet from its middle.
FORE_WING: Sequence[Point] = (
    (0, -0.02),
    (0.07, -0.13),
    (0.19, -0.19),
    (0.265, -0.185),
    (0.235, -0.09),
    (0.19, -0.02),
    (0.06, 0.005),
)
HIND_WING: Sequence[Point] = (
    (0, 0.01),
    (0.09, 0.005),
    (0.18, 0.03),
    (0.2, 0.09),
    (0.15, 0.155),
    (0.07, 0.14),
    (0.01, 0.06),
)


def cover(size: Size) -> Image.Image:
    """A bank in June, end to end."""
    block = lino.Block(size, "nerys-cover-2")
    rng = block.rng
    block.dot((0.76, 0.15), 0.085, tinted=True)
    block.chatter(330, (0.76, 0.15), 0.02)
    for i in range(46):
        x = (i + rng.uniform(0.1, 0.9)) / 46
        lino.grass(
            block,
            (x, 0.4),
            UP + rng.uniform(-0.15, 0.15),
            rng.uniform(0.1, 0.22),
            rng.uniform(-0.5, 0.5),
            seeds=i % 2 == 0,
        )
    for x, length in ((0.07, 0.2), (0.36, 0.19), (0.6, 0.2), (0.93, 0.19)):
        for lean in (-0.75, -0.2, 0.35, 0.8):
            lino.fern(block, (x, 0.395), UP + lean, length * (1.05 - abs(lean) * 0.3), lean * 0.8)
    for x, length, spread in (
        (0.16, 0.21, 0.07),
        (0.245, 0.14, 0.052),
        (0.47, 0.22, 0.075),
        (0.535, 0.13, 0.05),
        (0.69, 0.2, 0.062),
        (0.855, 0.19, 0.066),
    ):
        lino.umbel(block, (x, 0.4), UP + rng.uniform(-0.1, 0.1), length, rng.uniform(-0.2, 0.2), spread)
    for x, length in ((0.3, 0.31), (0.42, 0.25), (0.915, 0.29), (0.985, 0.28), (0.015, 0.27)):
        lino.foxglove(block, (x, 0.41), UP + rng.uniform(-0.06, 0.06), length, rng.uniform(-0.15, 0.15))
    return block.printed(PAPER, "#16352f", "#d98a5a", third="#c4566a")


def ferns(size: Size) -> Image.Image:
    block = lino.Block(size, "nerys-ferns")
    block.chatter(420, (0.5, 1.25), 0.035, 0.07)
    foot = (0.5, 1.25)
    for lean, length in ((-0.98, 0.56), (0.98, 0.56), (-0.5, 0.85), (0.5, 0.83), (0.02, 1.04)):
        lino.fern(block, foot, UP + lean, length, lean * 0.35, tinted=abs(lean) > 0.8)
    for lean in (-1.2, 1.15, -0.3, 0.3):
        crozier(block, foot, UP + lean * 0.8, 0.26)
    return block.printed(PAPER, "#1c3b2d", "#8fae6b", 0.055, "#c9b458")


def crozier(block: lino.Block, foot: Point, angle: float, length: float) -> None:
    """A young frond, still rolled up."""
    stalk = lino.arc(foot, angle, length, 0.2 if angle > UP else -0.2)
    lino.stem(block, stalk, 0.013)
    x, y, a = stalk[-1]
    sign = 1 if angle > UP else -1
    spiral = []
    for step in range(40):
        a += sign * 0.24
        reach = 0.013 * (1 - step / 44)
        x, y = x + math.cos(a) * reach, y + math.sin(a) * reach
        spiral.append((x, y))
    block.line(spiral, 0.0125, halo=0.004)


def parsley(size: Size) -> Image.Image:
    """Cow parsley against the moon."""
    block = lino.Block(size, "nerys-parsley-2")
    rng = block.rng
    block.dot((0.62, 0.4), 0.21, tinted=True)
    block.chatter(520, (0.62, 0.4), 0.035, 0.07)
    for x, length, bend, spread in (
        (0.24, 0.6, -0.15, 0.17),
        (0.82, 0.42, 0.22, 0.14),
        (0.62, 0.3, 0.15, 0.11),
        (0.14, 0.34, -0.3, 0.1),
        (0.47, 0.83, 0.12, 0.22),
    ):
        lino.umbel(block, (x, 1.28), UP + rng.uniform(-0.08, 0.08), length, bend, spread)
    for i in range(15):
        lino.grass(
            block,
            (0.06 + i * 0.063, 1.28),
            UP + rng.uniform(-0.25, 0.25),
            rng.uniform(0.14, 0.34),
            rng.uniform(-0.6, 0.6),
            seeds=i % 3 == 0,
        )
    return block.printed(PAPER, "#1a2748", "#e9c46f", 0.055, "#e39a5b")


def foxgloves(size: Size) -> Image.Image:
    block = lino.Block(size, "nerys-foxgloves")
    block.chatter(420, (0.5, 0.6), 0.035, 0.07)
    for x, length, bend in ((0.24, 0.8, -0.16), (0.78, 0.86, 0.14), (0.51, 1.08, 0.05)):
        lino.foxglove(block, (x, 1.285), UP + bend * 0.3, length, bend)
    bee(block, (0.29, 0.3), 0.4, 0.075)
    bee(block, (0.74, 0.2), 2.5, 0.06)
    return block.printed(PAPER, "#2b2440", "#c95d7e", 0.055, "#8d4d8f")


def bee(block: lino.Block, centre: Point, angle: float, length: float) -> None:
    for lean, long in ((-1.9, 0.85), (-1.35, 0.7)):
        wing = curve([(0, 0), (0.35, 0.24), (0.8, 0.2), (1, 0), (0.7, -0.12), (0, 0)], 5)
        block.shape(turned(wing, centre, angle + lean, length * long), halo=0.003)
        block.line(turned([(0.1, 0.02), (0.8, 0.05)], centre, angle + lean, length * long), 0.0014, ink=True)
    body = [(0.5 * math.cos(t / 20 * math.tau), 0.29 * math.sin(t / 20 * math.tau)) for t in range(20)]
    block.shape(turned(body, centre, angle, length), tinted=False)
    for at in (-0.3, -0.12, 0.06):
        block.line(
            turned([(at, -0.27), (at + 0.05, 0), (at, 0.27)], centre, angle, length), length * 0.075, ink=True
        )
    block.dot(turned([(0.5, 0)], centre, angle, length)[0], length * 0.14, halo=0.002)


def moth(size: Size) -> Image.Image:
    """An emperor moth among oak and hazel."""
    block = lino.Block(size, "nerys-moth")
    rng = block.rng
    middle = (0.5, block.tall / 2)
    block.chatter(420, middle, 0.025, 0.05)
    for i in range(26):
        turn = i / 26 * math.tau
        x, y = middle[0] + math.cos(turn) * 0.395, middle[1] + math.sin(turn) * 0.285
        lino.leaf(
            block,
            (x, y),
            turn + rng.uniform(0.5, 1.0),
            rng.uniform(0.1, 0.135),
            rng.uniform(0.2, 0.27),
            6,
            tinted=i % 3 == 0,
        )
        block.dot(
            (middle[0] + math.cos(turn + 0.1) * 0.345, middle[1] + math.sin(turn + 0.1) * 0.24),
            0.0075,
            tinted=True,
            halo=0.004,
        )
    _insect(block, middle)
    return block.printed(PAPER, "#2a211d", "#d0793f", 0.045, "#a8552f")


def _insect(block: lino.Block, middle: Point) -> None:
    for sign in (-1, 1):
        _wing(block, middle, sign, FORE_WING, (0.158, -0.108), 0.03)
        _wing(block, middle, sign, HIND_WING, (0.123, 0.082), 0.026)
        antenna = lino.arc((middle[0] + 0.006 * sign, middle[1] - 0.06), UP + 0.5 * sign, 0.1, 0.5 * sign, 14)
        block.line([(x, y) for x, y, _ in antenna], 0.0035, halo=0.003)
        for x, y, a in antenna[3:]:
            for side in (-1, 1):
                block.line([(x, y), (x + math.cos(a + side) * 0.012, y + math.sin(a + side) * 0.012)], 0.002)
    body = [
        (0.021 * math.cos(t / 30 * math.tau), 0.03 + 0.1 * math.sin(t / 30 * math.tau)) for t in range(30)
    ]
    block.shape([(middle[0] + x, middle[1] + y) for x, y in body], halo=0.005)
    for i in range(9):
        y = middle[1] - 0.03 + i * 0.0165
        block.line([(middle[0] - 0.02, y), (middle[0], y + 0.005), (middle[0] + 0.02, y)], 0.003, ink=True)
    block.dot((middle[0], middle[1] - 0.072), 0.016, halo=0.004)


def _wing(
    block: lino.Block, middle: Point, sign: int, outline: Sequence[Point], eye: Point, radius: float
) -> None:
    def at(points: list[Point]) -> list[Point]:
        return [(middle[0] + x * sign, middle[1] + y) for x, y in points]

    edge = curve([*outline, outline[0]], 10)
    centre = (sum(x for x, _ in edge) / len(edge), sum(y for _, y in edge) / len(edge))
    block.shape(at(edge), halo=0.006)
    for shrink, tinted in ((0.9, True), (0.66, False)):
        block.shape(
            at(
                [
                    (centre[0] + (x - centre[0]) * shrink, centre[1] + (y - centre[1]) * shrink)
                    for x, y in edge
                ]
            ),
            halo=0.003,
            tinted=tinted,
        )
    for x, y in edge[:: max(1, len(edge) // 22)]:
        near = (centre[0] + (x - centre[0]) * 0.72, centre[1] + (y - centre[1]) * 0.72)
        block.line(
            at([near, (centre[0] + (x - centre[0]) * 0.97, centre[1] + (y - centre[1]) * 0.97)]),
            0.0018,
            ink=True,
        )
    spot = at([eye])[0]
    for size, ink, tinted in (
        (1.0, True, False),
        (0.82, False, True),
        (0.55, True, False),
        (0.2, False, False),
    ):
        block.dot(spot, radius * size, ink=ink, tinted=tinted)


def hedge(size: Size) -> Image.Image:
    """A repeat for lining paper: sprigs of hazel and rowan."""
    block = lino.Block(size, "nerys-hedge")
    rng = block.rng
    step = 0.125
    for row in range(-1, math.ceil(block.tall / step) + 1):
        for column in range(-1, 10):
            x, y = (column + (row % 2) / 2) * step, (row + 0.5) * step
            lean = UP + (0.6 if row % 2 else -0.6)
            _sprig(
                block,
                (x - math.cos(lean) * 0.06, y - math.sin(lean) * 0.06),
                lean,
                0.118,
                berries=column % 2 == 0,
                rng=rng,
            )
    return block.printed(PAPER, "#20403f", "#c8553d")


def _sprig(
    block: lino.Block, foot: Point, angle: float, length: float, *, berries: bool, rng: Random
) -> None:
    twig = lino.arc(foot, angle, length, rng.uniform(-0.3, 0.3), 10)
    lino.stem(block, twig, 0.003)
    for i in (2, 4, 6, 8):
        x, y, a = twig[i]
        for sign in (-1, 1):
            lino.leaf(block, (x, y), a + sign * 0.95, length * (0.42 - i * 0.022), 0.24, 4)
    lino.leaf(block, twig[-1][:2], twig[-1][2], length * 0.3, 0.24, 4)
    if berries:
        x, y, a = twig[0]
        for turn in (-0.8, 0.0, 0.8):
            at = (x + math.cos(a + math.pi + turn) * 0.02, y + math.sin(a + math.pi + turn) * 0.02)
            block.line([(x, y), at], 0.002)
            block.dot(at, 0.0095, tinted=True, halo=0.002)
            block.dot((at[0] - 0.003, at[1] - 0.003), 0.0018, ink=False)


def avatar(size: Size) -> Image.Image:
    block = lino.Block(size, "nerys-avatar")
    block.dot((0.5, 0.47), 0.33, tinted=True)
    block.chatter(260, (0.5, 0.47), 0.045)
    twig = lino.arc((0.47, 1.02), UP - 0.08, 0.68, 0.25, 20)
    lino.stem(block, twig, 0.018)
    for i, sign in ((5, -1), (7, 1), (10, -1), (12, 1), (15, -1), (17, 1)):
        x, y, a = twig[i]
        lino.leaf(block, (x, y), a + sign * 0.9, 0.37 - i * 0.011, 0.27, 6)
    lino.leaf(block, twig[-1][:2], twig[-1][2], 0.22, 0.26, 6)
    return block.printed(PAPER, "#16352f", "#e0a458", third="#d67f4d")


PICTURES = {
    "nerys-avatar.jpg": Picture((800, 800), avatar),
    "nerys-cover.jpg": Picture((1600, 600), cover),
    "nerys-ferns.jpg": Picture((1200, 1600), ferns),
    "nerys-parsley.jpg": Picture((1200, 1600), parsley),
    "nerys-foxgloves.jpg": Picture((1200, 1600), foxgloves),
    "nerys-moth.jpg": Picture((1600, 1200), moth),
    "nerys-hedge.jpg": Picture((1600, 1067), hedge),
}
