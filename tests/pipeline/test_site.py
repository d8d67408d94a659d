"""Objects of the whole site: assets, site pages, and the sitemap over what has been published."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from core import keys
from core.objects import Headers
from core.rank import read_rank
from pipeline.site import publish_release, publish_sitemap
from tests.pipeline.little_site import ORIGIN, Site


def draw(site: Site) -> int:
    return publish_sitemap(site.store, site.public, site.urls, site.store.life, 1)


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


def test_a_release_is_there_before_any_page(site: Site) -> None:
    for _ in range(2):
        publish_release(site.public, site.tools.release, site.urls, 1, 1)
    found = set(site.public.walk())
    assert {asset.key for asset in site.tools.release.assets} <= found
    assert {keys.HOME, keys.NOT_FOUND, keys.GONE, keys.ROBOTS} <= found
    assert (site.status(keys.GONE)[0], site.status(keys.NOT_FOUND)[0]) == (410, 404)
    assert f"Sitemap: {ORIGIN}/sitemap.xml" in site.text(keys.ROBOTS)


def test_an_older_roll_out_never_replaces_site_pages(site: Site) -> None:
    publish_release(site.public, site.tools.release, site.urls, 1, 2)
    publish_release(site.public, site.tools.release, site.urls, 1, 1)
    rank = read_rank(site.public.get(keys.HOME).body)
    assert rank
    assert rank.rollout == 2
