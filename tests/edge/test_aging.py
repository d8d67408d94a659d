"""A page that has only grown old is served while storage is asked for it; one that may be wrong is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from httpx import ASGITransport, AsyncClient, Response

from core.errors import Unavailable
from tests.edge.conftest import Site
from tests.edge.test_purging import post


def grow_old(site: Site, seconds: int) -> None:
    """Time passes while the purger goes on calling."""
    for left in range(seconds, 0, -10):
        site.clock.pass_by(min(left, 10))
        site.call()


def settled(site: Site, reads: int) -> None:
    """Waits until storage has been asked for Ann's page so often."""
    for _ in range(1000):
        if site.storage.calls["get ann/index.html"] >= reads:
            return
        site.reader._portal.call(asyncio.sleep, 0.005)
    raise AssertionError("storage was not asked")


def test_an_aged_page_is_served_while_storage_is_asked_once(site: Site) -> None:
    site.get("/ann")
    site.put_page("Paints ships.", 2)
    grow_old(site, 61)
    has_it, go_on = site.storage.hold("ann/index.html")
    stale = [site.get("/ann") for _ in range(3)]
    assert has_it.wait(10)
    go_on.set()
    assert all("Paints boats." in page.text for page in stale)
    assert stale[0].headers["cache-status"] == "holdfast; hit; ttl=-1"
    assert stale[0].headers["age"] == "61"
    assert stale[0].headers["cache-control"] == "public, max-age=0, s-maxage=300, stale-if-error=86400"
    settled(site, 2)
    for _ in range(1000):
        if "Paints ships." in site.get("/ann").text:
            break
    assert site.get("/ann").headers["cache-status"] == "holdfast; hit"
    assert site.storage.calls["get ann/index.html"] == 2


def test_what_has_aged_for_twice_its_life_waits_for_storage(site: Site) -> None:
    site.get("/ann")
    site.put_page("Paints ships.", 2)
    grow_old(site, 120)
    assert "Paints ships." in site.get("/ann").text


@pytest.mark.parametrize(
    "doubt",
    [
        lambda site: site.purge("/ann", 2),
        lambda site: site.clock.pass_by(16),
        lambda site: (site.clock.pass_by(16), site.call()),
    ],
    ids=["purged", "not called for a while", "called again after a while"],
)
def test_an_aged_page_that_may_have_been_replaced_waits_for_storage(
    site: Site, doubt: Callable[[Site], object]
) -> None:
    site.get("/ann")
    site.put_page("Paints ships.", 2)
    grow_old(site, 61)
    doubt(site)
    assert "Paints ships." in site.get("/ann").text


def test_a_cap_of_nothing_serves_nothing_aged(new_site: Callable[..., Site]) -> None:
    site = new_site(edge={"stale_s": 0})
    site.put_page("Paints boats.")
    site.call()
    site.get("/ann")
    site.put_page("Paints ships.", 2)
    grow_old(site, 61)
    assert "Paints ships." in site.get("/ann").text


def test_a_purge_during_the_asking_keeps_what_it_brings_out(site: Site) -> None:
    async def walk() -> list[Response]:
        async with AsyncClient(transport=ASGITransport(site.app), base_url="http://edge") as reader:
            await reader.get("/ann")
            for _ in range(7):
                site.clock.pass_by(9)
                await post(reader)
            has_it, go_on = site.storage.hold("ann/index.html")
            stale = await reader.get("/ann")
            await asyncio.to_thread(has_it.wait, 10)
            site.put_page("Paints ships.", 2)
            await post(reader, {"path": "/ann", "rank": "1.1.2.1"})
            after = asyncio.create_task(reader.get("/ann"))
            await asyncio.sleep(0)
            go_on.set()
            return [stale, await after, await reader.get("/ann")]

    stale, after, later = asyncio.run(walk())
    assert "Paints boats." in stale.text, "the edit was not live yet"
    assert "Paints ships." in after.text and "Paints ships." in later.text


def test_while_storage_is_away_an_aged_page_stands_in_and_storage_is_asked_now_and_then(
    site: Site, away: Unavailable
) -> None:
    site.get("/ann")
    grow_old(site, 61)
    site.storage.away = away
    answers = [site.get("/ann").headers["cache-status"] for _ in range(200)]
    assert answers[0] == "holdfast; hit; ttl=-1"
    assert answers[-1] == "holdfast; fwd=stale; detail=storage-away"
    assert site.storage.calls["get ann/index.html"] == 2
