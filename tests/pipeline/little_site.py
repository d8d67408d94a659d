"""A whole little site for the worker: a real store and real folders whose writes are counted, and creators who edit."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from core import keys
from core.errors import ObjectMissing
from core.ids import new_id
from core.media import Media, Rendition, RenditionFile
from core.objects import Headers
from core.objects.folder import FolderObjects
from core.profile import GallerySection, Post, Profile, Snapshot
from core.rank import read_rank
from core.store import MAIN, Stage
from core.store.naming import found, rename
from core.store.revise import revise
from core.store.sqlite import SqliteStore
from generator.release import Release
from generator.urls import Urls
from pipeline.job import Done, Tools, publish_profile
from pipeline.listing import Lister
from pipeline.media_queue import MediaQueue
from pipeline.purge.purger import Purger
from tests.cluster import names_a_store, open_at

ORIGIN = "http://127.0.0.1:8080"
GRACE_S = 3600
PICTURE = b"not a picture, but nobody looks"


EVERY_EDIT = {"ann/index.html", keys.data("ann"), "manifest"}
"""What any edit writes."""


class Counted:
    """A bucket; `wrote` names the keys put since it was last emptied."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.wrote: list[str] = []

    def put(self, key: str, body: bytes, headers: Headers, **options: Any) -> str:
        etag = self.inner.put(key, body, headers, **options)
        self.wrote.append(key)
        return etag

    def put_file(self, key: str, file: BinaryIO, headers: Headers) -> str:
        self.wrote.append(key)
        return self.inner.put_file(key, file, headers)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class Site:
    """Store, buckets and the worker's tools, without edges."""

    def __init__(self, folder: Path, release: Release, buckets: tuple[Any, Any] | None = None) -> None:
        """`buckets`: public and private, if not in that folder."""
        self.folder = folder
        self.store: Any = open_at(folder) if names_a_store(folder) else SqliteStore(folder / "holdfast.db")
        public, private = buckets or (FolderObjects(folder / "public"), FolderObjects(folder / "private"))
        self.public, self.private = Counted(public), Counted(private)
        self.urls = Urls(ORIGIN)
        self.tools = Tools(
            store=self.store,
            buckets={"public": self.public, "private": self.private},
            release=release,
            urls=self.urls,
            purger=Purger(self.store, []),
            lister=Lister(self.store.listings),
            media=MediaQueue(self.store.media_work),
            child_grace_s=GRACE_S,
        )
        if not names_a_store(folder):  # whose release is somebody else's
            self.store.rollouts.promote(release.fingerprint, release.bare_fingerprint)

    # ── creators ──

    def sign_up(self, name: str) -> str:
        return found(self.store, name, Profile(name=name.title())).head.id

    def change(self, profile_id: str, change: Any) -> Snapshot:
        return revise(self.store, profile_id, change, writer=new_id(), what="test", by_creator=True).snapshot

    def edit(self, profile_id: str, **fields: Any) -> Snapshot:
        return self.change(
            profile_id,
            lambda old: with_head(old, profile=old.head.profile.model_copy(update=fields)),
        )

    def delete(self, profile_id: str) -> Snapshot:
        return self.change(profile_id, lambda old: with_head(old, deleted=True))

    def rename(self, profile_id: str, name: str) -> Snapshot:
        return rename(self.store, profile_id, name)

    def post(self, profile_id: str, slug: str, **fields: Any) -> Snapshot:
        """Adds a post, or changes the one with that slug."""

        def change(old: Snapshot) -> Snapshot:
            before = next((post for post in old.posts if post.slug == slug), None)
            fresh = Post(id=new_id(), slug=slug, title=slug.title(), date="2026-11-01", state="published")
            post = (before or fresh).model_copy(update=fields)
            others = tuple(one for one in old.posts if one.id != post.id)
            return old.model_copy(update={"posts": (*others, post)})

        return self.change(profile_id, change)

    def unpost(self, profile_id: str, slug: str) -> Snapshot:
        return self.change(
            profile_id,
            lambda old: old.model_copy(update={"posts": tuple(p for p in old.posts if p.slug != slug)}),
        )

    def upload(self, profile_id: str, media_id: str = "medium1234", *, made: bool = True) -> Media:
        """Adds a picture to the closing gallery; `made`: with its rendition, as if a maker had been at it."""
        self.private.put(keys.original(media_id), PICTURE, Headers())
        file = RenditionFile(name="640.webp", type="image/webp", bytes=len(PICTURE), width=640, height=480)
        rendition = Rendition(recipe="still", attempt="attempt1", files=(file,))
        self.private.put(keys.rendition(media_id, "still", "attempt1", "640.webp"), PICTURE, Headers())
        medium = Media(
            id=media_id,
            kind="image",
            state="ready" if made else "uploaded",
            renditions=(rendition,) if made else (),
        )
        after = self.change(profile_id, lambda old: old.model_copy(update={"media": (*old.media, medium)}))
        return after.medium(media_id) or medium

    def medium(self, profile_id: str, media_id: str = "medium1234") -> Media:
        snapshot = self.store.profiles.load(profile_id)
        medium = snapshot.medium(media_id) if snapshot else None
        assert medium
        return medium

    # ── the worker ──

    def publish(self, profile_id: str, **options: Any) -> set[str]:
        """Publishes as a worker does; the keys that it put, manifests as "manifest"."""
        self.public.wrote.clear()
        self.private.wrote.clear()
        self.done: Done = publish_profile(self.tools, profile_id, **options)
        wrote = [*self.public.wrote, *self.private.wrote]
        return {"manifest" if key.startswith("_manifests/") else key for key in wrote}

    def reached(self, profile_id: str) -> dict[Stage, int]:
        """The revision that each stage has reached."""
        marks = self.store.published.get(profile_id, MAIN, self.store.life)
        return {stage: reached.mark.revision for stage, reached in marks.items()}

    # ── what lies there ──

    def status(self, key: str, bucket: str = "public") -> tuple[int, str]:
        """Status and location of a public object; 0 if there is none."""
        try:
            stored = getattr(self, bucket).get(key)
        except ObjectMissing:
            return 0, ""
        return stored.headers.status, stored.headers.location

    def text(self, key: str) -> str:
        return self.public.get(key).body.decode()

    def shown(self) -> set[str]:
        """Public keys that readers get with a 200."""
        return {key for key in self.public.walk() if self.status(key)[0] == 200}

    def revision_of(self, key: str) -> int:
        rank = read_rank(self.public.get(key).body)
        assert rank
        return rank.revision


def with_head(old: Snapshot, **fields: Any) -> Snapshot:
    return old.model_copy(update={"head": old.head.model_copy(update=fields)})


def gallery(*media: str) -> GallerySection:
    return GallerySection(kind="gallery", media=media)


def picture() -> bytes:
    """A tiny PNG."""
    body = io.BytesIO()
    Image.new("RGB", (16, 16), "teal").save(body, "PNG")
    return body.getvalue()


def folder_of(site: Site, ann: str) -> str:
    """Where readers get the files of her picture."""
    return keys.media("medium1234", site.medium(ann).publication, "still", "attempt1", "")


def unlisted(old: Snapshot) -> Snapshot:
    """All media taken off the page; they stay the creator's."""
    media = tuple(medium.model_copy(update={"listed": False}) for medium in old.media)
    return old.model_copy(update={"media": media})
