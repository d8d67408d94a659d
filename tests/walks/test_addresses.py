"""Names that come, change and go, as a reader meets them: straight on, gone for good, or there at once."""

from __future__ import annotations

import time

import httpx
import pytest

from tests.house import Creator, House

pytestmark = pytest.mark.slow


def rename(creator: Creator, username: str) -> None:
    done = creator.client.call("POST", f"/profiles/{creator.id}/rename", json={"username": username})
    creator.newest = done["revision"]
    creator.wait_live()


def hops(house: House, path: str) -> tuple[int, str, int]:
    """How many redirects there are from a path, the path at their end, and the status there."""
    end = httpx.get(house.edge + path, follow_redirects=True, trust_env=False)
    assert all(one.status_code == 301 for one in end.history)
    return len(end.history), str(end.url).removeprefix(house.edge), end.status_code


def test_every_former_name_is_one_hop_from_the_newest(house: House) -> None:
    kai = house.sign_up("kai")
    kai.post(title="First", body="Words.", state="published")
    kai.wait_live()
    for name in ("kaia", "kaja", "kaya"):
        assert house.visit(f"/{name}").status_code == 404
        rename(kai, name)
        assert house.visit(f"/{name}").status_code == 200, "there at once, though it was asked for before"
    for name in ("kai", "kaia", "kaja"):
        assert hops(house, f"/{name}") == (1, "/kaya", 200)
        assert hops(house, f"/{name}/posts/first") == (1, "/kaya/posts/first", 200)
        assert hops(house, f"/{name}/never/was") == (1, "/kaya", 200)
    rename(kai, "kai")
    assert hops(house, "/kai") == (0, "/kai", 200)
    for name in ("kaia", "kaja", "kaya"):
        assert hops(house, f"/{name}") == (1, "/kai", 200)


def test_slashes_and_case_are_one_hop_that_keeps_the_query(house: House) -> None:
    lou = house.sign_up("lou")
    lou.post(title="First", body="Words.", state="published")
    lou.wait_live()
    for path in ("/LOU", "/lou/", "/Lou/index.html?a=1"):
        query = path.partition("?")[2]
        assert hops(house, path) == (1, "/lou" + (f"?{query}" if query else ""), 200)
    assert hops(house, "/Lou/Posts/First/?a=1&b=2") == (1, "/lou/posts/first?a=1&b=2", 200)
    assert hops(house, "/Lou/Feed.xml")[:2] == (1, "/lou/feed.xml")


def test_a_new_users_pages_are_there_at_once_though_all_had_asked_before(house: House) -> None:
    paths = ["/mia", "/mia/posts/first", "/mia/feed.xml"]
    for path in paths:
        nothing = house.visit(path)
        assert (nothing.status_code, nothing.headers["cache-tag"]) == (404, "n-mia")
    mia = house.sign_up("mia")
    mia.post(title="First", body="Words.", state="published")
    mia.wait_live()
    assert [house.visit(path).status_code for path in paths] == [200] * 3


def test_a_deleted_profile_is_gone_under_every_name_it_had(house: House) -> None:
    noa = house.sign_up("noa")
    noa.wait_live()
    rename(noa, "noah")
    noa.client.call("DELETE", f"/profiles/{noa.id}")
    ends = time.monotonic() + 30
    while house.visit("/noa").status_code != 410 and time.monotonic() < ends:
        time.sleep(0.1)
    for path in ("/noah", "/noa", "/noa/posts/any", "/noah/feed.xml"):
        gone = house.visit(path)
        assert (gone.status_code, gone.headers["cache-tag"]) == (410, f"p-{noa.id}"), path


def test_a_domain_shows_its_profiles_page_moves_with_it_and_goes(house: House) -> None:
    ola, pia = house.sign_up("ola"), house.sign_up("pia")
    ola.post(title="First", body="Words.", state="published")
    pia.wait_live()
    assert house.visit("/-/domains/ask?domain=ola.example").status_code == 404
    ola.edit(bio="Paints boats.", domain="www.Ola.example")
    ola.wait_live()
    assert house.visit("/-/domains/ask?domain=ola.example").status_code == 200
    for host in ("ola.example", "www.ola.example"):
        assert "Paints boats." in house.visit("/", host=host).text
        assert "Words." in house.visit("/posts/first", host=host).text
        assert house.visit("/pia", host=host).status_code == 404
    rename(ola, "olaf")
    assert "Paints boats." in house.visit("/", host="ola.example").text
    ola.edit(domain="")
    ola.wait_live()
    assert house.visit("/", host="ola.example").status_code == 410
    pia.edit(domain="ola.example", bio="Mends nets.")
    pia.wait_live()
    assert "Mends nets." in house.visit("/", host="ola.example").text
    pia.edit(visibility="private")
    pia.wait_live()
    assert house.visit("/", host="ola.example").status_code == 404
    assert house.visit("/-/domains/ask?domain=ola.example").status_code == 404
