"""The first walk: an edit goes live, and a reader sees it."""

from __future__ import annotations

import time

from core.rank import read_rank
from tests.house import House


def test_an_edit_goes_live(house: House) -> None:
    ann = house.sign_up("ann", "Ann of the Boats")
    ann.edit(bio="Paints boats.", tagline="Mostly at dusk")
    receipt = ann.wait_live()
    page = house.visit("/ann")
    assert page.status_code == 200
    assert "Paints boats." in page.text
    assert "Mostly at dusk" in page.text
    assert receipt["url"] == f"{house.edge}/ann"
    times = [receipt[stage]["at_ms"] for stage in ("accepted", "published", "purged", "live")]
    assert times == sorted(times)


def test_what_a_reader_sees_never_goes_back(house: House) -> None:
    bea = house.sign_up("bea")
    bea.wait_live()
    ranks = []
    for number in range(15):
        bea.edit(bio=f"Version {number}")
        ranks.append(read_rank(house.visit("/bea").content))
    bea.wait_live()
    ranks.append(read_rank(house.visit("/bea").content))
    assert None not in ranks
    assert ranks == sorted(ranks, key=lambda rank: rank.revision if rank else 0)
    assert "Version 14" in house.visit("/bea").text


def test_a_post_gets_its_own_page_a_feed_and_a_place_on_the_profile(house: House) -> None:
    cleo = house.sign_up("cleo")
    cleo.post(title="On varnish", body="Three **thin** coats.", state="published", tags=["wood"])
    cleo.wait_live()
    assert "<strong>thin</strong>" in house.visit("/cleo/posts/on-varnish").text
    assert "On varnish" in house.visit("/cleo").text
    assert "On varnish" in house.visit("/cleo/tags/wood").text
    assert house.visit("/cleo/feed.xml").headers["content-type"].startswith("application/atom+xml")
    assert house.visit("/cleo/feed.json").json()["items"][0]["title"] == "On varnish"


def test_a_scheduled_post_appears_when_it_is_due(house: House) -> None:
    dora = house.sign_up("dora")
    dora.post(title="Later", body="Now.", state="scheduled", publish_at=int(time.time()) + 3)
    dora.wait_live()
    assert house.visit("/dora/posts/later").status_code == 404
    ends = time.monotonic() + 20
    while house.visit("/dora/posts/later").status_code != 200 and time.monotonic() < ends:
        time.sleep(0.1)
    assert "Now." in house.visit("/dora/posts/later").text


def test_an_old_username_leads_to_the_new_one(house: House) -> None:
    emil = house.sign_up("emil")
    emil.wait_live()
    done = emil.client.call("POST", f"/profiles/{emil.id}/rename", json={"username": "emilia"})
    emil.newest = done["revision"]
    emil.wait_live()
    moved = house.visit("/emil")
    assert (moved.status_code, moved.headers["location"]) == (301, f"{house.edge}/emilia")
    assert house.visit("/emilia").status_code == 200


def test_a_private_page_is_nowhere_and_a_public_one_comes_back(house: House) -> None:
    finn = house.sign_up("finn")
    finn.post(title="Secret", body="Shh.", state="published")
    finn.wait_live()
    assert house.visit("/finn/posts/secret").status_code == 200
    finn.edit(visibility="private")
    finn.wait_live()
    for path in ("/finn", "/finn/posts/secret", "/finn/feed.xml", "/_data/finn.json"):
        answer = house.visit(path)
        assert answer.status_code == 404, path
        assert "Shh." not in answer.text
    finn.edit(visibility="public")
    finn.wait_live()
    assert "Shh." in house.visit("/finn/posts/secret").text


def test_a_deleted_profile_leaves_no_objects(house: House) -> None:
    gail = house.sign_up("gail")
    gail.post(title="Gone soon", body="Words.", state="published")
    gail.wait_live()
    gail.newest = gail.client.call("DELETE", f"/profiles/{gail.id}")["revision"]
    _wait_gone(house, "/gail")
    for path in ("/gail", "/gail/posts/gone-soon", "/_data/gail.json"):
        assert house.visit(path).status_code == 410, path
    kept = [
        path
        for path in (house.data / "public").rglob("*")
        if path.is_file() and b"Words." in path.read_bytes()
    ]
    assert kept == []


def _wait_gone(house: House, path: str) -> None:
    ends = time.monotonic() + 20
    while house.visit(path).status_code != 410:
        assert time.monotonic() < ends, "still there"
        time.sleep(0.05)
