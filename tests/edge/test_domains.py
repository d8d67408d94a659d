"""A creator's domain shows their page and nobody else's; certificates are for domains that a published profile has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import edge.app
from core import keys
from core.errors import Unavailable
from core.rank import Rank, stamp_json
from edge.domains import Domains
from tests.edge.conftest import RENDITION, Site

DOMAIN = "ann.example"
STYLE = keys.asset("style.css", "0a1b2c3d4e5f")


def put_domain(site: Site, username: str, revision: int = 1, **headers: Any) -> None:
    body = stamp_json(f'{{"username":"{username}"}}', Rank(1, 1, revision, 1))
    site.put(keys.domain(DOMAIN), body, **{"type": "application/json"} | headers)


@pytest.fixture(params=["", "/people"], ids=["", "sub-path"])
def sub_path(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def site(new_site: Callable[..., Site], sub_path: str) -> Site:
    """Ann has a domain, Bob has none."""
    site = new_site(path=sub_path, url="https://site.example")
    site.put_page("Paints boats.")
    site.put_page("A long day.", key="ann/posts/day/index.html")
    site.put_page("Bob's.", key="bob/index.html")
    site.put(keys.HOME, b"<p>Home.")
    site.put(STYLE, b"a{}", type="text/css")
    site.put(RENDITION, b"RIFF0000WEBP", type="image/webp")
    put_domain(site, "ann")
    site.call()
    return site


def of_domain(site: Site, path: str = "/", host: str = DOMAIN, **headers: str) -> Any:
    return site.get(path, host=host, **headers)


@pytest.mark.parametrize(
    "host", [DOMAIN, "Ann.Example.", f"{DOMAIN}:8443", f"www.{DOMAIN}", f"WWW.{DOMAIN}.:443"]
)
def test_a_domain_shows_its_profiles_page_however_it_is_spelled(site: Site, host: str) -> None:
    for _ in range(2):  # the second time from memory
        assert "Paints boats." in of_domain(site, host=host).text
        assert "A long day." in of_domain(site, "/posts/day?utm_source=mail", host=host).text
    assert of_domain(site, host=host).headers["cache-status"] == "holdfast; hit"


def test_what_its_pages_link_to_and_load_is_found_there_too(site: Site, sub_path: str) -> None:
    for path in (
        f"{sub_path}/ann",
        f"{sub_path}/ann/posts/day",
        f"{sub_path}/{STYLE}",
        f"{sub_path}/{RENDITION}",
    ):
        for _ in range(2):
            assert of_domain(site, path).status_code == 200, path
    for path in (sub_path + "/", sub_path, f"{sub_path}/ann/"):
        home = of_domain(site, path or "/")
        home = of_domain(site, home.headers["location"]) if home.status_code == 301 else home
        assert "Paints boats." in home.text, path


@pytest.mark.parametrize(
    "path", ["/bob", "/_data/ann.json", "/robots.txt", "/nothing", "/_domains/ann.example.json"]
)
def test_nobody_elses_pages_are_there(site: Site, sub_path: str, path: str) -> None:
    site.put_document("Paints boats.")
    assert site.get(sub_path + "/bob").status_code == 200
    assert of_domain(site, sub_path + path).status_code == 404


def test_another_spelling_of_a_path_is_one_hop_away_there(site: Site) -> None:
    moved = of_domain(site, "/Posts/Day/?a=1")
    assert moved.status_code == 301
    location = moved.headers["location"]
    assert location.endswith("/ann/posts/day?a=1") and location.startswith("/")
    assert "A long day." in of_domain(site, location).text


@pytest.mark.parametrize("name", ["Ann", "ANN/", "%61nn", "%41NN", "ann/index.html", "Ann/INDEX.HTML"])
def test_its_name_is_known_there_however_it_is_spelled(site: Site, sub_path: str, name: str) -> None:
    page = of_domain(site, f"{sub_path}/{name}")
    if page.status_code == 301:
        assert page.headers["location"] == f"{sub_path}/ann"
        page = of_domain(site, page.headers["location"])
    assert "Paints boats." in page.text
    post = of_domain(site, f"{sub_path}/Ann/Posts/Day")
    assert (post.status_code, post.headers["location"]) == (301, f"{sub_path}/ann/posts/day")


@pytest.mark.parametrize(
    "path", ["//evil.example/", "/%2e%2e/bob", "/..%2fbob", "/%0d%0aset-cookie:x", "/../bob"]
)
def test_no_path_leads_out_of_the_profile(site: Site, path: str) -> None:
    answer = of_domain(site, path)
    assert answer.status_code in (400, 404)
    assert "Bob's." not in answer.text


@pytest.mark.parametrize(
    "host",
    [
        "edge",
        "site.example",
        "Site.example.:8080",
        "www.site.example",
        "127.0.0.1:8080",
        "[::1]:80",
        "10.0.0.1",
        "a.localhost",
        "",
        "a b",
    ],
)
def test_addresses_and_the_sites_own_host_are_not_looked_up(site: Site, sub_path: str, host: str) -> None:
    assert site.get(f"{sub_path}/bob", host=host).status_code == 200
    assert not [call for call in site.storage.calls if "_domains" in call]


def test_a_host_that_is_nobodys_domain_is_the_sites(site: Site, sub_path: str) -> None:
    for _ in range(3):
        assert "Bob's." in of_domain(site, f"{sub_path}/bob", host="edge-1.internal.example").text
    assert site.storage.calls["get _domains/edge-1.internal.example.json"] == 1


def test_caches_are_told_which_answers_are_a_domains(site: Site, sub_path: str) -> None:
    for _ in range(2):  # the second time from memory
        for path in ("/", "/posts/day", "/nothing", "/Posts/", f"{sub_path}/{STYLE}"):
            told = of_domain(site, path, host=f"www.{DOMAIN}").headers
            assert told["surrogate-key"].split()[-1] == told["cache-tag"].split(",")[-1] == f"n-{DOMAIN}", (
                path
            )
    page = of_domain(site).headers
    assert (page["surrogate-key"], page["cache-tag"]) == (f"p-p1234567 n-{DOMAIN}", f"p-p1234567,n-{DOMAIN}")
    for elsewhere in (
        site.get(f"{sub_path}/ann"),
        of_domain(site, f"{sub_path}/ann", host="nobodys.example"),
    ):
        assert elsewhere.headers["surrogate-key"] == "p-p1234567"


@pytest.mark.parametrize("status", [404, 410])
def test_a_domain_that_was_given_up_shows_nothing_of_the_site(site: Site, sub_path: str, status: int) -> None:
    assert of_domain(site).status_code == 200
    site.put_page("Gone.", 2, key=keys.domain(DOMAIN), status=status)
    site.purge(f"/{keys.domain(DOMAIN)}", 2)
    for path in ("/", "/posts/day", f"{sub_path}/bob"):
        assert of_domain(site, path).status_code == status


def test_a_domain_asks_for_https_where_it_was_reached_by_it_and_for_no_host_but_itself(site: Site) -> None:
    for path in ("/", "/posts/day", "/nothing", "/Posts/Day"):
        for _ in range(2):  # the second time from memory
            said = {
                proto: of_domain(site, path, **({"x-forwarded-proto": proto} if proto else {})).headers.get(
                    "strict-transport-security"
                )
                for proto in ("https", "http, https", "http", "https, http", "")
            }
            year = "max-age=31536000"
            assert said == {
                "https": year,
                "http, https": year,
                "http": None,
                "https, http": None,
                "": None,
            }, path


def test_a_purge_makes_it_another_profiles_at_once(site: Site) -> None:
    of_domain(site)
    put_domain(site, "bob", 2)
    site.purge(f"/{keys.domain(DOMAIN)}", 2)
    assert "Bob's." in of_domain(site).text


def test_while_storage_is_away_a_domain_shows_what_is_kept(site: Site, away: Unavailable) -> None:
    of_domain(site)
    site.storage.away = away
    site.clock.pass_by(100)
    assert "Paints boats." in of_domain(site).text
    assert of_domain(site, host="other.example").status_code == 503


def test_storage_that_is_back_a_moment_later_shows_nobody_what_domains_lie_in(
    site: Site, away: Unavailable, monkeypatch: pytest.MonkeyPatch
) -> None:
    get, failures = site.storage.get, iter([away])

    def flaky(key: str, **unless: Any) -> Any:
        if key == keys.domain(DOMAIN) and (failure := next(failures, None)):
            raise failure
        return get(key, **unless)

    monkeypatch.setattr(site.storage, "get", flaky)
    answer = of_domain(site)
    assert (answer.status_code, answer.headers["cache-control"]) == (503, "no-store")
    assert "Paints boats." in of_domain(site).text


def test_our_own_endpoints_answer_at_any_host(site: Site) -> None:
    assert of_domain(site, "/-/health").json() == {"ok": True}


def ask(site: Site, domain: str) -> int:
    answer = site.get(f"/-/domains/ask?domain={domain}")
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code


def test_a_certificate_is_for_a_domain_that_a_published_profile_has(site: Site) -> None:
    for domain in (DOMAIN, "ANN.example", f"www.{DOMAIN}"):
        assert ask(site, domain) == 200
    assert ask(site, "bob.example") == 404
    site.put_page("Gone.", 2, key=keys.domain(DOMAIN), status=410)
    site.purge(f"/{keys.domain(DOMAIN)}", 2)
    assert ask(site, DOMAIN) == 404


@pytest.mark.parametrize(
    "domain", ["", "ann", "127.0.0.1", "a..b", "a.localhost", "../x.example", "x" * 300 + ".example"]
)
def test_nonsense_is_refused_without_a_look(site: Site, domain: str) -> None:
    assert ask(site, domain) == 404
    assert not site.storage.calls


def test_one_address_can_have_only_so_many_domains_looked_up(
    new_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge.app, "ASKED_PER_MINUTE", 5)
    site = new_site()
    put_domain(site, "ann")
    site.call()
    assert ask(site, DOMAIN) == 200
    assert [ask(site, f"d{number}.example") for number in range(6)] == [404] * 4 + [429] * 2
    assert ask(site, DOMAIN) == 200
    site.clock.pass_by(61)
    assert ask(site, "other.example") == 404


@pytest.mark.parametrize("each", [0, 3])
def test_a_stranger_who_asks_and_asks_stops_nobodys_certificate(
    new_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch, each: int
) -> None:
    monkeypatch.setattr(edge.app, "ASKED_PER_MINUTE", 5)
    site = new_site(edge={"reads_per_minute": each})
    put_domain(site, "ann")
    site.call()
    stranger = site.reader.at("203.0.113.9")
    asked = [stranger.get(f"/-/domains/ask?domain=d{number}.example").status_code for number in range(12)]
    assert asked == [404] * (each or 5) + [429] * (12 - (each or 5))
    assert ask(site, DOMAIN) == 200, "Caddy, on this machine"


def test_only_hosts_that_could_be_names_are_remembered(site: Site) -> None:
    assert isinstance(site.app, Domains)
    before = set(site.app._sites)
    for number in range(20):
        assert site.get("/-/health", host=f"{number}" + "_" * 30_000).status_code == 200
        of_domain(site, host=f"10.0.0.{number}")
    assert site.app._sites - before == {f"10.0.0.{number}".encode() for number in range(20)}


def test_who_cannot_ask_storage_gives_no_certificate(site: Site, away: Unavailable) -> None:
    site.storage.away = away
    assert ask(site, DOMAIN) == 503
