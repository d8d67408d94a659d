"""Sets lines of text for pictures: a face is measured, then drawn letter by letter, kerned by its own table.

Pillow's plain layout can't kern these fonts, and its other one needs a library of the machine's: two machines would
draw two pictures.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

FONTS = Path(__file__).parent / "fonts"
FINER = 3
"""Text is drawn this much larger: then hinting moves no letter, and all stand where they should."""
EM = 1000
"""What widths are measured in: thousandths of the text's size."""


@dataclass(frozen=True, slots=True)
class Face:
    """One of `fonts/`, by its file's name."""

    file: str

    def has(self, letter: str) -> bool:
        """Whether it is more than a box; of a space, yes."""
        return letter == " " or _mask(self.file, letter) != _mask(self.file, "\U0010ffff")

    def width(self, text: str, size_px: float = EM) -> float:
        """In pixels of that size."""
        return self._starts(text)[-1] * size_px / EM

    def drawn(self, text: str, size_px: int) -> Image.Image:
        """The text as a mask ("L"). It starts `size_px // 4` from the left, and its base line is `rise_px(size_px)` from
        the top: no overhang, accent or tail is cut."""
        font, left, base = _font(self.file, size_px * FINER), size_px // 4, rise_px(size_px)
        wide, high = int(self.width(text, size_px)) + 2 * left + 1, base + size_px // 2
        mask = Image.new("L", (wide * FINER, high * FINER), 0)
        pen = ImageDraw.Draw(mask)
        for letter, start in zip(text, self._starts(text), strict=False):
            at = (left * FINER + start * size_px * FINER / EM, base * FINER)
            pen.text(at, letter, font=font, fill=255, anchor="ls")
        return mask.reduce(FINER)

    def _starts(self, text: str) -> list[float]:
        """Where each letter starts, and where the last one ends."""
        starts, at = [], 0.0
        for letter, after in zip(text, (*text[1:], " "), strict=False):
            starts.append(at)
            at += _advance(self.file, letter) + self._kern(letter, after)
        return [*starts, at]

    def _kern(self, letter: str, after: str) -> int:
        """What the pair's table says, or that of the two letters without their accents."""
        pairs = _pairs(self.file)
        exact = pairs.get(letter + after)
        return pairs.get(_bare(letter) + _bare(after), 0) if exact is None else exact


def rise_px(size_px: int) -> int:
    """Room for the tallest letters, capitals with two accents."""
    return size_px * 5 // 4


@lru_cache(maxsize=64)
def _font(file: str, size_px: int) -> ImageFont.FreeTypeFont:
    try:
        return ImageFont.truetype(FONTS / f"{file}.woff2", size_px, layout_engine=ImageFont.Layout.BASIC)
    except (ImportError, OSError) as error:
        raise TypeError("this Pillow can't read WOFF2 fonts: install its wheel") from error


@lru_cache(maxsize=4096)
def _mask(file: str, letter: str) -> bytes:
    return bytes(_font(file, 24).getmask(letter))


@lru_cache(maxsize=4096)
def _advance(file: str, letter: str) -> float:
    return _font(file, EM).getlength(letter)


@lru_cache(maxsize=8)
def _pairs(file: str) -> dict[str, int]:
    """{"AV": -105, …}; the file has them by first letter, by value."""
    table = json.loads((FONTS / f"{file}.json").read_bytes())
    return {
        first + second: int(value)
        for first, values in table.items()
        for value, seconds in values.items()
        for second in seconds
    }


def _bare(letter: str) -> str:
    return unicodedata.normalize("NFD", letter)[0].translate(_UNSTRUCK)


_UNSTRUCK = str.maketrans("łŁđĐøØ", "lLdDoO")
