"""What the tabs of the editor share: whose profile, its receipt, its media, and how a tab answers."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from core import keys
from core.errors import BadInput, EditConflict, HoldfastError, NotAllowed, NotFound, NotSignedIn
from core.media import CAPTIONS, Media
from core.profile import Profile, Snapshot
from core.settings import SiteSettings
from core.store import Store
from core.store.revise import Revised
from ingest.access import load, name_of, page_url
from ingest.calls import Call
from ingest.gallery import StepView, awaited_of, in_order, steps_of
from ingest.receipts import Receipt, receipt
from ingest.studio import words
from ingest.studio.form_fields import Form
from ingest.studio.pages import Pages, see_other

LIVE_WAIT_S = 0.3
"""How long the page after a save waits for the edit to be live: so it can say so, also without JavaScript."""
REFRESH_S_MAX = 20
"""How long a page without JavaScript reloads itself while an edit is on its way."""
TOLD_S_MAX = 600
"""How long after a save the page tells how long it took."""


@dataclass(frozen=True, slots=True)
class MediaCard:
    """A photo or video as the studio shows it."""

    id: str
    kind: str
    name: str
    alt: str
    listed: bool
    state: str
    progress: str
    now: StepView | None
    thumb: str
    focus: str
    """As its form spells it: per cent from the left and from the top; "" where crops choose themselves."""
    size: tuple[int, int] | None
    """As shown, in pixels."""
    captions: tuple[tuple[str, str], ...]
    """Language and label of each."""


@dataclass(frozen=True, slots=True)
class Panel:
    """The receipt of the last save, in words."""

    revision: int
    state: str
    took: str
    awaits_crop: bool
    refresh: bool


class Editor:
    """One profile in the editor; every tab begins with it."""

    def __init__(self, store: Store, site: SiteSettings, pages: Pages, call: Call) -> None:
        self.store = store
        self.call = call
        self.snapshot = load(store, call.account_id, "@" + call.params["name"])
        self._site = site
        self._pages = pages
        self.path = f"/@{name_of(self.snapshot.head)}"

    @property
    def profile(self) -> Profile:
        return self.snapshot.head.profile

    @property
    def id(self) -> str:
        return self.snapshot.head.id

    def show(self, tab: str, error: HoldfastError | None = None, **context: Any) -> Response:
        """The tab. With an error its status, the words beside their fields, and all that was typed (in `context`)."""
        shared: dict[str, Any] = {
            "tab": tab,
            "base": self.path,
            "snapshot": self.snapshot,
            "head": self.snapshot.head,
            "profile": self.profile,
            "username": name_of(self.snapshot.head),
            "url": page_url(self._site, self.snapshot.head),
            "media": self.cards(),
            "avatar": self._thumb(self.profile.avatar),
            "cover": self._thumb(self.profile.cover),
            "panel": None if error else self._panel(),
            "welcome": "welcome" in self.call.query,
            "making": any(one.state in ("uploaded", "making") for one in self.snapshot.uploads)
            or bool(awaited_of(self.snapshot)),
            "moved": "",
            "link": None,
            "conflict": isinstance(error, EditConflict),
        }
        if isinstance(error, BadInput):
            shared["errors"] = error.fields
        elif error and not isinstance(error, EditConflict):
            shared["problem"] = error
        return self._pages.show(
            self.call, f"tab_{tab}.html", error.status if error else 200, **(shared | context)
        )

    def saved(self, done: Revised, tab: str, **query: object) -> Response:
        """To the tab again, with the receipt of what was saved."""
        name = name_of(done.snapshot.head)
        suffix = f"/{tab}" if tab else ""
        return see_other(f"/@{name}{suffix}", saved=done.snapshot.head.revision, **query)

    def reload(self) -> None:
        """Loads afresh what others have changed: what the form is shown again with."""
        self.snapshot = load(self.store, self.call.account_id, self.id)

    def cards(self) -> list[MediaCard]:
        now, awaited = steps_of(self.store, self.snapshot), awaited_of(self.snapshot)
        return [
            MediaCard(
                id=one.id,
                kind=one.kind,
                name=one.filename or words.MEDIA[one.kind],
                alt=one.alt,
                listed=one.listed,
                state=one.state,
                progress=words.progress(one, now.get(one.id), awaited.get(one.id, ())),
                now=now.get(one.id),
                thumb=thumb_url(self.path, one),
                focus=f"{one.focus.x * 100:.0f} {one.focus.y * 100:.0f}" if one.focus else "",
                size=(one.width, one.height) if one.width and one.height else None,
                captions=tuple(
                    (made.recipe.removeprefix(CAPTIONS), made.files[0].label)
                    for made in one.renditions
                    if made.recipe.startswith(CAPTIONS)
                ),
            )
            for one in in_order(self.snapshot)
        ]

    def _thumb(self, media_id: str | None) -> str:
        medium = self.snapshot.medium(media_id) if media_id else None
        return thumb_url(self.path, medium) if medium else ""

    def _panel(self) -> Panel | None:
        revision = _number(self.call.query.get("saved", ""))
        if not revision:
            return None
        try:
            found = self._receipt(revision)
        except NotFound:
            return None
        age_s = time.time() - found.accepted.at_ms / 1000 if found.accepted else math.inf
        took_ms = found.live.at_ms - found.accepted.at_ms if found.live and found.accepted else 0
        return Panel(
            revision=revision,
            state=found.state,
            # What was saved long ago (there was nothing to change) says nothing of this save.
            took=words.seconds(took_ms) if found.live and age_s < TOLD_S_MAX else "",
            awaits_crop=found.awaits_crop,
            refresh=found.state != "live" and age_s < REFRESH_S_MAX,
        )

    def _receipt(self, revision: int) -> Receipt:
        """Waits a moment for it to be live."""
        ends = time.monotonic() + LIVE_WAIT_S
        while True:
            found = receipt(self.store, self._site, self.id, revision)
            if found.state == "live" or time.monotonic() > ends:
                return found
            time.sleep(0.015)


def is_final(error: HoldfastError) -> bool:
    """Whether showing the form again makes no sense: it isn't the visitor's, or isn't there."""
    return isinstance(error, NotFound | NotAllowed | NotSignedIn)


def thumb_url(base: str, medium: Media) -> str:
    """Where the studio shows a small picture of it: what is ready of it decides; empty while nothing is."""
    file = thumb_file(medium)
    return f"{base}/media/{medium.id}/thumb/{file[0]}" if file else ""


def thumb_file(medium: Media, width_px: int = 480) -> tuple[str, str, str] | None:
    """(attempt, key, type) of the smallest picture at least that wide, else the widest; None while there is none. All of
    it: a crop brings a small file of the whole along."""
    found = next(filter(None, map(medium.rendition, ("still", "poster", "cover", "avatar"))), None)
    if found is None:
        return None
    whole = [one for one in found.files if one.name.startswith("whole-")]
    pictures = whole or [one for one in found.files if one.type in ("image/webp", "image/jpeg")]
    wide = [one for one in pictures if (one.width or 0) >= width_px]
    file = min(wide, key=lambda one: one.bytes) if wide else max(pictures, key=lambda one: one.width or 0)
    return found.attempt, keys.rendition(medium.id, found.recipe, found.attempt, file.name), file.type


def profile_form(profile: Profile) -> Form:
    """The profile as its forms show it."""
    form: Form = profile.model_dump(mode="json")
    form["tags"] = ", ".join(profile.tags)
    return form


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def part_of(snapshot: Snapshot, names: tuple[str, ...]) -> dict[str, Any]:
    return snapshot.head.profile.model_dump(mode="json", include=set(names))
