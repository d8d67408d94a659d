"""Takes one imported profile into the store: made if it isn't there, changed only where it differs, left alone if it is somebody's."""

from __future__ import annotations

import hashlib
import os
from typing import Literal, NamedTuple

from cli.archive import ArchivedMedia, Candidate, open_original, sha256_of
from cli.biodrop import OURS, SECTIONS
from cli.captioning import with_captions
from core import keys
from core.errors import BadInput, Conflict, NotFound, UnsupportedMedia
from core.ids import new_id
from core.media import CAPTIONS, MEDIA_PER_PROFILE_MAX, Kind, Media
from core.media_types import HEAD_BYTES, accept
from core.objects import Headers, Objects
from core.profile import (
    POSTS_PER_PROFILE_MAX,
    GallerySection,
    Head,
    Post,
    Profile,
    Section,
    Snapshot,
    VideoSection,
)
from core.settings import SiteSettings, UploadSettings
from core.store import Claim, Store, domains
from core.store.naming import found, rename
from core.store.revise import revise
from ingest.domains import foreign
from ingest.edits import with_profile

MB = 1_000_000
_TOLD = ("alt", "listed", "position", "focus")
"""What the file says of a medium, besides its captions."""


class House(NamedTuple):
    """Where imported profiles go, and how: `overwrite` says that an owner's own edits give way to the file."""

    store: Store
    private: Objects
    uploads: UploadSettings
    site: SiteSettings
    overwrite: bool = False


class Adopted(NamedTuple):
    """What became of one file. `is_owned` says that an account may edit the profile."""

    state: Literal["created", "changed", "unchanged", "skipped"]
    profile_id: str = ""
    is_owned: bool = False
    reason: str = ""


def adopt(house: House, candidate: Candidate) -> Adopted:
    """Makes the store hold the candidate; adds to its notes what could not be taken over. Repeating it is harmless."""
    adopted = _adopt(house, candidate)
    if (
        adopted.state != "skipped"
        and candidate.profile.domain
        and _hold_domain(house.store, adopted, candidate)
    ):
        return adopted._replace(state="created" if adopted.state == "created" else "changed")
    return adopted


def _adopt(house: House, candidate: Candidate) -> Adopted:
    claim = house.store.names.get(candidate.username)
    try:
        owner = _owner(house.store, claim)
    except Conflict as error:
        return Adopted("skipped", reason=str(error))
    if owner is None:
        return _create(house, _without_taken(house, candidate, None), unclaimed=claim is None)
    editors = house.store.accounts.editors_of(owner)
    snapshot = house.store.profiles.load(owner)
    assert snapshot is not None
    candidate = _without_taken(house, candidate, snapshot.head)
    media = _media(house, candidate, snapshot, dry=bool(editors) and not house.overwrite)
    notes: list[str] = []
    if _with(candidate, media, snapshot, notes) == snapshot:
        candidate.notes.extend(notes)
        return Adopted("unchanged", owner, bool(editors))
    if editors and not house.overwrite:
        reason = "its owner's page differs and was left alone; --overwrite replaces it"
        return Adopted("skipped", owner, True, reason)
    _revise(house.store, candidate, media, owner)
    return Adopted("changed", owner, bool(editors))


def _owner(store: Store, claim: Claim | None) -> str | None:
    """The profile that has the claimed name; None if it can be taken. Raises Conflict when it can't be had."""
    head = store.profiles.head(claim.profile_id) if claim and claim.profile_id else None
    if head is None or claim is None or claim.state == "free":
        return None
    username = claim.username
    if head.deleted:
        raise Conflict("its name is that of a deleted profile, and stays with it")
    if head.name and head.name.username == username:
        return head.id
    if head.name and any(one.username == username for one in head.former_names):
        raise Conflict(f"its name is a former one of @{head.name.username}, and leads there")
    if head.name is None and head.pending_name and not store.accounts.editors_of(head.id):
        # An import that was cut short between two steps of the name; the same steps again finish it.
        rename(store, head.id, username)
        return head.id
    return None


def _create(house: House, candidate: Candidate, *, unclaimed: bool) -> Adopted:
    profile_id = new_id()
    notes: list[str] = []
    bare = _remapped(candidate.profile, {}, {}, notes)
    try:
        snapshot = found(house.store, candidate.username, bare, profile_id, unclaimed=unclaimed)
    except (BadInput, Conflict) as error:
        return Adopted("skipped", reason=f"its name can't be had: {error}")
    # Most profiles are whole by now; on a cluster each look at one more row is milliseconds.
    if candidate.is_ours and (candidate.posts or candidate.media or notes):
        _revise(house.store, candidate, _media(house, candidate, snapshot), profile_id)
    return Adopted("created", profile_id)


def _revise(store: Store, candidate: Candidate, media: dict[str, Media], profile_id: str) -> None:
    for post in candidate.posts:
        if post.state == "scheduled" and post.publish_at is not None:
            store.changes.schedule(profile_id, post.publish_at)
    notes: list[str] = []

    def change(old: Snapshot) -> Snapshot:
        if old.head.deleted:
            raise NotFound(f"@{candidate.username} was deleted meanwhile.")
        notes.clear()
        return _with(candidate, media, old, notes)

    revise(store, profile_id, change, writer=new_id(), what="imported", by_creator=True)
    candidate.notes.extend(notes)


# ── its domain ──


def _without_taken(house: House, candidate: Candidate, head: Head | None) -> Candidate:
    """The candidate without a domain that it can't have: then the profile keeps the one that it has, if any."""
    domain = candidate.profile.domain
    if not domain:
        return candidate
    try:
        foreign(candidate.profile, house.site)
        domains.require_free(house.store, head.id if head else "", domain)
    except BadInput as error:
        candidate.notes.append(_left_out(domain, error))
        now = head.profile.domain if head else ""
        kept = "" if now == domain else now
        return candidate._replace(profile=candidate.profile.model_copy(update={"domain": kept}))
    return candidate


def _hold_domain(store: Store, adopted: Adopted, candidate: Candidate) -> bool:
    """Holds the domain that the profile wants by now; whether it didn't before."""
    head = store.profiles.head(adopted.profile_id)
    if head is None or not (domain := domains.missing(head)):
        return False
    try:
        domains.hold(store, head.id, domain)
    except BadInput as error:  # another was quicker
        candidate.notes.append(_left_out(domain, error))
    return True


def _left_out(domain: str, error: BadInput) -> str:
    return f"domain: {domain} {error.fields['domain']}; left out"


# ── what it should look like ──


def _with(candidate: Candidate, media: dict[str, Media], old: Snapshot, notes: list[str]) -> Snapshot:
    """The snapshot with what the file says. What the file doesn't speak of stays; posts and media are never removed."""
    if not candidate.is_ours:
        profile = old.head.profile.model_copy(
            update={name: getattr(candidate.profile, name) for name in OURS}
        )
        kept = tuple(one for one in old.head.profile.sections if one.kind not in SECTIONS)
        profile = profile.model_copy(update={"sections": (*candidate.profile.sections, *kept)})
        return with_profile(old, profile)
    ids = {archived: medium.id for archived, medium in media.items()}
    rows = {one.id: one for one in old.media}
    rows |= {one.id: _merged(rows[one.id], one) if one.id in rows else one for one in media.values()}
    kinds = {one.id: one.kind for one in rows.values()}
    new = old.model_copy(update={"media": tuple(rows.values()), "posts": _posts(candidate, old, ids)})
    return with_profile(new, _remapped(candidate.profile, ids, kinds, notes))


def _merged(now: Media, told: Media) -> Media:
    """The row as it is now, with what the file says of it: makers may have been at it since it was looked up."""
    after = now.model_copy(update={field: getattr(told, field) for field in _TOLD})
    for captions in told.renditions:
        if captions.recipe.startswith(CAPTIONS):
            after = after.with_rendition(captions)
    return after


def _posts(candidate: Candidate, old: Snapshot, ids: dict[str, str]) -> tuple[Post, ...]:
    """Posts by their slug: one that is there keeps its id and its counters."""
    there = {post.slug: post for post in old.posts}
    taken = {post.id for post in old.posts} | {medium.id for medium in old.media}
    for post in candidate.posts:
        before = there.get(post.slug)
        if before is None:
            if len(there) >= POSTS_PER_PROFILE_MAX:
                break
            post_id = new_id() if post.id in taken else post.id
            taken.add(post_id)
            edit, revision = 0, 0
        else:
            post_id, edit, revision = before.id, before.edit, before.revision
        there[post.slug] = post.model_copy(
            update={
                "id": post_id,
                "edit": edit,
                "revision": revision,
                "media": tuple(ids[one] for one in post.media if one in ids),
            }
        )
    return tuple(there.values())


def _remapped(profile: Profile, ids: dict[str, str], kinds: dict[str, Kind], notes: list[str]) -> Profile:
    """The profile with its media under the ids that they have here; those that aren't here are left out."""

    def here(path: str, media_id: str, *right: Kind) -> str | None:
        mine = ids.get(media_id)
        if mine is None or (right and kinds[mine] not in right):
            notes.append(f"{path}: {media_id} is not here; left out")
            return None
        return mine

    update: dict[str, object] = {
        field: here(field, media_id, "image")
        for field in ("avatar", "cover")
        if (media_id := getattr(profile, field))
    }
    sections: list[Section] = []
    for number, section in enumerate(profile.sections):
        path = f"sections.{number}.media"
        if isinstance(section, GallerySection):
            shown = tuple(mine for one in section.media if (mine := here(path, one)))
            sections.append(section.model_copy(update={"media": shown}))
        elif isinstance(section, VideoSection):
            if mine := here(path, section.media, "video", "audio"):
                sections.append(section.model_copy(update={"media": mine}))
        else:
            sections.append(section)
    return profile.model_copy(update={**update, "sections": tuple(sections)})


# ── media ──


def _media(house: House, candidate: Candidate, old: Snapshot, *, dry: bool = False) -> dict[str, Media]:
    """The rows of the file's media, by the ids that the file uses; what isn't in storage yet is put there (not if `dry`)."""
    made: dict[str, Media] = {}
    room = MEDIA_PER_PROFILE_MAX - len(old.uploads)
    for one in candidate.media:
        mine = {medium.id: medium for medium in old.uploads}
        known = mine.get(one.id) or mine.get(_new_id(old.head.id, one.id, one.sha256))
        if known is None and not dry:
            try:
                known = _bring(house, candidate, one, old, room)
            except UnsupportedMedia as error:
                candidate.notes.append(f'media {one.id} ("{one.filename}"): {error} Left out.')
                continue
            room -= 1
        if known:
            known = known.model_copy(update={field: getattr(one, field) for field in _TOLD})
            made[one.id] = with_captions(
                house.private, candidate.folder, one, known, candidate.notes, dry=dry
            )
    return made


def _bring(house: House, candidate: Candidate, one: ArchivedMedia, old: Snapshot, room: int) -> Media:
    """Puts an original into the private bucket, as an upload would have. Raises UnsupportedMedia with the reason."""
    if room <= 0:
        raise UnsupportedMedia(f"A profile can hold {MEDIA_PER_PROFILE_MAX} photos and videos at most.")
    file = open_original(candidate.folder, one.id)
    if file is None:
        raise UnsupportedMedia("Its original is not beside the file.")
    with file:
        kind, mime = accept(file.read(HEAD_BYTES))
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        # Sound has no limit of its own: it may be as large as a video.
        limit = "image_mb_max" if kind == "image" else "video_mb_max"
        if size > MB * getattr(house.uploads, limit):
            raise UnsupportedMedia(f"It is larger than [uploads] {limit}.")
        digest = sha256_of(file)
        if one.sha256 not in ("", digest):
            raise UnsupportedMedia("It is damaged: its sha256 is another.")
        media_id = _new_id(old.head.id, one.id, digest)
        if known := old.medium(media_id):
            return known
        house.private.put_file(keys.original(media_id), file, Headers())
    return Media(id=media_id, kind=kind, filename=one.filename, original_type=mime, original_bytes=size)


def _new_id(profile_id: str, archived_id: str, sha256: str) -> str:
    """Of the profile and of the bytes, so that importing again finds it, and no file can name another profile's medium."""
    return hashlib.sha256(f"{profile_id}/{archived_id}/{sha256}".encode()).hexdigest()[:20]
