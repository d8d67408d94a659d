"""Where names lead that are not, no longer, or not yet anybody's: one answer each, tagged so that it can be taken back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core import keys
from core.errors import Unavailable
from edge import reader
from tests.edge.conftest import Site

ORIGIN = "http://127.0.0.1:8080"
UNDER_BOB = ["/bob", "/bob/posts/hello", "/bob/feed.xml", "/bob/tags/oil", "/bob/icon.png"]


@pytest.mark.parametrize("path", UNDER_BOB)
def test_every_404_under_a_name_is_tagged_with_it(site: Site, path: str) -> None:
    for method in ("GET", "HEAD"):
        nothing = site.reader.request(method, path)
        assert nothing.status_code == 404
        assert nothing.headers["cache-tag"] == nothing.headers["surrogate-key"] == "n-bob"
    assert site.get(path).headers["cache-status"].startswith("holdfast; hit")


@pytest.mark.parametrize("path", ["/-", "/robots.txt", "/a.b", "/studio", "/_data/bob.json", "/x"])
def test_what_can_be_nobodys_name_has_no_tag(site: Site, path: str) -> None:
    nothing = site.get(path)
    assert nothing.status_code == 404
    assert "cache-tag" not in nothing.headers


def test_a_new_users_pages_appear_at_once_wherever_there_was_nothing(site: Site) -> None:
    for path in UNDER_BOB:
        assert site.get(path).status_code == 404
    for path in ("/bob", "/bob/posts/hello"):
        site.put_page("Bob is here.", key=f"{path[1:]}/index.html")
    site.call(
        *({"path": path, "rank": "1.1.1.1"} for path in ("/_data/bob.json", "/bob", "/bob/posts/hello"))
    )
    for path in ("/bob", "/bob/posts/hello"):
        assert "Bob is here." in site.get(path).text


@pytest.mark.parametrize("status", [404, 410])
def test_who_is_gone_has_the_profiles_tag_on_every_path(site: Site, status: int) -> None:
    for key in ("ann/index.html", keys.data("ann")):
        site.put_page("Gone.", 2, key=key, status=status)
    site.purge("/ann", 2, hard=True)
    for path in ("/ann", "/ann/posts/old", "/ann/feed.xml"):
        gone = site.get(path)
        assert (gone.status_code, gone.headers["cache-tag"]) == (status, "p-p1234567"), path


@pytest.mark.parametrize("path", ["/anna", "/anna?utm_source=mail", "/anna/posts/never-stored"])
def test_a_former_name_leads_straight_on_and_can_be_taken_back(site: Site, path: str) -> None:
    for key in ("anna/index.html", keys.data("anna")):
        site.put_page("Moved.", 2, key=key, status=301, location=f"{ORIGIN}/ann")
    for _ in range(2):
        moved = site.get(path)
        assert (moved.status_code, moved.headers["location"]) == (301, f"{ORIGIN}/ann")
        assert moved.headers["cache-tag"] == "p-p1234567"
        assert moved.headers["cache-control"].startswith("public, max-age=0, s-maxage=")


@pytest.mark.parametrize(
    "path", ["/Anna", "/ANNA/", "/anna/", "/anna/index.html?a=1", "/Anna/Posts/Never-Stored"]
)
def test_a_former_name_is_one_step_from_the_current_one_however_it_is_spelled(site: Site, path: str) -> None:
    for key in ("anna/index.html", keys.data("anna")):
        site.put_page("Moved.", 2, key=key, status=301, location=f"{ORIGIN}/ann")
    for _ in range(2):
        moved = site.get(path)
        assert (moved.status_code, moved.headers["location"]) == (301, f"{ORIGIN}/ann")
        assert moved.headers["cache-tag"] == "p-p1234567"
        assert moved.headers["cache-control"] == "no-store", "a purge knows the one spelling"


def test_a_name_that_is_somebody_elses_by_now_leads_nowhere_else(site: Site) -> None:
    site.put_page("Moved.", 2, key="anna/index.html", status=301, location=f"{ORIGIN}/ann")
    assert site.get("/Anna").headers["location"] == f"{ORIGIN}/ann"
    site.put_page("Another Anna.", 3, key="anna/index.html")
    site.purge("/anna", 3)
    assert site.get("/Anna").headers["location"] == "/anna"


@pytest.mark.parametrize("path", ["/Anna", "/anna/"])
def test_while_storage_is_away_another_spelling_leads_to_the_one_all_the_same(
    site: Site, away: Unavailable, path: str
) -> None:
    site.storage.away = away
    moved = site.get(path)
    assert (moved.status_code, moved.headers["location"]) == (301, "/anna")
    assert moved.headers["cache-control"].startswith("public, max-age=0, s-maxage=")


def test_who_waits_for_a_storage_that_hangs_is_led_on(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "LOOK_S", 0.01)
    has_it, go_on = site.storage.hold("anna/index.html")
    site.put_page("Moved.", 2, key="anna/index.html", status=301, location=f"{ORIGIN}/ann")
    try:
        assert site.get("/Anna").headers["location"] == "/anna"
        assert has_it.wait(10)
    finally:
        go_on.set()
    assert site.get("/anna").headers["location"] == f"{ORIGIN}/ann"


def test_who_asks_too_often_is_still_led_to_the_one_spelling(new_site: Callable[..., Site]) -> None:
    site = new_site(edge={"reads_per_minute": 1})
    stranger = site.reader.at("203.0.113.9")
    for number in range(3):
        assert stranger.get(f"/Name{number}/").headers["location"] == f"/name{number}"


@pytest.mark.parametrize("path", ["/Ann", "/ANN/", "/ann/", "/ann//", "/ann/index.html"])
def test_no_spelling_of_a_name_leads_in_a_circle_or_to_another_site(site: Site, path: str) -> None:
    answer = site.get(path)
    assert answer.status_code in (301, 404)
    if answer.status_code == 301:
        assert answer.headers["location"] == "/ann"
        assert site.get("/ann").status_code == 200
