"""Posts: write, change, schedule, delete."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from core import keys
from core.errors import BadInput, EditConflict, NotFound
from core.fields import Tags, Text20k, Title
from core.ids import new_id
from core.media import Frozen, Id
from core.parsing import parse
from core.profile import ITEMS_MAX, POSTS_PER_PROFILE_MAX, Post, Snapshot
from core.store import Store
from core.store.revise import Revised
from ingest.edits import Terms, write

SCHEDULE_S_MAX = 5 * 366 * 86400
ANY_EDIT = Terms()


class PostInput(Frozen):
    """A post as its creator writes it. Without `slug` one is made of the title (or the old one is kept); without
    `date` it is today (UTC). `publish_at` (seconds since 1970, UTC) is for the state `scheduled`."""

    title: Title
    body: Text20k = ""
    tags: Tags = ()
    media: Annotated[tuple[Id, ...], Field(max_length=ITEMS_MAX)] = ()
    date: Annotated[str, StringConstraints(strip_whitespace=True, max_length=10)] = ""
    slug: Annotated[str, StringConstraints(strip_whitespace=True, max_length=80)] = ""
    state: Literal["draft", "scheduled", "published"] = "draft"
    publish_at: int | None = None


def add_post(store: Store, profile_id: str, wish: PostInput, terms: Terms) -> tuple[Revised, str]:
    """Writes a new post; returns its id too, the first one's for a repeated request."""
    post_id = new_id()

    def change(old: Snapshot) -> Snapshot:
        if len(old.posts) >= POSTS_PER_PROFILE_MAX:
            raise BadInput({"title": f"a profile can have {POSTS_PER_PROFILE_MAX} posts at most"})
        return old.model_copy(update={"posts": (*old.posts, _post(wish, old, post_id, None))})

    _schedule(store, profile_id, wish)
    done = write(store, profile_id, change, terms, "post added", answer=lambda _: post_id)
    return done, done.answer.body if done.answer else post_id


def change_post(store: Store, profile_id: str, post_id: str, wish: PostInput, terms: Terms) -> Revised:
    """Replaces a post. `terms.edit` is the post's own."""

    def change(old: Snapshot) -> Snapshot:
        before = require_post(old, post_id, terms)
        after = _post(wish, old, post_id, before)
        posts = tuple(after if post.id == post_id else post for post in old.posts)
        return old.model_copy(update={"posts": posts})

    _schedule(store, profile_id, wish)
    return write(store, profile_id, change, terms, "post changed")


def delete_post(store: Store, profile_id: str, post_id: str, terms: Terms) -> Revised:
    def change(old: Snapshot) -> Snapshot:
        require_post(old, post_id, terms)
        return old.model_copy(update={"posts": tuple(post for post in old.posts if post.id != post_id)})

    return write(store, profile_id, change, terms, "post deleted")


def require_post(snapshot: Snapshot, post_id: str, terms: Terms = ANY_EDIT) -> Post:
    """The post; raises NotFound, and EditConflict when it is another edit's than `terms` expect."""
    post = snapshot.post(post_id)
    if post is None:
        raise NotFound("There is no such post.")
    if terms.edit is not None and terms.edit != post.edit:
        raise EditConflict(post.edit)
    return post


def newest_first(snapshot: Snapshot) -> list[Post]:
    return sorted(snapshot.posts, key=lambda post: (post.date, post.id), reverse=True)


def _schedule(store: Store, profile_id: str, wish: PostInput) -> None:
    """Checks the time, and has the worker woken then: before the edit, so that no crash can forget it."""
    if wish.state != "scheduled":
        return
    now = int(time.time())
    if wish.publish_at is None or wish.publish_at <= now:
        raise BadInput({"publish_at": "must be in the future"})
    if wish.publish_at > now + SCHEDULE_S_MAX:
        raise BadInput({"publish_at": "must be within five years"})
    store.changes.schedule(profile_id, wish.publish_at)


def _post(wish: PostInput, snapshot: Snapshot, post_id: str, before: Post | None) -> Post:
    wrong: dict[str, str] = {}
    known = {medium.id for medium in snapshot.uploads}
    for place, media_id in enumerate(wish.media):
        if media_id not in known:
            wrong[f"media.{place}"] = "is not one of this profile's photos or videos"
    day = wish.date or (before.date if before else datetime.now(UTC).date().isoformat())
    try:
        date.fromisoformat(day)
    except ValueError:
        wrong["date"] = "must be a day such as 2026-03-14"
    taken = {post.slug for post in snapshot.posts if post.id != post_id}
    if wish.slug and wish.slug in taken:
        wrong["slug"] = "is the address of another post"
    if wrong:
        raise BadInput(wrong)
    return parse(
        Post,
        {
            **wish.model_dump(),
            "id": post_id,
            "date": day,
            "slug": wish.slug or (before.slug if before else _free_slug(wish.title, taken)),
            "publish_at": wish.publish_at if wish.state == "scheduled" else None,
            "edit": before.edit if before else 0,
            "revision": before.revision if before else 0,
        },
    )


def _free_slug(title: str, taken: set[str]) -> str:
    """`a-title`, else `a-title-2` and so on."""
    wanted = keys.slug(title, 70) or "post"
    if wanted not in taken:
        return wanted
    number = 2
    while f"{wanted}-{number}" in taken:
        number += 1
    return f"{wanted}-{number}"
