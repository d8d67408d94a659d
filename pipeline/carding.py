"""The card of a profile, which others show beside a link to it: what it is to show, and whether it does.

It is a medium like any other, but drawn by us: its key is new whenever it shows something new, so that no network goes on
showing a picture that it has kept under the old address.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from core import keys
from core.ids import new_id
from core.media import Media, Rendition, RenditionFile
from core.objects import Objects
from core.profile import Snapshot
from core.store import Store
from core.store.revise import revise
from generator import cards
from generator.cards import Card
from generator.grounds import SIZE
from pipeline.children import remove_folder
from pipeline.media import make
from pipeline.media.card import CARD
from pipeline.media.make import Limits, Made
from pipeline.renditions import fetch, keep

RECIPE = "card"


class Wish(NamedTuple):
    """What the card of a profile is to show; `avatar` is the key of a picture of it, "" for initials."""

    card: Card
    avatar: str

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(repr((cards.VERSION, self)).encode()).hexdigest()[:12]


def wish(snapshot: Snapshot, site: str) -> Wish | None:
    """None while nobody is to see a card, or the avatar isn't ready for it."""
    head = snapshot.head
    if head.deleted or head.name is None or head.profile.visibility == "private":
        return None
    card = Card(head.profile.name, head.name.username, head.profile.theme, head.id, site)
    avatar = snapshot.medium(head.profile.avatar) if head.profile.avatar else None
    # What needs a warning is on no card.
    if avatar is None or avatar.state == "failed" or head.profile.sensitive:
        return Wish(card, "")
    crop = avatar.rendition("avatar")
    return Wish(card, _largest(avatar, crop)) if crop and crop.focus == avatar.focus else None


def is_drawn(snapshot: Snapshot, wanted: Wish) -> bool:
    made = snapshot.card.rendition(RECIPE) if snapshot.card else None
    return made is not None and made.made_by == wanted.fingerprint


def draw_card(
    store: Store,
    private: Objects,
    snapshot: Snapshot,
    site: str,
    scratch: Path,
    limits: Limits,
    stopping: Callable[[], bool],
) -> None:
    """Draws what the profile's card is to show now, in a folder in `scratch`: one revision, no edit."""
    wanted, profile_id = wish(snapshot, site), snapshot.head.id
    if wanted is None or is_drawn(snapshot, wanted):
        return
    with TemporaryDirectory(dir=scratch) as name:
        folder = Path(name)
        if wanted.avatar:
            avatar = folder / "avatar.jpg"
            fetch(private, wanted.avatar, avatar)
            made = make.draw_card(wanted.card, avatar, folder, limits, stopping=stopping)
        else:
            made = draw_initials(wanted.card, folder)
        card = Rendition(recipe=RECIPE, attempt=new_id(), files=made.files, made_by=wanted.fingerprint)
        keep(private, profile_id, card, folder)

    def swap(old: Snapshot) -> Snapshot:
        # What it shows may have been taken back while it was drawn.
        return with_card(old, card) if wish(old, site) == wanted else old

    after = revise(store, profile_id, swap, writer=new_id(), what="card drawn", by_creator=False).snapshot
    if after.head.deleted:
        remove_folder(private, keys.rendition_folder(profile_id))
    elif after.card is None or card not in after.card.renditions:
        remove_folder(private, keys.rendition(profile_id, RECIPE, card.attempt, ""))


def draw_initials(card: Card, folder: Path) -> Made:
    """The card of somebody without an avatar: no bytes of strangers are decoded for it."""
    body = cards.draw(card, None)
    (folder / CARD).write_bytes(body)
    width, height = SIZE
    return Made(
        files=(RenditionFile(name=CARD, type="image/jpeg", bytes=len(body), width=width, height=height),)
    )


def with_card(snapshot: Snapshot, made: Rendition) -> Snapshot:
    """The snapshot with the card that was drawn."""
    before = snapshot.card or Media(id=snapshot.head.id, kind="card", state="ready", listed=False)
    card = before.with_rendition(made).model_copy(update={"state": "ready", "failure": ""})
    others = tuple(one for one in snapshot.media if one.id != before.id)
    return snapshot.model_copy(update={"media": (*others, card)})


def _largest(avatar: Media, crop: Rendition) -> str:
    jpegs = [file for file in crop.files if file.type == "image/jpeg"]
    return keys.rendition(
        avatar.id, crop.recipe, crop.attempt, max(jpegs, key=lambda one: one.width or 0).name
    )
