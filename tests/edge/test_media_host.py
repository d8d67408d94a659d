"""Where media have a host of their own, it shows them and nothing else; pages name it, and may load from nowhere else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core import keys
from core.document import write
from core.media import Media, Rendition, RenditionFile
from core.profile import HeldName, Profile
from tests.edge.conftest import RENDITION, Site, new_document

MEDIA = "https://media.example.org"
HOST = "media.example.org"
VIDEO = keys.media("v1234567", "pub1", "mp4", "a1234567", "720.mp4")
SCRIPT = '<script type="module" src="/_assets/video.0a1b2c3d4e5f.js"></script>'


@pytest.fixture(params=["", "/people"], ids=["", "sub-path"])
def sub_path(request: pytest.FixtureRequest) -> str:
    """The site's; the media host has none."""
    return str(request.param)


@pytest.fixture
def site(new_site: Callable[..., Site], sub_path: str) -> Site:
    """Ann's page with a picture of hers and a video too large to be held."""
    site = new_site(media_url=MEDIA, path=sub_path)
    site.put_page("Paints boats.")
    site.put(keys.HOME, b"<p>Home.")
    site.put(RENDITION, b"RIFF0000WEBP" * 100, type="image/webp", tags=keys.tag("p1234567"))
    site.put(VIDEO, bytes(2_500_000), type="video/mp4")
    site.call()
    return site


@pytest.mark.parametrize("host", [HOST, "Media.Example.ORG", f"{HOST}.", f"{HOST}:443"])
def test_the_media_host_shows_media_however_it_is_spelled(site: Site, host: str) -> None:
    for _ in range(2):  # the second time from memory
        picture = site.get(f"/{RENDITION}", host=host)
        assert (picture.status_code, picture.headers["content-type"]) == (200, "image/webp")
        assert picture.headers["access-control-allow-origin"] == "*"
        assert picture.headers["cross-origin-resource-policy"] == "cross-origin"
        assert "sandbox" in picture.headers["content-security-policy"]
        assert picture.headers["cache-tag"] == "p-p1234567"
    assert picture.headers["cache-status"] == "holdfast; hit"
    part = site.get(f"/{VIDEO}", host=host, range="bytes=5-9")
    assert (part.status_code, part.content) == (206, bytes(5))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/ann",
        "/people/ann",
        "/Ann/",
        "/_data/ann.json",
        "/_assets/style.0a1b2c3d4e5f.css",
        "/_media/../ann",
        "/_media/%2e%2e/ann",
        f"/{RENDITION}/",
        f"/people/{RENDITION}",
        "/-/health",
        "/_media/m1234567/nothing.webp",
    ],
)
def test_everything_else_is_a_plain_404_there(site: Site, sub_path: str, path: str) -> None:
    site.put_document("Paints boats.")
    for _ in range(2):  # pages are in memory by then
        assert site.get(f"{sub_path}/ann").status_code == 200
    nothing = site.get(path, host=HOST)
    assert nothing.status_code == 404
    assert nothing.headers["content-type"] == "text/plain; charset=utf-8"
    assert nothing.headers["x-content-type-options"] == "nosniff"
    assert "boats" not in nothing.text


def test_nothing_can_be_written_there_either(site: Site) -> None:
    assert site.reader.request("POST", "/-/purge", headers={"host": HOST}).status_code == 405


def test_the_sites_own_host_goes_on_showing_media(site: Site, sub_path: str) -> None:
    assert site.get(f"{sub_path}/{RENDITION}").status_code == 200
    assert site.get(f"{sub_path}/{RENDITION}", host="media.example.com").status_code == 200


def test_a_purge_ends_what_both_hosts_show(site: Site, sub_path: str) -> None:
    here, there = f"{sub_path}/{RENDITION}", {"host": HOST}
    for _ in range(2):
        assert site.get(here).status_code == site.get(f"/{RENDITION}", **there).status_code == 200
    site.objects.delete(RENDITION)
    site.call({"path": f"/{RENDITION.rpartition('/')[0]}/", "rank": "", "hard": True})
    assert site.get(here).status_code == site.get(f"/{RENDITION}", **there).status_code == 404


def test_who_names_two_hosts_gets_the_sites_answer(site: Site, sub_path: str) -> None:
    asked = [("host", HOST), ("host", "edge")]
    assert site.reader.request("GET", f"{sub_path}/ann", headers=asked).status_code == 200


def test_pages_may_load_media_from_there_and_nothing_else(site: Site, sub_path: str) -> None:
    site.put_page(SCRIPT, key="bob/index.html")
    plays, plain = (
        dict(
            part.split(" ", 1)
            for part in site.get(sub_path + path).headers["content-security-policy"].split("; ")
        )
        for path in ("/bob", "/ann")
    )
    assert plays["img-src"] == plain["img-src"] == f"'self' {MEDIA} data:"
    assert plain["media-src"] == f"'self' {MEDIA}"
    assert plays["media-src"] == f"'self' {MEDIA} blob:"
    assert plays["connect-src"] == f"'self' {MEDIA}"
    assert plays["script-src"] == "'self'"
    assert [name for name, value in plain.items() if MEDIA in value] == ["media-src", "img-src"]


def test_a_page_that_the_edge_draws_names_the_media_host(site: Site, sub_path: str) -> None:
    file = RenditionFile(name="640.webp", type="image/webp", bytes=1, width=640, height=480)
    made = Rendition(recipe="still", attempt="a1234567", files=(file,))
    photo = Media(
        id="m1234567",
        kind="image",
        state="ready",
        publication="pub1",
        renditions=(made,),
        width=640,
        height=480,
    )
    ann = Profile(name="Ann", sections=({"kind": "gallery", "media": ["m1234567"]},))  # type: ignore[arg-type]
    document = new_document("").model_copy(
        update={"name": HeldName(username="cai", claim=1), "profile": ann, "media": (photo,)}
    )
    site.put(keys.data("cai"), write(document, life=1, rollout=1), type="application/json")
    assert f"{MEDIA}/{RENDITION}" in site.get(f"{sub_path}/cai").text
