"""Every interleaving of publishers over the real publish code, with all of them killed at every step; and each rule of
the protocol taken out once, to see that this finds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from core import keys
from core.errors import PreconditionFailed
from core.objects import ABSENT
from core.rank import Rank, Verdict, verdict
from pipeline import publish
from pipeline.fence import Written
from pipeline.manifest import Manifest
from pipeline.publish import Job, _Moved
from pipeline.target import Target
from tests.pipeline import scenes
from tests.pipeline.scenes import Scene
from tests.pipeline.schedules import explore

SCENES = {name.lower(): one for name, one in vars(scenes).items() if isinstance(one, Scene)}
QUICK = 250
"""States looked at where all of them would take too long for every day."""
MANY = 4_000


@pytest.fixture(autouse=True)
def _no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal schedules must give equal bytes."""
    monkeypatch.setattr(publish, "time", SimpleNamespace(time=lambda: 1000.0))


@pytest.mark.parametrize("name", sorted(SCENES.keys() - {"name_moves"}))
def test_no_order_and_no_crash_makes_storage_lie(name: str) -> None:
    scene = SCENES[name].opened()
    found = explore(scene.begin, scene.finish)
    assert not found.broken
    assert found.states > 50


@pytest.mark.parametrize("name", sorted(SCENES))
def test_no_lost_reply_makes_storage_lie_in_a_sample(name: str) -> None:
    scene = SCENES[name].opened(faults=1)
    assert not explore(scene.begin, scene.finish, QUICK).broken


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_order_makes_a_name_with_two_owners_lie() -> None:
    scene = SCENES["name_moves"].opened()
    assert not explore(scene.begin, scene.finish).broken


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", sorted(SCENES))
def test_no_lost_reply_makes_storage_lie(name: str) -> None:
    scene = SCENES[name].opened(faults=1)
    assert not explore(scene.begin, scene.finish, MANY).broken


# ── a rule taken out ──────────────────────────────────────────────────────────────────────────────

Patch = Callable[[pytest.MonkeyPatch], None]
OLD_NAMING, OLD_STEPS, OLD_BURY = Manifest.naming, Job.steps, Job._bury
OLD_QUEUE, OLD_RETIRE = Job._queue_changed, Job._retire_folders


def keys_not_named_first(patch: pytest.MonkeyPatch) -> None:
    def naming(self: Manifest, claims: Any, folders: Any, mark: Any, *, takedown: bool) -> Manifest:
        return replace(self, gone=mark if takedown else None)

    patch.setattr(Manifest, "naming", naming)


def tombstones_after_the_done_mark(patch: pytest.MonkeyPatch) -> None:
    def steps(self: Job) -> Any:
        before = self.manifest.mark
        patch.setattr(Job, "_bury", lambda self, *buckets: None)
        yield from OLD_STEPS(self)
        if self.manifest.mark != before:
            OLD_BURY(self, "public", "private")

    patch.setattr(Job, "steps", steps)


def overwriting_instead_of_comparing_again(patch: pytest.MonkeyPatch) -> None:
    def put(objects: Any, key: str, rank: Any, render: Any, headers: Any, known: Any, *_: Any) -> Written:
        try:
            return Written(rank, objects.put(key, render(), headers, only_if=known.etag or ABSENT), True)
        except PreconditionFailed:
            return Written(rank, objects.put(key, render(), headers), True)

    patch.setattr(publish, "put_ranked", put)


def writing_without_if_match(patch: pytest.MonkeyPatch) -> None:
    def put(objects: Any, key: str, rank: Any, render: Any, headers: Any, known: Any, *_: Any) -> Written:
        if known.rank and verdict(known.rank, rank) is Verdict.LEAVE:
            return Written(known.rank, known.etag, False)
        return Written(rank, objects.put(key, render(), headers), True)

    patch.setattr(publish, "put_ranked", put)


def the_manifest_as_the_only_fence(patch: pytest.MonkeyPatch) -> None:
    def put(objects: Any, key: str, rank: Any, render: Any, headers: Any, known: Any, *_: Any) -> Written:
        if known.rank and verdict(known.rank, rank) is Verdict.LEAVE:
            return Written(known.rank, known.etag, False)
        try:
            return Written(rank, objects.put(key, render(), headers, only_if=known.etag or ABSENT), True)
        except PreconditionFailed:
            raise _Moved from None

    patch.setattr(publish, "put_ranked", put)


def the_purge_after_the_done_mark(patch: pytest.MonkeyPatch) -> None:
    def steps(self: Job) -> Any:
        before = self.manifest
        patch.setattr(Job, "_queue_changed", lambda self, before: None)
        yield from OLD_STEPS(self)
        if self.manifest.mark != before.mark:
            OLD_QUEUE(self, before)

    patch.setattr(Job, "steps", steps)


def a_takedown_without_its_mark(patch: pytest.MonkeyPatch) -> None:
    def naming(self: Manifest, claims: Any, folders: Any, mark: Any, *, takedown: bool) -> Manifest:
        return OLD_NAMING(self, claims, folders, mark, takedown=False)

    patch.setattr(Manifest, "naming", naming)


def a_page_over_a_tombstone_that_stays_recorded(patch: pytest.MonkeyPatch) -> None:
    def naming(self: Manifest, claims: Any, folders: Any, mark: Any, *, takedown: bool) -> Manifest:
        new = {place: claim for place, claim in claims.items() if place not in self.entries}
        return OLD_NAMING(self, new, folders, mark, takedown=takedown)

    patch.setattr(Manifest, "naming", naming)


def a_newer_page_recorded_as_gone(patch: pytest.MonkeyPatch) -> None:
    def bury(self: Job, *buckets: Any) -> None:
        OLD_BURY(self, *buckets)
        for place in self.entries.keys() - self.target.places():
            fate = str(self.target.fate(place))
            self.entries[place] = self.entries[place]._replace(gone=fate)

    patch.setattr(Job, "_bury", bury)


def overtaking_without_a_word(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Job, "_begin", lambda self: None)


def not_stopping_for_who_began_later(patch: pytest.MonkeyPatch) -> None:
    def naming(self: Manifest, claims: Any, folders: Any, mark: Any, *, takedown: bool) -> Manifest:
        return replace(OLD_NAMING(self, claims, folders, mark, takedown=takedown), begun=None)

    patch.setattr(Manifest, "naming", naming)


def a_takedown_that_forgets_its_folders(patch: pytest.MonkeyPatch) -> None:
    def retire(self: Job) -> Any:
        return {place: at for place, at in OLD_RETIRE(self).items() if place.bucket == "private"}

    patch.setattr(Job, "_retire_folders", retire)


class Mutant(NamedTuple):
    patch: Patch
    scene: Scene
    finds: str


def tombstones_of_bare_files_at_every_roll_out(patch: pytest.MonkeyPatch) -> None:
    def rank_under(self: Target, key: str, claim: int) -> Rank:
        return Rank(self.mark.life, self.claims.get(keys.name_in(key), claim), *self.mark[1:])

    patch.setattr(Target, "rank_under", rank_under)


MUTANTS = [
    Mutant(tombstones_of_bare_files_at_every_roll_out, scenes.NEW_TEMPLATES, "it never ends"),
    Mutant(keys_not_named_first, scenes.CHANGED_BACK, "what is gone is public"),
    Mutant(tombstones_after_the_done_mark, scenes.CHANGED_BACK, "what is gone is public"),
    Mutant(overwriting_instead_of_comparing_again, scenes.CHANGED_BACK, "a rank fell"),
    Mutant(writing_without_if_match, scenes.CHANGED_BACK, "a rank fell"),
    Mutant(the_manifest_as_the_only_fence, scenes.CHANGED_BACK, "it never ends"),
    Mutant(the_purge_after_the_done_mark, scenes.CHANGED_BACK, "readers keep what nobody purged"),
    Mutant(a_takedown_without_its_mark, scenes.DELETED_WITH_DATA, "a takedown had begun"),
    Mutant(a_page_over_a_tombstone_that_stays_recorded, scenes.REVIVED_IN_VAIN, "what is gone is public"),
    Mutant(a_newer_page_recorded_as_gone, scenes.DELETED_AGAIN, "what is gone is public"),
    Mutant(overtaking_without_a_word, scenes.DELETED_AGAIN, "what is gone is public"),
    Mutant(not_stopping_for_who_began_later, scenes.PUBLIC_AGAIN, "a picture is missing"),
    Mutant(a_takedown_that_forgets_its_folders, scenes.MADE_PRIVATE, "a picture is left over"),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.patch.__name__)
def test_a_rule_that_is_taken_out_is_missed(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = mutant.scene.opened()
    mutant.patch(monkeypatch)
    found = explore(scene.begin, scene.finish, MANY, until=mutant.finds)
    assert any(rule.startswith(mutant.finds) for rule in found.broken), found.broken.keys()
