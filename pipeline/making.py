"""Making the renditions of one medium: task in, a revision of its profile for each step that is finished.

Originals come from and renditions go to the private bucket; publishing copies them. A worker that is killed costs only
the step it was at. Two workers at one medium are harmless: each attempt has a folder of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from core import keys
from core.errors import NotFound, ObjectMissing, UnsupportedMedia
from core.ids import new_id
from core.log import get_logger
from core.media import Media, Rendition, RenditionFile
from core.objects import Headers, Objects
from core.profile import Snapshot
from core.store import MediaTask, Store
from core.store.revise import revise
from pipeline.children import remove_folder
from pipeline.media.make import HLS_TYPE, MASTER, Limits, Made, make, master, probe
from pipeline.media.make import steps as steps_of
from pipeline.telling import telling

PIECE_BYTES = 1 << 20
RUNG = "rung-"
SHOWS = ("still", "poster", "mp4")
"""Recipes without which a medium can't be shown; with them goes the first rung."""
log = get_logger("media")


class Maker(NamedTuple):
    """What making needs. `scratch` is a folder for originals and results, `stopping` says that the worker drains."""

    store: Store
    private: Objects
    limits: Limits
    scratch: Path
    stopping: Callable[[], bool]


def make_some(maker: Maker, task: MediaTask) -> bool:
    """Makes renditions that the medium lacks: first those that show it at all, and in later turns one of the others, so
    that nobody's first picture waits for somebody else's second format. Whether the medium is finished.

    Input that can't be used is not an error: the medium becomes `failed` with a sentence for the creator. Raises
    Unavailable and other errors of the machine's."""
    medium = current(maker.store, task)
    if medium is None or medium.state in ("ready", "failed"):
        return True
    try:
        with TemporaryDirectory(dir=maker.scratch) as folder:
            return _steps(maker, task, medium, Path(folder))
    except UnsupportedMedia as error:
        log.info("media_refused", profile=task.profile_id, media=task.media_id, reason=str(error))
        set_failed(maker.store, task, str(error))
        return True


def set_failed(store: Store, task: MediaTask, reason: str) -> None:
    """Tells the creator why nothing came of an upload."""
    _change(
        store,
        task,
        "media failed",
        lambda one: one.model_copy(update={"state": "failed", "failure": reason[:300]}),
    )


def _steps(maker: Maker, task: MediaTask, medium: Media, folder: Path) -> bool:
    original = folder / "original"
    _fetch(maker.private, keys.original(medium.id), original)
    found = probe(original, maker.limits, stopping=maker.stopping)
    steps = steps_of(found)
    missing = [recipe for recipe in steps if not medium.rendition(recipe)]
    if not missing:
        _change(maker.store, task, "media ready", lambda one: one.model_copy(update={"state": "ready"}))
        return True
    shows = [recipe for recipe in missing if recipe in SHOWS or recipe == first_rung(steps)]
    # The rest step by step: a rung of a long video shall not keep everybody waiting for the next one, too.
    for recipe in shows or missing[:1]:
        started = time.monotonic()
        done = sum(medium.rendition(one) is not None for one in steps)
        telling(maker.store.media_work, medium.id, recipe, done, len(steps))
        made_in = folder / recipe
        rung = _lowest_rung(maker.private, medium, folder) if recipe == "mp4" else None
        made = make(original, found, recipe, made_in, maker.limits, rung=rung, stopping=maker.stopping)
        rendition = Rendition(recipe=recipe, attempt=new_id(), files=made.files)
        _store(maker.private, medium.id, rendition, made_in)
        last = recipe == missing[-1]
        after = _add(maker, task, rendition, made, found.duration_s, last)
        if after is None:
            return True
        medium = after
        log.info(
            "rendition_made",
            profile=task.profile_id,
            media=task.media_id,
            recipe=recipe,
            bytes=sum(file.bytes for file in made.files),
            ms=round((time.monotonic() - started) * 1000),
        )
    return medium.state == "ready"


def first_rung(steps: tuple[str, ...]) -> str | None:
    """The rung that a video plays with first."""
    return next((recipe for recipe in steps if recipe.startswith(RUNG)), None)


def _add(
    maker: Maker, task: MediaTask, rendition: Rendition, made: Made, duration_s: float | None, last: bool
) -> Media | None:
    """Adds a finished rendition to its medium: one revision, no edit. None if the medium has gone meanwhile."""
    attempt = new_id()

    def add(medium: Media) -> Media:
        after = medium.with_rendition(rendition)
        if rendition.recipe.startswith(RUNG):
            playlist = master(after.renditions)
            key = keys.rendition(medium.id, "hls", attempt, MASTER)
            maker.private.put(key, playlist, Headers(type=HLS_TYPE))
            file = RenditionFile(name=MASTER, type=HLS_TYPE, bytes=len(playlist))
            after = after.with_rendition(Rendition(recipe="hls", attempt=attempt, files=(file,)))
        shown = {
            name: value
            for name in ("width", "height", "placeholder", "colour")
            if (value := getattr(made, name)) and rendition.recipe in ("still", "poster")
        }
        return after.model_copy(
            update={**shown, "duration_s": duration_s, "state": "ready" if last else "making"}
        )

    after = _change(maker.store, task, f"{rendition.recipe} made", add)
    if after is None:
        remove_folder(maker.private, keys.rendition_folder(task.media_id))
        maker.private.delete(keys.original(task.media_id))
    return after


def _change(store: Store, task: MediaTask, what: str, change: Callable[[Media], Media]) -> Media | None:
    """One revision that changes one medium; None (and no revision) if it isn't there any more."""

    def swap(old: Snapshot) -> Snapshot:
        if old.head.deleted or old.medium(task.media_id) is None:
            return old
        media = tuple(change(one) if one.id == task.media_id else one for one in old.media)
        return old.model_copy(update={"media": media})

    after = revise(store, task.profile_id, swap, writer=new_id(), what=what, by_creator=False).snapshot
    return None if after.head.deleted else after.medium(task.media_id)


def current(store: Store, task: MediaTask) -> Media | None:
    """The medium as it is now; None if it isn't there any more."""
    snapshot = store.profiles.load(task.profile_id)
    return None if snapshot is None or snapshot.head.deleted else snapshot.medium(task.media_id)


def _fetch(private: Objects, key: str, to: Path) -> None:
    try:
        with to.open("wb") as file:
            while piece := private.read(key, file.tell(), PIECE_BYTES):
                file.write(piece)
    except ObjectMissing:
        raise NotFound("The original is not in storage; it has to be uploaded again.") from None


def _store(private: Objects, media_id: str, rendition: Rendition, folder: Path) -> None:
    for made in rendition.files:
        key = keys.rendition(media_id, rendition.recipe, rendition.attempt, made.name)
        with (folder / made.name).open("rb") as file:
            private.put_file(key, file, Headers(type=made.type))


def _lowest_rung(private: Objects, medium: Media, folder: Path) -> Path | None:
    """The folder of the first rung's files, fetched again if this worker didn't make them itself."""
    first = next((one for one in medium.renditions if one.recipe.startswith(RUNG)), None)
    if first is None:
        return None
    here = folder / first.recipe
    if not here.is_dir():
        here.mkdir()
        for made in first.files:
            _fetch(
                private, keys.rendition(medium.id, first.recipe, first.attempt, made.name), here / made.name
            )
    return here
