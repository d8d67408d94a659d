"""The receipt of an edit: how far it has got (accepted → published → purged → live), and how its media are coming on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Literal, NamedTuple

from core.errors import NotFound
from core.media import Frozen, Media, State, UploadKind, Use
from core.profile import Head, Snapshot
from core.settings import Settings, SiteSettings
from core.store import History, Reached, Stage, Store, waiting_list
from core.store.revise import Revised
from ingest.access import page_url
from ingest.crossing import Crossing
from ingest.gallery import StepView, awaited_of, in_order, steps_of

STAGES: tuple[Stage, ...] = ("published", "purged", "live")
STREAM_S_MAX = 600.0
"""Then the stream ends, and a browser opens it anew by itself."""
REST = 3
"""Who follows a receipt rests so many times as long as its reads took."""


class StageTime(Frozen):
    """When a stage was first reached (milliseconds since 1970), and with which revision: the edit's or a later one."""

    at_ms: int
    revision: int


class MediaProgress(Frozen):
    """What is being made of a medium; `ready` are the recipes whose results exist, `awaited` the uses that a picture which
    is ready is still to be made for (a new crop), `now` is what a worker is at."""

    id: str
    kind: UploadKind
    filename: str
    state: State
    failure: str
    ready: tuple[str, ...]
    awaited: tuple[Use, ...] = ()
    now: StepView | None = None


class Outside(NamedTuple):
    """The caches in front of our edges, by name, and how long what no purge has reached can live on in one."""

    names: tuple[str, ...] = ()
    outlives_s: float = 0.0


def outside_of(settings: Settings) -> Outside:
    names = tuple(one.name for one in settings.purge.target if one.kind != "webhook")
    return Outside(names, settings.edge.cdn_s + settings.edge.stale_s)


class CacheTime(Frozen):
    """A cache in front of our edges: when it was told of that revision (or a later one), and when it was seen to show it,
    or that nothing which it keeps has changed. Until that is proven: by when whatever else it holds has expired, told or not."""

    name: str
    purged: StageTime | None = None
    proven: StageTime | None = None
    expired_by_ms: int | None = None


class Receipt(Frozen):
    """How far `revision` has got. `live` is proven: storage and every live edge of ours have it, or something newer. Caches in
    front are told from then on, and no receipt waits for them."""

    profile_id: str
    edit: int
    revision: int
    state: Literal["accepted", "published", "purged", "live"]
    url: str
    accepted: StageTime | None = None
    published: StageTime | None = None
    purged: StageTime | None = None
    live: StageTime | None = None
    media: tuple[MediaProgress, ...] = ()
    caches: tuple[CacheTime, ...] = ()

    @property
    def is_settled(self) -> bool:
        """Nothing is going to change here by itself."""
        return self.state == "live" and all(
            one.state in ("ready", "failed") and not one.awaited for one in self.media
        )

    @property
    def awaits_crop(self) -> bool:
        """Whether pages show a picture that is to be cropped otherwise."""
        return any(set(one.awaited) - {"gallery"} for one in self.media)


class Written(Frozen):
    """The answer to a write: the edit it made, the revision that carries it, and how far that is. `id` is what it made."""

    edit: int
    revision: int
    state: Literal["accepted", "published", "purged", "live"]
    url: str
    accepted_at_ms: int
    id: str = ""


def receipt(
    store: Store,
    site: SiteSettings,
    profile_id: str,
    revision: int | None = None,
    earlier: Receipt | None = None,
    outside: Outside = Outside(),  # noqa: B008 (it is immutable)
) -> Receipt:
    """The receipt of that revision (the newest if none is named); raises NotFound for one that isn't there yet. An
    `earlier` one of the same revision spares it the history, since when it was accepted never changes. With what the caches
    `outside` have had."""
    snapshot = store.profiles.load(profile_id)
    if snapshot is None:
        raise NotFound("There is no such profile.")
    if revision is not None and not 1 <= revision <= snapshot.head.revision:
        raise NotFound("There is no such revision.")
    return _receipt(store, site, snapshot, revision or snapshot.head.revision, earlier, outside)


def written(store: Store, site: SiteSettings, done: Revised, made: str = "") -> Written:
    """The answer to a write; for a repeated request the edit and revision that the first one made."""
    head = done.snapshot.head
    edit, revision = (done.answer.edit, done.answer.revision) if done.answer else (head.edit, head.revision)
    # What this very call wrote can't have got further yet, so nobody has to be asked.
    reached = {} if done.at_ms else _first_reached(store, head.id, revision)
    return Written(
        edit=edit,
        revision=revision,
        state=_state(reached),
        url=page_url(site, head),
        accepted_at_ms=done.at_ms or _accepted_at_ms(store, head, revision),
        id=made,
    )


async def follow(
    crossing: Crossing, load: Callable[[], Receipt], until_settled: bool = False
) -> AsyncIterator[Receipt]:
    """The receipt each time it changes, until it is live (`until_settled`: and no medium is being made any more)."""
    last, started = None, time.monotonic()
    while (age_s := (asked := time.monotonic()) - started) < STREAM_S_MAX:
        now = await crossing.run(load)
        took_s = time.monotonic() - asked
        if now != last:
            last = now
            yield now
        if now.is_settled or (now.state == "live" and not until_settled):
            return
        # An edit is live in well under a second; a video takes minutes. Who waits takes a quarter of one thread at most,
        # and asks a store that is slow, or has much to do, less often.
        wanted_s = 0.02 if age_s < 1 else 0.1 if age_s < 5 else 0.5 if age_s < 60 else 2
        await asyncio.sleep(max(wanted_s, REST * took_s))


def _receipt(
    store: Store,
    site: SiteSettings,
    snapshot: Snapshot,
    revision: int,
    earlier: Receipt | None,
    outside: Outside,
) -> Receipt:
    head = snapshot.head
    reached = _first_reached(store, head.id, revision)
    if earlier is not None and earlier.revision == revision:
        edit, accepted = earlier.edit, earlier.accepted
    else:
        row = _history_row(store, head.id, revision)
        edit = row.edit if row else head.edit
        accepted = StageTime(at_ms=row.at_ms, revision=revision) if row else None
    return Receipt(
        profile_id=head.id,
        edit=edit,
        revision=revision,
        state=_state(reached),
        url=page_url(site, head),
        accepted=accepted,
        **reached,
        media=() if head.deleted else _media(store, snapshot),
        # They are told after our edges, so nobody who waits for these asks the store for more.
        caches=_caches(store, head.id, revision, reached["live"], outside) if "live" in reached else (),
    )


def _caches(
    store: Store, profile_id: str, revision: int, live: StageTime, outside: Outside
) -> tuple[CacheTime, ...]:
    found = []
    for name in outside.names:
        reached = _first_reached(store, profile_id, revision, name)
        proven = reached.get("live")
        expired_by_ms = None if proven else live.at_ms + int(outside.outlives_s * 1000)
        found.append(
            CacheTime(name=name, purged=reached.get("purged"), proven=proven, expired_by_ms=expired_by_ms)
        )
    return tuple(found)


def _history_row(store: Store, profile_id: str, revision: int) -> History | None:
    return next((row for row in store.profiles.history(profile_id) if row.revision == revision), None)


def _accepted_at_ms(store: Store, head: Head, revision: int) -> int:
    """When that revision was written; of one older than the history it is only known that it wasn't after the newest."""
    row = _history_row(store, head.id, revision)
    return row.at_ms if row else head.edited_at * 1000


def _first_reached(
    store: Store, profile_id: str, revision: int, cache: str | None = None
) -> dict[Stage, StageTime]:
    """For each stage that every replica in sync has reached with this revision, or one that holds it: when the last of
    them did. So nothing counts as published before one that lags is taken off the list. Of a cache: what the replicas have
    told it."""
    names = store.replicas.in_sync().names
    places = [waiting_list(cache, one) for one in names] if cache else names
    of_all = [_reached_in(store, profile_id, revision, one) for one in places]
    return {
        stage: max((one[stage] for one in of_all), key=lambda time: time.at_ms)
        for stage in STAGES
        if all(stage in one for one in of_all)
    }


def _reached_in(store: Store, profile_id: str, revision: int, replica: str) -> dict[Stage, StageTime]:
    found: dict[Stage, StageTime] = {}
    marks = list(store.published.get(profile_id, replica, store.life).values())
    # Transitions come newest first, and the oldest that counts shall win.
    for one in [*marks, *_of_life(store.published.transitions(profile_id, replica), store.life)]:
        if one.mark.revision >= revision:
            found[one.stage] = StageTime(at_ms=one.at_ms, revision=one.mark.revision)
    return found


def _of_life(transitions: Sequence[Reached], life: int) -> list[Reached]:
    return [one for one in transitions if one.mark.life == life]


def _state(reached: dict[Stage, StageTime]) -> Literal["accepted", "published", "purged", "live"]:
    for stage in reversed(STAGES):
        if stage in reached:
            return stage
    return "accepted"


def _media(store: Store, snapshot: Snapshot) -> tuple[MediaProgress, ...]:
    now, awaited = steps_of(store, snapshot), awaited_of(snapshot)
    return tuple(
        _progress(medium, now.get(medium.id), awaited.get(medium.id, ())) for medium in in_order(snapshot)
    )


def _progress(medium: Media, now: StepView | None, awaited: tuple[Use, ...]) -> MediaProgress:
    assert medium.kind != "card"
    return MediaProgress(
        id=medium.id,
        kind=medium.kind,
        filename=medium.filename,
        state=medium.state,
        failure=medium.failure,
        ready=tuple(one.recipe for one in medium.made),
        awaited=awaited,
        now=now,
    )
