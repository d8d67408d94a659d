"""Making the renditions of one medium: task in, a revision of its profile for each step that is finished.

Originals come from and renditions go to the private bucket; publishing copies them. A worker that is killed costs only
the step it was at, and of higher rungs less (`climbing`). Two workers at one medium are harmless: each attempt has a folder of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from core.document import uses
from core.errors import UnsupportedMedia
from core.ids import new_id
from core.log import get_logger
from core.media import CROPS, Media, Rendition, Use
from core.media_types import HEAD_BYTES, identify
from core.objects import Objects
from core.store import Lane, MediaTask, Store
from pipeline.carding import draw_card
from pipeline.climbing import Climber, TurnOver, clear
from pipeline.decoded import Decoded, keep_probe, kept_probe
from pipeline.media.make import Limits, Made, Probe, StillRecipe, climbed, make, probe
from pipeline.media.make import steps as steps_of
from pipeline.media.recipes import BASE, RUNG, avif_of, stills_for
from pipeline.renditions import drop_old_ladders, fetch_lowest_rung, fetch_original, keep, with_ladder
from pipeline.row import add_renditions, change_row, current, set_failed
from pipeline.telling import telling
from pipeline.wanted import fingerprint, is_missing, is_stale

SHOWS = ("still", "avatar", "cover", "poster", "mp4", "sound")
"""Recipes without which a medium can't be shown; with them goes the first rung."""
SHOWN_BY = ("still", "avatar", "cover", "sound")
"""Recipes that show a medium by themselves; a rung does, too."""
TURN_S = 60.0
"""For so long higher rungs are made at a stretch while others wait."""
WHY_CHARS_MAX = 1_000
log = get_logger("media")


class Maker(NamedTuple):
    """What making needs. `scratch` is a folder for originals and results, on the same disk as `decoded`; `stopping` says
    that the worker drains, `waited_for` that other media wait for the same makers."""

    store: Store
    private: Objects
    limits: Limits
    scratch: Path
    decoded: Decoded
    stopping: Callable[[], bool]
    stills: StillRecipe = StillRecipe()
    site: str = "Holdfast"
    waited_for: Callable[[], bool] = lambda: False


def make_some(maker: Maker, task: MediaTask) -> Lane | None:
    """Makes renditions that the medium lacks: first those that show it at all, and in later turns one of the others, so
    that nobody's first picture waits for somebody else's second format. The lane in which it goes on (an animation's film
    is made among films); None when the medium is finished.

    Input that can't be used is not an error: the medium becomes `failed` with a sentence for the creator. Raises
    Unavailable and other errors of the machine's."""
    snapshot = maker.store.profiles.load(task.profile_id)
    if snapshot and task.media_id == task.profile_id:
        draw_card(
            maker.store, maker.private, snapshot, maker.site, maker.scratch, maker.limits, maker.stopping
        )
        return None
    medium = snapshot.medium(task.media_id) if snapshot and not snapshot.head.deleted else None
    if snapshot is None or medium is None or medium.state == "failed":
        maker.decoded.drop(task.media_id)
        return None
    try:
        with (
            TemporaryDirectory(dir=maker.scratch) as folder,
            maker.decoded.of(medium.id) as decoded,
        ):
            turn = _Turn(maker, task, medium, uses(snapshot)[medium.id], Path(folder), decoded)
            left = turn.make()
    except TurnOver:
        return task.lane
    except UnsupportedMedia as error:
        if medium.state == "ready":
            raise  # it could be used before: nothing that the creator can mend
        log.info(
            "media_refused", profile=task.profile_id, media=task.media_id, reason=str(error), why=why(error)
        )
        set_failed(maker.store, task, str(error))
        left = None
    if left is None:
        maker.decoded.drop(task.media_id)
    return left


def why(error: UnsupportedMedia) -> str:
    """What the decoder said of it, for operators."""
    return " ".join(getattr(error, "__notes__", ()))[:WHY_CHARS_MAX]


class _Turn:
    """One turn of one medium: what can be made of it now, step by step, each a revision."""

    def __init__(
        self, maker: Maker, task: MediaTask, medium: Media, used: Collection[Use], folder: Path, decoded: Path
    ) -> None:
        self.maker, self.task, self.medium, self.used = maker, task, medium, used
        self.folder, self.decoded = folder, decoded

    def make(self) -> Lane | None:
        """The lane in which it goes on; None when the medium is finished."""
        found = self._probed()
        if found is None:
            return None
        steps = steps_of(found, self.used)
        missing = [recipe for recipe in steps if self._is_wanted(recipe)]
        if not missing:
            self._finish(steps)
            return None
        shows = [recipe for recipe in missing if recipe in SHOWS or recipe == first_rung(steps)]
        # The rest step by step: a rung of a long video shall not keep everybody waiting for the next one, too.
        upper = [recipe for recipe in missing if recipe in climbed(found)]
        now = shows or (upper if missing[0] in upper else missing[:1])
        if (lane := _lane_of(now[0], found)) != self.task.lane:
            return lane
        done = len(steps) - len(missing)
        for recipes in [upper] if now == upper else [[recipe] for recipe in now]:
            told = self._told(recipes[-1], done, steps)
            if not self._try(recipes, found, told, last=recipes == missing[-1:]):
                return None
            done += len(recipes)
        for recipe in missing:
            if recipe not in now:
                return _lane_of(recipe, found)
        self._finish(steps)
        return None

    def _try(
        self, recipes: Sequence[str], found: Probe, told: Callable[[float], None], *, last: bool
    ) -> bool:
        """Makes renditions and adds them; False if the medium has gone meanwhile. What can't be made of a medium that is
        shown already is left out: a film without its storyboard is still a film."""
        try:
            if recipes[0] in climbed(found):
                return self._climb(recipes, found, told)
            return self._step(recipes[0], found, told, last=last)
        except UnsupportedMedia as error:
            has_it = any(self.medium.rendition(one) and not self.medium.lacks(one) for one in recipes)
            if not self._is_shown or has_it:
                raise
            return self._leave_out(recipes, error, last=last)

    def _leave_out(self, recipes: Sequence[str], error: UnsupportedMedia, *, last: bool) -> bool:
        """Notes that they were tried, so that they aren't wanted for ever; a crop stays as it was. False if the medium has
        gone meanwhile."""
        log.warning(
            "rendition_left_out", media=self.medium.id, recipe=recipes[0], reason=str(error), why=why(error)
        )
        left = [self._rendition(recipe, Made(files=())) for recipe in recipes]
        for at, recipe in enumerate(recipes):
            if older := self.medium.rendition(recipe):
                left[at] = older.model_copy(update={"focus": self.medium.focus})
        after = add_renditions(self.maker.store, self.maker.private, self.task, left, last=last)
        self.medium = after or self.medium
        return after is not None

    @property
    def _is_shown(self) -> bool:
        return any(made.recipe in SHOWN_BY or made.recipe.startswith(RUNG) for made in self.medium.made)

    def _told(self, recipe: str, done: int, steps: Sequence[str]) -> Callable[[float], None]:
        return telling(self.maker.store.media_work, self.medium.id, recipe, done, len(steps))

    def _finish(self, steps: tuple[str, ...]) -> None:
        """Ready; and after a remake without what no page asks for any more, since nobody has made that anew."""
        maker, remake = self.maker, self.task.remake

        def finish(medium: Media) -> Media:
            kept = tuple(
                made
                for made in medium.renditions
                if not (remake and made.recipe not in steps and is_stale(made, maker.stills))
            )
            after = medium.model_copy(update={"state": "ready", "renditions": kept})
            has_rungs = any(made.recipe.startswith(RUNG) and made.segments for made in kept)
            # No step makes it, so one that storage has lost would be missing for ever.
            return (
                after
                if not has_rungs or after.rendition("hls")
                else with_ladder(maker.private, after, attempt)
            )

        attempt = new_id()
        after = change_row(maker.store, self.task, "media ready", finish)
        if self.medium.kind == "video":
            clear(maker.private, self.medium.id, after)
            if after is not None:
                drop_old_ladders(maker.private, after)

    def _is_wanted(self, recipe: str) -> bool:
        made = self.medium.tried(recipe)
        if made is None or is_missing(self.medium, recipe):
            return True
        return self.task.remake and is_stale(made, self.maker.stills)

    def _step(self, recipe: str, found: Probe | None, told: Callable[[float], None], *, last: bool) -> bool:
        """Makes one rendition and adds it to the medium; False if that has gone meanwhile."""
        maker, started = self.maker, time.monotonic()
        made_in = self.folder / recipe
        made = make(
            None if self._is_decoded and recipe != "loop" else self._original(),
            found,
            recipe,
            made_in,
            maker.limits,
            stills=maker.stills,
            focus=self.medium.focus,
            base=self.decoded if found is None or found.kind == "image" else None,
            rung=fetch_lowest_rung(maker.private, self.medium, self.folder) if recipe == "mp4" else None,
            stopping=maker.stopping,
            told=told,
        )
        if found is None:
            found = made.probe
            assert found is not None
            keep_probe(self.decoded, found)
        rendition = self._rendition(recipe, made)
        keep(maker.private, self.medium.id, rendition, made_in)
        return self._added([rendition], made, found, started, last=last)

    def _rendition(self, recipe: str, made: Made) -> Rendition:
        return Rendition(
            recipe=recipe,
            attempt=new_id(),
            files=made.files,
            segments=made.segments,
            made_by=fingerprint(recipe, self.maker.stills),
            focus=self.medium.focus if recipe in CROPS else None,
        )

    def _climb(self, recipes: Sequence[str], found: Probe, told: Callable[[float], None]) -> bool:
        """Makes the rungs above the lowest and adds them; False if the medium has gone meanwhile."""
        maker, task, started = self.maker, self.task, time.monotonic()
        climber = Climber(
            maker.private,
            self.medium.id,
            lambda: current(maker.store, task),
            self._original(),
            found,
            maker.limits,
            self.folder,
            fingerprint(recipes[0], maker.stills),
            maker.stopping,
            told,
            over=lambda: time.monotonic() > started + TURN_S and maker.waited_for(),
        )
        return self._added(climber.make(recipes), None, found, started, last=False)

    def _added(
        self, renditions: Sequence[Rendition], made: Made | None, found: Probe, started: float, *, last: bool
    ) -> bool:
        after = add_renditions(
            self.maker.store, self.maker.private, self.task, renditions, made, found, last=last
        )
        if after is None:
            return False
        self.medium = after
        for rendition in renditions:
            log.info(
                "rendition_made",
                profile=self.task.profile_id,
                media=self.task.media_id,
                recipe=rendition.recipe,
                bytes=rendition.bytes,
                ms=round((time.monotonic() - started) * 1000),
            )
        return True

    def _probed(self) -> Probe | None:
        """What the original is; None if the medium has gone meanwhile, or more can't be made of it."""
        found = kept_probe(self.decoded)
        if found is not None:
            return found
        try:
            return self._found_out()
        except UnsupportedMedia as error:
            stills = stills_for(self.used)
            lacking = [recipe for recipe in (*stills, *map(avif_of, stills)) if self.medium.lacks(recipe)]
            if (self.medium.kind, self.medium.state) != ("image", "ready") or not lacking:
                raise
            self._leave_out(lacking, error, last=True)
            return None

    def _found_out(self) -> Probe | None:
        """A picture's first still is made by the same child; None if the medium has gone meanwhile."""
        first, original = stills_for(self.used)[0], self._original()
        with original.open("rb") as file:
            kind, _ = identify(file.read(HEAD_BYTES)) or ("", "")
        if kind == "image" and self._is_wanted(first):
            told = telling(self.maker.store.media_work, self.medium.id, first, 0, 2)
            return kept_probe(self.decoded) if self._step(first, None, told, last=False) else None
        found = probe(original, self.maker.limits, stopping=self.maker.stopping)
        if found.kind == "image":
            keep_probe(self.decoded, found)
        return found

    def _original(self) -> Path:
        original = self.folder / "original"
        if not original.exists():
            fetch_original(self.maker.private, self.medium, original)
        return original

    @property
    def _is_decoded(self) -> bool:
        return (self.decoded / BASE).is_file()


def _lane_of(recipe: str, found: Probe) -> Lane:
    return "image" if found.kind == "image" and recipe != "loop" else "video"


def first_rung(steps: tuple[str, ...]) -> str | None:
    """The rung that a video plays with first."""
    return next((recipe for recipe in steps if recipe.startswith(RUNG)), None)
