"""Captions of a video: what a creator sends as WebVTT or SubRip, read and written anew as WebVTT that holds nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Annotated, NamedTuple

from core import keys
from core.errors import (
    BadInput,
    HoldfastError,
    NotFound,
    OutcomeUnknown,
    TooLarge,
    Unavailable,
    UnsupportedMedia,
)
from core.fields import LINE, chars
from core.ids import new_id
from core.media import CAPTIONS, Frozen, Media, Rendition, RenditionFile
from core.objects import Headers, Objects
from core.parsing import parse
from core.profile import Snapshot
from core.store import Store
from core.store.revise import Revised
from ingest.edits import Terms, answered, require_edit, write
from ingest.gallery import require_medium

FILE = "captions.vtt"
TYPE = "text/vtt"
BYTES_MAX = 900_000
CUES_MAX = 10_000
CUE_CHARS_MAX = 1_000
LANGUAGES_MAX = 20
LABEL_CHARS_MAX = 60

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8}){0,2}")
_CLOCK = r"(?:(\d{1,2}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})"
_TIMES = re.compile(rf"\s*{_CLOCK}\s*-->\s*{_CLOCK}(.*)")
_SETTING = re.compile(r"(?:align|line|position|size|vertical):[a-z0-9.,%-]{1,30}")
# What follows the name begins with no letter: else a "<" that nothing closes takes time by the square of its length.
_TAG = re.compile(r"<(?=[/a-zA-Z0-9])(/?)([a-zA-Z]*)((?:[^a-zA-Z<>][^<>]*)?)>")
_STYLE = re.compile(r"\{\\[^{}]*\}")
_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|nbsp|lrm|rlm);)")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_KEPT = {"b", "i", "u", "ruby", "rt"}


class Named(Frozen):
    """What viewers choose captions by."""

    label: Annotated[str, chars(LABEL_CHARS_MAX), LINE]


class Cue(NamedTuple):
    """One caption: when it shows (milliseconds), where, and its text as WebVTT spells it."""

    start_ms: int
    end_ms: int
    settings: str
    text: str


def set_captions(
    store: Store,
    private: Objects,
    profile_id: str,
    media_id: str,
    language: str,
    label: str,
    body: bytes,
    terms: Terms,
) -> Revised:
    """Gives the video captions in that language, in place of those it had. Raises BadInput, NotFound, TooLarge,
    UnsupportedMedia."""
    clean = cleaned(body)
    made = rendition_of(language, label, clean)
    recipe, key = made.recipe, keys.rendition(media_id, made.recipe, made.attempt, FILE)

    def add(medium: Media) -> Media:
        if medium.kind != "video":
            raise BadInput({"medium": "must be a video"})
        others = [
            one for one in medium.renditions if one.recipe.startswith(CAPTIONS) and one.recipe != recipe
        ]
        if len(others) >= LANGUAGES_MAX:
            raise BadInput({"language": f"is one too many: a video can have captions in {LANGUAGES_MAX}"})
        return medium.with_rendition(made)

    snapshot = _load(store, profile_id)
    if answer := answered(store, profile_id, terms.asked):
        return Revised(snapshot, answer)
    require_medium(snapshot, media_id)
    private.put(key, clean, Headers(type=TYPE))
    try:
        return _change(store, private, profile_id, media_id, recipe, add, terms, "captions set", key)
    except OutcomeUnknown:
        raise  # a rendition may name it
    except HoldfastError:
        _drop(private, key)
        raise


def delete_captions(
    store: Store, private: Objects, profile_id: str, media_id: str, language: str, terms: Terms
) -> Revised:
    """Takes the captions in that language away. Raises NotFound where there are none."""
    recipe = _recipe(language)

    def remove(medium: Media) -> Media:
        if medium.rendition(recipe) is None:
            raise NotFound("There are no captions in that language.")
        kept = tuple(one for one in medium.renditions if one.recipe != recipe)
        return medium.model_copy(update={"renditions": kept})

    return _change(store, private, profile_id, media_id, recipe, remove, terms, "captions deleted")


def _change(
    store: Store,
    private: Objects,
    profile_id: str,
    media_id: str,
    recipe: str,
    change: Callable[[Media], Media],
    terms: Terms,
    what: str,
    sent: str = "",
) -> Revised:
    """One edit of one medium; then what it replaced is deleted, or what was `sent` for it, if the same request has been
    answered meanwhile."""
    before: list[Rendition] = []

    def swap(old: Snapshot) -> Snapshot:
        require_edit(old, terms)
        medium = require_medium(old, media_id)
        changed = change(medium)
        before[:] = [one for one in medium.renditions if one.recipe == recipe]
        media = tuple(changed if one.id == media_id else one for one in old.media)
        return old.model_copy(update={"media": media})

    done = write(store, profile_id, swap, terms, what)
    replaced = [keys.rendition(media_id, made.recipe, made.attempt, FILE) for made in before]
    for key in replaced if done.answer is None else filter(None, [sent]):
        _drop(private, key)
    return done


def _drop(private: Objects, key: str) -> None:
    """What stays because storage is away is found by `holdfast verify`."""
    with suppress(Unavailable):
        private.delete(key)


def rendition_of(language: str, label: str, clean: bytes) -> Rendition:
    """The rendition that a medium gets by them. Raises BadInput."""
    recipe, label = _recipe(language), parse(Named, {"label": label}).label or language
    file = RenditionFile(name=FILE, type=TYPE, bytes=len(clean), label=label)
    return Rendition(recipe=recipe, attempt=new_id(), files=(file,))


def cleaned(body: bytes) -> bytes:
    """WebVTT with all cues of a WebVTT or SubRip file and nothing else. Raises TooLarge, UnsupportedMedia."""
    if len(body) > BYTES_MAX:
        raise TooLarge(f"Captions may have {BYTES_MAX // 1000} kB at most.")
    cues = sorted(_cues(_decoded(body)))
    if not cues:
        raise UnsupportedMedia("No captions are in this file. Please send WebVTT (.vtt) or SubRip (.srt).")
    lines = ["WEBVTT", ""]
    for cue in cues:
        lines += [f"{_clock(cue.start_ms)} --> {_clock(cue.end_ms)}{cue.settings}", cue.text, ""]
    return "\n".join(lines).encode()


def _cues(text: str) -> Iterator[Cue]:
    """Whatever stands below a line of times, up to an empty line or the next times; all else (numbers, notes, styles) is
    left out."""
    count = 0
    times: re.Match[str] | None = None
    words: list[str] = []
    for line in chain(text.split("\n"), [""]):
        found = _TIMES.fullmatch(line)
        if times and (found or not line.strip()):
            if found and len(words) > 1 and words[-1].isdecimal():
                words.pop()  # SubRip's number of the cue that follows
            cue = _cue(times, "\n".join(words))
            if cue.text and cue.start_ms < cue.end_ms:
                yield cue
            times = None
        if found:
            count += 1
            if count > CUES_MAX:
                raise UnsupportedMedia(f"There are more than {CUES_MAX:,} captions in this file.")
            times, words = found, []
        elif times:
            words.append(line.strip())


def _cue(times: re.Match[str], words: str) -> Cue:
    parts = times.groups()
    settings = "".join(f" {one}" for one in parts[8].split() if _SETTING.fullmatch(one))
    return Cue(_milliseconds(parts[:4]), _milliseconds(parts[4:8]), settings, _said(words))


def _said(text: str) -> str:
    """A cue's text, with the tags that only set it (bold, italic, who speaks) and no others."""
    text = _STYLE.sub("", text)[:CUE_CHARS_MAX]
    parts, at = [], 0
    for tag in _TAG.finditer(text):
        parts += [_escaped(text[at : tag.start()]), _tag(*tag.groups())]
        at = tag.end()
    parts.append(_escaped(text[at:]))
    return re.sub(r"\n{2,}", "\n", "".join(parts)).strip()


def _tag(closing: str, name: str, rest: str) -> str:
    name = name.lower()
    if name in _KEPT:
        return f"<{closing}{name}>"
    if name == "v":
        # "-->" would end the cue, whatever it stands in.
        speaker = _escaped(" ".join(rest.split()).rstrip("- "))
        return "</v>" if closing else f"<v {speaker}>" if speaker else ""
    return ""


def _escaped(text: str) -> str:
    return _ENTITY.sub("&amp;", text).replace("<", "&lt;").replace(">", "&gt;")


def _decoded(body: bytes) -> str:
    """Old editors write SubRip in Windows' Western code page, and say so nowhere."""
    text = None
    encodings = ("utf-16",) if body.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        with suppress(UnicodeDecodeError):
            text = body.decode(encoding)
            break
    if text is None or "\x00" in text:
        raise UnsupportedMedia("This file is no text. Please send WebVTT (.vtt) or SubRip (.srt), as UTF-8.")
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _milliseconds(clock: tuple[str | None, ...]) -> int:
    hours, minutes, seconds, fraction = (part or "0" for part in clock)
    return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(fraction.ljust(3, "0"))


def _clock(ms: int) -> str:
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"


def _recipe(language: str) -> str:
    if not _LANGUAGE.fullmatch(language.lower()):
        raise BadInput({"language": 'must be a language tag, such as "en" or "pt-BR"'})
    return CAPTIONS + language.lower()


def _load(store: Store, profile_id: str) -> Snapshot:
    snapshot = store.profiles.load(profile_id)
    if snapshot is None or snapshot.head.deleted:
        raise NotFound("There is no such profile.")
    return snapshot
