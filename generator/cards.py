"""Draws the card of a profile, which chats and networks show beside a link to it: face, name, theme; a JPEG."""

from __future__ import annotations

import io
import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from generator import grounds, initials
from generator.grounds import SIZE
from generator.lettering import EM, Face, rise_px

QUALITIES = (84, 76, 66)
BYTES_MAX = 90_000
"""Some chats show no picture that weighs much more; the first quality that keeps to it is taken."""
FACE_PX_MIN, FACE_PX_MAX, BLOCK_PX = 200, 264, 472
"""The face's width, and how high it is with all lines below it."""
WIDE_PX, SQUARE_PX, HANDLE_PX, SITE_PX = 1030, 610, 720, 290
"""The widest line; the widest that a crop to the centred square leaves whole; what the username and the site may take."""
MIDDLE = SIZE[0] // 2
SANS, SMALL = Face("sans-semibold"), Face("sans-medium")
_GAP_PX, _LABEL_PX, _EDGE_PX = 28, 54, 56
# (lines, size, widest), the best first; what fits none is cut.
_SETTINGS = (
    *((1, size_px, SQUARE_PX) for size_px in (96, 88, 80, 72)),
    *((2, size_px, SQUARE_PX) for size_px in (76, 68)),
    *((1, size_px, WIDE_PX) for size_px in (88, 80, 72)),
    *((2, size_px, WIDE_PX) for size_px in (72, 64, 56, 48)),
)
_SPACES, _HYPHENS = re.compile(r"(?<= )"), re.compile(r"(?<=[ ‐–—/-])")
_LOOSE = " \t-‐‑–—|/\\·•:;,&+~_=<>*"


VERSION = 1
"""To be raised when the code draws other cards of the same words: `holdfast rebuild --media` then draws all anew."""


class Card(NamedTuple):
    """What a card shows. `seed` is the profile's id: it colours the initials."""

    name: str
    username: str
    theme: str
    seed: str
    site: str


class Setting(NamedTuple):
    """Lines of text as they are set; none if nothing can be drawn."""

    face: Face
    size_px: int
    lines: list[str]


def draw(card: Card, avatar: bytes | None) -> bytes:
    """A JPEG of 1200 × 630 pixels. `avatar` is a rendition of ours (JPEG, WebP …); without one, initials stand for it.

    Everything is centred: a crop to the square keeps the face and, if it can, the whole name. Equal arguments give
    equal bytes with one version of Pillow.
    """
    look, image = grounds.LOOKS[card.theme], grounds.ground(card.theme).copy()
    handle = f"@{card.username}"
    name = set_name(card.name, look.face)
    if not name.lines:
        name, handle = set_name(handle, SANS), ""
    line_px = round(name.size_px * 1.12)
    below_px = _GAP_PX + line_px * len(name.lines) + (_LABEL_PX if handle else 0)
    face_px = min(max(BLOCK_PX - below_px, FACE_PX_MIN), FACE_PX_MAX) // 4 * 4
    top = (SIZE[1] - face_px - below_px) // 2 - 10

    _paste_face(image, card, avatar, face_px, top)
    top += face_px + _GAP_PX
    for line in name.lines:
        left = _middle(line, name.face, name.size_px)
        _write(image, line, name.face, name.size_px, look.text, left, top + round(line_px * 0.79))
        top += line_px
    if handle:
        size_px = next(
            size for size in (36, 30, 26, 22) if SMALL.width(handle, size) <= HANDLE_PX or size == 22
        )
        _write(image, handle, SMALL, size_px, look.quiet, _middle(handle, SMALL, size_px), top + 46)
    site = _cut(_drawable(card.site, SMALL), SMALL, 25, SITE_PX)
    left = SIZE[0] - _EDGE_PX - round(SMALL.width(site, 25))
    _write(image, site, SMALL, 25, look.corner, left, SIZE[1] - _EDGE_PX)
    return _packed(image)


def _packed(image: Image.Image) -> bytes:
    for quality in QUALITIES:
        out = io.BytesIO()
        # Colours at full size (4:4:4): letters keep clean edges.
        image.save(out, "JPEG", quality=quality, subsampling=0, optimize=True)
        if out.tell() <= BYTES_MAX:
            break
    return out.getvalue()


def set_name(name: str, face: Face) -> Setting:
    """The name in as large letters as it has room for, on a line or two; without lines if less than half of its letters
    are in our fonts."""
    letters = [letter for letter in _spelled(name, SANS) if unicodedata.category(letter)[0] in "LN"]
    face = max((face, SANS), key=lambda one: sum(map(one.has, letters)))
    if 2 * sum(map(face.has, letters)) < max(1, len(letters)):
        return Setting(face, 0, [])
    text = _drawable(name, face)
    broken = {1: [text], 2: _halves(text, face)}
    ems = {count: max(map(face.width, lines)) for count, lines in broken.items()}
    for count, size_px, wide_px in _SETTINGS:
        if ems[count] * size_px <= wide_px * EM:
            return Setting(face, size_px, broken[count])
    return Setting(face, size_px, _filled(text, face, size_px))


def _drawable(text: str, face: Face) -> str:
    """The text without what the face lacks, and without what that leaves behind: empty brackets, loose marks."""
    text = " ".join(_spelled(text, face).split())
    # A mark that Unicode composes with no letter would stand beside it.
    kept = "".join(c for c in text if unicodedata.category(c)[0] not in "CM" and face.has(c))
    if kept == text:
        return text
    return " ".join(re.sub(r"[(\[{«]\s*[)\]}»]", " ", kept).split()).strip(_LOOSE)


def _spelled(text: str, face: Face) -> str:
    """The text composed (NFC); letters that the face lacks as their plain forms (NFKC: 𝕬 → A, Ａ → A)."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(c if face.has(c) else unicodedata.normalize("NFKC", c) for c in composed)


def _halves(text: str, face: Face) -> list[str]:
    """Two lines as equal as words allow, or the parts of a single word; one if that has none."""
    parts = (_SPACES if " " in text else _HYPHENS).split(text)
    pairs = [("".join(parts[:at]).strip(), "".join(parts[at:]).strip()) for at in range(1, len(parts))]
    return list(min(pairs, key=lambda pair: max(map(face.width, pair)), default=(text,)))


def _filled(text: str, face: Face, size_px: int) -> list[str]:
    """Two lines of a text too long for them: the first is filled, between words where it can, the second cut."""
    first = text
    while face.width(first, size_px) > WIDE_PX:
        first = first[:-1]
    words = "".join(_HYPHENS.split(first)[:-1]).strip()
    if face.width(words, size_px) > WIDE_PX / 2:
        first = words
    return [first.strip(), _cut(text[len(first) :].strip(), face, size_px, WIDE_PX)]


def _cut(text: str, face: Face, size_px: int, wide_px: int) -> str:
    if face.width(text, size_px) <= wide_px:
        return text
    while text and face.width(text + "…", size_px) > wide_px:
        text = text[:-1].rstrip(_LOOSE)
    return text + "…"


def _middle(text: str, face: Face, size_px: int) -> int:
    """Where a centred text starts."""
    return round(MIDDLE - face.width(text, size_px) / 2)


def _write(
    image: Image.Image, text: str, face: Face, size_px: int, colour: str, left: int, base: int
) -> None:
    image.paste(colour, (left - size_px // 4, base - rise_px(size_px)), face.drawn(text, size_px))


def _paste_face(image: Image.Image, card: Card, avatar: bytes | None, size_px: int, top: int) -> None:
    """The avatar, or the initials, as a disc in a thin ring with a soft shadow."""
    look, left, ring_px, blur_px = grounds.LOOKS[card.theme], MIDDLE - size_px // 2, 6, 60
    if avatar is None:
        face = initials.picture(card.name, card.seed, card.theme, size_px)
    else:
        face = _opened(avatar, size_px)
    image.paste(look.shade, (left - blur_px, top - blur_px + 10), _shadow(size_px, blur_px))
    image.paste(look.ring, (left - ring_px, top - ring_px), _disc(size_px + 2 * ring_px))
    image.paste(face, (left, top), _disc(size_px))


def _opened(avatar: bytes, size_px: int) -> Image.Image:
    with Image.open(io.BytesIO(avatar)) as opened:
        if opened.has_transparency_data:
            over = opened.convert("RGBA")
            flat = Image.new("RGB", over.size, "white")
            flat.paste(over, mask=over)
        else:
            flat = opened.convert("RGB")
    return ImageOps.fit(flat, (size_px, size_px), Image.Resampling.LANCZOS)


@lru_cache(maxsize=8)
def _disc(size_px: int) -> Image.Image:
    big = Image.new("L", (size_px * 4, size_px * 4), 0)
    ImageDraw.Draw(big).ellipse((0, 0, size_px * 4 - 1, size_px * 4 - 1), fill=255)
    return big.reduce(4)


@lru_cache(maxsize=4)
def _shadow(size_px: int, blur_px: int) -> Image.Image:
    mask = Image.new("L", (size_px + 2 * blur_px, size_px + 2 * blur_px), 0)
    mask.paste(70, (blur_px, blur_px), _disc(size_px))
    return mask.filter(ImageFilter.GaussianBlur(blur_px / 3))
