"""Photos and videos of a profile: add, describe, order, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from core import keys
from core.document import uses
from core.errors import BadInput, Conflict, NotFound
from core.fields import LF, TEXT
from core.media import ALT_CHARS_MAX, MEDIA_PER_PROFILE_MAX, Focus, Frozen, Media, Rendition, Use
from core.objects import Objects
from core.profile import GallerySection, Profile, Section, Snapshot, VideoSection
from core.store import Store
from core.store.revise import Revised
from ingest.edits import Terms, require_edit, with_profile, write

Alt = Annotated[str, LF, StringConstraints(strip_whitespace=True, max_length=ALT_CHARS_MAX), TEXT]
Purpose = Literal["gallery", "avatar", "cover", "post"]


class MediaChange(Frozen):
    """What a creator can change of a medium; what is left out stays. `focus` is what crops must show; null leaves it to
    them."""

    alt: Alt | None = None
    listed: bool | None = None
    position: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    focus: Focus | None = None


class StepView(Frozen):
    """What is being made of a medium just now: `percent` of it is done, and `steps_done` of all `steps` are finished."""

    step: str
    steps_done: int
    steps: int
    percent: int


def steps_of(store: Store, snapshot: Snapshot) -> dict[str, StepView]:
    """For those of its media that are being made: how far they are, as far as a worker has told."""
    unfinished = [one.id for one in snapshot.uploads if one.state in ("uploaded", "making")]
    unfinished += awaited_of(snapshot)
    told = store.media_work.progress(unfinished) if unfinished else {}
    return {media_id: StepView(**making._asdict()) for media_id, making in told.items()}


def awaited_of(snapshot: Snapshot) -> dict[str, tuple[Use, ...]]:
    """What pictures that are ready are to be made for besides: they have become avatar or cover, or are to show something
    else there. Pages show them meanwhile as they are."""
    used = uses(snapshot)
    lacking = {
        one.id: tuple(use for use in sorted(used[one.id]) if one.lacks("still" if use == "gallery" else use))
        for one in snapshot.uploads
        if one.kind == "image" and one.state == "ready" and not snapshot.head.deleted
    }
    return {media_id: found for media_id, found in lacking.items() if found}


def require_medium(snapshot: Snapshot, media_id: str) -> Media:
    medium = snapshot.medium(media_id)
    if medium is None or medium.kind == "card":
        raise NotFound("There is no such photo or video.")
    return medium


def in_order(snapshot: Snapshot) -> list[Media]:
    """All media by position."""
    return sorted(snapshot.uploads, key=lambda medium: (medium.position, medium.id))


def require_room(snapshot: Snapshot) -> None:
    if len(snapshot.uploads) >= MEDIA_PER_PROFILE_MAX:
        raise Conflict(f"A profile can hold {MEDIA_PER_PROFILE_MAX} photos and videos at most.")


def add_medium(store: Store, profile_id: str, medium: Media, purpose: Purpose, terms: Terms) -> Revised:
    """Adds what has been uploaded, behind all others; as avatar or cover if that is what it is for.

    A medium that is there already is left as it is.
    """

    def change(old: Snapshot) -> Snapshot:
        if old.medium(medium.id):
            return old
        require_room(old)
        position = max((one.position for one in old.uploads), default=-1) + 1
        new = old.model_copy(update={"media": (*old.media, medium.model_copy(update={"position": position}))})
        if purpose in ("avatar", "cover"):
            profile = old.head.profile.model_copy(update={purpose: medium.id})
            new = with_profile(new, profile)
        return new

    return write(store, profile_id, change, terms, f"{medium.kind} added")


def change_media(store: Store, profile_id: str, wishes: Mapping[str, MediaChange], terms: Terms) -> Revised:
    """Changes some media in one edit. Raises NotFound if one isn't there."""

    def change(old: Snapshot) -> Snapshot:
        require_edit(old, terms)
        for media_id in wishes:
            require_medium(old, media_id)
        return old.model_copy(update={"media": tuple(_changed(one, wishes.get(one.id)) for one in old.media)})

    return write(store, profile_id, change, terms, "media changed")


def order_media(store: Store, profile_id: str, ids: Sequence[str], terms: Terms) -> Revised:
    """Puts the media into this order; those that aren't named follow behind, as they stood."""

    def change(old: Snapshot) -> Snapshot:
        require_edit(old, terms)
        if len(set(ids)) != len(ids):
            raise BadInput({"ids": "names one twice"})
        for media_id in ids:
            require_medium(old, media_id)
        named = set(ids)
        order = [*ids, *(one.id for one in in_order(old) if one.id not in named)]
        wishes = {media_id: MediaChange(position=number) for number, media_id in enumerate(order)}
        return old.model_copy(update={"media": tuple(_changed(one, wishes.get(one.id)) for one in old.media)})

    return write(store, profile_id, change, terms, "media ordered")


def delete_medium(store: Store, private: Objects, profile_id: str, media_id: str, terms: Terms) -> Revised:
    """Removes the medium from the profile, wherever it is named; then what is stored of it from the private bucket."""
    cards: list[Rendition] = []

    def change(old: Snapshot) -> Snapshot:
        require_edit(old, terms)
        require_medium(old, media_id)
        new = without_medium(old, media_id)
        cards[:] = old.card.renditions if old.card and not new.card else ()
        return new

    done = write(store, profile_id, change, terms, "media deleted")
    folders = [
        keys.rendition_folder(media_id),
        *(keys.rendition(profile_id, made.recipe, made.attempt, "") for made in cards),
    ]
    private.delete_many([keys.original(media_id), *chain.from_iterable(map(private.walk, folders))])
    return done


def without_medium(old: Snapshot, media_id: str) -> Snapshot:
    """The snapshot without the medium, and without any mention of it. What has been an avatar may still be on the card."""
    medium, profile = old.medium(media_id), old.head.profile
    if medium and medium.rendition("avatar"):
        old = old.without_card()
    new = with_profile(old, _profile_without(profile, media_id))
    posts = tuple(
        post.model_copy(update={"media": _without(post.media, media_id)}) if media_id in post.media else post
        for post in old.posts
    )
    media = tuple(one for one in old.media if one.id != media_id)
    return new.model_copy(update={"posts": posts, "media": media})


def _profile_without(profile: Profile, media_id: str) -> Profile:
    sections: list[Section] = []
    for section in profile.sections:
        if isinstance(section, VideoSection) and section.media == media_id:
            continue
        if isinstance(section, GallerySection):
            section = section.model_copy(update={"media": _without(section.media, media_id)})
        sections.append(section)
    gone = {field: None for field in ("avatar", "cover") if getattr(profile, field) == media_id}
    return profile.model_copy(update={**gone, "sections": tuple(sections)})


def _without(ids: tuple[str, ...], media_id: str) -> tuple[str, ...]:
    return tuple(one for one in ids if one != media_id)


def _changed(medium: Media, wish: MediaChange | None) -> Media:
    """The medium with what the wish names; an unchanged one is equal to the old, so its row isn't written."""
    if wish is None:
        return medium
    named = {name: getattr(wish, name) for name in wish.model_fields_set}
    return medium.model_copy(
        update={name: value for name, value in named.items() if value is not None or name == "focus"}
    )
