"""Objects of a release: assets and the pages of the site itself, which never go back."""

from __future__ import annotations

from core import keys
from core.rank import read_rank
from pipeline.site import publish_release
from tests.pipeline.little_site import ORIGIN, Site


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
