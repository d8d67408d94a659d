"""Brings public profiles back from the public bucket alone: their data documents say all that their pages show.

What no page shows is lost with the rest: accounts, drafts, private profiles, and originals. Owners get claim links.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

from core import keys
from core.document import Document, read
from core.errors import BadInput, HoldfastError, ObjectMissing, PreconditionFailed
from core.media import Media
from core.objects import ABSENT, Headers, Objects, ReadObjects
from core.profile import Head
from core.rank import Rank
from core.store import History
from pipeline.backup.format import SavedProfile

DATA = "_data/"


class Salvaged(NamedTuple):
    """A profile as its data document tells of it, and the rank that this had."""

    profile: SavedProfile
    rank: Rank


def salvage(public: Objects, told: Callable[[str, str], None]) -> Iterator[Salvaged]:
    """Every public profile. `told` hears of documents that can't be used, and why."""
    for key in public.walk(DATA):
        try:
            stored = public.get(key)
        except ObjectMissing:
            continue
        assert stored is not None
        if stored.headers.status != 200:
            continue  # gone, or moved to another name
        try:
            document, rank = read(stored.body)
        except BadInput as error:
            told(key, str(error))
            continue
        if keys.data(document.name.username) == key:
            yield Salvaged(_profile(document), rank)


def _profile(document: Document) -> SavedProfile:
    head = Head(
        id=document.id,
        name=document.name,
        profile=document.profile,
        edit=1,
        revision=document.revision,
        frame_revision=document.frame_revision,
        posts_revision=document.posts_revision,
        created_at=document.created_at,
        edited_at=document.edited_at,
    )
    media = tuple(one.model_copy(update={"state": "ready"}) for one in document.media)
    newest = History(document.revision, 1, "salvage", "salvaged from its pages", document.edited_at * 1000)
    return SavedProfile(head=head, posts=document.posts, media=media, history=(newest,))


def bring_renditions(public: ReadObjects, private: Objects, medium: Media) -> int:
    """Copies the files that readers get back to where publishing takes them from; how many are lost."""
    lost = 0
    for made in medium.renditions:
        for part in made.parts():
            source = keys.media(medium.id, medium.publication, made.recipe, made.attempt, part.name)
            to = keys.rendition(medium.id, made.recipe, made.attempt, part.name)
            try:
                found = public.get(source)
                assert found is not None
                with suppress(PreconditionFailed):
                    private.put(to, found.body, Headers(type=part.type), only_if=ABSENT)
            except ObjectMissing:
                lost += 1
            except HoldfastError:
                lost += 1
                raise
    return lost
