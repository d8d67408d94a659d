"""Efua Asante-Boadu's loom: a drawing with a pixel for each crossing of threads becomes cloth, flat or in folds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from examples.pictures.canvas import Colour, Size, glow, grained, levels, lit, noise, rgb, shaded

GOLD, GREEN, RED, INK, BLUE, CREAM, WINE = (
    "#f7bb38",
    "#23865a",
    "#d3392f",
    "#2a211c",
    "#2c5cb3",
    "#fdf3dc",
    "#8a2745",
)

Motif = Callable[[ImageDraw.ImageDraw, tuple[int, int, int, int], Colour, Colour], None]


def woven(threads: Image.Image, size: Size, rng: Random, relief: float = 0.5) -> Image.Image:
    """The cloth of a drawing: each row is a pick that goes over and under, thicker and thinner as hand-spun is."""
    across, down = threads.size
    cell = _cell_px(threads.size, size)
    full = (across * cell, down * cell)
    cloth = threads.resize(full, Image.Resampling.NEAREST)
    cloth = ImageChops.multiply(cloth, Image.merge("RGB", [_relief(full, cell, relief)] * 3))
    slubs = Image.frombytes("L", (max(2, across // 7), down), rng.randbytes(max(2, across // 7) * down))
    cloth = shaded(cloth, "#2a1a10", levels(slubs.resize(full, Image.Resampling.BICUBIC), 120, 255), 0.24)
    cloth = _uneven(cloth, rng, cell)
    left, top = (full[0] - size[0]) // 2, (full[1] - size[1]) // 2
    return grained(cloth.crop((left, top, left + size[0], top + size[1])), rng, 18)


def _cell_px(threads: Size, size: Size) -> int:
    """The edge of one crossing, so that the threads cover the picture."""
    return max(2, math.ceil(max(size[0] / threads[0], size[1] / threads[1])))


def _relief(size: Size, cell: int, depth: float) -> Image.Image:
    """Light on floats of two crossings, each row set off by one."""
    tile = Image.new("L", (2 * cell, 2 * cell))
    values = []
    for y in range(2 * cell):
        for x in range(2 * cell):
            along = (x + (cell if y >= cell else 0)) % (2 * cell)
            back = math.sin(math.pi * (y % cell + 0.5) / cell) ** 0.55
            end = math.sin(math.pi * (along + 0.5) / (2 * cell)) ** 0.4
            # Light falls from above: the upper flank of a thread is brighter.
            flank = 0.1 * math.cos(math.pi * (y % cell + 0.5) / cell)
            values.append(round(255 * min(1.0, 1 - depth + depth * back * (0.55 + 0.45 * end) + flank)))
    # The cloth must not come out darker than its dyes.
    gain = 232 * len(values) / sum(values)
    tile.putdata([min(255, round(v * gain)) for v in values])
    return tiled(tile, size)


def tiled(tile: Image.Image, size: Size) -> Image.Image:
    """The tile repeated over a picture, doubling what is there each time."""
    image = Image.new(tile.mode, size)
    image.paste(tile, (0, 0))
    wide, high = tile.size
    while wide < size[0]:
        image.paste(image.crop((0, 0, wide, high)), (wide, 0))
        wide *= 2
    while high < size[1]:
        image.paste(image.crop((0, 0, size[0], high)), (0, high))
        high *= 2
    return image


def _uneven(cloth: Image.Image, rng: Random, cell: int) -> Image.Image:
    """No beat of the loom is like the last: the cloth's grid wanders by less than a thread."""
    parts = 12
    wide, high = cloth.size
    xs, ys = ([round(i * edge / parts) for i in range(parts + 1)] for edge in (wide, high))
    reach = min(cell * 0.7, wide / 420)
    drift = [[(rng.uniform(-reach, reach), rng.uniform(-reach, reach)) for _ in xs] for _ in ys]

    def at(column: int, row: int) -> tuple[float, float]:
        inner = 0 < column < parts and 0 < row < parts
        dx, dy = drift[row][column] if inner else (0.0, 0.0)
        return xs[column] + dx, ys[row] + dy

    mesh = [
        ((xs[c], ys[r], xs[c + 1], ys[r + 1]), (*at(c, r), *at(c, r + 1), *at(c + 1, r + 1), *at(c + 1, r)))
        for r in range(parts)
        for c in range(parts)
    ]
    return cloth.transform(cloth.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)


def draped(cloth: Image.Image, rng: Random, folds: float) -> Image.Image:
    """The cloth hung in folds: narrower on their flanks, lit from the left."""
    wide, high = cloth.size
    phase = rng.uniform(0, math.tau)
    steps = max(16, wide // 8)
    across, light = [], []
    for i in range(steps + 1):
        t = i / steps * math.tau * folds
        slope = 0.62 * math.sin(t + phase) + 0.38 * math.sin(2.3 * t + phase * 2) + 0.2 * math.sin(5.1 * t)
        across.append(1 / (1.25 - 0.75 * math.cos(slope * 1.4)))
        light.append(round(max(0.0, min(255.0, 150 + 105 * slope))))
    places = [0.0]
    for width in across[1:]:
        places.append(places[-1] + width)
    source = [p / places[-1] * wide for p in places]
    edges = [round(i * wide / steps) for i in range(steps + 1)]
    sag = [high * 0.012 * (value / 255 - 0.5) for value in light]
    mesh = [
        (
            (edges[i], 0, edges[i + 1], high),
            (
                source[i],
                sag[i],
                source[i],
                high + sag[i],
                source[i + 1],
                high + sag[i + 1],
                source[i + 1],
                sag[i + 1],
            ),
        )
        for i in range(steps)
    ]
    hung = cloth.transform(cloth.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)
    strip = Image.new("L", (steps + 1, 1))
    strip.putdata(light)
    shade = strip.resize(cloth.size, Image.Resampling.BICUBIC)
    hung = shaded(hung, "#0d0a12", levels(shade, 160, 0), 0.7)
    return lit(hung, "#ffe7bd", levels(shade, 165, 255), 0.14)


def hand_lit(image: Image.Image, strength: float = 0.3) -> Image.Image:
    """Window light from the upper left, and the corners a little darker."""
    width, height = image.size
    image = lit(image, "#ffe6b8", glow(image.size, (width * 0.15, 0), width * 0.9, 1.2), 0.14)
    return shaded(
        image, "#120c10", levels(glow(image.size, (width, height), width * 0.95, 1.1), 0, 255), strength
    )


def strip(width: int, length: int, rng: Random, palette: Sequence[str], offset: int = 0) -> Image.Image:
    """One narrow strip: blocks of weft-faced motifs between stretches of striped warp."""
    image = Image.new("RGB", (width, length), palette[0])
    draw = ImageDraw.Draw(image)
    _warp(draw, width, length, palette)
    block, gap = round(width * 0.72), round(width * 0.5)
    y, turn = offset - block - gap, offset // max(1, block)
    while y < length:
        ground, figure, bar = (rgb(palette[(turn + i) % len(palette)]) for i in (1, 2, 3))
        edge = max(2, width // 12)
        draw.rectangle((0, y, width, y + block - 1), fill=ground)
        for row in (y, y + block - edge):
            draw.rectangle((0, row, width, row + edge - 1), fill=bar)
            draw.rectangle((0, row + edge // 2, width, row + edge // 2), fill=figure)
        motif = MOTIFS[turn % len(MOTIFS)]
        motif(draw, (0, y + edge, width, y + block - edge), figure, bar)
        y += block + gap
        turn += rng.choice((1, 1, 2))
    return image


def _warp(draw: ImageDraw.ImageDraw, width: int, length: int, palette: Sequence[str]) -> None:
    bands = (
        (0.0, 0.1, 3),
        (0.1, 0.16, 0),
        (0.16, 0.24, 1),
        (0.24, 0.3, 0),
        (0.42, 0.58, 2),
        (0.47, 0.53, 3),
        (0.7, 0.76, 0),
        (0.76, 0.84, 1),
        (0.9, 1.0, 3),
    )
    for start, end, colour in bands:
        draw.rectangle(
            (round(width * start), 0, round(width * end) - 1, length), fill=palette[colour % len(palette)]
        )


def diamond(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], figure: Colour, bar: Colour) -> None:
    """A stepped diamond in a diamond."""
    x0, y0, x1, y1 = box
    middle, half, step = (x0 + x1) / 2, (y1 - y0) / 2, max(1, (y1 - y0) // 12)
    for y in range(y0, y1):
        row = (y - y0) // step * step
        reach = (1 - abs(row + step / 2 - half) / half) * (x1 - x0) * 0.5
        for share, colour in ((1.0, figure), (0.62, bar), (0.28, figure)):
            span = round(reach - (1 - share) * (x1 - x0) * 0.5)
            if span > 0:
                draw.line((round(middle - span), y, round(middle + span) - 1, y), fill=colour)


def zigzag(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], figure: Colour, bar: Colour) -> None:
    x0, y0, x1, y1 = box
    teeth, high = 4, (y1 - y0) / 3
    for band in range(3):
        for x in range(x0, x1):
            rise = abs(((x - x0) * teeth / (x1 - x0)) % 1 - 0.5) * 2
            top = y0 + band * high + rise * high * 0.55
            draw.line((x, round(top), x, round(top + high * 0.42)), fill=figure if band % 2 == 0 else bar)


def checks(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], figure: Colour, bar: Colour) -> None:
    x0, y0, x1, y1 = box
    columns, rows = 6, 4
    for row in range(rows):
        for column in range(columns):
            if (row + column) % 2:
                left, top = x0 + (x1 - x0) * column // columns, y0 + (y1 - y0) * row // rows
                right, bottom = (
                    x0 + (x1 - x0) * (column + 1) // columns - 1,
                    y0 + (y1 - y0) * (row + 1) // rows - 1,
                )
                draw.rectangle((left, top, right, bottom), fill=figure if row % 3 else bar)


def hourglass(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], figure: Colour, bar: Colour) -> None:
    """The drummer's shape, between two combs."""
    x0, y0, x1, y1 = box
    middle, half = (x0 + x1) / 2, (y1 - y0) / 2
    for y in range(y0, y1):
        away = abs(y + 0.5 - y0 - half) / half
        reach = round((0.06 + 0.26 * away) * (x1 - x0))
        draw.line((round(middle - reach), y, round(middle + reach) - 1, y), fill=figure)
    for side in (x0, x1 - (x1 - x0) // 8):
        for tooth in range(0, y1 - y0, 4):
            draw.rectangle((side, y0 + tooth, side + (x1 - x0) // 8, y0 + tooth + 1), fill=bar)


def ladder(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], figure: Colour, bar: Colour) -> None:
    x0, y0, x1, y1 = box
    for i, y in enumerate(range(y0, y1 - 1, 4)):
        inset = (x1 - x0) * (1 + abs((i * 2) % 6 - 3)) // 12
        draw.rectangle((x0 + inset, y, x1 - inset - 1, y + 1), fill=figure if i % 2 else bar)


MOTIFS: Sequence[Motif] = (diamond, ladder, zigzag, hourglass, checks)


def kente(
    size: Size, rng: Random, palettes: Sequence[Sequence[str]], strips: int, threads: int
) -> Image.Image:
    """Strips sewn side by side, each a half turn off from its neighbours."""
    width = threads // strips
    length = math.ceil(threads * size[1] / size[0])
    drawing = Image.new("RGB", (strips * width, length))
    for i in range(strips):
        offset = round(width * 0.61) * (i % 2)
        drawing.paste(strip(width, length, rng, palettes[i % len(palettes)], offset), (i * width, 0))
    cloth = woven(drawing, size, rng)
    seams = Image.new("L", size)
    lines = ImageDraw.Draw(seams)
    cell = _cell_px(drawing.size, size)
    left = (drawing.width * cell - size[0]) // 2
    for i in range(1, strips):
        x = i * width * cell - left
        lines.line((x, 0, x, size[1]), fill=255, width=max(1, size[0] // 420))
    return shaded(cloth, "#120d0b", seams.filter(ImageFilter.GaussianBlur(size[0] / 700)), 0.75)


def dyed_cloth(size: Size, rng: Random) -> Image.Image:
    """Plain handwoven cotton out of the indigo vat."""
    cloth = woven(Image.new("RGB", (size[0] // 5, size[1] // 5), "#ffffff"), size, rng, 0.3)
    vat = Image.new("RGB", size, "#2a4390")
    cloudy = noise(rng, size, (5, 4), 6)
    vat = shaded(vat, "#0a1230", levels(cloudy, 110, 255), 0.65)
    vat = lit(vat, "#4a72b8", levels(cloudy, 120, 0), 0.3)
    return ImageChops.multiply(cloth, vat)
