"""Makes stills by libvips: a picture in, WebP, JPEG and AVIF at several widths out. Runs in the child process."""

from __future__ import annotations

import binascii
import json
import mmap
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pyvips

from core.errors import UnsupportedMedia
from pipeline.media import gif, thumbhash, words
from pipeline.media.recipes import (
    BASE,
    COVER_RATIO,
    PLACEHOLDER_CHARS_MAX,
    PROFILE,
    Limits,
    Probe,
    StillRecipe,
    use_of,
)

_LOADERS = {
    "image/jpeg": "VipsForeignLoadJpegFile",
    "image/png": "VipsForeignLoadPngFile",
    "image/webp": "VipsForeignLoadWebpFile",
    "image/gif": "VipsForeignLoadNsgifFile",
    "image/avif": "VipsForeignLoadHeifFile",
}
_ANIMATED = ("image/gif", "image/webp")
# The most that WebP can hold; a picture may be one pixel higher than that (Limits.side_px_max).
_WEBP_SIDE_PX = 16_383
_PLACEHOLDER_PX = 48
WHOLE_PX = 480
_ICONS_PX = (48, 180)
"""Of a favicon (a multiple of 48, as search engines want it) and of an icon on a home screen."""
_WIDE_BY = 0.02
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
        image = _open(original, mime)
        pages = image.get("n-pages") if image.get_typeof("n-pages") else 1
        orientation = image.get("orientation") if image.get_typeof("orientation") else 1
    except pyvips.Error as error:
        raise UnsupportedMedia(words.DAMAGED_PICTURE) from error
    return image.width, image.height, pages, orientation


class Base:
    """An original decoded once, for all of its stills: upright, 8 bits, in sRGB or Display P3, no wider than needed."""

    def __init__(self, image: Any) -> None:
        self.image = image

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
            image = _open(original, probe.type, fail_on=fail_on)
            across = image.height if probe.rotation in (90, 270) else image.width
            # So wide that a crop of a panorama is sharp, too.
            wanted = max(
                recipe.widest_px, round(max(recipe.cover_px) / COVER_RATIO * probe.width / probe.height)
            )
            if probe.type == "image/jpeg" and across >= 4 * wanted:
                # A JPEG can be read at half its size for a fraction of the work.
                image = _open(original, probe.type, fail_on=fail_on, shrink=2)
            gamut = "p3" if _is_wide(image) else "srgb"
            # What has no profile is sRGB: turning it into sRGB takes ten times as long as all the rest.
            has_other = image.get_typeof("icc-profile-data") or image.interpretation == "cmyk"
            into = {"export_profile": gamut} if has_other else {}
            base = image.thumbnail_image(wanted, height=_WEBP_SIDE_PX, size="down", **into)
            base = base.colourspace("srgb") if base.interpretation != "srgb" else base
            base = base.cast("uchar").copy_memory()
        except pyvips.Error as error:
            raise UnsupportedMedia(words.DAMAGED_PICTURE) from error
        if gamut == "srgb" and base.get_typeof("icc-profile-data"):
            base.remove("icc-profile-data")  # what has no profile is sRGB for everybody
        return cls(base)

    def keep(self, folder: Path) -> None:
        """Writes it where `kept` finds it: pixels and, of a wide gamut, the profile that they are in."""
        image, shape = self.image, (self.image.width, self.image.height, self.image.bands)
        if self.is_wide:
            (folder / PROFILE).write_bytes(image.get("icc-profile-data"))
        with (folder / BASE).open("wb") as file:
            file.write(json.dumps(shape).encode().ljust(mmap.ALLOCATIONGRANULARITY))
            file.write(image.write_to_memory())

    @classmethod
    def kept(cls, folder: Path) -> Base:
        with (folder / BASE).open("rb") as file:
            width, height, bands = json.loads(file.read(mmap.ALLOCATIONGRANULARITY))
            pixels = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ, offset=mmap.ALLOCATIONGRANULARITY)
        image = pyvips.Image.new_from_memory(pixels, width, height, bands, "uchar")
        base = cls(image.copy(interpretation="srgb"))
        if (folder / PROFILE).is_file():
            base.image.set_type(pyvips.GValue.blob_type, "icc-profile-data", (folder / PROFILE).read_bytes())
        return base

    @property
    def is_wide(self) -> bool:
        return bool(self.image.get_typeof("icc-profile-data"))

    def cropped(self, recipe: str, focus: tuple[float, float] | None) -> Any:
        """The part of it that the recipe shows: all, a square, or three by one; around `focus`, else around what draws
        the eye."""
        use, image = use_of(recipe), self.image
        if use == "gallery":
            return image
        ratio = COVER_RATIO if use == "cover" else 1
        width = min(image.width, round(image.height * ratio))
        height = max(1, min(image.height, round(width / ratio)))
        if (width, height) == (image.width, image.height):
            return image
        if focus is None:
            return image.smartcrop(width, height, interesting="attention").copy_memory()
        left = round(min(max(0, focus[0] * image.width - width / 2), image.width - width))
        top = round(min(max(0, focus[1] * image.height - height / 2), image.height - height))
        return image.crop(left, top, width, height)


def make(
    original: str, probe: Probe, recipe: str, how: StillRecipe, focus: tuple[float, float] | None
) -> Answer:
    """The files of one recipe, from the picture that an earlier step left here, else from the original."""
    here = Path()
    if (here / BASE).exists():
        base = Base.kept(here)
    else:
        base = Base.decode(original, probe, how)
        base.keep(here)
    image, saving = base.cropped(recipe, focus), _Saving()
    if recipe.endswith("avif"):
        _add_avifs(saving, image, recipe, how)
        return {"files": saving.done()}
    _add_webps_and_jpegs(saving, image, recipe, how)
    if recipe == "avatar":
        _add_icons(saving, image)
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
    _add_webps_and_jpegs(saving, frame, "poster", how)
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
        image = _open(original, probe.type, n=-1)
        delays = image.get("delay") if image.get_typeof("delay") else []
        return image.colourspace("srgb").cast("uchar"), [*delays, *[0] * (probe.frames - len(delays))]
    except pyvips.Error as error:
        raise UnsupportedMedia(words.DAMAGED_PICTURE) from error


def _open(original: str, mime: str, fail_on: str = "truncated", **options: Any) -> Any:
    """The picture by the one loader that its own bytes call for."""
    _allow_only(mime)
    if mime == "image/heic":
        from pipeline.media import heic

        return heic.load(original)
    read = {
        "image/jpeg": pyvips.Image.jpegload,
        "image/png": pyvips.Image.pngload,
        "image/webp": pyvips.Image.webpload,
        "image/gif": pyvips.Image.gifload,
        "image/avif": pyvips.Image.heifload,
    }[mime]
    # Sequential: rows stream through, so that a large picture is never held whole where its format allows it.
    return read(original, access="sequential", fail_on=fail_on, **options)


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


def _add_webps_and_jpegs(saving: _Saving, image: Any, recipe: str, how: StillRecipe) -> None:
    for width, sized in _sizes(image, recipe, how):
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


def _add_avifs(saving: _Saving, image: Any, recipe: str, how: StillRecipe) -> None:
    """A fifth smaller than WebP, and slower to make."""
    for width, sized in _sizes(image, recipe, how):
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


def _sizes(image: Any, recipe: str, how: StillRecipe) -> Iterator[tuple[int, Any]]:
    """Widest first: they take longest to pack, and meanwhile the next are made."""
    for width in reversed(how.widths(recipe, image.width)):
        if width == image.width:
            yield width, image
        else:
            yield width, image.thumbnail_image(width, height=_WEBP_SIDE_PX, size="down").copy_memory()


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
