"""Captions in an archive: written by an export as WebVTT files beside the originals, taken over by an import as if sent."""

from __future__ import annotations

from pathlib import Path

from cli.archive import CAPTIONS_FOLDER, ArchivedCaptions, ArchivedMedia, captions_name, open_captions
from core import keys
from core.errors import HoldfastError, ObjectMissing, UnsupportedMedia
from core.media import CAPTIONS, Media, Rendition
from core.objects import Headers, Objects, ReadObjects
from ingest.captions import BYTES_MAX, FILE, LANGUAGES_MAX, TYPE, cleaned, rendition_of


def write_captions(
    folder: Path, private: ReadObjects, medium: Media, notes: list[str]
) -> tuple[ArchivedCaptions, ...]:
    """Writes the medium's captions below `folder`; what is to be said of them."""
    found = []
    for made in medium.renditions:
        if not made.recipe.startswith(CAPTIONS):
            continue
        language = made.recipe.removeprefix(CAPTIONS)
        try:
            stored = private.get(keys.rendition(medium.id, made.recipe, made.attempt, FILE))
        except ObjectMissing:
            notes.append(f"captions {language} of {medium.id} are not in storage")
            continue
        assert stored is not None
        (folder / CAPTIONS_FOLDER).mkdir(mode=0o700, exist_ok=True)
        path = folder / CAPTIONS_FOLDER / captions_name(medium.id, language)
        temp = path.with_name(f".{path.name}.part")
        temp.write_bytes(stored.body)
        temp.replace(path)
        found.append(ArchivedCaptions(language=language, label=made.files[0].label))
    return tuple(found)


def with_captions(
    private: Objects, folder: Path, one: ArchivedMedia, medium: Media, notes: list[str], *, dry: bool
) -> Media:
    """The medium with the captions that the archive has of it; those that it has already stay as they are. What is new is
    put in storage (not if `dry`); what can't be used is noted."""
    for told in one.captions:
        try:
            body = _read(folder, one.id, told.language)
            if not _has(private, medium, told, body):
                made, body = _made(medium, told, body)
                if not dry:
                    key = keys.rendition(medium.id, made.recipe, made.attempt, FILE)
                    private.put(key, body, Headers(type=TYPE))
                medium = medium.with_rendition(made)
        except UnsupportedMedia as error:
            notes.append(f"media {one.id}: captions {told.language}: {error} Left out.")
    return medium


def _read(folder: Path, media_id: str, language: str) -> bytes:
    file = open_captions(folder, media_id, language)
    if file is None:
        raise UnsupportedMedia("Their text is not beside the file.")
    with file:
        return file.read(BYTES_MAX + 1)


def _has(private: ReadObjects, medium: Media, told: ArchivedCaptions, body: bytes) -> bool:
    made = medium.rendition(CAPTIONS + told.language)
    if made is None or made.files[0].label != (told.label or told.language):
        return False
    try:
        stored = private.get(keys.rendition(medium.id, made.recipe, made.attempt, FILE))
    except ObjectMissing:
        return False
    return stored is not None and stored.body in (body, _cleaned(body))


def _made(medium: Media, told: ArchivedCaptions, body: bytes) -> tuple[Rendition, bytes]:
    if medium.kind != "video":
        raise UnsupportedMedia("Only a video can have captions.")
    others = [
        made
        for made in medium.renditions
        if made.recipe.startswith(CAPTIONS) and made.recipe != CAPTIONS + told.language
    ]
    if len(others) >= LANGUAGES_MAX:
        raise UnsupportedMedia(f"A video can have captions in {LANGUAGES_MAX} languages.")
    clean = _cleaned(body)
    return rendition_of(told.language, told.label, clean), clean


def _cleaned(body: bytes) -> bytes:
    try:
        return cleaned(body)
    except HoldfastError as error:
        raise UnsupportedMedia(str(error)) from None
