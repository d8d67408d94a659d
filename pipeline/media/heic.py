"""Decodes HEIC, what iPhones send, by pi-heif (libheif and libde265). Runs in the child process, and only where that is
confined by bubblewrap: bytes of a picture have broken into phones through a decoder of this kind."""

from __future__ import annotations

from typing import Any

import pi_heif
import pyvips

from core.errors import UnsupportedMedia
from pipeline.media import words

_INTERPRETATIONS = {1: "b-w", 2: "b-w", 3: "srgb", 4: "srgb"}


def size(original: str) -> tuple[int, int]:
    """Width and height as shown, from the header. Raises UnsupportedMedia."""
    width, height = _primary(original).size
    return width, height


def load(original: str) -> Any:
    """The picture, upright (libheif turns it), 8 bits a channel, with the profile that it is in. Raises UnsupportedMedia."""
    heif = _primary(original)
    try:
        pixels, stride = heif.data, heif.stride
    except (ValueError, RuntimeError, OSError, EOFError, SyntaxError) as error:
        raise UnsupportedMedia(words.DAMAGED_PICTURE) from error
    (width, height), bands = heif.size, len(heif.mode)
    rows = pyvips.Image.new_from_memory(pixels, stride, height, 1, "uchar").crop(0, 0, width * bands, height)
    image = pyvips.Image.new_from_memory(rows.write_to_memory(), width, height, bands, "uchar")
    image = image.copy(interpretation=_INTERPRETATIONS[bands])
    if heif.mode == "RGBa":
        image = image.unpremultiply().cast("uchar")
    if profile := heif.info.get("icc_profile"):
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return image


def _primary(original: str) -> Any:
    try:
        found = pi_heif.open_heif(original)
        return found[found.primary_index]
    except (ValueError, RuntimeError, OSError, EOFError, SyntaxError, IndexError) as error:
        raise UnsupportedMedia(words.DAMAGED_PICTURE) from error
