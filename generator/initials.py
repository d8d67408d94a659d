"""Draws the icon of a profile: initials on a colour of its own; the icon and the avatar of who has uploaded none."""

from __future__ import annotations

import hashlib
import io
import unicodedata
from functools import lru_cache

from PIL import Image, ImageChops, ImageDraw, ImageFont

SIZE_PX = 256
DRAWN_MAX = 4096
"""Icons that are remembered, of about 3 kB."""
# Pairs (top left, bottom right) per theme; white on each has a contrast of 4.5 or more (WCAG 2.2, 1.4.3).
PALETTES = {
    "plain": ("#3f4d8f #2b3467", "#0f766e #134e4a", "#9f3a5c #701a3d", "#6d4bb8 #46307f", "#a1501b #6b3410", "#3b6290 #22405f"),
    "dusk": ("#8b3fa8 #4c2a85", "#b13a75 #6b2170", "#5b4bc4 #392c88", "#a8407c #5a2a86", "#7c4dbd #43308f", "#c2415c #7a2365"),
    "paper": ("#a44a26 #74310f", "#7a6320 #54430f", "#5d6b35 #3d4820", "#8d4a52 #60303a", "#4f6470 #35464f", "#8a5a2b #5e3a16"),
    "moss": ("#3d7a4a #24522f", "#2f7a6b #1b5248", "#66752a #454f18", "#4a6f3a #2f4a24", "#2a6f7f #184a55", "#7a6a2a #544816"),
}  # fmt: skip
# Letters that Unicode does not take apart into a plain one and its accent.
_BARE = str.maketrans("ŁĐØĦŦƵ", "LDOHTZ")


def draw(name: str, seed: str, theme: str = "plain") -> bytes:
    """A PNG of 256 × 256 pixels. The colour comes from `seed` (the profile's id: a rename keeps it).

    Equal arguments give equal bytes with one version of Pillow, which the release's fingerprint knows.
    """
    return _drawn(*_motif(name, seed, theme))


def picture(name: str, seed: str, theme: str, size_px: int) -> Image.Image:
    """The same picture, not packed, in any size."""
    return _picture(*_motif(name, seed, theme), size_px)


def _motif(name: str, seed: str, theme: str) -> tuple[str, str, int]:
    """What is drawn: letters (or none), colours, and how far the flower is turned."""
    digest = hashlib.sha256(seed.encode()).digest()
    letters = _drawable(initials(name))
    palette = PALETTES[theme]
    return letters, palette[digest[0] % len(palette)], 0 if letters else digest[1] % 60


@lru_cache(maxsize=DRAWN_MAX)
def _drawn(letters: str, colours: str, turned: int) -> bytes:
    """Many names share their initials and their colours, and drawing takes as long as a whole page."""
    out = io.BytesIO()
    _picture(letters, colours, turned, SIZE_PX).save(out, "PNG", compress_level=6)
    return out.getvalue()


def _picture(letters: str, colours: str, turned: int, size_px: int) -> Image.Image:
    first, second = colours.split()
    # The gradient runs straight down: equal pixels in each row pack to a tenth of a slanted one's bytes.
    slope = Image.linear_gradient("L").resize((size_px, size_px))
    image = Image.composite(Image.new("RGB", slope.size, second), Image.new("RGB", slope.size, first), slope)
    return _lettered(image, letters) if letters else _flower(image, turned)


def initials(name: str) -> str:
    """The first letters of the first and the last word: "Ann Lee Orr" → "AO"; "" if no word begins with one."""
    words = ["".join(c for c in word if unicodedata.category(c)[0] in "LN") for word in name.split()]
    firsts = [unicodedata.normalize("NFC", word)[0].upper()[:1] for word in words if word]
    return "".join(firsts[:1] + firsts[1:][-1:])


@lru_cache(maxsize=8)
def _font(size_px: float) -> ImageFont.FreeTypeFont:
    """The font inside Pillow, unpacked once: no machine's own fonts decide what is drawn."""
    font = ImageFont.load_default(size_px)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("this Pillow was built without FreeType: install its wheel")
    return font


@lru_cache(maxsize=DRAWN_MAX)
def _drawable(letters: str) -> str:
    """The letters if the font that Pillow brings (Latin, mostly) has them, perhaps without their accents; else ""."""
    font = _font(24)
    box = bytes(font.getmask("\U0010ffff"))
    for tried in (letters, unicodedata.normalize("NFKD", letters.translate(_BARE))):
        bare = "".join(letter for letter in tried if not unicodedata.combining(letter))
        if bare and all(bytes(font.getmask(letter)) != box for letter in bare):
            return bare
    return ""


def _lettered(image: Image.Image, letters: str) -> Image.Image:
    size_px = image.width
    font = _font(size_px * (0.4 if len(letters) > 1 else 0.48))
    left, top, right, bottom = font.getbbox(letters)
    corner = (size_px / 2 - (left + right) / 2, size_px / 2 - (top + bottom) / 2)
    ImageDraw.Draw(image).text(corner, letters, font=font, fill="white", stroke_width=size_px * 1.5 / SIZE_PX)
    return image


def _flower(image: Image.Image, turned: int) -> Image.Image:
    """For names in other scripts: six petals, turned by the name."""
    light = Image.new("L", image.size, 0)
    for turn in range(3):
        petals = _petals(image.width).rotate(turned + turn * 60, Image.Resampling.BICUBIC)
        light = ImageChops.screen(light, petals)
    return Image.composite(Image.new("RGB", image.size, "white"), image, light)


@lru_cache(maxsize=4)
def _petals(size_px: int) -> Image.Image:
    """Two petals opposite each other, drawn large and made small for a soft edge."""
    big = size_px * 4
    petals = Image.new("L", (big, big), 0)
    ImageDraw.Draw(petals).ellipse((big * 0.4, big * 0.2, big * 0.6, big * 0.8), fill=96)
    return petals.resize((size_px, size_px), Image.Resampling.LANCZOS)
