"""What a profile's storage should look like: snapshot and release in, the wanted keys and what becomes of all others out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from core import keys
from core.document import Document, document
from core.media import Rendition
from core.objects import Bucket
from core.profile import Snapshot
from core.rank import Edition, Mark, Rank
from generator.build import plan
from generator.domain_file import domain_file
from generator.files import File, Page
from generator.release import Release
from generator.site_pages import Kind, tombstone
from generator.urls import Urls
from pipeline.manifest import Place


class Child(NamedTuple):
    """One rendition: where its files were made (a folder of the private bucket) and what they are."""

    source: str
    made: Rendition


class Fate(NamedTuple):
    """What takes the place of a key that is no longer wanted: 410, 404, or 301 to `location`."""

    status: Kind
    location: str = ""

    def __str__(self) -> str:
        return f"{self.status} {self.location}".strip()


@dataclass(frozen=True)
class Target:
    """One revision of one profile in one roll-out, as it should lie in storage. `pages` are in the order of writing.

    `bare` is the roll-out of its bare files (`core.rank.Edition`). `media` are the ids of those that exist, shown or not. `takedown` says that nothing of it may stay public: tombstones go first and older publishers stop.
    """

    profile_id: str
    mark: Mark
    bucket: Bucket
    pages: tuple[Page, ...]
    folders: Mapping[str, Child]
    takedown: bool
    claims: Mapping[str, int]
    names: tuple[str, ...]
    bare: int
    media: frozenset[str] = frozenset()
    hidden_slugs: frozenset[str] = frozenset()
    release: Release = field(kw_only=True)
    urls: Urls = field(kw_only=True)
    deleted: bool = False

    def places(self) -> dict[Place, int]:
        """Every wanted key, with the claim number of the name that it lies under."""
        return {Place(self.bucket, page.key): page.rank.claim for page in self.pages}

    def stones(self) -> dict[Place, int]:
        """Keys that lead on, or say that all is gone, even where storage has never had them: those of former names, and all
        names of who was deleted. With the claim number of the name."""
        names = self.names if self.deleted else () if self.takedown else self.names[1:]
        return {
            Place("public", key): self.claims[name]
            for name in names
            for key in (keys.page(name), keys.data(name))
        }

    def folder_places(self) -> set[Place]:
        return {Place(self.bucket, folder) for folder in self.folders}

    def rank_under(self, key: str, claim: int) -> Rank:
        """The rank of a tombstone there: the head's revision, under the claim that the name was held with. `claim` is
        for a name that the head doesn't know any more, since it was released to others."""
        claim = self.claims.get(keys.name_in(key), claim)
        edition = Edition(self.mark.life, self.mark.rollout, self.bare)
        return edition.rank(key, claim, self.mark.revision)

    def fate(self, place: Place) -> Fate:
        """What becomes of a key that was written once and isn't wanted any more."""
        if self.deleted:
            return Fate(410)
        if place.bucket != self.bucket:
            return Fate(404)
        name, rest = keys.name_in(place.key), place.key.partition("/")[2]
        if name not in self.claims:
            return Fate(410)
        if name != self.names[0]:
            # A document's tombstone speaks for every page of its name that isn't there: so it leads to the profile.
            is_data = place.key == keys.data(name)
            moved = keys.page(self.names[0]) if is_data else f"{self.names[0]}/{rest}"
            if moved in self._wanted:
                return Fate(301, self.urls.of(moved))
        is_post = rest.startswith("posts/") and rest.count("/") == 2
        return Fate(404) if not is_post or rest.split("/")[1] in self.hidden_slugs else Fate(410)

    @cached_property
    def _wanted(self) -> frozenset[str]:
        return frozenset(page.key for page in self.pages)

    def tombstone(self, place: Place, rank: Rank, fate: Fate) -> File:
        return tombstone(
            fate.status, place.key, rank, self.release, self.urls, fate.location or None, self.profile_id
        )


def target(snapshot: Snapshot, release: Release, urls: Urls, edition: Edition) -> Target | None:
    """The target of a snapshot; None while the profile has no name (a sign-up that isn't finished)."""
    head = snapshot.head
    if head.name is None:
        return None
    # A name held twice has the newest claim: the order of `former_names` is that of time.
    claims = {one.username: one.claim for one in head.former_names} | {head.name.username: head.name.claim}
    if head.domain:
        claims[head.domain.domain] = head.domain.claim
    hidden = head.deleted or head.profile.visibility == "private"
    bucket: Bucket = "private" if hidden else "public"
    doc = None if head.deleted else document(snapshot)
    pages = tuple(plan(doc, release, urls, edition)) if doc else ()
    if doc and head.domain:
        # Last: when it says whose the domain is, there is a page to be shown.
        pages += (domain_file(head.domain, head.name.username, head.id, head.frame_revision, edition),)
    return Target(
        profile_id=head.id,
        mark=Mark(edition.life, head.revision, edition.rollout),
        bucket=bucket,
        pages=pages,
        folders=_folders(doc) if doc else {},
        takedown=hidden,
        claims=claims,
        names=(head.name.username, *(one.username for one in head.former_names)),
        bare=edition.bare,
        media=frozenset(medium.id for medium in snapshot.media if not head.deleted),
        hidden_slugs=frozenset(post.slug for post in snapshot.posts if post.state != "published"),
        release=release,
        urls=urls.inside(head.name.username) if bucket == "private" else urls,
        deleted=head.deleted,
    )


def _folders(doc: Document) -> dict[str, Child]:
    found = {}
    for medium in doc.media:
        for made in medium.renditions:
            folder = keys.media(medium.id, medium.publication, made.recipe, made.attempt, "")
            found[folder] = Child(keys.rendition(medium.id, made.recipe, made.attempt, ""), made)
    return found
