"""Varnish's and nginx's adapters against local servers that take what our own configurations of them take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from core.errors import Unavailable
from core.purge_targets import Nginx, Varnish
from core.rank import Rank
from core.settings import SiteSettings
from pipeline.purge.probe import Probe
from pipeline.purge.targets import Barred, Busy, Refused, TooFast
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


@pytest.mark.parametrize(("opened", "calls"), [(nginx, 3), (varnish, 1)], ids=["nginx", "varnish"])
def test_an_address_that_is_away_keeps_no_other_from_being_told(
    vendor: Vendor, other: Vendor, opened: Callable[..., NginxTarget | VarnishTarget], calls: int
) -> None:
    away = other.url
    other.stop()
    target = opened(other, vendor)
    with pytest.raises(Busy, match=f"{away}: .* does not answer"):
        target.purge(batch())
    target.close()
    assert len(vendor.asked) == calls


def test_of_two_addresses_that_fail_the_one_that_needs_an_operator_is_heard(
    vendor: Vendor, other: Vendor
) -> None:
    vendor.next.append(Answer(503, b"", {"Retry-After": "30"}))
    other.next.append(Answer(403))
    target = varnish(vendor, other)
    with pytest.raises(Barred, match=f"{vendor.url}: cache answered 503.*{other.url}: .*list of purgers"):
        target.purge(batch())
    target.close()


@pytest.mark.parametrize(
    ("first", "second", "kind"), [(503, 503, Busy), (429, 503, Busy), (429, 429, TooFast)]
)
def test_the_longest_pause_that_an_address_asks_for_counts(
    vendor: Vendor, other: Vendor, first: int, second: int, kind: type[Busy]
) -> None:
    vendor.next.append(Answer(first, b"", {"Retry-After": "60"}))
    other.next.append(Answer(second, b"", {"Retry-After": "30"}))
    target = varnish(vendor, other)
    with pytest.raises(Busy) as caught:
        target.purge(batch())
    target.close()
    assert (type(caught.value), caught.value.retry_after_s) == (kind, 60)


def test_an_address_that_is_away_hides_no_lie_of_another(vendor: Vendor, other: Vendor) -> None:
    vendor.show("/people/ann", "1.1.2.1")
    away = other.url
    other.stop()
    with closing(Probe([away, vendor.url], SITE, 5, own_network=True)) as probe:
        assert not probe.shows("/ann", Rank(1, 1, 3, 1))
        vendor.show("/people/ann", "1.1.3.1")
        with pytest.raises(Unavailable, match=away):
            probe.shows("/ann", Rank(1, 1, 3, 1))


def test_media_that_are_gone_are_looked_for_on_their_own_host_too(vendor: Vendor) -> None:
    vendor.pages["/_media/m1/a.webp"] = b"RIFF"
    with closing(Probe([vendor.url], WITH_MEDIA, 5, own_network=True)) as probe:
        assert not probe.lacks("/_media/m1/a.webp")
        vendor.asked.clear()
        vendor.pages.clear()
        assert probe.lacks("/_media/m1/a.webp")
    assert [(asked.headers["host"], asked.path) for asked in vendor.asked][::3] == [
        ("site.example", "/people/_media/m1/a.webp"),
        ("media.example", "/_media/m1/a.webp"),
    ]
