"""Makes stills by libvips: a picture in, WebP, JPEG and AVIF at several widths out. Runs in the child process."""

from __future__ import annotations

import binascii
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import pyvips

from core.errors import UnsupportedMedia
from pipeline.media import gif, thumbhash, words
from pipeline.media.base import Base, open_picture
from pipeline.media.recipes import PLACEHOLDER_CHARS_MAX, Limits, Probe, StillRecipe

_ANIMATED = ("image/gif", "image/webp")
_PLACEHOLDER_PX = 48
WHOLE_PX = 480
_ICONS_PX = (48, 180)
"""Of a favicon (a multiple of 48, as search engines want it) and of an icon on a home screen."""
_THREADS = 2

Answer = dict[str, Any]


def probe(original: str, mime: str, limits: Limits) -> Probe:
    """Reads the header only; refuses what is too large before a pixel is decoded."""
    width, height, pages, orientation = _header(original, mime)
    if max(width, height) > limits.side_px_max:
        raise UnsupportedMedia(words.SIDE_TOO_LONG.format(width, height, limits.side_px_max))
    if width * height * pages > limits.pixels_max:
        megapixels = -(-width * height * pages // 1_000_000)
        words_of_it = words.TOO_MANY_FRAMES if pages > 1 else words.TOO_MANY_PIXELS
        raise UnsupportedMedia(words_of_it.format(megapixels, limits.pixels_max // 1_000_000))
    if orientation >= 5:  # EXIF 5 to 8 lie on their side
        width, height = height, width
    return Probe(
        "image",
        mime,
        width,
        height,
        rotation={3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}.get(orientation, 0),
        frames=pages if mime in _ANIMATED else 1,
    )


def _header(original: str, mime: str) -> tuple[int, int, int, int]:
    """Width, height, number of frames, and orientation (EXIF 2.32, 4.6.5.1.6)."""
    if mime == "image/heic":
        from pipeline.media import heic

        return *heic.size(original), 1, 1
    if mime == "image/gif" and not gif.is_whole(original):
        raise UnsupportedMedia(words.DAMAGED_PICTURE)
    try:
        image = open_picture(original, mime)
        pages = image.get("n-pages") if image.get_typeof("n-pages") else 1
        orientation = image.get("orientation") if image.get_typeof("orientation") else 1
    except pyvips.Error as error:
        raise UnsupportedMedia(words.DAMAGED_PICTURE) from error
    return image.width, image.height, pages, orientation


def make(
    original: str, probe: Probe, recipe: str, how: StillRecipe, focus: tuple[float, float] | None
) -> Answer:
    """The files of one recipe, from the picture that an earlier step left here, else from the original."""
    base = Base.kept()
    if base is None:
        base = Base.decode(original, probe, how)
        base.keep()
    saving, sizes = _Saving(), base.sizes(recipe, focus, how)
    if recipe.endswith("avif"):
        _add_avifs(saving, sizes, how)
        return {"files": saving.done()}
    widest = _add_webps_and_jpegs(saving, sizes, how)
    if recipe == "avatar":
        _add_icons(saving, widest)
    if recipe != "still":
        # In the studio the creator points at what a crop is to show.
        _add_whole(saving, base.image)
    return {
        "width": probe.width,
        "height": probe.height,
        **impression(base.image),
        "files": saving.done(),
    }


def poster(frame: Any, how: StillRecipe) -> Answer:
    """A frame of a video as stills, and what stands in while they load."""
    saving = _Saving()
    _add_webps_and_jpegs(saving, Base(frame).sizes("poster", None, how), how)
    return {**impression(frame), "files": saving.done()}


def impression(image: Any) -> Answer:
    """A picture of some 25 bytes (ThumbHash) and as a `data:` URI, and the colour that it has most of."""
    tiny = image.thumbnail_image(_PLACEHOLDER_PX, height=_PLACEHOLDER_PX, size="down").copy_memory()
    if tiny.get_typeof("icc-profile-data"):
        tiny = tiny.icc_transform("srgb")
    rgba = tiny if tiny.hasalpha() else tiny.bandjoin(255)
    hash_ = thumbhash.encode(rgba.write_to_memory(), thumbhash.Size(tiny.width, tiny.height))
    size, pixels = thumbhash.decode(hash_)
    blurred = pyvips.Image.new_from_memory(pixels, *size, 4, "uchar").copy(interpretation="srgb")
    blurred = blurred if tiny.hasalpha() else blurred[:3]
    webp = blurred.webpsave_buffer(Q=40, alpha_q=20, effort=4, keep="none")
    uri = "data:image/webp;base64," + _base64(webp)
    return {
        "thumbhash": _base64(hash_),
        "placeholder": uri if len(uri) <= PLACEHOLDER_CHARS_MAX else "",
        "colour": _dominant(tiny),
    }


def from_rgb(pixels: bytes, width: int, height: int) -> Any:
    """An image of raw RGB bytes, as ffmpeg hands over a frame."""
    return pyvips.Image.new_from_memory(pixels, width, height, 3, "uchar").copy(interpretation="srgb")


def frames(original: str, probe: Probe) -> tuple[Any, list[int]]:
    """All frames of an animation, one below the other, and for how many milliseconds each is shown."""
    try:
        image = open_picture(original, probe.type, n=-1)
        delays = image.get("delay") if image.get_typeof("delay") else []
        return image.colourspace("srgb").cast("uchar"), [*delays, *[0] * (probe.frames - len(delays))]
    except pyvips.Error as error:
        raise UnsupportedMedia(words.DAMAGED_PICTURE) from error


class _Saving:
    """Writes files side by side, on as many threads as the child has processors for: most encoders use one."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS)
        self._files: list[tuple[Answer, Future[None]]] = []

    def add(self, name: str, mime: str, image: Any, save: Callable[[str], None]) -> None:
        file = {"name": name, "type": mime, "width": image.width, "height": image.height}
        self._files.append((file, self._pool.submit(save, name)))

    def done(self) -> list[Answer]:
        """Narrowest first."""
        for _, written in self._files:
            written.result()
        return sorted((file for file, _ in self._files), key=lambda file: int(file["width"]))


def _add_webps_and_jpegs(saving: _Saving, sizes: Iterable[tuple[int, Any]], how: StillRecipe) -> Any:
    """The widest of them, which comes first."""
    widest = None
    for width, sized in sizes:
        widest = sized if widest is None else widest
        # What mozjpeg adds to a JPEG: a tenth fewer bytes at the same look.
        opaque = sized.flatten(background=[255, 255, 255]) if sized.hasalpha() else sized
        to_jpeg = partial(
            opaque.jpegsave,
            Q=how.jpeg_quality,
            interlace=True,
            optimize_coding=True,
            trellis_quant=True,
            overshoot_deringing=True,
            optimize_scans=True,
            quant_table=3,
            keep=_kept(sized),
        )
        # Effort 4, the default, takes twice as long for 3 % fewer bytes.
        to_webp = partial(sized.webpsave, Q=how.webp_quality, effort=2, keep=_kept(sized))
        saving.add(f"{width}.webp", "image/webp", sized, to_webp)
        saving.add(f"{width}.jpg", "image/jpeg", sized, to_jpeg)
    return widest


def _add_avifs(saving: _Saving, sizes: Iterable[tuple[int, Any]], how: StillRecipe) -> None:
    """A fifth smaller than WebP, and slower to make."""
    for width, sized in sizes:
        to_avif = partial(
            sized.heifsave,
            Q=how.avif_quality,
            effort=how.avif_effort,
            compression="av1",
            bitdepth=8,
            keep=_kept(sized),
        )
        saving.add(f"{width}.avif", "image/avif", sized, to_avif)


def _add_icons(saving: _Saving, image: Any) -> None:
    for side_px in _ICONS_PX:
        fitting = min(side_px, image.width)
        icon = image.thumbnail_image(fitting, height=fitting, size="down", export_profile="srgb")
        to_png = partial(icon.pngsave, compression=9, palette=side_px > 64, keep="none")
        saving.add(f"icon-{side_px}.png", "image/png", icon, to_png)


def _add_whole(saving: _Saving, image: Any) -> None:
    whole = image.thumbnail_image(WHOLE_PX, height=WHOLE_PX, size="down", export_profile="srgb")
    saving.add(f"whole-{WHOLE_PX}.webp", "image/webp", whole, partial(whole.webpsave, Q=70, keep="none"))


def _kept(image: Any) -> str:
    """Nothing of what came with the original, but for the profile that a wide gamut needs."""
    return "icc" if image.get_typeof("icc-profile-data") else "none"


def _base64(body: bytes) -> str:
    return binascii.b2a_base64(body, newline=False).decode("ascii")


def _dominant(tiny: Any) -> str:
    """The mean of the fullest of 512 equal boxes of colour: a mean over all pixels would be mud."""
    opaque = tiny.flatten(background=[255, 255, 255]) if tiny.hasalpha() else tiny
    raw = opaque.write_to_memory()
    pixels = [raw[at : at + 3] for at in range(0, len(raw), 3)]
    boxes = Counter((r >> 5, g >> 5, b >> 5) for r, g, b in pixels)
    fullest = boxes.most_common(1)[0][0]
    members = [p for p in pixels if (p[0] >> 5, p[1] >> 5, p[2] >> 5) == fullest]
    return "#" + "".join(
        f"{round(sum(channel) / len(members)):02x}" for channel in zip(*members, strict=True)
    )
