"""Older backups are forgotten, with what only they had; one at a time is at a target, and whoever dies is passed over."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from core import keys
from core.errors import BackendAway, ObjectMissing, OperatorError, OutcomeUnknown, Unavailable
from core.objects import Headers
from core.objects.folder import FolderObjects
from generator.release import Release
from pipeline.backup import turn
from pipeline.backup.format import FILES, PACKS, file_key, indexes, pack_key, read_index
from pipeline.backup.pruning import prune
from pipeline.backup.restoring import Restoring
from pipeline.backup.saving import Saving
from pipeline.backup.turn import KEY, SILENCE_S, Turn
from tests.pipeline.little_site import Site


@pytest.fixture
def target(tmp_path: Path) -> FolderObjects:
    return FolderObjects(tmp_path / "backups")


def save(site: Site, target: Any) -> str:
    return Saving(site.store, site.private, target).run().made.id


def data(target: FolderObjects) -> set[str]:
    return {*target.walk(PACKS), *target.walk(FILES)}


def restored(target: FolderObjects, folder: Path, release: Release) -> dict[str, str]:
    """Bios by username, of the newest backup, restored into a site of its own."""
    other = Site(folder, release)
    other.store.begin_life(2)
    assert (
        Restoring(other.store, other.private, target).run(read_index(target, indexes(target)[-1])).notes == []
    )
    heads = [other.store.profiles.head(one.profile_id) for one in other.store.profiles.walk(0)]
    other.store.close()
    return {head.name.username: head.profile.bio for head in heads}


# ── pruning ──


def test_older_backups_go_with_what_only_they_had(
    site: Site, target: FolderObjects, tmp_path: Path, release: Release
) -> None:
    ann, bob = site.sign_up("ann"), site.sign_up("bob")
    site.upload(ann)
    site.upload(bob, "medium5678")
    first = save(site, target)
    site.edit(ann, bio="Newer.")
    second = save(site, target)
    site.delete(bob)
    third = save(site, target)
    before = data(target)
    pruned = prune(target, 2)
    assert (pruned.forgotten, indexes(target)) == ([first], [second, third])
    assert pruned.objects == len(before) - len(data(target)) > 0
    assert file_key(keys.original("medium5678")) in data(target), "the second one still has it"
    before = data(target)
    again = prune(target, 1)
    assert again.forgotten == [second]
    assert again.objects == len(before) - len(data(target)) > 0
    assert file_key(keys.original("medium5678")) not in data(target), "what its owner has deleted"
    assert file_key(keys.original("medium1234")) in data(target)
    assert restored(target, tmp_path / "other", release)["ann"] == "Newer."


def test_nothing_of_what_stays_is_ever_deleted(
    site: Site, target: FolderObjects, tmp_path: Path, release: Release
) -> None:
    """A profile goes back to what it was two backups ago: its pack is one that was forgotten, and made again."""
    ann = site.sign_up("ann")
    for number in range(6):
        site.edit(ann, bio=f"Edit {number % 2}.")
        save(site, target)
        prune(target, 1)
        (only,) = indexes(target)
        assert data(target) == {pack_key(pack.sha256) for pack in read_index(target, only).packs}
    assert restored(target, tmp_path / "other", release) == {"ann": "Edit 1."}


def test_where_less_is_there_than_is_kept_nothing_goes(site: Site, target: FolderObjects) -> None:
    site.sign_up("ann")
    save(site, target)
    assert prune(target, 5) == ([], 0, 0)
    assert prune(FolderObjects(target.root.parent / "empty"), 5) == ([], 0, 0)


def test_what_a_prune_that_was_stopped_has_left_goes_with_the_next(
    site: Site, target: FolderObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = site.sign_up("ann")
    save(site, target)
    site.edit(ann, bio="Newer.")
    save(site, target)
    before = data(target)

    def away(prefix: str = "") -> Any:
        raise BackendAway("The target is away.")

    with monkeypatch.context() as patch:
        patch.setattr(target, "survey", away)
        with pytest.raises(BackendAway):
            prune(target, 1)
    assert (len(indexes(target)), data(target)) == (1, before)
    assert prune(target, 1).objects == 1
    assert len(data(target)) == len(before) - 1


def test_a_backup_that_is_damaged_keeps_all_of_it(site: Site, target: FolderObjects) -> None:
    ann = site.sign_up("ann")
    save(site, target)
    site.edit(ann, bio="Newer.")
    second = read_index(target, save(site, target))
    broken = pack_key(second.packs[0].sha256)
    target.put(broken, b"not a pack", Headers())
    before = data(target)
    with pytest.raises(OperatorError, match="damaged"):
        prune(target, 1)
    assert (len(indexes(target)), data(target)) == (2, before)


def test_a_pack_that_somebody_has_deleted_is_made_again(site: Site, target: FolderObjects) -> None:
    site.sign_up("ann")
    pack = pack_key(read_index(target, save(site, target)).packs[0].sha256)
    target.delete(pack)
    save(site, target)
    assert pack in data(target)


# ── one at a time ──


def test_one_at_a_time_is_at_a_target(target: FolderObjects) -> None:
    with Turn(target) as first:
        with pytest.raises(OperatorError, match="under way"), Turn(target):
            pass
        first.check()
    with Turn(target):
        pass


def test_of_many_that_begin_at_once_one_does(target: FolderObjects) -> None:
    gate, over = threading.Barrier(8), threading.Event()
    had: list[bool] = []

    def begin() -> None:
        gate.wait()
        try:
            with Turn(target):
                had.append(True)
                over.wait(20)
        except OperatorError:
            had.append(False)
        if len(had) == 8:
            over.set()

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(had) == [False] * 7 + [True]


def test_who_died_is_passed_over_after_a_silence(target: FolderObjects) -> None:
    now = [1_000_000.0]
    dead = Turn(target, lambda: now[0])
    dead.__enter__()
    now[0] += SILENCE_S - 1
    with pytest.raises(OperatorError, match="15 minutes"):
        Turn(target, lambda: now[0]).__enter__()
    now[0] += 2
    with Turn(target, lambda: now[0]) as next_:
        with pytest.raises(Unavailable, match="run it again"):
            dead.check()
        next_.check()
        dead.__exit__(None, None, None)
        next_.check()


def test_a_clock_that_was_far_ahead_locks_nobody_out(target: FolderObjects) -> None:
    ahead = Turn(target, lambda: 5_000_000_000.0)
    ahead.__enter__()
    with Turn(target) as ours:
        ours.check()
        with pytest.raises(Unavailable):
            ahead.check()


def test_who_works_on_says_so(target: FolderObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "BEAT_S", 0.02)
    now = [1_000_000.0]
    with Turn(target, lambda: now[0]):
        now[0] += SILENCE_S + 1
        ends = threading.Event()
        for _ in range(200):
            if f'"at": {int(now[0])}'.encode() in target.get(KEY).body:  # type: ignore[union-attr]
                break
            ends.wait(0.02)
        with pytest.raises(OperatorError, match="under way"):
            Turn(target, lambda: now[0]).__enter__()


def test_a_lost_reply_is_found_to_be_ours(target: FolderObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    put = target.put

    def lost(*given: Any, **options: Any) -> str:
        put(*given, **options)
        monkeypatch.setattr(target, "put", put)
        raise OutcomeUnknown("No answer.")

    now = [1_000_000.0]
    with Turn(target, lambda: now[0]) as ours:
        now[0] += 1  # else it would put the same again, under the same ETag
        monkeypatch.setattr(target, "put", lost)
        ours.check()
        assert target.put == put, "a reply was lost"
        ours.check()


def test_a_backup_that_lost_its_turn_writes_no_index(site: Site, target: FolderObjects) -> None:
    site.sign_up("ann")

    def lost() -> None:
        raise Unavailable("Another backup has begun.")

    with pytest.raises(Unavailable):
        Saving(site.store, site.private, target).run(lost)
    assert indexes(target) == []
    with pytest.raises(ObjectMissing):
        target.get(KEY)
