"""The nouns of media: what was uploaded (Media) and what was made of it (Rendition), with their limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MEDIA_PER_PROFILE_MAX = 500
ALT_CHARS_MAX = 1000
SEGMENT_TYPE = "video/iso.segment"
CROPS = ("avatar", "avatar-avif", "cover", "cover-avif")
"""Recipes whose renditions show a part of the picture: around its focus, where it has one."""
CAPTIONS = "captions-"
"""Renditions by that name, with a language, are not made of the original: the creator sends them."""

Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-z]{8,40}$")]
"""An id of ours: lower case letters and digits, so that it is safe in keys and URLs."""

UploadKind = Literal["image", "video", "audio"]
Kind = Literal[UploadKind, "card"]
"""A card is what we draw for others to show beside a link to the profile; all else was uploaded."""
State = Literal["uploaded", "making", "ready", "failed"]
Use = Literal["avatar", "cover", "gallery"]
"""Where a page shows a picture: cropped to a square, cropped to three by one, or whole."""


# XML 1.0, 2.2 knows no other characters, and alt texts go into feeds; tabs and line ends are fine.
_TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]*$"


class Frozen(BaseModel):
    """A noun: parsed and checked once, at the door, and never changed after."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Focus(Frozen):
    """What crops must show: a point as shares of the width from the left and of the height from the top."""

    x: Annotated[float, Field(ge=0, le=1)]
    y: Annotated[float, Field(ge=0, le=1)]


class RenditionFile(Frozen):
    """One file of a rendition; `width` and `height` in pixels where it is a picture or a video.

    A rung's playlist also tells what players need to choose it: peak and average bits per second, codecs, frame rate.
    `label` is what viewers choose captions by.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[0-9a-z][0-9a-z._-]{0,60}$")]
    type: Annotated[str, StringConstraints(max_length=60)]
    bytes: Annotated[int, Field(ge=0)]
    width: int | None = None
    height: int | None = None
    bandwidth: int | None = None
    average_bandwidth: int | None = None
    codecs: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z.,]{0,60}$")] = ""
    frame_rate: float | None = None
    label: Annotated[str, StringConstraints(max_length=60, pattern=_TEXT)] = ""


class Segments(Frozen):
    """The segments of one track, `<track>-00001.m4s` and so on, as one entry: a film has thousands of them.

    `bytes` is what all have together, `timescale` the ticks per second of their clock.
    """

    track: Annotated[str, StringConstraints(pattern=r"^[0-9a-z]{1,20}$")]
    type: Annotated[str, StringConstraints(max_length=60)] = SEGMENT_TYPE
    count: Annotated[int, Field(ge=1, lt=100_000)]
    bytes: Annotated[int, Field(ge=0)]
    timescale: Annotated[int, Field(ge=1)]

    def name(self, number: int) -> str:
        """The name of the segment with that number; the first is 1."""
        return f"{self.track}-{number:05}.m4s"

    def names(self) -> Iterator[str]:
        return map(self.name, range(1, self.count + 1))


class Part(NamedTuple):
    """One object of a rendition, as it lies in storage. `bytes` is None where only the sum of several is known."""

    name: str
    type: str
    bytes: int | None


class Rendition(Frozen):
    """What one attempt at one recipe made of a medium.

    Its files and segments lie together under `<recipe>-<attempt>`. An attempt's id is never used again, so a key never
    gets other bytes. Recipes: `still` (WebP and JPEG at several widths), `avif`, the same of a crop: `avatar`,
    `avatar-avif`, `cover`, `cover-avif`; `loop` (an animation as silent video); `poster` (of a video), `rung-360` … (HLS
    media playlists and segments; the lowest has the sound of all), `hls` (the multivariant playlist and the DASH manifest
    over the rungs that exist), `mp4` (progressive), `storyboard` (small pictures and which is when), `sound` (all that is
    made of sound alone, with a `poster` where it came with a cover), `captions-en` …, `card` (of a card).

    `made_by` is the fingerprint of the settings it was made with ([media]), `focus` the creator's, of a crop.
    """

    recipe: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")]
    attempt: Id
    files: tuple[RenditionFile, ...]
    segments: tuple[Segments, ...] = ()
    made_by: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{0,16}$")] = ""
    focus: Focus | None = None

    def parts(self) -> Iterator[Part]:
        """Every object of it, one by one."""
        for file in self.files:
            yield Part(file.name, file.type, file.bytes)
        for row in self.segments:
            yield from (Part(name, row.type, None) for name in row.names())

    def part(self, name: str) -> Part | None:
        return next((part for part in self.parts() if part.name == name), None)

    @property
    def count(self) -> int:
        """How many objects it has."""
        return len(self.files) + sum(row.count for row in self.segments)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files) + sum(row.bytes for row in self.segments)


class Media(Frozen):
    """What a creator uploaded, and what has been made of it so far.

    `width` and `height` are pixels as shown (orientation applied). `thumbhash` is a picture in some 25 bytes (ThumbHash, in
    Base64), `placeholder` that picture as a tiny `data:` URI, `colour` a `#rrggbb`. `focus` is what crops must show; without
    it they find something themselves. `publication` is a token that is set anew whenever the medium becomes public (again), so that no public
    key is ever used twice. `listed` media that no section, post, avatar or cover names are shown in the page's closing
    gallery, by `position`. `revision` is the profile's revision at which this row last changed.
    """

    id: Id
    kind: Kind
    state: State = "uploaded"
    failure: Annotated[str, StringConstraints(max_length=300)] = ""
    filename: Annotated[str, StringConstraints(max_length=200, pattern=_TEXT)] = ""
    original_type: Annotated[str, StringConstraints(max_length=60)] = ""
    original_bytes: Annotated[int, Field(ge=0)] = 0
    alt: Annotated[str, StringConstraints(max_length=ALT_CHARS_MAX, pattern=_TEXT)] = ""
    listed: bool = True
    position: int = 0
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    focus: Focus | None = None
    thumbhash: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{0,40}=*$")] = ""
    placeholder: Annotated[str, StringConstraints(max_length=2000)] = ""
    colour: Annotated[str, StringConstraints(pattern=r"^(#[0-9a-f]{6})?$")] = ""
    renditions: tuple[Rendition, ...] = ()
    publication: str = ""
    revision: int = 0

    def rendition(self, recipe: str) -> Rendition | None:
        """The rendition by that recipe, or None while there is none."""
        return next((r for r in self.made if r.recipe == recipe), None)

    @property
    def made(self) -> tuple[Rendition, ...]:
        """The renditions that have files: of those without, the recipe was tried, and this original has nothing for it."""
        return tuple(r for r in self.renditions if r.files)

    def tried(self, recipe: str) -> Rendition | None:
        """The rendition by that recipe, with files or without."""
        return next((r for r in self.renditions if r.recipe == recipe), None)

    def lacks(self, recipe: str) -> bool:
        """Whether that is still to be made, or the crop there is shows another focus than it is to."""
        made = self.tried(recipe)
        return made is None or (recipe in CROPS and made.focus != self.focus)

    def with_rendition(self, made: Rendition) -> Media:
        """This medium with `made` in place of the earlier attempt at the same recipe."""
        others = tuple(r for r in self.renditions if r.recipe != made.recipe)
        return self.model_copy(update={"renditions": (*others, made)})
