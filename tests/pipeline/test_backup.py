"""A backup brings the same site back, whatever was lost; a later life wins over what storage still shows of the old one."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core import keys
from core.errors import OperatorError
from core.objects import Headers
from core.objects.folder import FolderObjects
from core.store import Account
from generator.release import Release
from ingest.edits import Terms, change_profile
from pipeline.backup.format import PACKS, indexes, read_index
from pipeline.backup.restoring import Restored, Restoring
from pipeline.backup.saving import Saved, Saving
from pipeline.rebuild import rebuild_chunk
from pipeline.repair import disown_unknown
from pipeline.survey import Survey
from tests.pipeline.little_site import PICTURE, Site

RANK = re.compile(rb"\d+\.\d+\.\d+\.\d+")


@pytest.fixture
def target(tmp_path: Path) -> FolderObjects:
    return FolderObjects(tmp_path / "backups")


@pytest.fixture
def other(tmp_path: Path, release: Release) -> Iterator[Site]:
    """A new site beside the first: an empty store and empty buckets."""
    site = Site(tmp_path / "other", release)
    yield site
    site.store.close()


@pytest.fixture
def ids(site: Site) -> dict[str, str]:
    """Three published profiles: with a post, a picture and a former name; private; deleted. And two accounts."""
    ann, bob, carl = (site.sign_up(name) for name in ("ann", "bob", "carl"))
    site.post(ann, "boats", tags=("sea",))
    site.post(ann, "soon", state="scheduled", publish_at=4_000_000_000)
    site.upload(ann)
    site.rename(ann, "anna")
    site.edit(bob, visibility="private")
    site.delete(carl)
    for account, profile_id in (("account1", ann), ("account2", bob)):
        email = f"{account}@example.org"
        site.store.accounts.create(Account(id=account, email=email, password_hash="argon", created_at=1))
        site.store.accounts.allow(account, profile_id)
    site.store.accounts.invite("digest", carl)
    for one in (ann, bob, carl):
        site.publish(one)
    return {"ann": ann, "bob": bob, "carl": carl}


def save(site: Site, target: FolderObjects) -> Saved:
    return Saving(site.store, site.private, target).run()


def bring_back(site: Site, target: FolderObjects, backup_id: str | None = None, life: int = 2) -> Restored:
    """As `holdfast restore` does."""
    site.store.begin_life(life)
    index = read_index(target, backup_id or indexes(target)[-1])
    restored = Restoring(site.store, site.private, target).run(index)
    ids = [one.profile_id for one in site.store.profiles.walk(0)]
    assert rebuild_chunk(site.tools, ids).failed == []
    disown_unknown(site.tools)
    return restored


def shown(site: Site) -> dict[str, tuple[int, str, bytes]]:
    """What readers and the private bucket have, but for ranks."""
    found = {}
    for bucket in (site.public, site.private):
        for key in bucket.walk():
            stored = bucket.get(key)
            if key.startswith("_manifests/"):
                continue
            if key.endswith("icon.png") and stored.body.startswith(b"\x89PNG"):
                body = Image.open(io.BytesIO(stored.body)).tobytes()
            else:
                body = RANK.sub(b"rank", stored.body)
            found[key] = (stored.headers.status, stored.headers.location, body)
    return found


def assert_same_store(site: Site, other: Site, ids: dict[str, str]) -> None:
    for profile_id in ids.values():
        was, now = (one.store.profiles.load(profile_id) for one in (site, other))
        assert (now.posts, now.media) == (was.posts, was.media)
        claims = {"name", "former_names", "pending_name"}
        assert now.head.model_dump(exclude=claims) == was.head.model_dump(exclude=claims)
        assert now.head.name.username == was.head.name.username
        assert other.store.profiles.history(profile_id) == site.store.profiles.history(profile_id)
        assert other.store.accounts.editors_of(profile_id) == site.store.accounts.editors_of(profile_id)
        assert other.store.accounts.invite_of(profile_id) == site.store.accounts.invite_of(profile_id)
    assert list(other.store.accounts.everyone()) == list(site.store.accounts.everyone())
    assert [due.profile_id for due in other.store.changes.due(5_000_000_000, 10)] == [ids["ann"]]


# ── there and back ──


def test_everything_comes_back(site: Site, other: Site, target: FolderObjects, ids: dict[str, str]) -> None:
    saved = save(site, target)
    assert (saved.made.profiles, saved.made.accounts, saved.made.files) == (3, 2, 2)
    assert saved.missing == []
    restored = bring_back(other, target)
    assert (restored.profiles, restored.accounts, restored.files, restored.notes) == (3, 2, 2, [])
    assert_same_store(site, other, ids)
    assert shown(other) == shown(site)
    assert list(Survey(other.tools, other.folder / "scratch", -1).run()) == []


def test_names_are_held_and_redirect_as_before(
    site: Site, other: Site, target: FolderObjects, ids: dict[str, str]
) -> None:
    save(site, target)
    bring_back(other, target)
    anna, ann = other.store.names.get("anna"), other.store.names.get("ann")
    assert (anna.profile_id, anna.state) == (ids["ann"], "held")
    assert (ann.profile_id, ann.state) == (ids["ann"], "redirect")
    assert other.status("ann/index.html") == (301, "http://127.0.0.1:8080/anna")
    other.rename(ids["ann"], "ann")
    other.publish(ids["ann"])
    assert other.status("ann/index.html")[0] == 200


def test_domains_are_held_as_before(
    site: Site, other: Site, target: FolderObjects, ids: dict[str, str]
) -> None:
    change_profile(
        site.store, ids["ann"], lambda old: old.model_copy(update={"domain": "ann.example"}), Terms()
    )
    site.publish(ids["ann"])
    save(site, target)
    bring_back(other, target)
    claim = other.store.names.get("ann.example")
    assert (claim.profile_id, claim.state) == (ids["ann"], "held")
    assert '"username":"anna"' in other.text(keys.domain("ann.example"))
    restored = other.store.profiles.head(ids["ann"])
    assert (restored.domain.domain, restored.domain.claim) == ("ann.example", claim.number)


def test_a_domain_that_was_never_held_is_claimed_and_one_that_two_want_is_told(
    site: Site, other: Site, target: FolderObjects, ids: dict[str, str]
) -> None:
    """They came by an earlier import, or moved from one to the other while the backup was made."""
    for one in ("ann", "bob"):
        site.edit(ids[one], domain="ann.example")
    site.edit(ids["carl"], domain="carl.example")
    save(site, target)
    restored = bring_back(other, target)
    heads = [other.store.profiles.head(ids[one]) for one in ("ann", "bob")]
    (holder,) = [head for head in heads if head.domain]
    (loser,) = [head for head in heads if not head.domain]
    assert other.store.names.get("ann.example").profile_id == holder.id
    assert loser.profile.domain == ""
    assert [(note.profile_id, "ann.example belongs to another" in note.said) for note in restored.notes] == [
        (loser.id, True)
    ]
    assert other.store.names.get("carl.example") is None, "carl is deleted"


def test_a_restored_profile_can_be_edited(
    site: Site, other: Site, target: FolderObjects, ids: dict[str, str]
) -> None:
    save(site, target)
    bring_back(other, target)
    other.edit(ids["ann"], bio="Back again.")
    other.publish(ids["ann"])
    assert "Back again." in other.text("anna/index.html")


# ── incremental ──


def test_what_has_not_changed_is_not_saved_again(
    site: Site, target: FolderObjects, ids: dict[str, str]
) -> None:
    first, again = save(site, target), save(site, target)
    assert (first.packs, first.files) == (2, 2)
    assert (again.packs, again.files, again.bytes) == (0, 0, 0)
    assert again.made.packs == first.made.packs
    site.edit(ids["ann"], bio="Changed.")
    changed = save(site, target)
    assert (changed.packs, changed.files) == (1, 0)
    assert len(indexes(target)) == 3


def test_each_backup_is_a_moment_of_its_own(
    site: Site, other: Site, target: FolderObjects, ids: dict[str, str]
) -> None:
    site.edit(ids["ann"], bio="Before.")
    save(site, target)
    site.edit(ids["ann"], bio="After.")
    save(site, target)
    older, _ = indexes(target)
    bring_back(other, target, older)
    assert other.store.profiles.head(ids["ann"]).profile.bio == "Before."


def test_one_profile_changes_one_pack(
    site: Site, target: FolderObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every other id ends a pack: of forty, fewer than five by chance once in ten million runs.
    monkeypatch.setattr("pipeline.backup.saving.CUT", 2)
    ids = [site.sign_up(f"artist{number}") for number in range(40)]
    first = save(site, target)
    assert first.packs > 4
    site.edit(ids[0], bio="Changed.")
    site.sign_up("newcomer")
    assert save(site, target).packs <= 3, "one changed, and one that the newcomer may cut in two"


def test_an_edit_during_the_backup_is_in_it_or_not_but_whole(
    site: Site, other: Site, target: FolderObjects, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load = site.store.profiles.load

    def edit_first(profile_id: str) -> Any:
        if profile_id == ids["ann"]:
            monkeypatch.setattr(site.store.profiles, "load", load)
            site.edit(profile_id, bio="During.")
        return load(profile_id)

    monkeypatch.setattr(site.store.profiles, "load", edit_first)
    save(site, target)
    bring_back(other, target)
    assert_same_store(site, other, ids)
    assert other.store.profiles.head(ids["ann"]).profile.bio == "During."


# ── against what has survived ──


def test_no_page_stays_on_the_lost_timeline(
    site: Site, target: FolderObjects, ids: dict[str, str], release: Release, tmp_path: Path
) -> None:
    """The store is lost and an older backup restored; both buckets are as they were."""
    save(site, target)
    before = shown(site)
    site.edit(ids["ann"], bio="Lost.", tagline="Lost.")
    site.post(ids["ann"], "lost")
    site.publish(ids["ann"])
    site.edit(ids["bob"], visibility="public")
    site.publish(ids["bob"])
    dora = site.sign_up("dora")
    site.upload(dora, "medium5678")
    site.publish(dora)
    site.store.close()
    (site.folder / "holdfast.db").unlink()
    for left in site.folder.glob("holdfast.db-*"):
        left.unlink()
    again = Site(site.folder, release)
    bring_back(again, target)
    now = shown(again)
    assert {key: now[key] for key in before} == before
    risen = {key: status for key, (status, *_) in now.items() if key not in before and status == 200}
    # What the backup doesn't know has no page; files in the private bucket are for `verify --repair`.
    assert [key for key in risen if not key.startswith(("_originals/", "_renditions/"))] == []
    assert again.status("dora/index.html")[0] == 404
    assert again.status("anna/posts/lost/index.html")[0] == 410
    assert again.status("bob/index.html")[0] == 404
    assert not list(again.public.walk(keys.media_folder("medium5678")))
    again.store.close()


def test_whoever_comes_later_may_have_a_name_of_the_lost_timeline(
    site: Site, target: FolderObjects, ids: dict[str, str], release: Release, tmp_path: Path
) -> None:
    save(site, target)
    dora = site.sign_up("dora")
    for number in range(5):
        site.edit(dora, bio=f"Lost {number}.")
    site.publish(dora)
    again = Site(tmp_path / "other", release)
    again.tools = again.tools._replace(buckets=site.tools.buckets)
    again.public, again.private = site.public, site.private
    bring_back(again, target)
    new = again.sign_up("dora")
    again.publish(new)
    assert again.status("dora/index.html")[0] == 200
    assert "Lost" not in again.text("dora/index.html")
    again.store.close()


# ── what goes wrong ──


def test_a_restore_that_was_stopped_goes_on(
    site: Site, other: Site, target: FolderObjects, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save(site, target)
    other.store.begin_life(2)
    commit, left = other.store.profiles.commit, [2]

    def dies(batch: Any) -> bool:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return bool(commit(batch))

    monkeypatch.setattr(other.store.profiles, "commit", dies)
    with pytest.raises(KeyboardInterrupt):
        bring_back(other, target)
    monkeypatch.undo()
    restored = bring_back(other, target)
    assert restored.notes == []
    assert_same_store(site, other, ids)
    assert shown(other) == shown(site)


def test_a_damaged_pack_is_told(site: Site, other: Site, target: FolderObjects, ids: dict[str, str]) -> None:
    save(site, target)
    (key, *_) = list(target.walk(PACKS))
    target.put(key, b"?" + target.get(key).body[1:], Headers())
    with pytest.raises(OperatorError, match=r"damaged.*--list"):
        bring_back(other, target)
    target.delete(key)
    with pytest.raises(OperatorError, match=r"lacks.*--list"):
        bring_back(other, target)


@pytest.mark.parametrize("large", [False, True])
def test_a_damaged_file_is_told_and_not_restored(
    site: Site,
    other: Site,
    target: FolderObjects,
    ids: dict[str, str],
    large: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if large:
        monkeypatch.setattr("pipeline.backup.restoring.WHOLE_BYTES_MAX", 1)
    save(site, target)
    key = keys.original("medium1234")
    stored = target.get(f"files/{key}")
    target.put(f"files/{key}", PICTURE[::-1], stored.headers)
    index = read_index(target, indexes(target)[-1])
    restored = Restoring(other.store, other.private, target).run(index)
    assert [(note.profile_id, "damaged" in note.said) for note in restored.notes] == [(ids["ann"], True)]
    assert key not in set(other.private.walk())


def test_a_file_that_storage_has_lost_is_told_by_the_backup(
    site: Site, target: FolderObjects, ids: dict[str, str]
) -> None:
    site.private.delete(keys.original("medium1234"))
    assert save(site, target).missing == [keys.original("medium1234")]


def test_a_backup_that_dies_leaves_the_earlier_ones(
    site: Site, other: Site, target: FolderObjects, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save(site, target)
    site.edit(ids["ann"], bio="Later.")
    monkeypatch.setattr("pipeline.backup.saving.write_index", _die)
    with pytest.raises(KeyboardInterrupt):
        save(site, target)
    monkeypatch.undo()
    assert len(indexes(target)) == 1
    assert bring_back(other, target).notes == []


def _die(*_: Any) -> None:
    raise KeyboardInterrupt


def test_two_that_hold_one_name_are_told_apart(
    site: Site, other: Site, target: FolderObjects, ids: dict[str, str]
) -> None:
    """A backup takes time: a name may have moved between its two holders' turns."""
    other.store.begin_life(2)
    other.store.names.take("anna", "somebody else", "attempt", 0)
    index = read_index(target, save(site, target).made.id)
    restored = Restoring(other.store, other.private, target).run(index)
    assert [note.profile_id for note in restored.notes] == [ids["ann"]]
    assert "anna" in restored.notes[0].said
    assert other.store.profiles.head(ids["ann"]).name is None
