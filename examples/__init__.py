"""A sample site of our own making: six invented artists, their words as data and their pictures as code."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from core.media import ALT_CHARS_MAX, Frozen
from core.parsing import parse
from core.profile import Profile

ARTISTS = Path(__file__).parent / "artists"

Ref = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Alt = Annotated[str, StringConstraints(min_length=1, max_length=ALT_CHARS_MAX)]


class SampleMedium(Frozen):
    """A file that `make_media` makes, and the name by which the artist's texts call it."""

    ref: Ref
    file: str
    alt: Alt


class SamplePost(Frozen):
    """A post; its media are refs."""

    title: str
    date: str
    body: str
    tags: tuple[str, ...] = ()
    media: tuple[Ref, ...] = ()


class Artist(Frozen):
    """One artist; wherever a profile or a post has the id of a medium, `draft` and `posts` have its ref."""

    username: str
    draft: dict[str, Any] = Field(alias="profile")
    media: tuple[SampleMedium, ...]
    posts: tuple[SamplePost, ...]

    def profile(self, ids: Mapping[str, str]) -> Profile:
        """The profile once its media are uploaded; `ids` has the id of each ref."""
        draft = {**self.draft, "sections": [_with_ids(section, ids) for section in self.draft["sections"]]}
        for field in ("avatar", "cover"):
            draft[field] = ids[self.draft[field]]
        return parse(Profile, draft)

    def post_bodies(self, ids: Mapping[str, str]) -> list[dict[str, Any]]:
        """Each post as the API takes it, oldest first."""
        return [
            {**post.model_dump(mode="json"), "media": [ids[ref] for ref in post.media], "state": "published"}
            for post in sorted(self.posts, key=lambda post: post.date)
        ]


def artists() -> list[Artist]:
    """All six, in the order of their files' names."""
    return [_read(path) for path in sorted(ARTISTS.glob("*.json"))]


def make_media(folder: Path) -> dict[str, Path]:
    """Paints all pictures and the clip into a folder, on all cores; what exists is kept. Gives each file's path."""
    return dict(media_as_made(folder))


def media_as_made(folder: Path) -> Iterator[tuple[str, Path]]:
    """The same, one by one: each file's name and path as soon as it is whole."""
    # Here, because an import of Pillow is only worth its time to who wants the pictures.
    from examples.make_pictures import paint_all

    for path in paint_all(folder):
        yield path.name, path


def _read(path: Path) -> Artist:
    return parse(Artist, json.loads(path.read_text(encoding="utf-8")))


def _with_ids(section: dict[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    named = section.get("media")
    if isinstance(named, str):
        return {**section, "media": ids[named]}
    if named:
        return {**section, "media": [ids[ref] for ref in named]}
    return section
