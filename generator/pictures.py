"""Media as pages show them: sources in every format that exists, sizes always given, a placeholder until they come."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from core import keys
from core.document import Document
from core.media import Focus, Media, Rendition, RenditionFile, Use
from generator.urls import Urls
from generator.videos import Video, video

AVIF, WEBP, JPEG = "image/avif", "image/webp", "image/jpeg"
PICTURE_TYPES = {"avif": AVIF, "webp": WEBP, "jpg": JPEG}
# What a card elsewhere is shown at: wider files cost the crawler more and show no more.
CARD_WIDTH_PX_MAX = 1280
# Some width and height for a medium that was never measured, so that the page doesn't jump by much.
UNKNOWN_SIZE = (1200, 900)

_PLACEHOLDER = re.compile(r"data:image/(png|jpeg|webp|avif);base64,[A-Za-z0-9+/]+=*")


@dataclass(frozen=True, slots=True)
class PictureSource:
    """A `<source>` of a picture."""

    type: str
    srcset: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A `<picture>`: `sources` by falling preference, `src` for the rest; `full` is the largest file. `loop` is the address
    of an animation's video, where it is shown moving."""

    id: str
    sources: tuple[PictureSource, ...]
    src: str
    srcset: str
    full: str
    sizes: str
    width: int
    height: int
    alt: str
    style: str
    eager: bool = False
    loop: str = ""
    is_video: ClassVar[bool] = False

    @property
    def ratio(self) -> str:
        return f"{self.width / self.height:.4f}"


class Gallery:
    """The media of one page, in the order in which it shows them: the first picture is loaded at once, the rest lazily."""

    def __init__(self, document: Document, urls: Urls, lazy: bool = False) -> None:
        self._media = {medium.id: medium for medium in document.media if medium.publication}
        self._urls = urls
        self._eager = not lazy

    def picture(
        self, media_id: str | None, sizes: str, alt: str = "", use: Use = "gallery", *, cut: bool = False
    ) -> Picture | None:
        """The picture, or a video's poster; None for what isn't there (yet). `alt` is for media without one. `cut`: the
        page cuts it to a shape of its own."""
        medium = self._media.get(media_id or "")
        shown = picture(medium, self._urls, sizes, use, cut=cut) if medium else None
        if shown is None:
            return None
        eager, self._eager = self._eager, False
        return replace(shown, eager=eager, alt=shown.alt or alt)

    def video(self, media_id: str, sizes: str) -> Video | None:
        """A video or a recording; None for what isn't there (yet)."""
        medium = self._media.get(media_id)
        if medium is None or medium.kind == "image":
            return None
        return video(medium, self._urls, picture(medium, self._urls, sizes, cut=medium.kind == "audio"))

    def items(self, media_ids: Iterable[str], sizes: str = "") -> list[Picture | Video]:
        """Pictures and videos in the creator's order; what isn't there (yet) is left out. Without `sizes`: those of
        rows of equal height."""
        found = (
            self._moving(medium, sizes or _row_sizes(medium))
            if medium.kind == "image"
            else self.video(medium.id, sizes or _row_sizes(medium))
            for medium in (self._media[one] for one in media_ids if one in self._media)
        )
        return [one for one in found if one]

    def _moving(self, medium: Media, sizes: str) -> Picture | None:
        shown, made = self.picture(medium.id, sizes), medium.rendition("loop")
        if shown is None or made is None:
            return shown
        return replace(shown, loop=_url(medium, made, made.files[0], self._urls))

    def card(self, media_id: str | None) -> str:
        """The absolute address of a JPEG for social cards and feeds; "" if there is none."""
        medium = self._media.get(media_id or "")
        return card(medium, self._urls) if medium else ""


def picture(
    medium: Media, urls: Urls, sizes: str, use: Use = "gallery", *, cut: bool = False
) -> Picture | None:
    """A picture (of a video: its poster) from the renditions that exist; None while there are none. While there is no
    crop for that use, the whole picture stands in, and the other way round; the browser cuts it, as it does where `cut`
    says that the page shows all pictures in one shape."""
    still, files = _pictures(medium, use)
    best = files.get(JPEG) or files.get(WEBP) or files.get(AVIF)
    if not best:
        return None
    width, height = _size(medium, best, is_crop=still in CROPS)
    is_cut = (cut or use in CROPS) and still not in CROPS
    sources = tuple(
        PictureSource(kind, _srcset(medium, files[kind], urls))
        for kind in (AVIF, WEBP)
        if kind in files and files[kind] is not best
    )
    return Picture(
        id=medium.id,
        sources=sources,
        src=_url(medium, *_near(best, 960), urls),
        srcset=_srcset(medium, best, urls),
        full=_url(medium, *best[-1], urls),
        sizes=sizes,
        width=width,
        height=height,
        alt=medium.alt,
        style=_style(medium, medium.focus if is_cut else None),
    )


def card(medium: Media, urls: Urls) -> str:
    """The absolute address of the widest JPEG that is not wider than a card; "" if there is none."""
    files = _pictures(medium, "gallery")[1].get(JPEG)
    if not files:
        return ""
    made, file = _near(files, CARD_WIDTH_PX_MAX)
    return urls.media_of(keys.media(medium.id, medium.publication, made.recipe, made.attempt, file.name))


def icon(medium: Media, urls: Urls, side_px: int) -> str:
    """The address of the icon that was made of an avatar; "" if there is none."""
    made = medium.rendition("avatar")
    file = next((one for one in made.files if one.name == f"icon-{side_px}.png"), None) if made else None
    return _url(medium, made, file, urls) if made and file else ""


_Files = list[tuple[Rendition, RenditionFile]]


CROPS = ("avatar", "cover")
_STILLS = {"gallery": "still", "avatar": "avatar", "cover": "cover"}


def _pictures(medium: Media, use: Use) -> tuple[str, dict[str, _Files]]:
    """The recipe that is shown, and its picture files by type, narrowest first."""
    wanted = (_STILLS[use], "still", "cover", "avatar") if medium.kind == "image" else ("poster",)
    shown = next((made for made in map(medium.rendition, wanted) if made), None)
    if shown is None:
        return "", {}
    avif = medium.rendition("avif" if shown.recipe == "still" else f"{shown.recipe}-avif")
    # After the creator has moved the focus, the old crop's AVIF files are of another picture.
    both = (shown, avif) if avif and avif.focus == shown.focus else (shown,)
    found: dict[str, _Files] = {}
    for made in both:
        for file in made.files:
            stem, _, ending = file.name.partition(".")
            # Icons and the like aren't called by their width.
            if stem.isdecimal() and (kind := PICTURE_TYPES.get(ending)):
                found.setdefault(kind, []).append((made, file))
    for files in found.values():
        files.sort(key=lambda one: _width(one[1]))
    return shown.recipe, found


def _width(file: RenditionFile) -> int:
    """By what was measured, else by the name: `640.webp`."""
    stem = file.name.partition(".")[0]
    return file.width or (int(stem) if stem.isdecimal() else 1)


def _near(files: _Files, width_px_max: int) -> tuple[Rendition, RenditionFile]:
    """The widest file that is not wider, or the narrowest of all."""
    return ([one for one in files if _width(one[1]) <= width_px_max] or files[:1])[-1]


def _size(medium: Media, files: _Files, *, is_crop: bool) -> tuple[int, int]:
    if medium.width and medium.height and not is_crop:
        return medium.width, medium.height
    largest = files[-1][1]
    return (largest.width, largest.height) if largest.width and largest.height else UNKNOWN_SIZE


def _url(medium: Media, made: Rendition, file: RenditionFile, urls: Urls) -> str:
    return urls.media(keys.media(medium.id, medium.publication, made.recipe, made.attempt, file.name))


def _srcset(medium: Media, files: _Files, urls: Urls) -> str:
    return ", ".join(f"{_url(medium, made, file, urls)} {_width(file)}w" for made, file in files)


def _row_sizes(medium: Media) -> str:
    """How wide a medium is drawn in a gallery, whose rows are about 300 px high (half of that on a phone)."""
    width, height = (medium.width, medium.height) if medium.width and medium.height else UNKNOWN_SIZE
    return f"(min-width: 40rem) {round(min(960, 360 * width / height))}px, {50 if width < height else 100}vw"


def _style(medium: Media, focus: Focus | None) -> str:
    """A colour and a tiny picture behind the real one until it has come, nothing that isn't exactly such; and what both
    must show where they are cut."""
    parts = [f"background-color:{medium.colour}"] if medium.colour else []
    if _PLACEHOLDER.fullmatch(medium.placeholder):
        parts.append(f"background-image:url({medium.placeholder})")
    if focus:
        point = f"{focus.x:.0%} {focus.y:.0%}"
        parts += [f"background-position:{point}", f"object-position:{point}"]
    return ";".join(parts)
