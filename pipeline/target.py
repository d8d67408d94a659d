"""What a profile's storage should look like: snapshot and release in, the wanted keys and what becomes of all others out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from core import keys
from core.document import Document, document
from core.media import RenditionFile
from core.objects import Bucket
from core.profile import Snapshot
from core.rank import Mark, Rank
from generator.build import plan
from generator.files import File, Page
from generator.release import Release
from generator.site_pages import Kind, tombstone
from generator.urls import Urls
from pipeline.manifest import Place


class Child(NamedTuple):
    """The files of one rendition: where they were made (a folder of the private bucket) and what they are."""

    source: str
    files: tuple[RenditionFile, ...]


class Fate(NamedTuple):
    """What takes the place of a key that is no longer wanted: 410, 404, or 301 to `location`."""

    status: Kind
    location: str = ""

    def __str__(self) -> str:
        return f"{self.status} {self.location}".strip()


@dataclass(frozen=True)
class Target:
    """One revision of one profile in one roll-out, as it should lie in storage. `pages` are in the order of writing.

    `takedown` says that nothing of it may stay public: tombstones go first and older publishers stop.
    """

    profile_id: str
    mark: Mark
    bucket: Bucket
    pages: tuple[Page, ...]
    folders: Mapping[str, Child]
    takedown: bool
    claims: Mapping[str, int]
    names: tuple[str, ...]
    hidden_slugs: frozenset[str] = frozenset()
    release: Release = field(kw_only=True)
    urls: Urls = field(kw_only=True)
    deleted: bool = False

    def places(self) -> set[Place]:
        return {Place(self.bucket, page.key) for page in self.pages}

    def folder_places(self) -> set[Place]:
        return {Place(self.bucket, folder) for folder in self.folders}

    def rank_under(self, key: str) -> Rank | None:
        """The rank of a tombstone there: the head's revision, under the claim that the name was held with. None for a
        name that was released to others."""
        name = _name_in(key)
        if name not in self.claims:
            return None
        return Rank(self.mark.life, self.claims[name], self.mark.revision, self.mark.rollout)

    def fate(self, place: Place) -> Fate:
        """What becomes of a key that was written once and isn't wanted any more."""
        if self.deleted:
            return Fate(410)
        if self.takedown or place.bucket != self.bucket:
            return Fate(404)
        name, _, rest = _split(place.key)
        if name != self.names[0]:
            moved = keys.data(self.names[0]) if place.key.startswith("_data/") else f"{self.names[0]}/{rest}"
            if moved in {page.key for page in self.pages}:
                return Fate(301, self.urls.of(moved))
            return Fate(410)
        is_post = rest.startswith("posts/") and rest.count("/") == 2
        return Fate(404) if not is_post or rest.split("/")[1] in self.hidden_slugs else Fate(410)

    def tombstone(self, place: Place, rank: Rank, fate: Fate) -> File:
        return tombstone(
            fate.status, place.key, rank, self.release, self.urls, fate.location or None, self.profile_id
        )


def target(snapshot: Snapshot, release: Release, urls: Urls, life: int, rollout: int) -> Target | None:
    """The target of a snapshot; None while the profile has no name (a sign-up that isn't finished)."""
    head = snapshot.head
    if head.name is None:
        return None
    # A name held twice has the newest claim: the order of `former_names` is that of time.
    claims = {one.username: one.claim for one in head.former_names} | {head.name.username: head.name.claim}
    hidden = head.deleted or head.profile.visibility == "private"
    bucket: Bucket = "private" if hidden else "public"
    doc = None if head.deleted else document(snapshot)
    return Target(
        profile_id=head.id,
        mark=Mark(life, head.revision, rollout),
        bucket=bucket,
        pages=tuple(plan(doc, release, urls, life, rollout)) if doc else (),
        folders=_folders(doc) if doc else {},
        takedown=hidden,
        claims=claims,
        names=(head.name.username, *(one.username for one in head.former_names)),
        hidden_slugs=frozenset(post.slug for post in snapshot.posts if post.state != "published"),
        release=release,
        urls=urls,
        deleted=head.deleted,
    )


def _folders(doc: Document) -> dict[str, Child]:
    found = {}
    for medium in doc.media:
        for made in medium.renditions:
            folder = keys.media(medium.id, medium.publication, made.recipe, made.attempt, "")
            found[folder] = Child(keys.rendition(medium.id, made.recipe, made.attempt, ""), made.files)
    return found


def _split(key: str) -> tuple[str, str, str]:
    name, slash, rest = key.partition("/")
    return name, slash, rest


def _name_in(key: str) -> str:
    """The username that a mutable key lies under."""
    if key.startswith("_data/"):
        return key.removeprefix("_data/").removesuffix(".json")
    return key.partition("/")[0]
