"""A private page: one link opens it with all that it shows, and nobody else learns that there is one."""

from __future__ import annotations

import re
import time
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from core.errors import HoldfastError
from tests.house import Creator, House
from tests.walks.test_upload import make_clip

pytestmark = pytest.mark.slow


def link_to(creator: Creator, days: int = 1) -> str:
    return str(creator.client.call("POST", f"/profiles/{creator.id}/grants", json={"days": days})["url"])


def hide(creator: Creator) -> None:
    creator.edit(visibility="private")
    creator.wait_live()


def all_of(house: House, url: str) -> dict[str, httpx.Response]:
    """Every address of the profile's own that the page names, and what these name in turn."""
    found: dict[str, httpx.Response] = {}
    wanted = [url]
    begin = url.rpartition("/")[0] + "/"
    while wanted:
        one = wanted.pop()
        if one in found:
            continue
        answer = found[one] = house.http.get(one)
        text = answer.text if "text/" in answer.headers.get("content-type", "") else ""
        if "mpegurl" in answer.headers.get("content-type", ""):
            names = re.findall(r'^[^#\s].*$|URI="([^"]+)"', answer.text, re.M)
            lines = [line for line in answer.text.splitlines() if line and not line.startswith("#")]
            wanted += [urljoin(one, name) for name in [*filter(None, names), *lines]]
        named = re.findall(r"(?:http://[^/\"]+)?/-/g/[^\s\"'<>,&)]+", text)
        wanted += [address for name in named if (address := urljoin(one, name)).startswith(begin)]
    return found


def test_one_link_opens_the_page_its_pictures_and_its_films(
    house: House, photo: Path, tmp_path: Path
) -> None:
    clip = tmp_path / "clip.mp4"
    make_clip(clip, "640x480", 3)
    lou = house.sign_up("lou")
    lou.upload(photo, alt="Boats")
    lou.upload(clip, alt="Waves")
    lou.post(title="Tar", body="Black.", state="published", tags=["work"])
    hide(lou)
    lou.wait_settled(timeout_s=120)
    url = link_to(lou)
    found = all_of(house, url)
    assert {one: answer.status_code for one, answer in found.items() if answer.status_code != 200} == {}
    kinds = {answer.headers["content-type"].partition(";")[0] for answer in found.values()}
    assert {"text/html", "image/webp", "image/avif", "video/mp4"} <= kinds
    segments = [one for one in found if one.endswith(".m4s")]
    assert len(segments) >= 2
    for answer in found.values():
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-robots-tag"] == "noindex"
    # The same addresses without the grant lead nowhere, nor does the grant with another name.
    token = url.split("/")[5]
    bare = [one.replace(f"/-/g/{token}", "").replace("/lou/_media", "/_media") for one in found]
    assert {house.http.get(one).status_code for one in bare} == {404}


def test_links_made_in_one_hour_are_one_address(house: House) -> None:
    mia = house.sign_up("mia")
    hide(mia)
    while time.time() % 3600 > 3590:
        time.sleep(1)
    assert link_to(mia) == link_to(mia)
    assert link_to(mia) != link_to(mia, 30)


def test_a_page_goes_private_and_public_and_private_again(house: House, photo: Path) -> None:
    ned = house.sign_up("ned")
    ned.upload(photo, alt="Boats")
    ned.post(title="Tar", body="Black.", state="published")
    ned.wait_settled()
    public = house.visit("/ned")
    shown = set(re.findall(r"/_media/[^\s\"',]+\.webp", public.text))
    assert shown
    for _ in range(2):
        hide(ned)
        for path in ["/ned", "/ned/posts/tar", "/ned/feed.xml", "/_data/ned.json", *shown]:
            assert house.visit(path).status_code == 404, path
        url = link_to(ned)
        found = all_of(house, url)
        assert {answer.status_code for answer in found.values()} == {200}
        assert any(one.endswith(".webp") for one in found)
        ned.edit(visibility="public")
        ned.wait_live()
        assert house.http.get(url).status_code == 404
        page = house.visit("/ned")
        assert page.status_code == 200
        assert "/-/g/" not in page.text
        shown = set(re.findall(r"/_media/[^\s\"',]+\.webp", page.text))
        assert shown
        assert {house.visit(path).status_code for path in shown} == {200}
        assert ned.client.call("GET", f"/profiles/{ned.id}")["profile"]["visibility"] == "public"
        with pytest.raises(HoldfastError, match="not private"):
            link_to(ned)


def test_an_edit_a_rename_and_the_end_reach_who_has_the_link(house: House) -> None:
    oda = house.sign_up("oda")
    hide(oda)
    url = link_to(oda)
    assert house.http.get(url).status_code == 200
    oda.edit(bio="Sings at night.")
    oda.wait_live()
    assert "Sings at night." in house.http.get(url).text
    done = oda.client.call("POST", f"/profiles/{oda.id}/rename", json={"username": "odalys"})
    oda.newest = done["revision"]
    oda.wait_live()
    moved = house.http.get(url)
    assert (moved.status_code, moved.headers["location"]) == (301, url.replace("/oda", "/odalys"))
    assert "Sings at night." in house.http.get(moved.headers["location"]).text
    oda.newest = oda.client.call("DELETE", f"/profiles/{oda.id}/grants")["revision"]
    oda.wait_live()
    assert house.http.get(url).status_code == house.http.get(moved.headers["location"]).status_code == 404
    fresh = link_to(oda)
    assert house.http.get(fresh).status_code == 200
    oda.client.call("DELETE", f"/profiles/{oda.id}")
    ends = time.monotonic() + 20
    while house.http.get(fresh).status_code != 404:
        assert time.monotonic() < ends, "still there"
        time.sleep(0.05)


def test_a_private_page_is_in_no_list(house: House) -> None:
    pam = house.sign_up("pam")
    hide(pam)
    assert "/pam" not in house.visit("/sitemap.xml").text
    assert not [
        path for path in (house.data / "public" / "_sitemaps").rglob("*") if b"/pam" in path.read_bytes()
    ]
