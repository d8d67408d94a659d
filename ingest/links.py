"""Links to what is not public: to a private page with all that it shows, and to the draft of one post."""

from __future__ import annotations

import time
from typing import NamedTuple
from urllib.parse import quote

from core import keys
from core.errors import Conflict, NotFound
from core.grants import Grant, Grants, ends_at
from core.profile import Post, Snapshot
from core.settings import Settings
from core.store import Store
from core.store.revise import Revised
from ingest.access import name_of
from ingest.edits import Terms, write

DRAFTS = "/preview"
"""Where drafts are read, at the studio: an edge has no drafts."""


class Link(NamedTuple):
    """Opens what it leads to for whoever has it; `expires_at` counts seconds since 1970."""

    url: str
    expires_at: int


class Draft(NamedTuple):
    """The post that a link opens, and whose it is."""

    snapshot: Snapshot
    post: Post


class Links:
    """Makes them, and opens those to drafts; those to pages are opened by the edges."""

    def __init__(self, store: Store, grants: Grants, settings: Settings) -> None:
        self._store = store
        self._grants = grants
        self._site = settings.site
        self._studio_url = settings.studio.url

    def to_page(self, snapshot: Snapshot, days: int) -> Link:
        """Raises Conflict for a page that needs no link."""
        head = snapshot.head
        if head.profile.visibility != "private":
            raise Conflict("This page is not private, so that its own address is all that readers need.")
        if head.name is None:
            raise Conflict("This page has no username yet.")
        end = ends_at(time.time(), days)
        token = self._grants.mint(Grant("page", head.id, end, head.grants))
        name = head.name.username
        path = keys.granted(keys.page(name), name, token)
        return Link(f"{self._site.url}{self._site.path}{path}", end)

    def to_draft(self, snapshot: Snapshot, post: Post, days: int) -> Link:
        """Raises Conflict for a post that has a page of its own already."""
        if post.state == "published":
            raise Conflict("This post is published, so that its own address is all that readers need.")
        end = ends_at(time.time(), days)
        token = self._grants.mint(Grant("draft", snapshot.head.id, end, snapshot.head.grants, post.id))
        return Link(f"{self._studio_url}{draft_path(token, snapshot, post)}", end)

    def draft(self, token: str) -> Draft:
        """The post that the link opens, as it is now. Raises NotFound for a link that is wrong or over, or whose post is."""
        grant = self._grants.open(token, time.time())
        if grant and grant.kind == "draft":
            snapshot = self._store.profiles.load(grant.profile_id)
            post = snapshot.post(grant.post_id) if snapshot else None
            if snapshot and post and not snapshot.head.deleted and snapshot.head.grants == grant.epoch:
                return Draft(snapshot, post)
        raise NotFound("There is no such page here.")

    def end_all(self, profile_id: str, terms: Terms) -> Revised:
        """Voids all links that were ever given out for the profile: at once to drafts, to its page when the edges hear of it."""

        def change(old: Snapshot) -> Snapshot:
            head = old.head.model_copy(update={"grants": old.head.grants + 1})
            return old.model_copy(update={"head": head})

        return write(self._store, profile_id, change, terms, "links ended")


def draft_path(token: str, snapshot: Snapshot, post: Post) -> str:
    return quote(f"{DRAFTS}/{token}{keys.path_of(keys.post(name_of(snapshot.head), post.slug))}")
