"""Leïla Amrani's plotter: gold and white ink on night-blue paper, and what a pen can draw of the sky."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from examples.pictures.canvas import (
    Point,
    Size,
    both,
    drawn,
    dyed,
    glow,
    levels,
    lit,
    noise,
    rgb,
    shaded,
)

GOLD, WHITE, NIGHT = "#ecca86", "#f4f1e6", "#0c1733"


def night_paper(size: Size, rng: Random, colour: str = NIGHT) -> Image.Image:
    image = Image.new("RGB", size, colour)
    image = lit(image, "#24407c", glow(size, (size[0] / 2, size[1] * 0.45), max(size) * 0.62, 1.3), 0.6)
    return shaded(image, "#02040c", levels(noise(rng, size, (6, 5), 5), 110, 255), 0.35)


def pen(
    image: Image.Image,
    colour: str,
    strokes: Callable[[ImageDraw.ImageDraw, float], None],
    strength: float = 1.0,
) -> None:
    """Draws with one ink."""
    dyed(image, colour, drawn(image.size, strokes), strength)


def ring(
    draw: ImageDraw.ImageDraw,
    s: float,
    centre: Point,
    radius: float,
    width: float = 1.0,
    fill: int = 255,
    dashes: int = 0,
) -> None:
    x, y = centre
    box = ((x - radius) * s, (y - radius) * s, (x + radius) * s, (y + radius) * s)
    thick = max(1, round(width * s))
    if dashes:
        for i in range(dashes):
            draw.arc(box, 360 * i / dashes, 360 * (i + 0.55) / dashes, fill=fill, width=thick)
    else:
        draw.ellipse(box, outline=fill, width=thick)


def spoke(
    draw: ImageDraw.ImageDraw,
    s: float,
    centre: Point,
    angle: float,
    inner: float,
    outer: float,
    width: float = 1.0,
    fill: int = 255,
) -> None:
    cos, sin = math.cos(angle), math.sin(angle)
    draw.line(
        ((centre[0] + cos * inner) * s, (centre[1] + sin * inner) * s, (centre[0] + cos * outer) * s, (centre[1] + sin * outer) * s),
        fill=fill, width=max(1, round(width * s)),
    )  # fmt: skip


def dot(draw: ImageDraw.ImageDraw, s: float, centre: Point, radius: float, fill: int = 255) -> None:
    x, y = centre
    draw.ellipse(((x - radius) * s, (y - radius) * s, (x + radius) * s, (y + radius) * s), fill=fill)


def lettered(
    image: Image.Image, text: str, at: Point, size_px: float, colour: str, angle: float = 0.0
) -> None:
    """Small lettering, centred and turned (radians)."""
    font = ImageFont.load_default(max(6.0, size_px * 2))
    left, top, right, bottom = font.getbbox(text)
    edge = math.ceil(max(right - left, bottom - top) * 1.5)
    mask = Image.new("L", (edge, edge))
    ImageDraw.Draw(mask).text((edge / 2, edge / 2), text, fill=255, font=font, anchor="mm")
    mask = mask.rotate(-math.degrees(angle), Image.Resampling.BICUBIC).reduce(2)
    image.paste(rgb(colour), (round(at[0] - mask.width / 2), round(at[1] - mask.height / 2)), mask)


def scattered(rng: Random, count: int, apart: float, inside: Callable[[Random], Point]) -> list[Point]:
    """Up to `count` places that keep their distance."""
    places: list[Point] = []
    for _ in range(count * 6):
        place = inside(rng)
        if all(math.dist(place, other) > apart for other in places):
            places.append(place)
            if len(places) == count:
                break
    return places


def figures(places: Sequence[Point], reach: float, most: int = 7) -> list[tuple[Point, Point]]:
    """Constellations: neighbours joined into small trees, nearest first."""
    pairs = sorted((math.dist(a, b), i, j) for i, a in enumerate(places) for j, b in enumerate(places[:i]))
    group = list(range(len(places)))
    links: list[tuple[Point, Point]] = []
    degree = [0] * len(places)
    for distance, i, j in pairs:
        if distance > reach:
            break
        if (
            group[i] != group[j]
            and degree[i] < 3
            and degree[j] < 3
            and group.count(group[i]) + group.count(group[j]) <= most
        ):
            old, new = group[i], group[j]
            group = [new if g == old else g for g in group]
            degree[i] += 1
            degree[j] += 1
            links.append((places[i], places[j]))
    return links


def constellations(
    image: Image.Image, places: Sequence[Point], reach: float, unit: float, rng: Random
) -> None:
    """Joins bright stars by fine lines that stop short of them."""
    links = figures(places, reach)

    def lines(draw: ImageDraw.ImageDraw, s: float) -> None:
        for (ax, ay), (bx, by) in links:
            gap = unit * 6 / max(1e-6, math.dist((ax, ay), (bx, by)))
            if gap < 0.45:
                draw.line(
                    (
                        (ax + (bx - ax) * gap) * s,
                        (ay + (by - ay) * gap) * s,
                        (bx - (bx - ax) * gap) * s,
                        (by - (by - ay) * gap) * s,
                    ),
                    fill=255,
                    width=max(1, round(unit * s * 0.9)),
                )

    pen(image, GOLD, lines, 0.8)
    joined = {end for link in links for end in link}

    def bright(draw: ImageDraw.ImageDraw, s: float) -> None:
        for place in places:
            size = unit * (
                rng.choice((2.0, 2.4, 2.9, 3.8)) if place in joined else rng.choice((1.0, 1.4, 1.9))
            )
            dot(draw, s, place, size)
            if size > unit * 3.4:
                for arm in range(4):
                    spoke(draw, s, place, arm * math.pi / 2, size, size * 2.4, unit * 0.7)

    stars = drawn(image.size, bright)
    halo = stars.filter(ImageFilter.GaussianBlur(unit * 4)).point([min(255, v * 3) for v in range(256)])
    image.paste(lit(image, "#9db8f0", halo, 0.35), (0, 0))
    dyed(image, WHITE, stars)


def milky_way(image: Image.Image, rng: Random, band: Image.Image, density: float = 0.5) -> None:
    """Stipples the band, dot by dot, where its mask is bright; and lets it glow a little."""
    size = image.size
    clouds = both(levels(noise(rng, size, (9, 7), 5), 70, 215), band)
    image.paste(lit(image, "#5a77c2", clouds.filter(ImageFilter.GaussianBlur(size[0] / 180)), 0.42), (0, 0))
    for radius, share in ((0.0005, 2.6), (0.0009, 0.5), (0.0014, 0.08)):
        _stipple(image, rng, clouds, radius * size[0], share * density)


def _stipple(image: Image.Image, rng: Random, where: Image.Image, radius: float, share: float) -> None:
    grid = (max(2, image.width // 3), max(2, image.height // 3))
    chance = Image.frombytes("L", grid, rng.randbytes(grid[0] * grid[1]))
    wanted = where.resize(grid).point([min(255, round(v * 0.11 * share)) for v in range(256)])
    hits = ImageChops.subtract(wanted, chance).point([0] + [255] * 255).tobytes()
    step = (image.width / grid[0], image.height / grid[1])

    def dots(draw: ImageDraw.ImageDraw, s: float) -> None:
        at = hits.find(255)
        while at >= 0:
            x, y = (at % grid[0] + rng.random()) * step[0], (at // grid[0] + rng.random()) * step[1]
            dot(draw, s, (x, y), radius * rng.uniform(0.7, 1.4), rng.randrange(120, 256))
            at = hits.find(255, at + 1)

    dyed(image, WHITE, drawn(image.size, dots), 0.9)


def dial(image: Image.Image, centre: Point, radius: float, unit: float) -> None:
    """The rim of a planisphere: degrees, hours and the circles of declination."""

    def fine(draw: ImageDraw.ImageDraw, s: float) -> None:
        for share in (0.25, 0.5, 0.75):
            ring(draw, s, centre, radius * share, unit * 0.7, 130, dashes=90 if share != 0.5 else 0)
        for hour in range(24):
            spoke(
                draw,
                s,
                centre,
                hour * math.tau / 24,
                radius * (0.06 if hour % 6 == 0 else 0.25),
                radius,
                unit * 0.6,
                95,
            )
        ring(
            draw,
            s,
            (centre[0] + radius * 0.1, centre[1] - radius * 0.13),
            radius * 0.62,
            unit * 0.9,
            190,
            dashes=150,
        )

    def rim(draw: ImageDraw.ImageDraw, s: float) -> None:
        for share, width in ((1.0, 1.8), (1.025, 0.8), (1.105, 0.8), (1.125, 2.6)):
            ring(draw, s, centre, radius * share, unit * width)
        for degree in range(0, 360, 2):
            long = 0.05 if degree % 30 == 0 else 0.032 if degree % 10 == 0 else 0.018
            spoke(draw, s, centre, math.radians(degree), radius * 1.025, radius * (1.025 + long), unit * 0.8)

    pen(image, "#b9c6e8", fine, 0.75)
    pen(image, GOLD, rim)
    for hour, numeral in enumerate(
        ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"] * 2
    ):
        angle = (hour + 0.5) * math.tau / 24
        at = (centre[0] + math.cos(angle) * radius * 1.072, centre[1] + math.sin(angle) * radius * 1.072)
        lettered(image, numeral, at, radius * 0.034, GOLD, angle + math.pi / 2)
