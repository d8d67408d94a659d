"""A picture decoded once by libvips, for all that is made of it; what is cut and sized of it stays, too. Runs in the child process."""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyvips

from core.errors import UnsupportedMedia
from pipeline.media import nclx, words
from pipeline.media.recipes import BASE, COVER_RATIO, PROFILE, SIZED, Probe, StillRecipe, use_of

_LOADERS = {
    "image/jpeg": "VipsForeignLoadJpegFile",
    "image/png": "VipsForeignLoadPngFile",
    "image/webp": "VipsForeignLoadWebpFile",
    "image/gif": "VipsForeignLoadNsgifFile",
    "image/avif": "VipsForeignLoadHeifFile",
}
# The most that WebP can hold; a picture may be one pixel higher than that (Limits.side_px_max).
WEBP_SIDE_PX = 16_383
_WIDE_BY = 0.02
_HEAD_BYTES = mmap.ALLOCATIONGRANULARITY


class Base:
    """An original decoded once, for all of its stills: upright, 8 bits, in sRGB or Display P3, no wider than needed."""

    def __init__(self, image: Any, *, stays: bool = False) -> None:
        """`stays`: whether more steps come, for which this one leaves here what it has made."""
        self.image, self._stays = image, stays

    @classmethod
    def decode(cls, original: str, probe: Probe, recipe: StillRecipe) -> Base:
        if probe.type != "image/jpeg":
            return cls._decode(original, probe, recipe)
        try:
            return cls._decode(original, probe, recipe, fail_on="warning")
        except UnsupportedMedia as error:
            # A JPEG with an end, but too little before it, is only warned of; so are many oddities that do no harm.
            if "premature end" in str(error.__cause__):
                raise
            return cls._decode(original, probe, recipe)

    @classmethod
    def _decode(cls, original: str, probe: Probe, recipe: StillRecipe, fail_on: str = "truncated") -> Base:
        try:
            image = open_picture(original, probe.type, fail_on=fail_on)
            across = image.height if probe.rotation in (90, 270) else image.width
            # So wide that a crop of a panorama is sharp, too.
            wanted = max(
                recipe.widest_px, round(max(recipe.cover_px) / COVER_RATIO * probe.width / probe.height)
            )
            if probe.type == "image/jpeg" and across >= 4 * wanted:
                # A JPEG can be read at half its size for a fraction of the work.
                image = open_picture(original, probe.type, fail_on=fail_on, shrink=2)
            gamut = "p3" if _is_wide(image) else "srgb"
            # What has no profile is sRGB: turning it into sRGB takes ten times as long as all the rest.
            has_other = image.get_typeof("icc-profile-data") or image.interpretation == "cmyk"
            into = {"export_profile": gamut} if has_other else {}
            base = image.thumbnail_image(wanted, height=WEBP_SIDE_PX, size="down", **into)
            base = base.colourspace("srgb") if base.interpretation != "srgb" else base
            base = base.cast("uchar").copy_memory()
        except pyvips.Error as error:
            raise UnsupportedMedia(words.DAMAGED_PICTURE) from error
        if gamut == "srgb" and base.get_typeof("icc-profile-data"):
            base.remove("icc-profile-data")  # what has no profile is sRGB for everybody
        return cls(base)

    def keep(self) -> None:
        """Leaves it here for `kept`: pixels and, of a wide gamut, the profile that they are in."""
        if self.is_wide:
            Path(PROFILE).write_bytes(self.image.get("icc-profile-data"))
        _keep(self.image, BASE)
        self._stays = True

    @classmethod
    def kept(cls) -> Base | None:
        """What an earlier step left here."""
        return cls(_kept(BASE), stays=True) if Path(BASE).exists() else None

    @property
    def is_wide(self) -> bool:
        return bool(self.image.get_typeof("icc-profile-data"))

    def shape(self, recipe: str) -> tuple[int, int]:
        """Width and height of the part that the recipe shows: all, a square, or three by one."""
        use, image = use_of(recipe), self.image
        if use == "gallery":
            return image.width, image.height
        ratio = COVER_RATIO if use == "cover" else 1
        width = min(image.width, round(image.height * ratio))
        return width, max(1, min(image.height, round(width / ratio)))

    def cropped(self, recipe: str, focus: tuple[float, float] | None) -> Any:
        """That part: around `focus`, else around what draws the eye."""
        image, (width, height) = self.image, self.shape(recipe)
        if (width, height) == (image.width, image.height):
            return image
        if focus is None:
            return image.smartcrop(width, height, interesting="attention").copy_memory()
        left = round(min(max(0, focus[0] * image.width - width / 2), image.width - width))
        top = round(min(max(0, focus[1] * image.height - height / 2), image.height - height))
        return image.crop(left, top, width, height).copy_memory()

    def sizes(
        self, recipe: str, focus: tuple[float, float] | None, how: StillRecipe
    ) -> Iterator[tuple[int, Any]]:
        """What the recipe shows at each of its widths; those that an earlier step has left here aren't made again.

        Widest first: they take longest to pack, and meanwhile the next are made.
        """
        at = f"{focus[0] * 1e6:.0f}x{focus[1] * 1e6:.0f}" if focus else "eye"
        whole, (own, _) = None, self.shape(recipe)
        for width in reversed(how.widths(recipe, own)):
            name = SIZED.format(use_of(recipe), at, width)
            if Path(name).exists():
                yield width, _kept(name)
                continue
            whole = self.cropped(recipe, focus) if whole is None else whole
            if width == own:
                sized = whole
            else:
                sized = whole.thumbnail_image(width, height=WEBP_SIDE_PX, size="down").copy_memory()
            yield width, sized
            if self._stays and sized is not self.image:
                _keep(sized, name)


def _keep(image: Any, name: str) -> None:
    with Path(name).open("wb") as file:
        file.write(json.dumps((image.width, image.height, image.bands)).encode().ljust(_HEAD_BYTES))
        file.write(image.write_to_memory())


def _kept(name: str) -> Any:
    with Path(name).open("rb") as file:
        width, height, bands = json.loads(file.read(_HEAD_BYTES))
        pixels = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ, offset=_HEAD_BYTES)
    image = pyvips.Image.new_from_memory(pixels, width, height, bands, "uchar").copy(interpretation="srgb")
    if Path(PROFILE).exists():
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", Path(PROFILE).read_bytes())
    return image


def open_picture(original: str, mime: str, fail_on: str = "truncated", **options: Any) -> Any:
    """The picture by the one loader that its own bytes call for, with the profile that it is in."""
    _allow_only(mime)
    if mime == "image/heic":
        from pipeline.media import heic

        return _with_profile(heic.load(original), original)
    read = {
        "image/jpeg": pyvips.Image.jpegload,
        "image/png": pyvips.Image.pngload,
        "image/webp": pyvips.Image.webpload,
        "image/gif": pyvips.Image.gifload,
        "image/avif": pyvips.Image.heifload,
    }[mime]
    # Sequential: rows stream through, so that a large picture is never held whole where its format allows it.
    image = read(original, access="sequential", fail_on=fail_on, **options)
    return _with_profile(image, original) if mime == "image/avif" else image


def _with_profile(image: Any, original: str) -> Any:
    """With the profile of Display P3, if the picture only says by a number that it is in that."""
    if image.get_typeof("icc-profile-data"):
        return image
    said = nclx.read(original)
    if said and said.is_hdr:
        raise UnsupportedMedia(words.OTHER_COLOURS)
    if said and said.is_p3 and image.bands >= 3:
        image = image.copy()
        image.set_type(
            pyvips.GValue.blob_type, "icc-profile-data", pyvips.Operation.call("profile_load", "p3")
        )
    return image


def _allow_only(mime: str) -> None:
    """Blocks all loaders of libvips but the one for that type; HEIC has none."""
    pyvips.block_untrusted_set(True)
    pyvips.operation_block_set("VipsForeignLoad", True)
    if mime in _LOADERS:
        pyvips.operation_block_set(_LOADERS[mime], False)
    pyvips.cache_set_max(0)


def _is_wide(image: Any) -> bool:
    """Whether the picture's own profile can say colours that sRGB can't: where its red, green and blue lie tells."""
    if image.bands < 3 or not image.get_typeof("icc-profile-data") or image.interpretation == "cmyk":
        return False
    primaries = pyvips.Image.new_from_memory(bytes([255, 0, 0, 0, 255, 0, 0, 0, 255]), 3, 1, 3, "uchar").copy(
        interpretation="srgb"
    )
    primaries.set_type(pyvips.GValue.blob_type, "icc-profile-data", image.get("icc-profile-data"))
    try:
        linear = primaries.icc_import(embedded=True, pcs="xyz").colourspace("scrgb")
        return bool(linear.min() < -_WIDE_BY)
    except pyvips.Error:
        return False  # a broken profile: libvips takes the picture for sRGB, as browsers do
