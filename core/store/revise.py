"""The edit protocol: every revision of a profile, whoever writes it, goes through `revise` (or `create`).

Hint, then conditional batch, then acknowledge. A crash leaves a hint without an edit, never an edit without a hint. An
outcome that is unknown is settled by whose revision it became, not by what a reply said.
"""

from __future__ import annotations

import operator
import random
import time
from collections.abc import Callable
from typing import NamedTuple

from core.document import public_media
from core.errors import Conflict, KeyReused, NotFound, OutcomeUnknown, Unavailable
from core.ids import new_id
from core.media import Media
from core.profile import Head, Post, Snapshot
from core.store import Answer, Batch, Change, Store

DEADLINE_S = 10.0
ANSWERS_KEPT_S = 86400


class Asked(NamedTuple):
    """An Idempotency-Key and the digest of the request that came with it."""

    key: str
    request: str


class Revised(NamedTuple):
    """The profile as it is after the change. `answer` is set when the same request had been answered before; `at_ms`
    when this call wrote a revision."""

    snapshot: Snapshot
    answer: Answer | None = None
    at_ms: int | None = None


def revise(
    store: Store,
    profile_id: str,
    change: Callable[[Snapshot], Snapshot],
    *,
    writer: str,
    what: str,
    by_creator: bool,
    asked: Asked | None = None,
    body: Callable[[Snapshot], str] | None = None,
    amends: bool = False,
    deadline_s: float = DEADLINE_S,
) -> Revised:
    """Changes one profile by the pure function `change`, called again on fresh rows whenever another revision came first.

    `writer` is the id of this edit, unique to this call. `by_creator` moves `edit` (the API's ETag). `change` may raise
    what it likes (EditConflict …) and returns its argument for "nothing to do". With `asked`, a repeated request gets
    the kept answer (`body(snapshot)` of the first), and the same key with another request raises KeyReused; one that
    `amends` puts another answer in its place.
    Raises NotFound, OutcomeUnknown when time ran out before it was settled, Unavailable when it never got through.
    """
    ends = time.monotonic() + deadline_s
    tries = 0
    while True:
        old = store.profiles.load(profile_id)
        if old is None:
            raise NotFound("There is no such profile.")
        # After the load: rows that hold the first request's change already never come without its answer.
        if (
            asked
            and not amends
            and (answer := store.profiles.answer(profile_id, asked.key, int(time.time())))
        ):
            if answer.request != asked.request:
                raise KeyReused
            if old.head.revision < answer.revision:
                old = store.profiles.load(profile_id) or old
            return Revised(old, answer)
        wanted = _in_order(change(old))
        if wanted == old and not asked:
            return Revised(old)
        # Nothing to do is a revision all the same where an answer has to be kept, but no edit.
        batch, new = _advance(old, wanted, writer, what, by_creator and wanted != old)
        if asked:
            batch = batch.model_copy(update={"answer": _answer(asked, new, body)})
        if write(store, batch, ends):
            return Revised(new, at_ms=batch.at_ms)
        tries += 1
        if time.monotonic() > ends:
            raise Unavailable("The profile is being changed by many at once; please try again.")
        time.sleep(random.uniform(0, min(0.2, 0.005 * 2**tries)))


def create(store: Store, head: Head, *, writer: str, what: str, asked: Asked | None = None) -> Snapshot:
    """Writes the first revision of a profile; with `asked` it keeps an answer, as `revise` does."""
    new = Snapshot(head=head.model_copy(update={"revision": 1, "frame_revision": 1, "posts_revision": 1}))
    batch = Batch(head=new.head, writer=writer, what=what, at_ms=_now_ms())
    if asked:
        batch = batch.model_copy(update={"answer": _answer(asked, new, None)})
    if not write(store, batch, time.monotonic() + DEADLINE_S):
        raise Conflict(f"A profile with the id {head.id} exists.")
    return new


def write(store: Store, batch: Batch, ends: float) -> bool:
    """Hint and batch; whether this revision became ours."""
    profile_id, revision = batch.head.id, batch.head.revision
    _announce(store, Change(profile_id, revision), ends)
    unsettled = False
    while True:
        if time.monotonic() > ends:
            raise OutcomeUnknown if unsettled else Unavailable
        refused = False
        try:
            if store.profiles.commit(batch):
                return True
            refused = True
        except OutcomeUnknown:
            unsettled = True
        except Unavailable:
            if not unsettled:
                raise
        # Refused, but perhaps by our own write, whose first reply was lost on the way.
        try:
            writer = store.profiles.writer_of(profile_id, revision)
        except Unavailable:
            unsettled, refused, writer = True, False, None
        if writer is not None:
            return writer == batch.writer
        if refused and (not unsettled or batch.restores):
            return False  # so old a revision that its history row is gone, or another profile's place
        # Nobody's yet. It may still be applied late, so the only safe way on is the same batch again.
        time.sleep(random.uniform(0.01, 0.05))


def _announce(store: Store, change: Change, ends: float) -> None:
    """The hint, until it is known to be there: nothing has been written, so nothing is unknown to the caller."""
    while True:
        try:
            return store.changes.hint(change)
        except OutcomeUnknown:
            if time.monotonic() > ends:
                raise Unavailable from None
        time.sleep(random.uniform(0.01, 0.05))


def _answer(asked: Asked, new: Snapshot, body: Callable[[Snapshot], str] | None) -> Answer:
    return Answer(
        key=asked.key,
        request=asked.request,
        revision=new.head.revision,
        edit=new.head.edit,
        body=body(new) if body else "",
        expires_at=int(time.time()) + ANSWERS_KEPT_S,
    )


def _advance(
    old: Snapshot, wanted: Snapshot, writer: str, what: str, by_creator: bool
) -> tuple[Batch, Snapshot]:
    """Moves the counters: what changed gets the new revision, and media that become public a new publication."""
    now_ms = _now_ms()
    revision, edit = old.head.revision + 1, old.head.edit + by_creator
    media = _published_anew(old, wanted, revision)
    posts = _touched(old, wanted, revision, edit if by_creator else None)
    before = _rows(old)
    gone = tuple(before.keys() - {post.id for post in posts} - {medium.id for medium in media})
    rows = wanted.model_copy(update={"posts": posts, "media": media})
    head = wanted.head.model_copy(
        update={
            "revision": revision,
            "edit": edit,
            "edited_at": now_ms // 1000 if by_creator else old.head.edited_at,
            "frame_revision": revision if _frame(old) != _frame(rows) else old.head.frame_revision,
            "posts_revision": revision
            if _posts_shown(old) != _posts_shown(rows)
            else old.head.posts_revision,
        }
    )
    new = rows.model_copy(update={"head": head})
    batch = Batch(
        head=head,
        writer=writer,
        what=what,
        at_ms=now_ms,
        posts=tuple(post for post in posts if before.get(post.id) != post),
        media=tuple(medium for medium in media if before.get(medium.id) != medium),
        gone=gone,
    )
    return batch, new


def _now_ms() -> int:
    return int(time.time() * 1000)


def _in_order(snapshot: Snapshot) -> Snapshot:
    """As a load would give it."""
    by_id = operator.attrgetter("id")
    return snapshot.model_copy(
        update={
            "posts": tuple(sorted(snapshot.posts, key=by_id)),
            "media": tuple(sorted(snapshot.media, key=by_id)),
        }
    )


def _rows(snapshot: Snapshot) -> dict[str, Post | Media]:
    return {post.id: post for post in snapshot.posts} | {medium.id: medium for medium in snapshot.media}


def _public_ids(snapshot: Snapshot) -> set[str]:
    if snapshot.head.deleted or snapshot.head.profile.visibility == "private":
        return set()
    return {medium.id for medium in public_media(snapshot)}


def _published_anew(old: Snapshot, wanted: Snapshot, revision: int) -> tuple[Media, ...]:
    before = {medium.id: medium for medium in old.media}
    newly = _public_ids(wanted) - _public_ids(old)
    rows = []
    for medium in wanted.media:
        row = medium
        if medium.id in newly or not medium.publication:
            row = row.model_copy(update={"publication": new_id()})
        if before.get(medium.id) != row:
            row = row.model_copy(update={"revision": revision})
        rows.append(row)
    return tuple(rows)


def _touched(old: Snapshot, wanted: Snapshot, revision: int, edit: int | None) -> tuple[Post, ...]:
    before = {post.id: post for post in old.posts}
    return tuple(
        post
        if before.get(post.id) == post
        else post.model_copy(update={"revision": revision, "edit": post.edit if edit is None else edit})
        for post in wanted.posts
    )


def _frame(snapshot: Snapshot) -> object:
    """What every page shows of the profile, or depends on."""
    head, profile = snapshot.head, snapshot.head.profile
    avatar = snapshot.medium(profile.avatar) if profile.avatar else None
    return (
        head.name,
        head.deleted,
        profile.name,
        avatar,
        snapshot.card,
        profile.theme,
        profile.language,
        profile.visibility,
        profile.sensitive,
    )


def _posts_shown(snapshot: Snapshot) -> object:
    """What lists, tag pages and feeds show: published posts and their media."""
    posts = {post.id: post for post in snapshot.posts if post.state == "published"}
    named = {one for post in posts.values() for one in post.media}
    return posts, {medium.id: medium for medium in snapshot.media if medium.id in named}
