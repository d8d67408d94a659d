"""The data document: all that `generator.build` needs of one profile, and nothing private.

The worker makes it from a snapshot, publishes it as `_data/<username>.json`, and builds the pages from it; the edge
parses the same bytes when it has to render a page by itself. So both draw the same page; only its rank may be the document's
earlier one, if templates have changed since.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from core.errors import BadInput
from core.media import Frozen, Media, Use
from core.parsing import parse
from core.profile import HeldName, Post, Profile, Snapshot, media_in_profile, media_in_section
from core.rank import Rank, read_rank, stamp_json

FORMAT: Literal[1] = 1


class Document(Frozen):
    """A profile as readers may see it: published posts (newest first) and shown media only.

    `gallery` names the media that close the profile's page. A medium that is named but missing here is still in the
    making (or failed): pages leave it out.
    """

    format: Literal[1] = FORMAT
    id: str
    name: HeldName
    revision: int
    frame_revision: int
    posts_revision: int
    grants: int = 0
    created_at: int
    edited_at: int
    profile: Profile
    posts: tuple[Post, ...] = ()
    media: tuple[Media, ...] = ()
    gallery: tuple[str, ...] = ()

    def medium(self, media_id: str) -> Media | None:
        return next((m for m in self.media if m.id == media_id), None)


def published_posts(posts: tuple[Post, ...]) -> tuple[Post, ...]:
    """The posts that readers see: newest date first, the id settles equal dates."""
    return tuple(
        sorted((p for p in posts if p.state == "published"), key=lambda p: (p.date, p.id), reverse=True)
    )


def shown_media(snapshot: Snapshot) -> tuple[Media, ...]:
    """The media that the pages show or wait for, each once: named by the profile, by published posts, or listed."""
    named = list(media_in_profile(snapshot.head.profile))
    for post in published_posts(snapshot.posts):
        named.extend(post.media)
    named.extend(m.id for m in closing_gallery(snapshot.head.profile, snapshot.posts, snapshot.media))
    named.append(snapshot.head.id)  # its card
    media = {m.id: m for m in snapshot.media}
    return tuple(media[one] for one in dict.fromkeys(named) if one in media)


def public_media(snapshot: Snapshot) -> tuple[Media, ...]:
    """Those of them that readers get files of. One that failed at a later step keeps what was made before."""
    return tuple(m for m in shown_media(snapshot) if m.renditions)


def uses(snapshot: Snapshot) -> dict[str, frozenset[Use]]:
    """How each medium is to be ready to be shown. One that nothing names (yet) may be shown whole any time."""
    profile = snapshot.head.profile
    named: tuple[tuple[Use, str | None], ...] = (("avatar", profile.avatar), ("cover", profile.cover))
    whole = {one for section in profile.sections for one in media_in_section(section)}
    whole |= {one for post in snapshot.posts for one in post.media}
    found: dict[str, frozenset[Use]] = {}
    for medium in snapshot.uploads:
        crops = {use for use, one in named if one == medium.id}
        found[medium.id] = frozenset(crops | ({"gallery"} if medium.id in whole or not crops else set()))
    return found


def closing_gallery(profile: Profile, posts: tuple[Post, ...], media: tuple[Media, ...]) -> tuple[Media, ...]:
    """Listed media that nothing else on the page names: they close the page, by position."""
    named = set(media_in_profile(profile)) | {m for post in posts for m in post.media}
    free = (m for m in media if m.listed and m.id not in named)
    return tuple(sorted(free, key=lambda m: (m.position, m.id)))


def document(snapshot: Snapshot) -> Document:
    """What readers may see of a snapshot that has a name. Media that have no rendition (yet) are left out."""
    head = snapshot.head
    if head.name is None:
        raise ValueError(f"profile {head.id} has no name yet")
    # Closing gallery is decided over all posts, so that a draft's media don't show before their post does.
    gallery = closing_gallery(head.profile, snapshot.posts, snapshot.media)
    media = tuple(_public(m) for m in public_media(snapshot))
    return Document(
        id=head.id,
        name=head.name,
        revision=head.revision,
        frame_revision=head.frame_revision,
        posts_revision=head.posts_revision,
        grants=head.grants,
        created_at=head.created_at,
        edited_at=head.edited_at,
        profile=head.profile,
        posts=published_posts(snapshot.posts),
        media=media,
        gallery=tuple(m.id for m in gallery),
    )


def _public(medium: Media) -> Media:
    return medium.model_copy(update={"filename": "", "original_type": "", "original_bytes": 0, "failure": ""})


def write(doc: Document, life: int, rollout: int) -> bytes:
    """The document's bytes, with the rank in front."""
    rank = Rank(life, doc.name.claim, doc.revision, rollout)
    members = doc.model_dump_json(exclude_defaults=True).removeprefix("{")
    return stamp_json(f'{{"format":{doc.format},{members}', rank)


def read(body: bytes) -> tuple[Document, Rank]:
    """A data document's bytes → (document, rank); BadInput if they are something else."""
    rank = read_rank(body)
    try:
        data: Any = json.loads(body)
    except ValueError:
        data = None
    if rank is None or not isinstance(data, dict):
        raise BadInput({"document": "is not a data document of Holdfast's"})
    del data["holdfast"]
    return parse(Document, data), rank
