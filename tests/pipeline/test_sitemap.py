"""The sitemap: what is published and public is in it, what has left is not, and an edit costs its shard alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

import pytest

from core import keys
from core.errors import Unavailable
from core.objects import Headers
from core.rank import Mark, Rank, read_rank
from core.store import MAIN, Listed, Purge, PurgePath
from pipeline.job import publish_profiles
from pipeline.listing import Lister, shard_of
from pipeline.purge.edges import Edge
from pipeline.purge.purger import Purger
from pipeline.purge.targets import tags_of
from pipeline.sitemap import Sitemap
from tests.pipeline.little_site import ORIGIN, Site


def draw(site: Site) -> int:
    """As a worker does in its first minute, when all shards are new to it."""
    return Sitemap(site.store, site.public, site.urls, site.tools.lister, mine=lambda _: True).draw()


def addresses(site: Site) -> set[str]:
    """Every address that a crawler finds from the sitemap on."""
    found = set()
    for shard in _locations(site, keys.SITEMAP):
        found |= set(_locations(site, shard.removeprefix(f"{ORIGIN}/")))
    return found


def _locations(site: Site, key: str) -> list[str]:
    root = ElementTree.fromstring(site.public.get(key).body)
    return [one.text or "" for one in root.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]


def test_the_sitemap_lists_public_profiles_that_are_published(site: Site) -> None:
    ids = {name: site.sign_up(name) for name in ("ann", "bob", "cy", "dee", "eve")}
    site.edit(ids["bob"], visibility="unlisted")
    site.edit(ids["cy"], visibility="private")
    site.delete(ids["dee"])
    for name in ("ann", "bob", "cy", "dee"):
        site.publish(ids[name])
    draw(site)
    assert addresses(site) == {f"{ORIGIN}/ann"}


def test_a_sitemap_in_which_nothing_changed_is_not_written_again(site: Site) -> None:
    ann = site.sign_up("ann")
    site.publish(ann)
    assert draw(site) == 2
    assert draw(site) == 0


def test_a_profile_that_leaves_takes_its_shard_along(site: Site) -> None:
    ann = site.sign_up("ann")
    site.publish(ann)
    draw(site)
    site.edit(ann, visibility="private")
    site.publish(ann)
    draw(site)
    assert addresses(site) == set()
    (shard,) = site.public.walk("_sitemaps/")
    assert _locations(site, shard) == []
    rank = read_rank(site.public.get(shard).body)
    assert rank
    assert rank.revision == 2


def test_two_workers_at_one_sitemap_end_with_both_their_profiles(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other worker takes the next number, with other content, right before us."""
    ann = site.sign_up("ann")
    site.publish(ann)
    put, others = site.public.put, []

    def put_second(key: str, body: bytes, headers: Headers, **options: object) -> str:
        if key == keys.SITEMAP and not others:
            others.append(
                put(key, body.replace(b"</sitemapindex>", b"<!-- theirs --></sitemapindex>"), headers)
            )
        return put(key, body, headers, **options)

    monkeypatch.setattr(site.public, "put", put_second)
    draw(site)
    assert others
    assert addresses(site) == {f"{ORIGIN}/ann"}
    rank = read_rank(site.public.get(keys.SITEMAP).body)
    assert rank
    assert rank.revision == 2


# ── only what was touched ─────────────────────────────────────────────────────────────────────────


class Watched:
    """Listings whose reads are noted."""

    def __init__(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read: set[int] = set()
        self._of = site.store.listings.of
        monkeypatch.setattr(site.store.listings, "of", self._watch)

    def _watch(self, shard: int, life: int) -> Any:
        self.read.add(shard)
        return self._of(shard, life)


def list_someone(site: Site, shard: int, name: str, lister: Lister | None = None) -> None:
    """A published profile of that shard, without its pages."""
    profile_id = f"{shard:02x}{name:0>18}"
    site.store.listings.put(shard, profile_id, Mark(site.store.life, 1, 1), Listed(profile_id, name, 1000))
    (lister or site.tools.lister).touch({shard})


def take_off(site: Site, shard: int, name: str, lister: Lister | None = None) -> None:
    site.store.listings.put(shard, f"{shard:02x}{name:0>18}", Mark(site.store.life, 2, 1), None)
    (lister or site.tools.lister).touch({shard})


def of_nobody(_: str) -> bool:
    return False


def sitemap(site: Site, mine: Callable[[str], bool] = of_nobody, lister: Lister | None = None) -> Sitemap:
    return Sitemap(site.store, site.public, site.urls, lister or site.tools.lister, mine)


def test_an_edit_draws_its_own_shard_and_reads_no_other(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, bob = site.sign_up("ann"), site.sign_up("bob")
    site.publish(ann)
    site.publish(bob)
    drawing = sitemap(site)
    drawing.draw()
    site.rename(ann, "anna")
    site.publish(ann)
    watched = Watched(site, monkeypatch)
    assert drawing.draw() == 1, "and not the index"
    assert watched.read == {shard_of(ann)}
    watched.read.clear()
    assert drawing.draw() == 0
    assert watched.read == set()


def test_the_index_grows_and_shrinks_with_the_shards_that_hold_anybody(site: Site) -> None:
    drawing = sitemap(site)
    for shard in (3, 200):
        list_someone(site, shard, f"in{shard}")
        assert drawing.draw() == 2
    assert addresses(site) == {f"{ORIGIN}/in3", f"{ORIGIN}/in200"}
    take_off(site, 3, "in3")
    assert drawing.draw() == 2
    assert addresses(site) == {f"{ORIGIN}/in200"}


def test_a_worker_draws_its_own_shards_once_and_those_that_come_to_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a worker that died had listed and not drawn is found by who gets its shards, or in turn."""
    own = {f"sitemap {number}" for number in (3, 4, 5)}
    drawing = sitemap(site, own.__contains__)
    watched = Watched(site, monkeypatch)
    drawing.draw()
    assert watched.read == {3, 4, 5}
    own.add("sitemap 9")
    watched.read.clear()
    drawing.draw()
    assert watched.read == {9}
    met = set()
    for _ in range(4):
        watched.read.clear()
        drawing.draw()
        assert len(watched.read) == 1
        met |= watched.read
    assert met == {3, 4, 5, 9}


def test_a_shard_that_can_not_be_drawn_keeps_no_other_waiting_and_is_drawn_later(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, failing = site.public.put, [keys.sitemap_shard(3)]

    def put_others(key: str, body: bytes, headers: Headers, **options: Any) -> str:
        if key in failing:
            raise Unavailable("the bucket is away")
        return put(key, body, headers, **options)

    monkeypatch.setattr(site.public, "put", put_others)
    for shard in (3, 200):
        list_someone(site, shard, f"in{shard}")
    drawing = sitemap(site)
    with pytest.raises(Unavailable):
        drawing.draw()
    assert addresses(site) == {f"{ORIGIN}/in200"}
    failing.clear()
    assert drawing.draw() == 2
    assert addresses(site) == {f"{ORIGIN}/in3", f"{ORIGIN}/in200"}
    failing.append(keys.SITEMAP)
    list_someone(site, 9, "in9")
    with pytest.raises(Unavailable):
        drawing.draw()
    failing.clear()
    assert drawing.draw() == 1, "the index comes, too"
    assert f"{ORIGIN}/in9" in addresses(site)


# ── takedowns ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def purging(site: Site) -> Iterator[Site]:
    """With an edge that has to be told of every purge, and never answers."""
    nobody = Edge("http://127.0.0.1:9", "", b"a secret of nobody", 1, 5)
    site.tools = site.tools._replace(purger=Purger(site.store, [nobody]), outside=("cf",))
    yield site
    nobody.close()


def shard_purged(site: Site, profile_id: str, waiting: str = MAIN) -> PurgePath | None:
    """What the profile's newest purge says of its shard."""
    path = keys.path_of(keys.sitemap_shard(shard_of(profile_id)))
    found = {one.path: one for one in site.store.purges.pending_of(waiting, profile_id)[-1].paths}
    return found.get(path)


def rank_of(site: Site, profile_id: str) -> Rank:
    rank = read_rank(site.public.get(keys.sitemap_shard(shard_of(profile_id))).body)
    assert rank
    return rank


@pytest.mark.parametrize("how", ["deleted", "private"])
def test_of_a_takedown_the_shard_is_drawn_before_its_purge_is_queued(
    purging: Site, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    site = purging
    ann = site.sign_up("ann")
    site.publish(ann)
    draw(site)
    queue, listed = site.store.purges.queue, []

    def note(waiting: str, purge: Purge) -> None:
        listed.append(addresses(site))
        queue(waiting, purge)

    monkeypatch.setattr(site.store.purges, "queue", note)
    if how == "deleted":
        site.delete(ann)
    else:
        site.edit(ann, visibility="private")
    site.publish(ann)
    assert listed == [set(), set()]
    path = keys.path_of(keys.sitemap_shard(shard_of(ann)))
    wanted = PurgePath(path, str(rank_of(site, ann)), True)
    assert shard_purged(site, ann) == shard_purged(site, ann, "to/cf") == wanted
    (shard,) = site.public.walk("_sitemaps/")
    assert site.public.get(shard).headers.tags in tags_of(site.store.purges.pending_of("to/cf", ann)[-1])


def test_of_a_takedown_before_the_first_sitemap_no_shard_is_purged(purging: Site) -> None:
    ann = purging.sign_up("ann")
    purging.publish(ann)
    purging.delete(ann)
    purging.publish(ann)
    assert shard_purged(purging, ann) is None


def test_where_its_shard_can_not_be_drawn_a_takedown_goes_on_and_is_not_proven_before_it_is(
    purging: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = purging
    ann = site.sign_up("ann")
    site.publish(ann)
    draw(site)
    put, before = site.public.put, rank_of(site, ann)

    def put_others(key: str, *given: Any, **options: Any) -> str:
        if key.startswith("_sitemaps/"):
            raise Unavailable("it was overtaken too often")
        return put(key, *given, **options)

    monkeypatch.setattr(site.public, "put", put_others)
    site.delete(ann)
    site.publish(ann)
    monkeypatch.undo()
    purged = shard_purged(site, ann)
    draw(site)
    assert addresses(site) == set()
    assert purged
    assert Rank.parse(purged.rank) == rank_of(site, ann) == before._replace(revision=before.revision + 1)


def test_edits_of_what_is_private_purge_no_shard(purging: Site) -> None:
    ann = purging.sign_up("ann")
    purging.edit(ann, visibility="private")
    purging.publish(ann)
    draw(purging)
    purging.edit(ann, bio="Paints boats.")
    purging.publish(ann)
    assert shard_purged(purging, ann, "to/cf") is None


def test_takedowns_together_draw_their_shards_too(purging: Site) -> None:
    site = purging
    ids = [site.sign_up(name) for name in ("ann", "bob", "cy")]
    publish_profiles(site.tools, ids)
    draw(site)
    for profile_id in ids[:2]:
        site.delete(profile_id)
    publish_profiles(site.tools, ids)
    assert {address.rpartition("/")[2] for address in addresses(site)} == {"cy"}
    purged = [shard_purged(site, profile_id, "to/cf") for profile_id in ids]
    assert [bool(path) for path in purged] == [True, True, False]


# ── two workers ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("moment", range(7))
@pytest.mark.parametrize(
    "act", ["same shard", "another shard", "two more shards", "empties one", "empties a new one"]
)
def test_whatever_another_worker_draws_meanwhile_both_end_with_what_is_listed(
    site: Site, monkeypatch: pytest.MonkeyPatch, moment: int, act: str
) -> None:
    """The other one lists and draws in one go, before the first one's Nth look at storage or put."""
    life = site.store.life
    list_someone(site, 3, "old")
    sitemap(site).draw()
    for shard, name in ((3, "new"), (200, "far")):
        list_someone(site, shard, name)
    other, calls = Lister(site.store.listings), [0]
    get, put = site.public.inner.get, site.public.inner.put

    def others_turn() -> None:
        calls[0] += 1
        if calls[0] != moment + 1:
            return
        match act:
            case "same shard":
                list_someone(site, 3, "theirs", other)
            case "another shard":
                list_someone(site, 9, "theirs", other)
            case "two more shards":
                list_someone(site, 9, "theirs", other)
                sitemap(site, lister=other).draw()
                list_someone(site, 10, "last", other)
            case "empties one":
                take_off(site, 3, "old", other)
                take_off(site, 3, "new", other)
            case "empties a new one":
                take_off(site, 200, "far", other)
        sitemap(site, lister=other).draw()

    def get_after(key: str) -> Any:
        others_turn()
        return get(key)

    def put_after(*given: Any, **options: Any) -> str:
        others_turn()
        return put(*given, **options)

    monkeypatch.setattr(site.public.inner, "get", get_after)
    monkeypatch.setattr(site.public.inner, "put", put_after)
    sitemap(site).draw()
    assert calls[0] > moment, "the other one has had its turn"
    listed = {
        f"{ORIGIN}/{one.username}" for shard in (3, 9, 10, 200) for one in site.store.listings.of(shard, life)
    }
    assert addresses(site) == listed
    filled = {shard for shard in (3, 9, 10, 200) if any(True for _ in site.store.listings.of(shard, life))}
    assert set(_locations(site, keys.SITEMAP)) == {f"{ORIGIN}/{keys.sitemap_shard(one)}" for one in filled}
