"""A backup is the way from SQLite to a cluster, and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.objects.folder import FolderObjects
from core.settings import SiteSettings
from core.store import Account
from core.store.everyone import everyone
from generator.release import Release, load_release
from pipeline.backup.format import indexes, read_index
from pipeline.backup.restoring import Restored, Restoring
from pipeline.backup.saving import Saving
from pipeline.rebuild import rebuild_chunk
from pipeline.verify import differences
from tests.cluster import Keyspace, leave_address
from tests.pipeline.little_site import Site

PROFILES = 30


@pytest.fixture(scope="module")
def release() -> Release:
    return load_release(SiteSettings())


@pytest.fixture
def small(tmp_path: Path, release: Release) -> Iterator[Site]:
    """Thirty profiles in SQLite, with editors; some renamed, deleted, or of many revisions."""
    site = Site(tmp_path / "small", release)
    for number in range(PROFILES):
        one = site.sign_up(f"artist{number}")
        account = Account(
            id=f"account{number}", email=f"{number}@example.org", password_hash="x", created_at=1
        )
        site.store.accounts.create(account)
        site.store.accounts.allow(account.id, one)
        for turn in range(number % 5):
            site.edit(one, bio=f"Version {turn}.")
            site.post(one, f"post{turn}")
        if number % 7 == 0:
            site.rename(one, f"renamed{number}")
        if number % 11 == 0:
            site.delete(one)
    yield site
    site.store.close()


@pytest.fixture
def big(tmp_path: Path, release: Release, keyspace: Keyspace) -> Iterator[Site]:
    """An empty one on the cluster."""
    keyspace.empty()
    folder = tmp_path / "big"
    folder.mkdir()
    leave_address(folder, keyspace.settings)
    site = Site(folder, release)
    site.store.rollouts.promote(release.fingerprint, release.bare_fingerprint)
    yield site
    site.store.close()


def move(one: Site, other: Site, target: FolderObjects, life: int, jobs: int = 1) -> Restored:
    Saving(one.store, one.private, target).run()
    other.store.begin_life(life)
    index = read_index(target, indexes(target)[-1])
    restored = Restoring(other.store, other.private, target, jobs=jobs).run(index)
    ids = [met.profile_id for met in everyone(other.store.profiles)]
    assert rebuild_chunk(other.tools, ids).failed == []
    return restored


def assert_same(one: Site, other: Site) -> None:
    ids = sorted(met.profile_id for met in everyone(one.store.profiles))
    assert sorted(met.profile_id for met in everyone(other.store.profiles)) == ids
    claims = {"name", "former_names", "pending_name"}
    for profile_id in ids:
        was, now = (site.store.profiles.load(profile_id) for site in (one, other))
        assert (now.posts, now.media) == (was.posts, was.media)
        assert now.head.model_dump(exclude=claims) == was.head.model_dump(exclude=claims)
        assert now.head.name.username == was.head.name.username
        names = [[held.username for held in site.head.former_names] for site in (was, now)]
        assert names[0] == names[1]
        assert list(other.store.profiles.history(profile_id)) == list(one.store.profiles.history(profile_id))
        assert other.store.accounts.editors_of(profile_id) == one.store.accounts.editors_of(profile_id)
        assert differences(other.tools, profile_id) == []


@pytest.mark.timeout(240)
def test_a_site_moves_to_a_cluster_and_back(small: Site, big: Site, tmp_path: Path, release: Release) -> None:
    there = move(small, big, FolderObjects(tmp_path / "there"), 2, jobs=8)
    assert (there.profiles, there.accounts, there.notes) == (PROFILES, PROFILES, [])
    assert_same(small, big)
    again = Site(tmp_path / "again", release)
    back = move(big, again, FolderObjects(tmp_path / "back"), 3)
    assert (back.profiles, back.notes) == (PROFILES, [])
    assert_same(small, again)
    again.store.close()
