"""Originals and renditions in the private bucket: fetched to a worker's disk, stored from there."""

from __future__ import annotations

from pathlib import Path

from core import keys
from core.errors import NotFound, ObjectMissing
from core.media import Media, Rendition, RenditionFile
from core.objects import Headers, Objects
from pipeline.media.dash import DASH_TYPE, MANIFEST, manifest
from pipeline.media.make import HLS_TYPE, MASTER, master
from pipeline.media.recipes import RUNG, rung_of

PIECE_BYTES = 1 << 20


def fetch(private: Objects, key: str, to: Path) -> None:
    """Raises NotFound, with what to do, where it is lost."""
    try:
        with to.open("wb") as file:
            while piece := private.read(key, file.tell(), PIECE_BYTES):
                file.write(piece)
    except ObjectMissing:
        raise NotFound("The original is not in storage; it has to be uploaded again.") from None


def fetch_original(private: Objects, medium: Media, to: Path) -> None:
    """The original; or of a picture whose original is lost (it was salvaged from its pages, perhaps) the best that was made
    of it."""
    try:
        fetch(private, keys.original(medium.id), to)
    except NotFound:
        best = _best_picture(medium)
        if best is None:
            raise
        fetch(private, best, to)


def keep(private: Objects, media_id: str, rendition: Rendition, folder: Path) -> None:
    """Stores the files of a rendition, which lie in that folder."""
    for part in rendition.parts():
        key = keys.rendition(media_id, rendition.recipe, rendition.attempt, part.name)
        with (folder / part.name).open("rb") as file:
            private.put_file(key, file, Headers(type=part.type))


def fetch_lowest_rung(private: Objects, medium: Media, folder: Path) -> Path | None:
    """The folder in `folder` of the lowest rung's files, which has the sound, too; fetched if they aren't there."""
    rungs = [one for one in medium.renditions if one.recipe.startswith(RUNG) and one.segments]
    if not rungs:
        return None
    # Not the first of the list: one that was made anew is the last there.
    first = min(rungs, key=lambda one: rung_of(one.recipe))
    here = folder / first.recipe
    if not here.is_dir():
        here.mkdir()
        for part in first.parts():
            fetch(
                private, keys.rendition(medium.id, first.recipe, first.attempt, part.name), here / part.name
            )
    return here


def with_ladder(private: Objects, medium: Media, attempt: str) -> Media:
    """The medium with what players choose a rung by, HLS and DASH, written over the rungs that it has by now."""

    def read(rung: Rendition, name: str) -> str:
        found = private.get(keys.rendition(medium.id, rung.recipe, rung.attempt, name))
        assert found is not None
        return found.body.decode("ascii")

    files = []
    for name, kind, body in (
        (MASTER, HLS_TYPE, master(medium.renditions)),
        (MANIFEST, DASH_TYPE, manifest(medium.renditions, read)),
    ):
        if body:
            private.put(keys.rendition(medium.id, "hls", attempt, name), body, Headers(type=kind))
            files.append(RenditionFile(name=name, type=kind, bytes=len(body)))
    return medium.with_rendition(Rendition(recipe="hls", attempt=attempt, files=tuple(files)))


def drop_old_ladders(private: Objects, medium: Media) -> None:
    """Removes what named fewer rungs, and may never have been published. A publisher that is copying it just now is asked for
    the newer revision anyway."""
    made = medium.rendition("hls")
    if made:
        mine = keys.rendition(medium.id, made.recipe, made.attempt, "")
        every = private.walk(keys.rendition_folder(medium.id) + "hls-")
        private.delete_many([key for key in every if not key.startswith(mine)])


def _best_picture(medium: Media) -> str | None:
    """The key of the widest JPEG that was made of a picture."""
    if medium.kind != "image":
        return None
    found = [
        (file.width or 0, keys.rendition(medium.id, made.recipe, made.attempt, file.name))
        for made in medium.renditions
        for file in made.files
        if file.type == "image/jpeg"
    ]
    return max(found)[1] if found else None
