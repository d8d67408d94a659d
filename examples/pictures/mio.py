"""Saegusa Mio's pictures: mountains in woodblock, one sheet a season."""

from __future__ import annotations

from random import Random

from PIL import Image, ImageDraw

from examples.pictures.blossom import branch
from examples.pictures.canvas import (
    Picture,
    Size,
    disc,
    drawn,
    dyed,
    vertical,
)
from examples.pictures.woodblock import Season, geese, printed, ranges

DAWN = Season(
    [(0, "#2f5d86"), (0.28, "#8fb4bf"), (0.55, "#f0dcc0"), (0.8, "#f3b597"), (1, "#f0a58c")],
    "#a9bcc4",
    "#1d3f58",
    "#f4e2cd",
    "#d9482f",
)
SPRING = Season(
    [(0, "#c9798d"), (0.25, "#e9b3b1"), (0.6, "#f7e3d3"), (1, "#f8ecdc")],
    "#cbb3bd",
    "#3d5c55",
    "#fbeee2",
    "#fff7e8",
)
SUMMER = Season(
    [(0, "#0f2c50"), (0.4, "#275f8a"), (0.75, "#8fc0c2"), (1, "#e5e9cf")],
    "#7fb0b4",
    "#0f3b3d",
    "#dfeadb",
    "#f7f2dc",
)
AUTUMN = Season(
    [(0, "#7d3a2c"), (0.22, "#d98148"), (0.6, "#f4cf95"), (1, "#f7e3bd")],
    "#dba77a",
    "#4a2427",
    "#f9e4bf",
    "#c9331f",
)
WINTER = Season(
    [(0, "#1b2440"), (0.35, "#44567d"), (0.7, "#9db0c6"), (1, "#dde4e6")],
    "#a3b4c8",
    "#1c2a40",
    "#edf1f2",
    "#fbf7e6",
)


def cover(size: Size) -> Image.Image:
    rng = Random("mio-cover-4")
    width, height = size
    image = vertical(size, DAWN.sky)
    dyed(image, DAWN.orb, disc(size, (width * 0.72, height * 0.3), height * 0.15))
    ranges(image, rng, DAWN, 6, 0.58, 0.98, peak=0.11, snow=True)
    geese(image, DAWN.near, (width * 0.17, height * 0.24), height * 0.045, 7)
    return printed(image, rng)


def dawn(size: Size) -> Image.Image:
    rng = Random("mio-dawn-2")
    width, height = size
    image = vertical(size, DAWN.sky)
    dyed(image, DAWN.orb, disc(size, (width * 0.7, height * 0.2), width * 0.11))
    ranges(image, rng, DAWN, 6, 0.45, 0.9, peak=0.3)
    geese(image, DAWN.near, (width * 0.2, height * 0.2), width * 0.04, 7)
    return printed(image, rng, 0.055)


def spring(size: Size) -> Image.Image:
    rng = Random("mio-spring")
    width, height = size
    image = vertical(size, SPRING.sky)
    dyed(image, SPRING.orb, disc(size, (width * 0.34, height * 0.26), width * 0.13))
    ranges(image, rng, SPRING, 6, 0.5, 0.92)
    branch(image, rng, (width * 1.02, height * 0.1), 2.85, width * 0.62)
    return printed(image, rng, 0.055)


def summer(size: Size) -> Image.Image:
    """Rain over the valley at night's edge."""
    rng = Random("mio-summer")
    width, height = size
    image = vertical(size, SUMMER.sky)
    dyed(image, SUMMER.orb, disc(size, (width * 0.7, height * 0.2), width * 0.075), 0.95)
    ranges(image, rng, SUMMER, 7, 0.4, 0.92)

    def rain(draw: ImageDraw.ImageDraw, s: float) -> None:
        for _ in range(420):
            x, y, long = (
                rng.uniform(-0.1, 1.1) * width,
                rng.uniform(-0.1, 1) * height,
                rng.uniform(0.04, 0.13) * height,
            )
            draw.line(
                (x * s, y * s, (x - long * 0.16) * s, (y + long) * s),
                fill=rng.randrange(60, 190),
                width=max(1, round(width * s / 1500)),
            )

    dyed(image, "#eef3e6", drawn(size, rain), 0.6)
    return printed(image, rng, 0.055)


def autumn(size: Size) -> Image.Image:
    rng = Random("mio-autumn-2")
    width, height = size
    image = vertical(size, AUTUMN.sky)
    dyed(image, AUTUMN.orb, disc(size, (width * 0.3, height * 0.3), width * 0.085))
    ranges(image, rng, AUTUMN, 7, 0.47, 0.95)
    geese(image, AUTUMN.near, (width * 0.55, height * 0.2), width * 0.022, 9)
    return printed(image, rng)


def winter(size: Size) -> Image.Image:
    rng = Random("mio-winter-3")
    width, height = size
    image = vertical(size, WINTER.sky)
    dyed(image, WINTER.orb, disc(size, (width * 0.3, height * 0.2), width * 0.09))
    ranges(image, rng, WINTER, 6, 0.46, 0.92, peak=0.32, snow=True)

    def flakes(draw: ImageDraw.ImageDraw, s: float) -> None:
        for _ in range(520):
            x, y, r = rng.random() * width, rng.random() * height, width * rng.choice((0.0012, 0.0018, 0.003))
            draw.ellipse(((x - r) * s, (y - r) * s, (x + r) * s, (y + r) * s), fill=255)

    dyed(image, "#fbfcfa", drawn(size, flakes), 0.9)
    return printed(image, rng, 0.055)


def avatar(size: Size) -> Image.Image:
    rng = Random("mio-avatar")
    width, height = size
    image = vertical(size, DAWN.sky)
    dyed(image, DAWN.orb, disc(size, (width * 0.5, height * 0.38), width * 0.2))
    ranges(image, rng, DAWN, 4, 0.62, 0.9, peak=0.34, snow=True)
    return printed(image, rng)


PICTURES = {
    "mio-avatar.jpg": Picture((800, 800), avatar),
    "mio-cover.jpg": Picture((1600, 600), cover),
    "mio-dawn.jpg": Picture((1200, 1600), dawn),
    "mio-spring.jpg": Picture((1200, 1600), spring),
    "mio-summer.jpg": Picture((1200, 1600), summer),
    "mio-autumn.jpg": Picture((1600, 1067), autumn),
    "mio-winter.jpg": Picture((1200, 1600), winter),
}
