"""Each host shows through nginx and Varnish what it shows at the edge: the site, its media host, creators' domains, nobody's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest

from cli.fronts import Kind, Wishes, draw
from core import keys
from core.errors import OperatorError
from core.rank import Mark, Rank, stamp_html
from core.settings import Settings, SiteSettings
from core.store import Purge, PurgePath
from edge.domains import ASK
from generator.release import Release
from pipeline.purge.targets import tags_of
from tests.front.conftest import EACH, published
from tests.front.edge import FILM, PICTURE, SEGMENT, WORDS, Edge
from tests.front.fronts import Front, ask, front
from tests.front.test_agreement import Case, allowed, differences

Start = Callable[..., Front]
SITE, MEDIA, DOMAIN = "people.example.org", "media.example.org", "ann.example"
STYLE = "/" + keys.asset("style.css", "0a1b2c3d")
TAG = keys.tag("p1234567")
BR = {"accept-encoding": "br"}


def of(host: str, *paths: str) -> list[Case]:
    return [Case(f"{host} {path}", path, {"host": host}) for path in paths]


CASES = [
    *of(SITE, "/", "/ann", "/ann/posts/boats", "/" + PICTURE, "/nobody", "/cid", "/Ann"),
    *(of(host, "/ann", "/bea")[0] for host in (f"www.{SITE}", "People.Example.ORG.", f"{SITE}:8443")),
    *of("10.0.0.7:8080", "/ann", "/"),
    *of("edge-1", "/ann"),
    *of(MEDIA, "/" + PICTURE, "/" + SEGMENT, "/" + FILM, "/ann", "/", STYLE, "/_media/m1234567/none.webp"),
    *of(MEDIA, "/_media/../ann", "/_media/%2e%2e/ann", f"/{PICTURE}/", "/_media/"),
    *of("MEDIA.example.org.:443", "/" + PICTURE, "/ann"),
    Case("a part of a segment", "/" + SEGMENT, {"host": MEDIA, "range": "bytes=10-99"}),
    Case("a part of a film", "/" + FILM, {"host": MEDIA, "range": "bytes=10-99"}),
    Case("the head of a picture", "/" + PICTURE, {"host": MEDIA}, method="HEAD"),
    Case("writing media", "/" + PICTURE, {"host": MEDIA}, method="POST"),
    *of(DOMAIN, "/", "/posts/boats", "/ann", "/ann/posts/boats", "/feed.xml", STYLE, "/" + PICTURE),
    *of(DOMAIN, "/" + FILM, "/bea", "/nothing", "/posts/nothing", "/robots.txt", f"/{keys.domain(DOMAIN)}"),
    *of(
        DOMAIN,
        "/Posts/Boats",
        "/posts/boats/",
        "/ann/",
        "/ann/index.html",
        "/%61nn",
        "//posts",
        "/posts/../bea",
    ),
    *(of(host, "/")[0] for host in (f"www.{DOMAIN}", "Ann.Example.", f"WWW.{DOMAIN}.:8443")),
    Case("a domain's page by brotli", "/", {"host": DOMAIN} | BR),
    Case("the head of a domain's page", "/", {"host": DOMAIN}, method="HEAD"),
    Case("a part of a domain's page", "/", {"host": DOMAIN, "range": "bytes=0-9"}),
    Case("writing at a domain", "/", {"host": DOMAIN}, method="POST"),
    *(
        Case(f"a domain by {proto}", path, {"host": DOMAIN, "x-forwarded-proto": proto})
        for proto in ("https", "http", "http, https", "https, http")
        for path in ("/", "/posts/nothing", "/Posts/Boats")
    ),
    *of("former.example", "/", "/posts/boats", "/ann"),
    *of(
        "nobodys.example", "/", "/ann", "/nobody", "/" + PICTURE, "/Ann", f"/{keys.domain('nobodys.example')}"
    ),
    *of("a.localhost", "/ann"),
    *of("under_score.example", "/ann"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, release: Release) -> Iterator[Edge]:
    settings = SiteSettings(url=f"https://{SITE}", media_url=f"https://{MEDIA}")
    edge = published(tmp_path_factory.mktemp("site"), release, settings)
    time.sleep(1.05 - time.time() % 1)  # what is of this second has no Last-Modified
    edge.start()
    yield edge
    edge.stop()


@pytest.fixture(scope="module", params=EACH)
def before(
    request: pytest.FixtureRequest, site: Edge, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    with front(request.param, tmp_path_factory.mktemp(request.param), site.settings) as started:
        yield started


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_host_shows_what_it_shows_at_the_edge(before: Front, site: Edge, case: Case) -> None:
    wanted = ask(site.port, case.method, case.path, **case.headers)
    tolerated = allowed(before.kind, case, wanted.status)
    if wanted.status == 405:
        tolerated |= {"cache-tag", "surrogate-key"}  # nobody keeps it
    for _ in ("cold", "warm"):
        found = differences(before.ask(case.method, case.path, **case.headers), wanted)
        assert {what: both for what, both in found.items() if what not in tolerated} == {}


def test_the_table_has_a_page_of_each_host_that_the_others_do_not_show(site: Edge) -> None:
    shown = {
        host: ask(site.port, "GET", "/", host=host).body for host in (SITE, MEDIA, DOMAIN, "former.example")
    }
    assert len(set(shown.values())) == len(shown)
    assert shown[SITE] == ask(site.port, "GET", "/", host="nobodys.example").body


@pytest.mark.parametrize("host", [SITE, MEDIA, DOMAIN, f"www.{DOMAIN}", "former.example", "nobodys.example"])
def test_who_asks_for_certificates_asks_the_edge_and_no_reader_can(
    before: Front, site: Edge, host: str
) -> None:
    assert ask(site.port, "GET", f"{ASK}?domain={DOMAIN}").status == 200
    for path in (
        f"{ASK}?domain={DOMAIN}",
        f"/-/./domains/ask?domain={DOMAIN}",
        f"//-/domains/ask?domain={DOMAIN}",
    ):
        # Of former.example everything is gone.
        assert before.get(path, host=host).status in ((404, 410) if host == "former.example" else (404,))


@pytest.fixture(params=["", "/people"], ids=["", "sub-path"])
def busy(request: pytest.FixtureRequest, tmp_path: Path, release: Release) -> Iterator[Edge]:
    """What it gives out lives on, unless it is purged. With a sub-path media lie at another path on their own host."""
    settings = SiteSettings(url=f"http://{SITE}", media_url=f"http://{MEDIA}", path=request.param)
    edge = published(tmp_path / "public", release, settings, cdn_s=3600, stale_s=3600)
    edge.start()
    yield edge
    edge.stop()


def is_hit(front: Front, path: str, host: str) -> bool:
    """Whether it is there the second time."""
    front.get(path, host=host)
    return front.get(path, host=host).headers["cache-status"].split(", ")[-1].endswith("; hit")


@pytest.mark.parametrize("kind", EACH)
def test_a_medium_that_is_gone_is_purged_from_both_of_its_hosts(start: Start, busy: Edge, kind: Kind) -> None:
    front = start(kind, busy)
    places = [(f"{busy.settings.site.path}/{SEGMENT}", SITE), (f"/{SEGMENT}", MEDIA)]
    assert all(is_hit(front, *place) for place in places)
    busy.objects.delete(SEGMENT)
    busy.call({"path": f"/{SEGMENT}", "rank": "", "hard": True})
    assert all(is_hit(front, *place) for place in places), "they were to be purged first"
    # nginx is told of each file, Varnish of the folder.
    front.purge(f"/{SEGMENT}" if kind == "nginx" else f"/{SEGMENT.rpartition('/')[0]}/", "p-nobody")
    assert [front.get(path, host=host).status for path, host in places] == [404, 404]


@pytest.mark.parametrize("kind", EACH)
def test_with_the_edge_away_the_media_host_shows_what_it_has(start: Start, busy: Edge, kind: Kind) -> None:
    front = start(kind, busy)
    assert is_hit(front, f"/{PICTURE}", MEDIA)
    busy.stop()
    assert front.get(f"/{PICTURE}", host=MEDIA).status == 200
    assert front.get(f"/{SEGMENT}", host=MEDIA).status == 503


@pytest.mark.parametrize("kind", EACH)
def test_an_edit_is_seen_at_a_domain_as_soon_as_at_the_site(start: Start, busy: Edge, kind: Kind) -> None:
    front = start(kind, busy)
    assert is_hit(front, "/", DOMAIN) is (kind == "varnish")
    busy.edit("Paints ships. " + WORDS, 2)
    front.purge("/ann", TAG, hard=False)
    assert b"Paints ships" in front.get("/", host=DOMAIN).body


@pytest.mark.parametrize("kind", EACH)
def test_a_domain_that_changes_hands_shows_nothing_of_who_had_it(
    start: Start, busy: Edge, kind: Kind
) -> None:
    front = start(kind, busy)
    for path in ("/", "/posts/boats", "/posts/none"):
        front.get(path, host=DOMAIN)
    key = keys.domain(DOMAIN)

    def publish(profile: str, revision: int) -> None:
        path = PurgePath(keys.path_of(key), f"1.1.{revision}.1", True)
        busy.call({"path": path.path, "rank": path.rank, "hard": True})
        purge = Purge("purge1234", profile, Mark(1, revision, 1), (path,), 0)
        front.purge(path.path, *tags_of(purge))

    busy.put(key, stamp_html("<title>Gone</title>", Rank(1, 1, 2, 1)), status=410, tags=TAG)
    publish("p1234567", 2)
    assert [front.get(path, host=DOMAIN).status for path in ("/", "/posts/boats", "/posts/none")] == [410] * 3
    busy.put_domain(DOMAIN, "bea", 3)
    publish("p7654321", 3)
    assert b"Bea" in front.get("/", host=DOMAIN).body
    assert front.get("/posts/boats", host=DOMAIN).status == 404


@pytest.mark.server("varnish")
def test_with_the_edge_away_varnish_shows_what_it_has_of_a_domain(start: Start, busy: Edge) -> None:
    front = start("varnish", busy)
    for host in (DOMAIN, f"www.{DOMAIN}"):
        front.get("/", host=host)
    busy.stop()
    for host in (DOMAIN, f"{DOMAIN}:8443", "ANN.EXAMPLE.", f"www.{DOMAIN}"):
        assert front.get("/", host=host).status == 200
    assert front.get("/posts/boats", host=DOMAIN).status == 503


@pytest.mark.parametrize("kind", EACH)
def test_nobody_can_have_pages_kept_under_names_of_their_making(start: Start, busy: Edge, kind: Kind) -> None:
    front = start(kind, busy)
    path = f"{busy.settings.site.path}/bea"
    for number in range(3):
        assert not is_hit(front, path, f"made-up-{number}.example")
    assert busy.asked[path] == 6, "the edge answers each"
    assert [one for one in (front.folder / "pages").rglob("*") if one.is_file()] == []


@pytest.mark.parametrize("kind", EACH)
def test_a_name_that_a_cdn_calls_it_by_is_the_sites_if_it_is_said_so(
    start: Start, busy: Edge, kind: Kind
) -> None:
    front = start(kind, busy, names=("origin.example.net",))
    path = f"{busy.settings.site.path}/bea"
    assert is_hit(front, path, "origin.example.net")
    assert front.get(path, host=SITE).headers["cache-status"].endswith("; hit"), "it is one page"
    assert {one["host"] for one in busy.heard} == {SITE}


@pytest.mark.parametrize("kind", EACH)
def test_what_a_reader_says_of_hosts_reaches_the_edge_as_a_host_or_not_at_all(
    start: Start, busy: Edge, kind: Kind
) -> None:
    front = start(kind, busy)
    told = (
        ("127.0.0.1:8080", SITE),
        ("", SITE),
        (f"{MEDIA}:9999", MEDIA),
        ("Ann.EXAMPLE.:99", DOMAIN),
        ("evil|example", SITE),
        ("evil.example/..", SITE),
    )
    for number, (host, heard) in enumerate(told):
        status = front.get(
            f"/none{number}", host=host, x_forwarded_host="evil.example", forwarded="host=evil.example"
        ).status
        found = busy.heard[-1]["host"] if busy.asked[f"/none{number}"] else ""
        assert found == heard or (status == 400 and not found), host
    assert busy.asked["/none0"] == 1
    assert not any({"x-forwarded-host", "forwarded"} & one.keys() for one in busy.heard)


@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_media_host_that_only_a_port_tells_from_the_site_is_refused(kind: Kind) -> None:
    site = SiteSettings(url="http://127.0.0.1:8080", media_url="http://127.0.0.1:8081")
    with pytest.raises(OperatorError, match="media a name of their own"):
        draw(kind, Settings(site=site), Wishes())
