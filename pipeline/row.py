"""One medium's row in the store: as it is now, and changed by a revision of its profile that is no edit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core import keys
from core.ids import new_id
from core.media import Media, Rendition
from core.objects import Objects
from core.profile import Snapshot
from core.store import MediaTask, Store
from core.store.revise import revise
from pipeline.children import remove_folder
from pipeline.media.make import Made, Probe
from pipeline.media.recipes import RUNG
from pipeline.renditions import with_ladder

_IMPRESSION = ("width", "height", "thumbhash", "placeholder", "colour")


def change_row(store: Store, task: MediaTask, what: str, change: Callable[[Media], Media]) -> Media | None:
    """One revision that changes one medium; None (and no revision) if it isn't there any more."""

    def swap(old: Snapshot) -> Snapshot:
        if old.head.deleted or old.medium(task.media_id) is None:
            return old
        media = tuple(change(one) if one.id == task.media_id else one for one in old.media)
        return old.model_copy(update={"media": media})

    after = revise(store, task.profile_id, swap, writer=new_id(), what=what, by_creator=False).snapshot
    return None if after.head.deleted else after.medium(task.media_id)


def add_renditions(
    store: Store,
    private: Objects,
    task: MediaTask,
    renditions: Sequence[Rendition],
    made: Made | None = None,
    found: Probe | None = None,
    *,
    last: bool,
) -> Media | None:
    """Adds finished renditions to their medium, with what was found out meanwhile: one revision, no edit. None if the
    medium has gone meanwhile, and with it all that was stored for it."""
    what = ", ".join(one.recipe for one in renditions)

    def add(medium: Media) -> Media:
        after = medium
        for rendition in renditions:
            after = after.with_rendition(rendition)
        if renditions[0].recipe.startswith(RUNG):
            after = with_ladder(private, after, attempt)
        shown = {
            name: value
            for source, names in ((found, ("width", "height")), (made, _IMPRESSION))
            for name in names
            if (value := getattr(source, name, None))
        }
        # A picture that gets another crop stays ready: pages show what there is until then.
        state = "ready" if last or medium.state == "ready" else "making"
        # What came under a video's name may be sound alone.
        facts = {"kind": found.kind, "duration_s": found.duration_s} if found else {}
        return after.model_copy(update={**shown, **facts, "state": state})

    attempt = new_id()
    after = change_row(store, task, f"{what} made", add)
    if after is None:
        remove_folder(private, keys.rendition_folder(task.media_id))
        private.delete(keys.original(task.media_id))
    return after


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
