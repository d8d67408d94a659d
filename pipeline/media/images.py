"""Makes stills by libvips: a picture in, WebP, JPEG and AVIF at several widths out. Runs in the child process."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyvips

from core.errors import UnsupportedMedia
from pipeline.media import words
from pipeline.media.recipes import STILL_WIDTHS, Limits, Probe, still_widths

_LOADERS = {
    "image/jpeg": "VipsForeignLoadJpegFile",
    "image/png": "VipsForeignLoadPngFile",
    "image/webp": "VipsForeignLoadWebpFile",
    "image/gif": "VipsForeignLoadNsgifFile",
    "image/avif": "VipsForeignLoadHeifFile",
}
# The most that WebP can hold; a picture may be one pixel higher than that (Limits.side_px_max).
_WEBP_SIDE_PX = 16_383
_PLACEHOLDER_PX = 20

Answer = dict[str, Any]


def probe(original: str, mime: str, limits: Limits) -> Probe:
    """Reads the header only; refuses what is too large before a pixel is decoded."""
    _allow_only(mime)
    try:
        image = _load(original, mime)
        pages = image.get("n-pages") if image.get_typeof("n-pages") else 1
        orientation = image.get("orientation") if image.get_typeof("orientation") else 1
    except pyvips.Error as error:
        raise UnsupportedMedia(words.DAMAGED_PICTURE) from error
    width, height = image.width, image.height
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
    )


def still(original: str, probe: Probe) -> Answer:
    """WebP and JPEG at each width, and what a page shows while they load."""
    base = _decode(original, probe)
    return {"width": probe.width, "height": probe.height, "files": stills(base), **impression(base)}


def avif(original: str, probe: Probe) -> Answer:
    """AVIF at each width: a fifth smaller than WebP, and slower to make, so it comes after."""
    files = []
    for width, image in _sizes(_decode(original, probe)):
        name = f"{width}.avif"
        image.heifsave(name, Q=63, effort=2, compression="av1", bitdepth=8, keep="none")
        files.append(_file(name, "image/avif", image))
    return {"files": files}


def stills(base: Any) -> list[Answer]:
    """Writes `base` as WebP and JPEG at each width into the working folder."""
    files = []
    for width, image in _sizes(base):
        # Effort 4, the default, takes twice as long for 3 % fewer bytes.
        image.webpsave(f"{width}.webp", Q=79, effort=2, keep="none")
        opaque = image.flatten(background=[255, 255, 255]) if image.hasalpha() else image
        opaque.jpegsave(f"{width}.jpg", Q=80, interlace=True, optimize_coding=True, keep="none")
        files += [_file(f"{width}.webp", "image/webp", image), _file(f"{width}.jpg", "image/jpeg", image)]
    return files


def impression(base: Any) -> Answer:
    """A picture of a few hundred bytes to stand in while the true one loads, and the colour it has most of."""
    tiny = base.thumbnail_image(_PLACEHOLDER_PX, height=_PLACEHOLDER_PX, size="down").copy_memory()
    webp = tiny.gaussblur(0.6).webpsave_buffer(Q=40, effort=4, keep="none")
    placeholder = "data:image/webp;base64," + base64.b64encode(webp).decode("ascii")
    return {"placeholder": placeholder, "colour": _dominant(tiny)}


def from_rgb(pixels: bytes, width: int, height: int) -> Any:
    """An image of raw RGB bytes, as ffmpeg hands over a frame."""
    return pyvips.Image.new_from_memory(pixels, width, height, 3, "uchar").copy(interpretation="srgb")


def _decode(original: str, probe: Probe) -> Any:
    """The picture upright, in sRGB, in memory, no wider than the widest still: one decode serves all sizes."""
    _allow_only(probe.type)
    try:
        image = _load(original, probe.type)
        across = image.height if probe.rotation in (90, 270) else image.width
        if probe.type == "image/jpeg" and across >= 4 * STILL_WIDTHS[-1]:
            # A JPEG can be read at half its size for a fraction of the work.
            image = _load(original, probe.type, shrink=2)
        base = image.thumbnail_image(
            STILL_WIDTHS[-1], height=_WEBP_SIDE_PX, size="down", export_profile="srgb"
        )
        base = base.colourspace("srgb") if base.interpretation != "srgb" else base
        return base.cast("uchar").copy_memory()
    except pyvips.Error as error:
        raise UnsupportedMedia(words.DAMAGED_PICTURE) from error


def _load(original: str, mime: str, **options: Any) -> Any:
    read = {
        "image/jpeg": pyvips.Image.jpegload,
        "image/png": pyvips.Image.pngload,
        "image/webp": pyvips.Image.webpload,
        "image/gif": pyvips.Image.gifload,
        "image/avif": pyvips.Image.heifload,
    }[mime]
    # Sequential: rows stream through, so that a large picture is never held whole where its format allows it.
    return read(original, access="sequential", fail_on="truncated", **options)


def _allow_only(mime: str) -> None:
    """No loader of libvips but the one that this file's own bytes call for."""
    pyvips.block_untrusted_set(True)
    pyvips.operation_block_set("VipsForeignLoad", True)
    pyvips.operation_block_set(_LOADERS[mime], False)
    pyvips.cache_set_max(0)


def _sizes(base: Any) -> Iterator[tuple[int, Any]]:
    for width in still_widths(base.width):
        if width == base.width:
            yield width, base
        else:
            yield width, base.thumbnail_image(width, height=_WEBP_SIDE_PX, size="down").copy_memory()


def _file(name: str, mime: str, image: Any) -> Answer:
    return {"name": name, "type": mime, "width": image.width, "height": image.height}


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
