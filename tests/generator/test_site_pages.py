"""Home, error pages, tombstones, robots.txt and sitemaps."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from core import keys
from core.rank import Rank, read_rank
from generator.release import Release
from generator.site_pages import Kind, site_pages, tombstone
from generator.sitemap import Entry, index, shard
from generator.urls import Urls
from tests.generator.pages import Page

RANK = Rank(4, 3, 9, 7)
MAPS = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


@pytest.mark.parametrize("kind", [410, 404])
def test_a_tombstone_tells_people_and_machines_that_nothing_is_here(
    kind: Kind, release: Release, urls: Urls
) -> None:
    file = tombstone(kind, "ann/feed.xml", RANK, release, urls, profile_id="profile1")
    assert file.headers.status == kind
    assert file.headers.type == "text/html; charset=utf-8"
    assert file.headers.tags == keys.tag("profile1")
    assert read_rank(file.body) == file.rank == RANK
    page = Page(file.body)
    assert page.one("meta", name="robots")["content"] == "noindex"
    assert page.one("h1").text


def test_a_moved_page_leads_on_even_without_its_status(release: Release, urls: Urls) -> None:
    target = urls.profile("anna")
    file = tombstone(301, "ann/index.html", RANK, release, urls, target)
    assert (file.headers.status, file.headers.location) == (301, "https://quay.example/anna")
    page = Page(file.body)
    assert page.one("link", rel="canonical")["href"] == target
    assert page.one("meta", http_equiv="refresh")["content"] == f"0; url={target}"
    assert target in [one["href"] for one in page.all("a")]


@pytest.mark.parametrize(("kind", "location"), [(301, None), (410, "https://quay.example/anna")])
def test_a_redirect_and_nothing_else_has_a_location(
    kind: Kind, location: str | None, release: Release, urls: Urls
) -> None:
    with pytest.raises(ValueError, match="location"):
        tombstone(kind, "ann/index.html", RANK, release, urls, location)


def test_the_site_has_its_own_pages(release: Release) -> None:
    files = {file.key: file for file in site_pages(release, Urls("https://quay.example", "/people"), 4, 7)}
    assert list(files) == [keys.HOME, keys.NOT_FOUND, keys.GONE, keys.ROBOTS]
    for key in (keys.HOME, keys.NOT_FOUND, keys.GONE):
        assert read_rank(files[key].body) == files[key].rank == Rank(4, 0, 0, 7)
    assert [files[key].headers.status for key in files] == [200, 404, 410, 200]
    assert "Sitemap: https://quay.example/people/sitemap.xml" in files[keys.ROBOTS].body.decode().splitlines()
    home = Page(files[keys.HOME].body)
    assert home.one("title").text == "Quay"
    assert home.one("link", rel="canonical")["href"] == "https://quay.example/people"


def test_a_sitemap_shard_lists_pages_with_their_last_change(urls: Urls) -> None:
    body = shard([Entry("ann/index.html", "2026-03-01"), Entry("bo/posts/café/index.html")], urls, RANK)
    assert read_rank(body) == RANK
    found = ElementTree.fromstring(body).findall(f"{MAPS}url")
    assert [(one.findtext(f"{MAPS}loc"), one.findtext(f"{MAPS}lastmod")) for one in found] == [
        ("https://quay.example/ann", "2026-03-01"),
        ("https://quay.example/bo/posts/caf%C3%A9", None),
    ]


def test_a_sitemap_index_names_its_shards(urls: Urls) -> None:
    found = ElementTree.fromstring(index([0, 255], urls, RANK)).findall(f"{MAPS}sitemap")
    assert [one.findtext(f"{MAPS}loc") for one in found] == [
        "https://quay.example/_sitemaps/00.xml",
        "https://quay.example/_sitemaps/ff.xml",
    ]


def test_a_sitemap_shard_that_crawlers_would_refuse_is_not_made(urls: Urls) -> None:
    entry = Entry("ann/index.html")
    assert shard([entry] * 50_000, urls, RANK)
    with pytest.raises(ValueError, match="more shards"):
        shard([entry] * 50_001, urls, RANK)
