"""One medium's row in the store: as it is now, and changed by a revision of its profile that is no edit."""

from __future__ import annotations

from collections.abc import Callable

from core.ids import new_id
from core.media import Media
from core.profile import Snapshot
from core.store import MediaTask, Store
from core.store.revise import revise


def change_row(store: Store, task: MediaTask, what: str, change: Callable[[Media], Media]) -> Media | None:
    """One revision that changes one medium; None (and no revision) if it isn't there any more."""

    def swap(old: Snapshot) -> Snapshot:
        if old.head.deleted or old.medium(task.media_id) is None:
            return old
        media = tuple(change(one) if one.id == task.media_id else one for one in old.media)
        return old.model_copy(update={"media": media})

    after = revise(store, task.profile_id, swap, writer=new_id(), what=what, by_creator=False).snapshot
    return None if after.head.deleted else after.medium(task.media_id)


def current(store: Store, task: MediaTask) -> Media | None:
    """The medium as it is now; None if it isn't there any more."""
    snapshot = store.profiles.load(task.profile_id)
    return None if snapshot is None or snapshot.head.deleted else snapshot.medium(task.media_id)


def set_failed(store: Store, task: MediaTask, reason: str) -> None:
    """Tells the creator why nothing came of an upload. What pages show already, they go on showing."""
    failed = {"state": "failed", "failure": reason[:300]}
    change_row(
        store,
        task,
        "media failed",
        lambda one: one if one.state == "ready" else one.model_copy(update=failed),
    )
