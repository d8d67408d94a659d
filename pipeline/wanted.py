"""What is still to be made of a profile's media: a snapshot in, tasks for the makers out."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterator

from core.document import uses
from core.media import CAPTIONS, Media, Rendition, Use
from core.profile import Snapshot
from core.store import MediaTask
from pipeline.carding import is_drawn, wish
from pipeline.media.recipes import RECIPES_VERSION, RUNG, StillRecipe, avif_of, is_still, stills_for
from pipeline.media_queue import task_of


def tasks(snapshot: Snapshot, site: str | None) -> Iterator[MediaTask]:
    """Of new media, of pictures that have become avatar or cover or are to show something else in it, and of a card that
    shows what isn't so any more; `site` is the name that stands on it, None leaves cards alone."""
    if snapshot.head.deleted:
        return
    used = uses(snapshot)
    for medium in snapshot.uploads:
        if medium.state in ("uploaded", "making"):
            yield task_of(medium, snapshot.head.id)
        elif medium.state == "ready" and medium.kind == "image" and _lacks(medium, used[medium.id]):
            # It is shown as it is meanwhile: no new picture shall wait behind what a new release wants of all old ones.
            yield task_of(medium, snapshot.head.id)._replace(later=True)
    card = wish(snapshot, site) if site is not None else None
    if card and not is_drawn(snapshot, card):
        yield card_task(snapshot.head.id)


def remakes(snapshot: Snapshot, site: str, stills: StillRecipe) -> Iterator[MediaTask]:
    """Of all that is there, but was made with other settings than `stills` or by other code; and of what `tasks` names."""
    first = {task.media_id: task for task in tasks(snapshot, site)}
    yield from first.values()
    for medium in snapshot.uploads if not snapshot.head.deleted else ():
        stale = any(is_stale(made, stills) for made in medium.renditions)
        if stale and medium.state == "ready" and medium.id not in first:
            yield task_of(medium, snapshot.head.id)._replace(later=True, remake=True)


def card_task(profile_id: str) -> MediaTask:
    """A card has its profile's id; it comes after all that pages can't be shown without."""
    return MediaTask(profile_id, profile_id, int(time.time()), later=True)


def is_missing(medium: Media, recipe: str) -> bool:
    made = medium.rendition(recipe)
    # Rungs without segments are from releases before CMAF, and go with no others.
    is_old = made is not None and recipe.startswith(RUNG) and not made.segments
    return is_old or medium.lacks(recipe)


def fingerprint(recipe: str, stills: StillRecipe) -> str:
    """Of what a rendition by that recipe is made with; of videos the settings say nothing."""
    how = stills if is_still(recipe) else None
    return hashlib.sha256(repr((RECIPES_VERSION, how)).encode()).hexdigest()[:12]


def is_stale(made: Rendition, stills: StillRecipe) -> bool:
    """Whether it was made with other settings. Captions were sent, and playlists are written over what there is."""
    is_made = made.recipe != "hls" and not made.recipe.startswith(CAPTIONS)
    return is_made and made.made_by != fingerprint(made.recipe, stills)


def _lacks(medium: Media, used: Collection[Use]) -> bool:
    stills = stills_for(used)
    return any(is_missing(medium, recipe) for recipe in (*stills, *map(avif_of, stills)))
