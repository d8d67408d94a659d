"""Videos and recordings as pages show them: sources that any browser finds its own among, poster, captions, storyboard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from core import keys
from core.media import CAPTIONS, Media, Rendition
from generator.urls import Urls

if TYPE_CHECKING:
    from generator.pictures import Picture

HLS = "application/vnd.apple.mpegurl"
# By falling preference: HLS where a browser has it, else what plays without a script.
_SOURCES = (("hls", "master.m3u8"), ("mp4", "video.mp4"), ("sound", "sound.m4a"))
_UNKNOWN_SIZE = (1280, 720)
# A small cover and a row of controls.
_SOUND_RATIO = 2.0


@dataclass(frozen=True, slots=True)
class PlayableSource:
    """A `<source>` of a video or a recording."""

    type: str
    src: str


@dataclass(frozen=True, slots=True)
class Track:
    """A `<track>`; one without a language is the storyboard."""

    kind: str
    src: str
    language: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Video:
    """A `<video>` or `<audio>`: the browser takes the first source it can play, without a script. Without sources only
    the poster is shown, since it is still being made. `elsewhere`: its files lie on another host."""

    id: str
    is_audio: bool
    sources: tuple[PlayableSource, ...]
    tracks: tuple[Track, ...]
    poster: Picture | None
    width: int
    height: int
    label: str
    style: str
    elsewhere: bool
    is_video: ClassVar[bool] = True

    @property
    def ratio(self) -> str:
        return f"{_SOUND_RATIO if self.is_audio else self.width / self.height:.4f}"

    @property
    def streams(self) -> bool:
        """Whether a player library has something to play."""
        return any(source.type == HLS for source in self.sources)

    @property
    def has_strip(self) -> bool:
        """Whether our script can show its storyboard below it."""
        return self.streams and any(track.kind == "metadata" for track in self.tracks)


class Player:
    """The script of one page: `href()` is asked for by each video that needs it, `used` tells whether any did."""

    def __init__(self, library_href: str) -> None:
        self._library_href = library_href
        self.used = False

    def href(self) -> str:
        self.used = True
        return self._library_href


def video(medium: Media, urls: Urls, poster: Picture | None) -> Video | None:
    """A video with the rungs that exist, or a recording; its poster alone while there is nothing to play; or None."""
    sources = tuple(
        PlayableSource(file.type, _url(medium, made, name, urls))
        for recipe, name in _SOURCES
        if (made := medium.rendition(recipe)) and (file := made.part(name))
    )
    if not sources and poster is None:
        return None
    is_audio = medium.kind == "audio"
    width, height = (medium.width, medium.height) if medium.width and medium.height else _UNKNOWN_SIZE
    return Video(
        id=medium.id,
        is_audio=is_audio,
        sources=sources,
        tracks=tuple(_tracks(medium, urls)) if sources else (),
        poster=poster,
        width=width,
        height=height,
        label=medium.alt or ("Recording" if is_audio else "Video"),
        style=poster.style if poster else "",
        elsewhere=bool(urls.media_origin),
    )


def _tracks(medium: Media, urls: Urls) -> list[Track]:
    captions = sorted(
        (made for made in medium.renditions if made.recipe.startswith(CAPTIONS)), key=lambda made: made.recipe
    )
    found = [
        Track(
            "captions",
            _url(medium, made, made.files[0].name, urls),
            made.recipe.removeprefix(CAPTIONS),
            made.files[0].label,
        )
        for made in captions
    ]
    if storyboard := medium.rendition("storyboard"):
        found.append(Track("metadata", _url(medium, storyboard, "storyboard.vtt", urls), label="thumbnails"))
    return found


def _url(medium: Media, made: Rendition, name: str, urls: Urls) -> str:
    return urls.media(keys.media(medium.id, medium.publication, made.recipe, made.attempt, name))
