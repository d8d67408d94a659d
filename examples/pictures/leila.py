"""Leïla Amrani's pictures: charts of skies that never were, star trails, the moon's month, drawings of wind."""

from __future__ import annotations

import math
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from examples.pictures import stars
from examples.pictures.canvas import (
    Picture,
    Point,
    Size,
    both,
    curve,
    disc,
    drawn,
    dyed,
    grained,
    lit,
    noise,
    papered,
    polygon,
    ridge,
    shaded,
    vertical,
)
from examples.pictures.moon import face as moon_face
from examples.pictures.moon import phase_light
from examples.pictures.stars import GOLD, NIGHT, WHITE


def cover(size: Size) -> Image.Image:
    rng = Random("leila-cover-2")
    width, height = size
    image = stars.night_paper(size, rng)
    band = polygon(
        size, [(0, height * 0.75), (width, -height * 0.25), (width, height * 0.3), (0, height * 1.3)]
    )
    stars.milky_way(image, rng, band.filter(ImageFilter.GaussianBlur(height / 6)), 0.55)
    places = stars.scattered(
        rng, 105, height * 0.085, lambda r: (r.uniform(0.02, 0.98) * width, r.uniform(0.05, 0.95) * height)
    )
    unit = height / 560
    far = (width * 0.82, height * 1.35)

    def arcs(draw: ImageDraw.ImageDraw, s: float) -> None:
        for i in range(9):
            stars.ring(
                draw,
                s,
                far,
                height * (0.5 + 0.19 * i),
                unit * (1.6 if i % 4 == 0 else 0.7),
                110,
                dashes=0 if i % 2 == 0 else 260,
            )
        for hour in range(48):
            stars.spoke(draw, s, far, hour * math.tau / 48, height * 0.5, height * 2.4, unit * 0.6, 70)

    stars.pen(image, "#b9c6e8", arcs, 0.6)
    stars.constellations(image, places, height * 0.2, unit, rng)
    return grained(image, rng, 12)


def chart(size: Size) -> Image.Image:
    rng = Random("leila-chart-3")
    width, height = size
    centre, radius = (width / 2, height / 2), width * 0.4
    image = stars.night_paper(size, rng)
    inside = disc(size, centre, radius)
    band = polygon(
        size,
        curve(
            [
                (width * 0.1, height * 0.75),
                (width * 0.45, height * 0.5),
                (width * 0.72, 0),
                (width, 0),
                (width * 0.6, height * 0.6),
                (width * 0.2, height),
            ]
        ),
    )
    stars.milky_way(image, rng, both(band.filter(ImageFilter.GaussianBlur(width / 14)), inside), 0.8)
    unit = width / 1300
    stars.dial(image, centre, radius, unit)

    def within(chance: Random) -> Point:
        turn, out = chance.uniform(0, math.tau), radius * 0.95 * math.sqrt(chance.random())
        return centre[0] + math.cos(turn) * out, centre[1] + math.sin(turn) * out

    stars.constellations(image, stars.scattered(rng, 150, radius * 0.085, within), radius * 0.22, unit, rng)
    for x, y in ((0.07, 0.07), (0.93, 0.07), (0.07, 0.93), (0.93, 0.93)):
        _corner(image, (width * x, height * y), width * 0.035, unit)
    return grained(image, rng, 10)


def _corner(image: Image.Image, centre: Point, radius: float, unit: float) -> None:
    """A compass star in the corner of a sheet."""

    def star(draw: ImageDraw.ImageDraw, s: float) -> None:
        stars.ring(draw, s, centre, radius * 0.62, unit)
        for i in range(16):
            reach = radius * (1.0 if i % 4 == 0 else 0.72 if i % 2 == 0 else 0.5)
            angle, half = i * math.tau / 16, 0.09
            tip = (centre[0] + math.cos(angle) * reach, centre[1] + math.sin(angle) * reach)
            base = [
                (
                    centre[0] + math.cos(angle + d) * radius * 0.2,
                    centre[1] + math.sin(angle + d) * radius * 0.2,
                )
                for d in (-half * 3, half * 3)
            ]
            draw.polygon([(x * s, y * s) for x, y in (tip, *base)], fill=255)

    stars.pen(image, GOLD, star, 0.9)


def trails(size: Size) -> Image.Image:
    """An hour's turning of the sky over the old observatory."""
    rng = Random("leila-trails")
    width, height = size
    image = vertical(
        size, [(0, "#060b1e"), (0.45, "#10254f"), (0.72, "#3a5c86"), (0.84, "#c08a6a"), (1, "#e0a070")]
    )
    pole = (width * 0.6, height * 0.42)
    marks: dict[str, list[tuple[float, float, float, int]]] = {WHITE: [], "#a9c4ff": [], "#ffcf9a": []}
    for _ in range(900):
        radius = width * 0.95 * rng.random() ** 0.75
        start = rng.uniform(0, 360)
        marks[rng.choice([WHITE, WHITE, "#a9c4ff", "#ffcf9a"])].append(
            (radius, start, rng.uniform(24, 46), round(255 * rng.uniform(0.2, 1) ** 1.6))
        )
    fade = vertical(size, [(0, "#ffffff"), (0.55, "#ffffff"), (0.82, "#000000"), (1, "#000000")]).getchannel(
        0
    )
    for colour, arcs in marks.items():

        def draw_arcs(
            draw: ImageDraw.ImageDraw, s: float, arcs: list[tuple[float, float, float, int]] = arcs
        ) -> None:
            for radius, start, sweep, value in arcs:
                box = (
                    (pole[0] - radius) * s,
                    (pole[1] - radius) * s,
                    (pole[0] + radius) * s,
                    (pole[1] + radius) * s,
                )
                draw.arc(box, start, start + sweep, fill=value, width=max(1, round(width * s / 1100)))

        image = lit(image, colour, both(drawn(size, draw_arcs), fade), 0.95)
    for share, tall, colour in ((0.86, 0.07, "#2c3a5c"), (0.93, 0.1, "#0a1022")):
        line = ridge(rng, 129, 0.5)
        top = [(i * width / (len(line) - 1), height * (share - tall * 0.5 * v)) for i, v in enumerate(line)]
        dyed(image, colour, polygon(size, [(0, height), *top, (width, height)]))
    return grained(_observatory(image, (width * 0.25, height * 0.9), width * 0.1), rng, 10)


def _observatory(image: Image.Image, foot: Point, span: float) -> Image.Image:
    x, y = foot
    wall = polygon(
        image.size,
        [
            (x - span * 0.5, y + span),
            (x - span * 0.5, y - span * 0.35),
            (x + span * 0.5, y - span * 0.35),
            (x + span * 0.5, y + span),
        ],
    )
    dome = both(
        disc(image.size, (x, y - span * 0.35), span * 0.56),
        polygon(
            image.size,
            [
                (x - span, y - span * 0.33),
                (x - span, y - span * 2),
                (x + span, y - span * 2),
                (x + span, y - span * 0.33),
            ],
        ),
    )
    dyed(image, "#0a1022", ImageChops.lighter(wall, dome))
    slit = both(
        dome,
        polygon(
            image.size,
            [
                (x + span * 0.04, y - span * 0.34),
                (x + span * 0.16, y - span),
                (x + span * 0.36, y - span),
                (x + span * 0.2, y - span * 0.34),
            ],
        ),
    )
    door = polygon(
        image.size,
        [
            (x - span * 0.3, y + span * 0.2),
            (x - span * 0.3, y - span * 0.12),
            (x - span * 0.17, y - span * 0.12),
            (x - span * 0.17, y + span * 0.2),
        ],
    )
    lamp = ImageChops.lighter(slit, door)
    dyed(image, "#ffca7a", lamp)
    return lit(
        image,
        "#ff9d4d",
        lamp.filter(ImageFilter.GaussianBlur(span / 7)).point([min(255, v * 2) for v in range(256)]),
        0.7,
    )


def moons(size: Size) -> Image.Image:
    """A month of moons."""
    rng = Random("leila-moons")
    width, height = size
    image = stars.night_paper(size, rng)
    columns, rows = 7, 4
    cell = width / (columns + 0.8)
    radius = round(cell * 0.36)
    face = moon_face(radius, rng)
    pitch = cell * 1.13
    top = (height - rows * pitch) / 2
    for day in range(columns * rows):
        x, y = (day % columns + 0.9) * cell, top + (day // columns + 0.46) * pitch
        phase = day / (columns * rows)
        light = phase_light((face.width, face.width), radius, phase)
        corner = (round(x - face.width / 2), round(y - face.width / 2))
        moon = shaded(face, "#0d1836", ImageChops.invert(light), 0.93)
        image.paste(moon, corner, disc(face.size, (face.width / 2, face.width / 2), radius))
        stars.lettered(image, str(day + 1), (x, y + cell * 0.475), cell * 0.085, GOLD)
    return grained(image, rng, 12)


def drift(size: Size) -> Image.Image:
    """A mistral, drawn with three pens that never cross."""
    rng = Random("leila-drift-5")
    width, height = size
    margin = width * 0.075
    image = Image.new("RGB", size, "#f4ecdc")
    field = noise(rng, (160, 214), (3, 4), 2)
    angles = field.tobytes()
    apart = width / 190
    grid: dict[tuple[int, int], int] = {}
    inks: dict[str, list[tuple[list[Point], float]]] = {"#17386b": [], "#c8482f": [], "#d9a441": []}

    def follow(x: float, y: float, number: int) -> list[Point]:
        path: list[Point] = []
        for _ in range(150):
            cell = (int(x / apart), int(y / apart))
            inside = margin < x < width - margin and margin < y < height - margin
            if not inside or grid.get(cell, number) != number:
                break
            grid[cell] = number
            path.append((x, y))
            angle = angles[int(y / height * 213) * 160 + int(x / width * 159)] / 255 * math.tau * 0.95 - 0.6
            x, y = x + math.cos(angle) * apart * 0.9, y + math.sin(angle) * apart * 0.9
        return path

    for number in range(2600):
        x, y = rng.uniform(margin, width - margin), rng.uniform(margin, height - margin)
        path = follow(x, y, number)
        if len(path) > 7:
            tone = angles[int(y / height * 213) * 160 + int(x / width * 159)] / 255
            ink = "#17386b" if tone < 0.42 else "#c8482f" if tone > 0.66 else "#d9a441"
            inks[ink if rng.random() < 0.86 else rng.choice(list(inks))].append(
                (path, rng.choice((0.38, 0.55, 0.78)))
            )
    for ink, paths in inks.items():

        def lines(
            draw: ImageDraw.ImageDraw, s: float, paths: list[tuple[list[Point], float]] = paths
        ) -> None:
            for path, thick in paths:
                half = thick * apart * s / 2
                draw.line(
                    [(x * s, y * s) for x, y in path], fill=255, width=max(1, round(half * 2)), joint="curve"
                )
                for x, y in (path[0], path[-1]):
                    draw.ellipse((x * s - half, y * s - half, x * s + half, y * s + half), fill=255)

        dyed(image, ink, drawn(size, lines), 0.95)
    return papered(image, rng, 0.1)


def avatar(size: Size) -> Image.Image:
    rng = Random("leila-avatar")
    width, height = size
    image = stars.night_paper(size, rng, NIGHT)
    centre, radius = (width / 2, height / 2), round(width * 0.25)
    unit = width / 560
    face = moon_face(radius, rng)
    moon = shaded(face, "#14224a", ImageChops.invert(phase_light(face.size, radius, 0.2)), 0.92)
    image.paste(
        moon,
        (round(centre[0] - face.width / 2), round(centre[1] - face.width / 2)),
        disc(face.size, (face.width / 2, face.width / 2), radius),
    )

    def rings(draw: ImageDraw.ImageDraw, s: float) -> None:
        for share, thick in ((0.31, 1.0), (0.37, 2.2), (0.44, 1.0)):
            stars.ring(draw, s, centre, width * share, unit * thick)
        for tick in range(72):
            stars.spoke(
                draw,
                s,
                centre,
                tick * math.tau / 72,
                width * 0.37,
                width * (0.395 if tick % 6 else 0.42),
                unit,
            )
        for angle, share, size in ((-0.7, 0.31, 6), (2.3, 0.44, 8), (0.9, 0.44, 4)):
            stars.dot(
                draw,
                s,
                (centre[0] + math.cos(angle) * width * share, centre[1] + math.sin(angle) * width * share),
                size * unit,
            )

    stars.pen(image, GOLD, rings)
    return grained(image, rng, 10)


PICTURES = {
    "leila-avatar.jpg": Picture((800, 800), avatar),
    "leila-cover.jpg": Picture((1600, 600), cover),
    "leila-chart.jpg": Picture((1600, 1600), chart),
    "leila-trails.jpg": Picture((1600, 1067), trails),
    "leila-moons.jpg": Picture((1600, 1067), moons),
    "leila-drift.jpg": Picture((1200, 1600), drift),
}
