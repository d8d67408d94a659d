"""What `holdfast rebuild` does beyond the pages: listings for a store that has none, and the sitemap."""

from __future__ import annotations

import pytest

from core import keys
from core.backends import Backends
from core.profile import Profile
from core.settings import Settings
from core.store.naming import found, rename
from core.store.sqlite import SqliteStore
from tests.cli.conftest import Holdfast


@pytest.fixture
def ids(backends: Backends) -> dict[str, str]:
    """Two profiles in shards of their own."""
    names = ("ann", "bob")
    signed_up = {name: found(backends.store, name, Profile(name=name)).head.id for name in names}
    number = 0
    while len({one[:2] for one in signed_up.values()}) < len(signed_up):
        number += 1
        signed_up["bob"] = found(backends.store, f"bob{number}", Profile(name="Bob")).head.id
    return signed_up


def listed(backends: Backends, profile_id: str) -> list[str]:
    rows = backends.store.listings.of(int(profile_id[:2], 16), backends.store.life)
    return [one.username for one in rows if one.profile_id == profile_id]


def drawn(backends: Backends, profile_id: str) -> str:
    key = keys.sitemap_shard(int(profile_id[:2], 16))
    return backends.public.get(key).body.decode() if key in set(backends.public.walk()) else ""


@pytest.mark.timeout(120)
def test_rebuilding_all_lists_everybody_and_draws_the_sitemap(
    holdfast: Holdfast, backends: Backends, settings: Settings, ids: dict[str, str]
) -> None:
    assert holdfast("rebuild", "--all", "--json").code == 0
    store = backends.store
    assert isinstance(store, SqliteStore)
    with store.database.write() as connection:
        connection.execute("delete from listings")
    for key in list(backends.public.walk("_sitemaps/")):
        backends.public.delete(key)
    assert holdfast("rebuild", "--all", "--json").json["failed"] == []
    for name, one in ids.items():
        assert listed(backends, one)[0].startswith(name)
        assert f"/{name}" in drawn(backends, one)
        assert keys.sitemap_shard(int(one[:2], 16)).encode() in backends.public.get(keys.SITEMAP).body


def test_rebuilding_one_draws_its_shard(holdfast: Holdfast, backends: Backends, ids: dict[str, str]) -> None:
    assert holdfast("rebuild", "@ann", "--json").code == 0
    assert "/ann<" in drawn(backends, ids["ann"])
    assert drawn(backends, ids["bob"]) == ""
    rename(backends.store, ids["ann"], "anna")
    assert holdfast("rebuild", "@anna", "--json").code == 0
    assert "/anna<" in drawn(backends, ids["ann"])
