"""Maren Solvik's boats: wooden, with a square sail, set on the water above their broken reflection."""

from __future__ import annotations

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from examples.pictures.canvas import (
    Point,
    Size,
    both,
    curve,
    drawn,
    dyed,
    glow,
    mix,
    polygon,
    ramp,
    rgb,
    shaded,
    vertical,
)
from examples.pictures.sea import Light, rippled


def boat(size_px: int, light: Light, sail: bool = True) -> Image.Image:
    """A Nordland boat with its square sail, as an RGBA sprite that ends just below its waterline."""
    size = (size_px, size_px)
    sprite = Image.new("RGB", size, mix(light.near, light.sail, 0.3))
    keel = curve(_at(size_px, (9, 74), (13, 86), (24, 96), (50, 100), (76, 96), (87, 86), (91, 72)))
    sheer = curve(_at(size_px, (91, 72), (84, 83), (66, 89), (50, 90), (34, 89), (16, 84), (9, 74)))
    hull = polygon(size, [*keel, *sheer])
    mast = _at(size_px, (49, 8), (50.6, 8), (51.4, 92), (48.6, 92))
    rudder = _at(size_px, (88, 66), (92, 64), (92, 76), (89, 76))
    rig = polygon(size, mast, rudder)
    dyed(sprite, mix(light.near, "black", 0.25), hull)
    dyed(sprite, mix(light.sail, light.near, 0.35), both(hull, _strake(size)))
    dyed(sprite, light.near, rig)
    outline = ImageChops.lighter(hull, rig)
    if sail:
        cloth = _cloth(size)
        sprite = _with_sail(sprite, cloth, light)
        outline = ImageChops.lighter(outline, cloth)
    sprite.putalpha(outline)
    return sprite


def _at(size_px: int, *percent: Point) -> list[Point]:
    unit = size_px / 100
    return [(x * unit, y * unit) for x, y in percent]


def _strake(size: Size) -> Image.Image:
    """The light plank along the hull."""
    line = curve(_at(size[0], (11, 79), (20, 88), (35, 92.5), (50, 93.5), (65, 92.5), (80, 88), (89, 78)))

    def plank(draw: ImageDraw.ImageDraw, s: float) -> None:
        width = max(1, round(size[0] / 100 * s * 1.1))
        draw.line([(x * s, y * s) for x, y in line], fill=255, width=width)

    return drawn(size, plank)


def _cloth(size: Size) -> Image.Image:
    left = curve(_at(size[0], (27, 17), (24.5, 34), (24, 52), (28, 74)))
    foot = curve(_at(size[0], (28, 74), (50, 79), (76, 72)))
    right = curve(_at(size[0], (76, 72), (81, 52), (80, 34), (74, 15)))
    head = curve(_at(size[0], (74, 15), (50, 17), (27, 17)))
    return polygon(size, [*left, *foot, *right, *head])


def _with_sail(sprite: Image.Image, cloth: Image.Image, light: Light) -> Image.Image:
    size, edge = sprite.size, sprite.width
    bright, dull = mix(light.sail, light.sun, 0.35), mix(light.sail, light.near, 0.45)
    sprite.paste(vertical(size, [(0, bright), (0.5, light.sail), (0.8, dull)]), (0, 0), cloth)
    belly = glow(size, (edge * 0.8, edge * 0.6), edge * 0.55, 1.2)
    sprite = shaded(sprite, light.near, both(cloth, belly), 0.5)
    for share in (0.33, 0.66):
        x = 27 + share * 48
        seam = polygon(size, _at(edge, (x, 15), (x + 0.5, 15), (x + 1.2, 78), (x + 0.5, 78)))
        sprite = shaded(sprite, light.near, both(seam, cloth), 0.35)
    return sprite


def afloat(
    image: Image.Image,
    sprite: Image.Image,
    x: float,
    waterline: float,
    haze: tuple[str, float] | None = None,
    phase: float = 0.0,
) -> None:
    """Sets a sprite on the water, its broken reflection below."""
    if haze:
        veil = Image.new("RGBA", sprite.size, (*rgb(haze[0]), 255))
        veil.putalpha(sprite.getchannel("A"))
        sprite = Image.blend(sprite, veil, haze[1])
    left, top = round(x - sprite.width / 2), round(waterline - sprite.height)
    mirror = sprite.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize(
        (sprite.width, round(sprite.height * 0.8))
    )
    mirror = rippled(mirror, sprite.width / 28, phase).filter(
        ImageFilter.BoxBlur((sprite.width / 110, sprite.width / 220))
    )
    fade = both(mirror.getchannel("A"), ramp(mirror.size, [(0, 215), (0.6, 110), (1, 0)]))
    image.paste(mirror.convert("RGB"), (left, top + sprite.height - 1), fade)
    image.paste(sprite.convert("RGB"), (left, top), sprite.getchannel("A"))
