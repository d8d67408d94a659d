"""Storage away or broken: what was read stands in up to the cap, and nothing worse than 503 is said."""

from __future__ import annotations

import asyncio
import threading

import pytest
from httpx import ASGITransport, AsyncClient, Response
from structlog.testing import capture_logs

import edge.cache
from core import keys
from core.document import write
from core.errors import Unavailable
from edge.app import THREADS
from edge.encodings import compress
from tests.edge.conftest import RENDITION, Site, new_document


def age(site: Site, seconds: float) -> None:
    """Time passes while the purger goes on calling."""
    site.clock.pass_by(seconds)
    site.call()


@pytest.mark.parametrize(
    "error", [Unavailable("503 Slow Down"), ConnectionResetError("reset"), TimeoutError()]
)
def test_a_page_that_was_read_stands_in(site: Site, error: BaseException) -> None:
    site.get("/ann")
    age(site, 100)
    site.storage.away = error
    page = site.get("/ann")
    assert (page.status_code, "Paints boats." in page.text) == (200, True)
    assert page.headers["cache-status"] == "holdfast; fwd=stale; detail=storage-away"
    assert "age" not in page.headers, "what its lives say counts from now"


def test_a_page_stands_in_also_for_storage_that_takes_too_long(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge.cache, "FALLBACK_WAIT_S", 0.05)
    site.get("/ann")
    age(site, 100)
    _, go_on = site.storage.hold("ann/index.html")
    page = site.get("/ann")
    go_on.set()
    assert page.headers["cache-status"] == "holdfast; fwd=stale; detail=storage-away"


def test_what_is_in_memory_needs_nothing_of_storage_that_hangs(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge.cache, "WAIT_S", 2)
    site.put_page("Paints boats. " * 100)
    assert "content-encoding" not in site.get("/ann").headers

    async def walk() -> Response:
        others = [f"bob/posts/{number}/index.html" for number in range(THREADS)]
        for key in others:
            site.put_page("Sings.", key=key)
        held = [site.storage.hold(key) for key in others]
        async with AsyncClient(transport=ASGITransport(site.app), base_url="http://edge") as reader:
            waiting = [asyncio.create_task(reader.get(keys.path_of(key))) for key in others]
            for has_it, _ in held:
                await asyncio.to_thread(has_it.wait, 10)
            page = await reader.get("/ann", headers={"accept-encoding": "gzip"})
            for _, go_on in held:
                go_on.set()
            await asyncio.gather(*waiting)
            return page

    page = asyncio.run(walk())
    assert (page.status_code, page.headers.get("content-encoding")) == (200, "gzip")


def test_a_page_that_takes_long_to_compress_is_given_as_it_is(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge.cache, "FALLBACK_WAIT_S", 0.05)
    monkeypatch.setattr(edge.cache, "WAIT_S", 0.05)
    site.put_page("Paints boats. " * 100)
    site.get("/ann")
    go_on = threading.Event()
    monkeypatch.setattr(edge.cache, "compress", lambda *asked: go_on.wait(10) and compress(*asked))
    for _ in range(2):
        page = site.get("/ann", accept_encoding="gzip")
        assert (page.status_code, "Paints boats." in page.text) == (200, True)
        assert ("content-encoding" in page.headers, page.headers["vary"]) == (False, "Accept-Encoding")
    go_on.set()
    while "content-encoding" not in site.get("/ann", accept_encoding="gzip").headers:
        pass
    assert site.get("/ann").headers["cache-status"] == "holdfast; hit"


def test_what_stands_in_never_outlives_the_cap_anywhere(site: Site, away: Unavailable) -> None:
    site.get("/ann")
    site.storage.away = away
    age(site, 60 + 86_400 - 1000)
    page = site.get("/ann")
    assert page.headers["cache-control"] == "public, max-age=0, s-maxage=300, stale-if-error=700"
    age(site, 900)
    page = site.get("/ann")
    assert page.headers["cache-control"] == "public, max-age=0, s-maxage=100"
    age(site, 101)
    assert site.get("/ann").status_code == 503


def test_purges_of_others_take_nothing_away(site: Site, away: Unavailable) -> None:
    style = keys.asset("style.css", "12345678")
    site.put_page("Tar is black.", key=keys.post("ann", "tar"))
    site.put(style, b"a{}", type="text/css")
    site.put(RENDITION, b"RIFF0000WEBP", type="image/webp")
    site.put(keys.data("bob"), write(new_document("Sings."), 1, 1).replace(b'"ann"', b'"bob"'))
    paths = ("/ann", "/ann/posts/tar", f"/{style}", f"/{RENDITION}", "/bob")
    assert {site.get(path).status_code for path in paths} == {200}
    site.storage.away = away
    for number in range(20):
        site.purge(f"/eve{number}")
        age(site, 60)
        assert {site.get(path).status_code for path in paths} == {200}


def test_a_page_that_was_never_read_is_503_and_can_be_tried_again(site: Site, away: Unavailable) -> None:
    site.storage.away = away
    refused = site.get("/ann")
    assert (refused.status_code, refused.headers["cache-control"]) == (503, "no-store")
    assert refused.headers["retry-after"] == "5"
    assert "bucket" not in refused.text
    site.storage.away = None
    assert "Paints boats." in site.get("/ann").text


def test_storage_that_is_away_is_not_asked_by_every_reader(site: Site, away: Unavailable) -> None:
    site.get("/ann")
    age(site, 100)
    site.storage.away = away
    site.storage.calls.clear()
    for _ in range(5):
        assert site.get("/ann").status_code == 200
    assert site.storage.calls["get ann/index.html"] == 1
    site.storage.away = None
    site.put_page("Paints ships.", 2)
    site.clock.pass_by(1.5)
    assert "Paints ships." in site.get("/ann").text


def test_nothing_there_is_not_claimed_while_nobody_can_know(site: Site, away: Unavailable) -> None:
    assert site.get("/bob").status_code == 404
    age(site, 100)
    site.storage.away = away
    assert site.get("/bob").status_code == 503


def test_a_defect_of_ours_is_a_plain_500_and_logged(site: Site) -> None:
    site.storage.away = ZeroDivisionError("a defect")
    with capture_logs() as events:
        broken = site.get("/ann")
    assert broken.status_code == 500
    assert "ZeroDivisionError" not in broken.text
    assert [(one["event"], one["path"], one["exc_info"]) for one in events] == [("failed", "/ann", True)]


def test_a_site_page_that_can_not_be_read_does_not_make_a_404_fail(site: Site) -> None:
    site.put(keys.NOT_FOUND, b"<p>Lost at sea.")
    assert site.get("/bob").text == "<p>Lost at sea."
