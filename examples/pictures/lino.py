"""Nerys Pugh's press: what is cut from a block stays paper or a second colour, the rest prints, roughly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from examples.pictures.canvas import (
    OVERSAMPLING,
    Point,
    Size,
    both,
    curve,
    dyed,
    levels,
    mix,
    noise,
    papered,
    shaded,
    turned,
)


class Block:
    """Two blocks of lino on one sheet: `cut` is gouged from the key block, `tint` is what a second ink prints.

    Lengths are in shares of the sheet's width, angles in radians with 0 to the right and -π/2 upwards.
    """

    def __init__(self, size: Size, seed: str) -> None:
        self.size = size
        self.rng = Random(seed)
        self.scale = size[0] * OVERSAMPLING
        self.tall = size[1] / size[0]
        large = (size[0] * OVERSAMPLING, size[1] * OVERSAMPLING)
        self._cut, self._tint = Image.new("L", large), Image.new("L", large)
        self.cut, self.tint = ImageDraw.Draw(self._cut), ImageDraw.Draw(self._tint)

    def shape(self, outline: Sequence[Point], *, halo: float = 0.004, tinted: bool = False) -> None:
        """Cuts a shape, with a rim of ink round it that sets it off from what was cut before."""
        points = [(x * self.scale, y * self.scale) for x, y in outline]
        if halo:
            self.cut.line(
                [*points, points[0]], fill=0, width=max(1, round(halo * 2 * self.scale)), joint="curve"
            )
        self.cut.polygon(points, fill=255)
        self.tint.polygon(points, fill=255 if tinted else 0)

    def line(
        self,
        points: Sequence[Point],
        width: float,
        *,
        ink: bool = False,
        tinted: bool = False,
        halo: float = 0.0,
    ) -> None:
        """A line cut away, or one left standing (`ink`)."""
        path = [(x * self.scale, y * self.scale) for x, y in points]
        thick = max(1, round(width * self.scale))
        if halo:
            self.cut.line(path, fill=0, width=thick + round(2 * halo * self.scale), joint="curve")
        self.cut.line(path, fill=0 if ink else 255, width=thick, joint="curve")
        if not ink:
            self.tint.line(path, fill=255 if tinted else 0, width=thick, joint="curve")

    def ground(self, outline: Sequence[Point], rim: float) -> None:
        """Leaves ink standing where something was cut before."""
        path = [(x * self.scale, y * self.scale) for x, y in outline]
        self.cut.polygon(path, fill=0)
        self.cut.line([*path, path[0]], fill=0, width=max(1, round(rim * self.scale)), joint="curve")

    def dot(
        self, centre: Point, radius: float, *, ink: bool = False, tinted: bool = False, halo: float = 0.0
    ) -> None:
        x, y = (v * self.scale for v in centre)
        r, rim = radius * self.scale, (radius + halo) * self.scale
        if halo:
            self.cut.ellipse((x - rim, y - rim, x + rim, y + rim), fill=0)
        self.cut.ellipse((x - r, y - r, x + r, y + r), fill=0 if ink else 255)
        if not ink:
            self.tint.ellipse((x - r, y - r, x + r, y + r), fill=255 if tinted else 0)

    def chatter(self, count: int, around: Point, length: float = 0.02, margin: float = 0.0) -> None:
        """The gouge's stray marks in the ground, in rings round a point."""
        for _ in range(count):
            x, y = self.rng.uniform(margin, 1 - margin), self.rng.uniform(margin, self.tall - margin)
            angle = math.atan2(y - around[1], x - around[0]) + math.pi / 2 + self.rng.uniform(-0.2, 0.2)
            long, wide = length * self.rng.uniform(0.4, 1.3), self.rng.uniform(0.0006, 0.0016)
            sliver = [(0.0, 0.0), (0.6, wide / long), (1.0, 0.0), (0.6, -wide / long)]
            self.shape(turned(sliver, (x, y), angle, long), halo=0)

    def printed(
        self, paper: str, ink: str, second: str, margin: float = 0.0, third: str | None = None
    ) -> Image.Image:
        """Pulls the print: paper, then the second ink (shading to `third` downwards), then the key block."""
        width, height = self.size
        rng = self.rng
        image = Image.new("RGB", self.size, paper)
        bite = noise(rng, self.size, (width // 5, height // 5), 2)
        salt = Image.frombytes("L", self.size, rng.randbytes(width * height)).filter(
            ImageFilter.GaussianBlur(1.05)
        )
        tint = self._rough(self._tint, bite)
        # The second block never lies quite where the first does.
        tint = ImageChops.offset(tint, round(width / 520), -round(width / 640))
        colour = Image.new("RGB", self.size, second)
        if third:
            dyed(colour, third, Image.linear_gradient("L").resize(self.size))
        image.paste(colour, (0, 0), both(tint, levels(salt, 60, 100)))
        key = ImageChops.invert(self._rough(self._cut, bite))
        if margin:
            inset = round(width * margin)
            frame = Image.new("L", self.size)
            ImageDraw.Draw(frame).rectangle((inset, inset, width - inset, height - inset), fill=255)
            frame = levels(
                Image.blend(frame.filter(ImageFilter.GaussianBlur(width / 500)), bite, 0.14), 95, 150
            )
            sheet = Image.new("RGB", self.size, paper)
            image = Image.composite(image, sheet, frame)
            key = both(key, frame)
        mottle = noise(rng, self.size, (7, 9), 5)
        rolled = Image.new("RGB", self.size, ink)
        dyed(rolled, mix(ink, "white", 0.16), levels(mottle, 110, 255, 190))
        image.paste(rolled, (0, 0), both(key, levels(salt, 52, 88)))
        return papered(shaded(image, "#5d5138", levels(mottle, 150, 255), 0.08), rng, 0.09)

    def _rough(self, mask: Image.Image, bite: Image.Image) -> Image.Image:
        soft = mask.reduce(OVERSAMPLING).filter(ImageFilter.GaussianBlur(max(0.5, self.size[0] / 1300)))
        return levels(Image.blend(soft, bite, 0.16), 92, 150)


def arc(
    start: Point, angle: float, length: float, bend: float, steps: int = 24
) -> list[tuple[float, float, float]]:
    """A stem: points with the direction in each, that turns by `bend` in all."""
    x, y = start
    points = [(x, y, angle)]
    for _ in range(steps):
        angle += bend / steps
        x, y = x + math.cos(angle) * length / steps, y + math.sin(angle) * length / steps
        points.append((x, y, angle))
    return points


def stem(
    block: Block, points: Sequence[tuple[float, float, float]], width: float, *, tinted: bool = False
) -> None:
    block.line([(x, y) for x, y, _ in points], width, tinted=tinted, halo=0.004)


def leaf(
    block: Block,
    foot: Point,
    angle: float,
    length: float,
    width: float = 0.22,
    veins: int = 6,
    *,
    tinted: bool = False,
) -> None:
    """A leaf with its midrib and veins left standing."""
    side = curve([(0, 0), (0.22, width * 0.8), (0.5, width), (0.8, width * 0.55), (1, 0)], 6)
    block.shape(turned(side + [(x, -y) for x, y in reversed(side)], foot, angle, length), tinted=tinted)
    fine = max(0.0011, length * 0.014)
    block.line(turned([(0, 0), (0.93, 0)], foot, angle, length), fine * 1.4, ink=True)
    for i in range(1, veins + 1):
        at = i / (veins + 1.2)
        reach = width * (1 - abs(at - 0.42) * 1.25) * 0.72
        for sign in (-1, 1):
            block.line(
                turned([(at * 0.92, 0), (at * 0.92 + 0.11, reach * sign)], foot, angle, length),
                fine,
                ink=True,
            )


def fern(
    block: Block, foot: Point, angle: float, length: float, bend: float, *, tinted: bool = False
) -> None:
    """A frond: pinnae on both sides of an arching stem, longest low down."""
    steps = 25
    rachis = arc(foot, angle, length, bend, steps)
    pinnae: dict[int, list[list[tuple[float, float, float]]]] = {-1: [], 1: []}
    for i, (x, y, a) in enumerate(rachis[3:], 3):
        share = i / steps
        reach = length * 0.3 * math.sin(math.pi * (0.2 + 0.8 * share)) ** 0.9 * (1.05 - share * 0.5)
        for sign, side in pinnae.items():
            side.append(arc((x, y), a + sign * (1.2 - 0.45 * share), reach, -sign * 0.35, 9))
    # A ground of ink keeps it apart from the frond behind.
    rim = [rachis[0][:2], *(p[-1][:2] for p in pinnae[-1]), *(p[-1][:2] for p in reversed(pinnae[1]))]
    block.ground(rim, length * 0.02)
    for side in pinnae.values():
        for pinna in side:
            reach = math.dist(pinna[0][:2], pinna[-1][:2])
            for j, (px, py, pa) in enumerate(pinna[1:], 1):
                for turn in (-0.95, 0.95):
                    leaflet(
                        block,
                        (px, py),
                        pa + turn,
                        min(reach * 0.23, length * 0.045) * (1.1 - j / 11),
                        tinted=tinted,
                    )
            block.line([(px, py) for px, py, _ in pinna], max(0.001, length * 0.0022), ink=True)
    block.line([(x, y) for x, y, _ in rachis], length * 0.009, tinted=tinted, halo=0.0025)


def leaflet(
    block: Block, foot: Point, angle: float, length: float, *, tinted: bool = False, halo: float = 0.0012
) -> None:
    block.shape(
        turned([(0, 0), (0.35, 0.24), (0.75, 0.2), (1, 0), (0.75, -0.2), (0.35, -0.24)], foot, angle, length),
        halo=halo,
        tinted=tinted,
    )


def umbel(
    block: Block,
    foot: Point,
    angle: float,
    length: float,
    bend: float,
    spread: float,
    *,
    tinted: bool = False,
) -> None:
    """Cow parsley: a stem whose spokes end in spokes of tiny flowers."""
    rng = block.rng
    stalk = arc(foot, angle, length, bend)
    stem(block, stalk, length * 0.013)
    x, y, a = stalk[-1]
    for i in range(13):
        share = i / 12 - 0.5
        spoke = arc(
            (x, y),
            a + share * 2.3,
            spread * (1 - 0.5 * share * share) * rng.uniform(0.9, 1.06),
            -share * 0.9,
            8,
        )
        block.line([(px, py) for px, py, _ in spoke], max(0.0012, spread * 0.014))
        sx, sy, sa = spoke[-1]
        for j in range(9):
            fine = j / 8 - 0.5
            tip = arc((sx, sy), sa + fine * 2.7, spread * 0.21 * rng.uniform(0.75, 1.05), 0, 1)[-1]
            block.line([(sx, sy), tip[:2]], max(0.001, spread * 0.007))
            block.dot(tip[:2], spread * rng.uniform(0.019, 0.03), tinted=tinted, halo=0.0012)


def foxglove(block: Block, foot: Point, angle: float, length: float, bend: float) -> None:
    """Bells in two rows, large and open below, buds at the top."""
    stalk = arc(foot, angle, length, bend, 40)
    stem(block, stalk, length * 0.012)
    for sign in (-1, 1):
        for at in (1, 4, 7):
            x, y, a = stalk[at]
            leaf(block, (x, y), a + sign * (1.15 - at * 0.05), length * (0.24 - at * 0.012), 0.2, 5)
    for i in range(12, 41):
        x, y, a = stalk[i]
        share = (i - 12) / 28
        sign = 1 if i % 2 else -1
        size = length * (0.112 - 0.08 * share)
        bell(block, (x, y), a + sign * (1.75 - 0.75 * share), size)


def bell(block: Block, foot: Point, angle: float, size: float) -> None:
    half = curve([(0, 0.1), (0.25, 0.2), (0.65, 0.24), (0.9, 0.36), (1, 0.3)], 4)
    block.shape(
        turned(half + [(1.06, 0.1), (1.06, -0.1)] + [(x, -y) for x, y in reversed(half)], foot, angle, size),
        halo=size * 0.055,
        tinted=True,
    )
    if size > 0.03:
        mouth = [
            (0.9 + 0.11 * math.cos(t / 12 * math.tau), 0.24 * math.sin(t / 12 * math.tau)) for t in range(12)
        ]
        block.line(turned([*mouth, mouth[0]], foot, angle, size), size * 0.035, ink=True)
        for dx, dy in ((0.86, 0.1), (0.92, -0.06), (0.86, -0.13)):
            block.dot(turned([(dx, dy)], foot, angle, size)[0], size * 0.032, ink=True)
        block.line(turned([(0.2, 0.06), (0.62, 0.09)], foot, angle, size), size * 0.025, ink=True)


def grass(block: Block, foot: Point, angle: float, length: float, bend: float, *, seeds: bool = True) -> None:
    blade = arc(foot, angle, length, bend)
    stem(block, blade, length * 0.009)
    if seeds:
        for i, (x, y, a) in enumerate(blade[12:], 12):
            for sign in (-1, 1):
                leaflet(block, (x, y), a + sign * 0.45, length * 0.075 * (1.1 - (i - 12) / 16), tinted=True)
