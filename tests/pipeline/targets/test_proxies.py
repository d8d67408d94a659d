"""Varnish's and nginx's adapters against local servers that take what our own configurations of them take."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.purge_targets import Nginx, Varnish
from core.settings import SiteSettings
from pipeline.purge.targets import Busy, Refused
from pipeline.purge.targets.nginx import NginxTarget
from pipeline.purge.targets.varnish import VarnishTarget
from tests.pipeline.targets.conftest import batch
from tests.pipeline.targets.vendor import Answer, Vendor, running

SITE = SiteSettings(url="https://site.example", path="/people")
WITH_MEDIA = SITE.model_copy(update={"media_url": "https://media.example"})


@pytest.fixture
def other() -> Iterator[Vendor]:
    yield from running()


def varnish(*vendors: Vendor, site: SiteSettings = SITE) -> VarnishTarget:
    addresses = [one.url for one in vendors]
    settings = Varnish.model_validate({"kind": "varnish", "name": "cache", "addresses": addresses})
    return VarnishTarget(settings, site)


def nginx(*vendors: Vendor, site: SiteSettings = SITE) -> NginxTarget:
    addresses = [one.url for one in vendors]
    settings = Nginx.model_validate({"kind": "nginx", "name": "front", "addresses": addresses})
    return NginxTarget(settings, site)


# vmod_xkey(3), "purge" and "softpurge": keys are separated by spaces.
# https://github.com/varnish/varnish-modules/blob/master/src/vmod_xkey.vcc
def test_varnish_purges_by_tag_at_each_address(vendor: Vendor, other: Vendor) -> None:
    target = varnish(vendor, other)
    target.purge(batch("p-1", "n-ann"))
    target.purge(batch("p-1", "n-ann", hard=True))
    target.close()
    for one in (vendor, other):
        soft, hard = one.asked
        assert [(asked.method, asked.path, asked.headers["host"]) for asked in (soft, hard)] == [
            ("PURGE", "/", "site.example")
        ] * 2
        assert (soft.headers["xkey-softpurge"], "xkey-purge" in soft.headers) == ("p-1 n-ann", False)
        assert (hard.headers["xkey-purge"], "xkey-softpurge" in hard.headers) == ("p-1 n-ann", False)


# Varnish documentation, "Purging and banning": https://varnish-cache.org/docs/7.1/users-guide/purging.html
def test_varnish_bans_a_folder_that_is_gone(vendor: Vendor) -> None:
    target = varnish(vendor)
    target.purge(batch(paths=("/ann", "/_media/m1/a.b/"), hard=True))
    target.close()
    purge, ban = vendor.asked
    assert (purge.method, ban.method) == ("PURGE", "BAN")
    assert ban.headers["x-ban-path"] == r"^/people/_media/m1/a\.b/"


def test_varnish_bans_a_folder_as_it_lies_on_the_media_host_too(vendor: Vendor) -> None:
    target = varnish(vendor, site=WITH_MEDIA)
    target.purge(batch(paths=("/ann", "/_media/m1/"), hard=True))
    target.close()
    bans = {asked.headers["x-ban-path"] for asked in vendor.asked if asked.method == "BAN"}
    assert bans == {"^/people/_media/m1/", "^/_media/m1/"}


def test_a_varnish_that_does_not_allow_us_says_so(vendor: Vendor) -> None:
    vendor.next.append(Answer(403))
    target = varnish(vendor)
    with pytest.raises(Refused, match="list of purgers"):
        target.purge(batch())
    target.close()


# ngx_cache_purge, README, "Configuration directives": PURGE of a URL takes what its cache key names; 404 if there is none.
# https://github.com/FRiCKLE/ngx_cache_purge
def test_nginx_purges_each_path_in_each_encoding_at_each_address(vendor: Vendor, other: Vendor) -> None:
    vendor.usual = lambda asked: Answer(404 if asked.headers["accept-encoding"] == "br" else 200)
    target = nginx(vendor, other)
    target.purge(batch(paths=("/ann", "/ann/tags/küche")))
    target.close()
    for one in (vendor, other):
        assert {asked.method for asked in one.asked} == {"PURGE"}
        assert [(asked.path, asked.headers["accept-encoding"]) for asked in one.asked] == [
            (path, encoding)
            for path in ("/people/ann", "/people/ann/tags/k%C3%BCche")
            for encoding in ("br", "gzip", "identity")
        ]


def test_nginx_is_told_of_media_on_their_own_host_too(vendor: Vendor) -> None:
    target = nginx(vendor, site=WITH_MEDIA)
    target.purge(batch(paths=("/ann", "/_media/m1/küche.webp"), hard=True))
    target.close()
    assert [(asked.headers["host"], asked.path) for asked in vendor.asked][::3] == [
        ("site.example", "/people/ann"),
        ("site.example", "/people/_media/m1/k%C3%BCche.webp"),
        ("media.example", "/_media/m1/k%C3%BCche.webp"),
    ]
    assert len(vendor.asked) == 9


def test_nginx_is_told_of_no_folder(vendor: Vendor) -> None:
    target = nginx(vendor)
    target.purge(batch(paths=("/_media/m1/",), hard=True))
    target.close()
    assert vendor.asked == []


def test_an_address_that_is_away_is_tried_again_with_the_others(vendor: Vendor, other: Vendor) -> None:
    other.stop()
    target = nginx(vendor, other)
    with pytest.raises(Busy, match="front does not answer"):
        target.purge(batch())
    target.close()
    assert len(vendor.asked) == 3
