"""What `holdfast rebuild` does beyond the pages: listings for a store that has none, and the sitemap."""

from __future__ import annotations

import json

import pytest

from core import keys
from core.backends import Backends
from core.ids import new_id
from core.profile import Profile
from core.settings import Settings
from core.store import MAIN
from core.store.naming import found, rename
from core.store.revise import revise
from core.store.sqlite import SqliteStore
from pipeline.rebuild import Stand
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


# ── which, how many, from where ──


@pytest.fixture
def many(backends: Backends) -> list[str]:
    return sorted(
        found(backends.store, f"artist{number}", Profile(name="Artist")).head.id for number in range(5)
    )


def marks(backends: Backends, ids: list[str]) -> list[int]:
    """The roll-out that each was published in; 0 for none."""
    store = backends.store
    reached = [store.published.get(one, MAIN, store.life).get("published") for one in ids]
    return [one.mark.rollout if one else 0 for one in reached]


def test_a_plan_only_counts(holdfast: Holdfast, backends: Backends, many: list[str]) -> None:
    told = holdfast("rebuild", "--all", "--dry-run", "--json").json
    assert told == {"profiles": 5, "done": 0, "seconds": None}
    assert marks(backends, many) == [0] * 5
    words = holdfast("rebuild", "--all", "--dry-run").err
    assert "5 profiles would be published again" in words
    assert backends.store.rollouts.current() is None


def test_a_plan_goes_by_the_last_rebuild(holdfast: Holdfast, backends: Backends, many: list[str]) -> None:
    backends.store.bookmarks.put("rebuild rate", "2.5")
    assert holdfast("rebuild", "--all", "--dry-run", "--json").json["seconds"] == 2.0
    assert "0:00:02" in holdfast("rebuild", "--all", "--dry-run").err


def test_only_what_is_behind_is_rebuilt(holdfast: Holdfast, backends: Backends, many: list[str]) -> None:
    assert holdfast("rebuild", "--all", "--json").json["profiles"] == 5
    assert holdfast("rebuild", "--stale", "--json").json["profiles"] == 0
    revise(
        backends.store,
        many[2],
        lambda old: old.model_copy(
            update={
                "head": old.head.model_copy(
                    update={"profile": old.head.profile.model_copy(update={"bio": "New."})}
                )
            }
        ),
        writer=new_id(),
        what="test",
        by_creator=True,
    )
    assert holdfast("rebuild", "--stale", "--json").json["profiles"] == 1
    backends.store.rollouts.promote("another", "another")
    assert holdfast("rebuild", "--stale", "--json").json["profiles"] == 5
    assert set(marks(backends, many)) == {3}


def test_those_edited_since_are_rebuilt(holdfast: Holdfast, backends: Backends, many: list[str]) -> None:
    assert holdfast("rebuild", "--since", "1h", "--json").json["profiles"] == 5
    assert holdfast("rebuild", "--since", "2030-01-01", "--json").json["profiles"] == 0
    told = holdfast("rebuild", "--since", "yesterday")
    assert told.code == 1
    assert "2026-11-26T08:30" in told.err


def test_a_rebuild_goes_on_where_it_was_stopped(
    holdfast: Holdfast, backends: Backends, many: list[str]
) -> None:
    assert holdfast("rebuild", "@artist0", "--json").code == 0  # promotes the release
    stand = Stand(0, many[2], 3, 10, 0)
    backends.store.bookmarks.put("rebuild main all 1.1", json.dumps(stand))
    assert holdfast("rebuild", "--all", "--dry-run", "--json").json == {
        "profiles": 2,
        "done": 3,
        "seconds": None,
    }
    before = marks(backends, many)
    assert holdfast("rebuild", "--all", "--json").json["profiles"] == 2
    assert marks(backends, many)[3:] == [1, 1]
    assert marks(backends, many)[:3] == before[:3]
    assert holdfast("rebuild", "--all", "--json").json["profiles"] == 5, "it had come to its end"


def test_a_rebuild_may_begin_anew(holdfast: Holdfast, backends: Backends, many: list[str]) -> None:
    assert holdfast("rebuild", "@artist0", "--json").code == 0
    backends.store.bookmarks.put("rebuild main all 1.1", json.dumps(Stand(0, many[2], 3, 10, 0)))
    assert holdfast("rebuild", "--all", "--anew", "--json").json["profiles"] == 5


def test_a_rebuild_is_no_faster_than_it_may_be(holdfast: Holdfast, many: list[str]) -> None:
    assert holdfast("rebuild", "--all", "--per-s", "2", "--json").json["seconds"] >= 1.5


@pytest.mark.parametrize("flags", [[], ["@ann", "--all"], ["--all", "--stale"]])
def test_which_to_rebuild_has_to_be_said(holdfast: Holdfast, flags: list[str]) -> None:
    told = holdfast("rebuild", *flags)
    assert told.code == 1
    assert "--stale" in told.err
