"""Maren Solvik's pictures: five hours of the day over one calm fjord."""

from __future__ import annotations

from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from examples.pictures import boats, sea
from examples.pictures.canvas import (
    Picture,
    Size,
    both,
    curve,
    dyed,
    glow,
    grained,
    levels,
    lit,
    noise,
    papered,
    ramp,
    vertical,
)


def _fjord(
    size: Size,
    rng: Random,
    light: sea.Light,
    horizon: float,
    sun: tuple[float, float, float] | None,
    hills: float = 1.0,
    clouds: float = 1.0,
) -> Image.Image:
    """Sky, islands and water; `sun` is (x, height above the horizon, radius) in shares of the width."""
    width, height = size
    shore = round(height * horizon)
    above = sea.sky((width, shore), rng, light, clouds)
    if sun:
        above = sea.with_sun(above, light, (sun[0] * width, shore - sun[1] * width), sun[2] * width)
    tall = width * 0.13 * hills
    if hills:
        sea.hills(
            above, rng, light, [(tall, 0.52, 0.0), (tall * 0.62, 0.55, 0.3), (tall * 0.3, 0.55, 0.62)], shore
        )
    below = sea.sea(above, (width, height - shore), rng, light)
    if sun:
        below = lit(below, light.sun, sea.glitter(below.size, rng, sun[0] * width, width * 0.05), 0.85)
    image = Image.new("RGB", size)
    image.paste(above, (0, 0))
    image.paste(below, (0, shore))
    seam = ramp(size, [(0, 0), (horizon - 0.012, 0), (horizon, 90), (horizon + 0.03, 0), (1, 0)])
    return lit(image, light.sky[-1][1], seam, 0.5)


def _boat(
    image: Image.Image,
    light: sea.Light,
    x: float,
    y: float,
    scale: float,
    *,
    sail: bool = True,
    haze: float = 0.0,
    lean: float = 0.0,
) -> None:
    """A boat whose waterline is at y; a negative `lean` (degrees) also turns it to sail the other way."""
    width, height = image.size
    size_px = max(4, round(width * scale))
    sprite = boats.boat(2 * size_px, light, sail)
    if lean:
        sprite = sprite.rotate(abs(lean), Image.Resampling.BICUBIC, center=(sprite.width / 2, sprite.height))
    if lean < 0:
        sprite = sprite.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    sprite = sprite.resize((size_px, size_px), Image.Resampling.LANCZOS)
    sprite = sprite.crop((0, 0, size_px, round(size_px * 0.97)))  # what is under water
    boats.afloat(image, sprite, x * width, y * height, (str(light.far), haze) if haze else None)


def cover(size: Size) -> Image.Image:
    rng = Random("maren-cover")
    light = sea.DUSK
    image = _fjord(size, rng, light, 0.6, (0.34, 0.03, 0.017), hills=0.85)
    _boat(image, light, 0.88, 0.655, 0.05, haze=0.35, lean=-2)
    _boat(image, light, 0.56, 0.7, 0.075, haze=0.15, lean=1.5)
    _boat(image, light, 0.73, 0.84, 0.16, lean=-2.5)
    sea.birds(image, rng, light, (size[0] * 0.2, size[1] * 0.26), 7, size[0] / 90)
    return grained(image, rng, 12)


def dusk(size: Size) -> Image.Image:
    rng = Random("maren-dusk")
    light = sea.DUSK
    image = _fjord(size, rng, light, 0.55, (0.62, 0.045, 0.036), hills=0.9)
    _boat(image, light, 0.2, 0.595, 0.07, haze=0.3, lean=2)
    _boat(image, light, 0.86, 0.63, 0.1, sail=False, haze=0.2)
    _boat(image, light, 0.4, 0.76, 0.27, lean=2)
    return grained(image, rng, 12)


def gold(size: Size) -> Image.Image:
    rng = Random("maren-gold-2")
    light = sea.GOLD
    image = _fjord(size, rng, light, 0.5, (0.5, 0.1, 0.04), hills=1.2)
    for x, y, scale, haze, lean in (
        (0.16, 0.535, 0.07, 0.4, 1.5), (0.31, 0.55, 0.085, 0.3, 2.5), (0.82, 0.58, 0.13, 0.12, -2), (0.57, 0.79, 0.34, 0.0, 3),
    ):  # fmt: skip
        _boat(image, light, x, y, scale, haze=haze, lean=lean)
    sea.birds(image, rng, light, (size[0] * 0.3, size[1] * 0.2), 5, size[0] / 60)
    return grained(image, rng, 12)


def mist(size: Size) -> Image.Image:
    rng = Random("maren-mist")
    light = sea.MIST
    image = _fjord(size, rng, light, 0.52, (0.7, 0.21, 0.032), hills=0.9, clouds=0.4)
    _boat(image, light, 0.24, 0.57, 0.1, haze=0.62, lean=-2)
    _boat(image, light, 0.8, 0.6, 0.13, haze=0.45)
    fog = both(noise(rng, size, (2, 7), 4), ramp(size, [(0, 0), (0.33, 40), (0.53, 235), (0.7, 60), (1, 0)]))
    dyed(image, light.cloud, levels(fog, 20, 190), 0.9)
    _boat(image, light, 0.42, 0.8, 0.26, lean=-1.5)
    return papered(image, rng, 0.1)


def cabins(size: Size) -> Image.Image:
    rng = Random("maren-cabins-3")
    light = sea.BLUE
    width, height = size
    image = _fjord(size, rng, light, 0.56, None, hills=1.9)
    shore = round(height * 0.56)
    strip = Image.new("RGBA", (width, round(width * 0.15)))
    lamps = Image.new("L", strip.size)
    _row_of_cabins(strip, lamps, rng)
    mirror = sea.rippled(strip.transpose(Image.Transpose.FLIP_TOP_BOTTOM), width / 140).filter(
        ImageFilter.BoxBlur((2, width / 400))
    )
    fade = both(mirror.getchannel("A"), ramp(mirror.size, [(0, 200), (1, 20)]))
    image.paste(mirror.convert("RGB"), (0, shore), fade)
    image.paste(strip.convert("RGB"), (0, shore - strip.height), strip.getchannel("A"))
    shine = Image.new("L", size)
    shine.paste(lamps, (0, shore - strip.height))
    drops = sea.rippled(
        lamps.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((width, strip.height * 2)), width / 110
    )
    shine.paste(both(drops, ramp(drops.size, [(0, 200), (1, 60)])), (0, shore))
    for radius, strength in ((width / 55, 0.9), (width / 200, 0.8), (width / 700, 0.5)):
        image = lit(
            image,
            "#ffb45e",
            shine.filter(ImageFilter.BoxBlur(radius)).point([min(255, v * 3) for v in range(256)]),
            strength * 0.6,
        )
    _boat(image, light, 0.73, 0.8, 0.2, sail=False)
    return grained(image, rng, 12)


def _row_of_cabins(strip: Image.Image, lamps: Image.Image, rng: Random) -> None:
    """Red cabins on stilts along the shore; their lit windows also go onto `lamps`."""
    width, height = strip.size
    unit = width / 100
    draw, glowing = ImageDraw.Draw(strip), ImageDraw.Draw(lamps)
    rocks = curve(
        [
            (0, height * 0.72),
            *[(x * unit, height * rng.uniform(0.72, 0.92)) for x in range(6, 62, 7)],
            (70 * unit, height * 0.97),
            (78 * unit, height),
        ],
        8,
    )
    draw.polygon([*rocks, (0, height)], fill="#0b1426")
    x = 5.0
    while x < 62:
        wide, tall = rng.uniform(6.5, 8.5), rng.uniform(3.2, 3.9)
        base = height - rng.uniform(2.2, 3.0) * unit
        left, right, eaves = x * unit, (x + wide) * unit, base - tall * unit
        ridge = eaves - wide * 0.36 * unit
        for post in (0.06, 0.3, 0.62, 0.92):
            px = left + (right - left) * post
            draw.line((px, base, px, height), fill="#0a0f1c", width=max(1, round(unit * 0.3)))
        wall = rng.choice(["#6d2531", "#7b2a30", "#5f2230", "#8a7a5a"])
        draw.polygon(
            [(left, base), (left, eaves), ((left + right) / 2, ridge), (right, eaves), (right, base)],
            fill=wall,
        )
        for board in range(1, round(wide * 2)):
            bx = left + board * (right - left) / round(wide * 2)
            draw.line(
                (bx, eaves, bx, base),
                fill="#4a1925" if wall != "#8a7a5a" else "#6d6048",
                width=max(1, round(unit * 0.06)),
            )
        roof = [
            (left - unit * 0.5, eaves + unit * 0.3),
            ((left + right) / 2, ridge - unit * 0.35),
            (right + unit * 0.5, eaves + unit * 0.3),
        ]
        draw.line(roof, fill="#15213a", width=max(1, round(unit * 0.7)), joint="curve")
        for place in (0.2, 0.58):
            wx, wy, span = left + (right - left) * place, eaves + unit * 0.7, unit * 1.35
            on = rng.random() < 0.75
            draw.rectangle(
                (wx, wy, wx + span, wy + span * 1.15),
                fill="#ffd58a" if on else "#1c2a47",
                outline="#e8ddc8",
                width=max(1, round(unit * 0.16)),
            )
            if on:
                glowing.rectangle((wx, wy, wx + span, wy + span * 1.15), fill=255)
            draw.line(
                (wx + span / 2, wy, wx + span / 2, wy + span * 1.15),
                fill="#e8ddc8",
                width=max(1, round(unit * 0.12)),
            )
        x += wide + rng.uniform(1.0, 2.8)


def aurora(size: Size) -> Image.Image:
    rng = Random("maren-aurora-3")
    light = sea.NIGHT
    width, height = size
    shore = round(height * 0.66)
    above = vertical((width, shore), light.sky)
    specks = Image.frombytes("L", (width, shore), rng.randbytes(width * shore)).point([0] * 255 + [255])
    dim = Image.frombytes("L", (width, shore), rng.randbytes(width * shore))
    above = lit(above, "#dfe9ff", both(specks, dim).filter(ImageFilter.GaussianBlur(width / 2600)), 1.0)
    for colour, middle, reach, strength in (
        ("#3fe0a0", 0.5, 0.58, 1.0),
        ("#46c7c0", 0.36, 0.45, 0.6),
        ("#9a63d8", 0.22, 0.5, 0.5),
    ):
        above = lit(above, colour, _curtain((width, shore), rng, middle, reach), strength)
    tall = width * 0.16
    sea.hills(
        above, rng, light, [(tall, 0.54, 0.1), (tall * 0.7, 0.56, 0.55), (tall * 0.3, 0.55, 0.95)], shore
    )
    below = sea.sea(above, (width, height - shore), rng, light)
    image = Image.new("RGB", size)
    image.paste(above, (0, 0))
    image.paste(below, (0, shore))
    _boat(image, light, 0.3, 0.84, 0.17, lean=-1)
    image = lit(image, "#ffb45e", glow(size, (0.285 * width, 0.825 * height), width * 0.035, 2.4), 0.9)
    return grained(image, rng, 10)


def _curtain(size: Size, rng: Random, middle: float, reach: float) -> Image.Image:
    """One fold of northern light: rays that stand on a wandering line and fade upwards."""
    width, height = size
    tall = round(height * reach)
    rays = noise(rng, (width, 1), (14, 2), 5).resize((width, tall))
    rays = both(levels(rays, 40, 235), ramp((width, tall), [(0, 0), (0.55, 90), (0.93, 255), (1, 0)]))
    line = noise(rng, (width, 1), (4, 2), 2).tobytes()
    field = Image.new("L", size)
    step = max(1, width // 400)
    for x in range(0, width, step):
        foot = height * (middle + (line[x] / 255 - 0.5) * 0.42)
        field.paste(rays.crop((x, 0, x + step, tall)), (x, round(foot - tall * 0.55)))
    sides = Image.linear_gradient("L").rotate(90).resize(size)
    ends = both(levels(sides, 0, 70), levels(sides, 255, 190))
    return both(
        ImageChops.lighter(field, field.filter(ImageFilter.GaussianBlur(width / 90))).filter(
            ImageFilter.GaussianBlur(width / 500)
        ),
        ends,
    )


def avatar(size: Size) -> Image.Image:
    rng = Random("maren-avatar")
    light = sea.DUSK
    image = _fjord(size, rng, light, 0.62, (0.5, 0.23, 0.2), hills=0.0, clouds=0.7)
    _boat(image, light, 0.5, 0.74, 0.52, lean=-2)
    return grained(image, rng, 12)


PICTURES = {
    "maren-avatar.jpg": Picture((800, 800), avatar),
    "maren-cover.jpg": Picture((1600, 600), cover),
    "maren-dusk.jpg": Picture((1600, 1067), dusk),
    "maren-gold.jpg": Picture((1280, 1600), gold),
    "maren-mist.jpg": Picture((1600, 1067), mist),
    "maren-cabins.jpg": Picture((1600, 1067), cabins),
    "maren-aurora.jpg": Picture((1600, 1067), aurora),
}
