"""Behind a grant the edge shows one private profile, and tells nobody else that there is one."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from httpx import Response

import edge.private
from core import keys
from core.document import Document, write
from core.errors import ObjectMissing
from core.grants import Grant, Grants
from core.media import Media, Rendition, RenditionFile
from core.objects import Headers
from core.objects.shown import Shown
from core.profile import GallerySection, HeldName, Post, Profile
from core.rank import Edition, Rank
from core.settings import SiteSettings
from generator.build import build
from generator.release import load_release
from generator.site_pages import tombstone
from generator.urls import Urls
from tests.edge.conftest import Site

HOUR_S = 3600
PICTURE = b"RIFF0000WEBP" * 100
STILL = keys.media("m1234567", "pub1", "still", "a1234567", "640.webp")
URLS = Urls(SiteSettings().url)


def document(bio: str = "Paints in secret.", revision: int = 1, **changes: Any) -> Document:
    file = RenditionFile(name="640.webp", type="image/webp", width=640, height=480, bytes=len(PICTURE))
    made = Rendition(recipe="still", attempt="a1234567", files=(file,))
    picture = Media(
        id="m1234567", kind="image", state="ready", alt="Boats", width=640, height=480, publication="pub1",
        renditions=(made,),
    )  # fmt: skip
    section = GallerySection(kind="gallery", media=("m1234567",))
    profile = Profile(name="Ann", bio=bio, visibility="private", sections=(section,))
    post = Post(id="post1234", slug="tar", title="Tar", body="Black.", date="2026-05-01", state="published")
    known: dict[str, Any] = {
        "id": "p1234567",
        "name": HeldName(username="ann", claim=1),
        "revision": revision,
        "frame_revision": revision,
        "posts_revision": revision,
        "created_at": 0,
        "edited_at": 0,
        "profile": profile,
        "posts": (post,),
        "media": (picture,),
    }
    return Document(**known | changes)


def publish(site: Site, shown: Document, urls: Urls = URLS) -> None:
    """As a worker does, into the private bucket."""
    release = load_release(SiteSettings())
    for file in build(shown, release, urls, Edition(1, 1, 1)):
        site.private.put(file.key, file.body, file.headers)
    for medium in shown.media:
        key = keys.media(medium.id, medium.publication, "still", "a1234567", "640.webp")
        site.private.put(key, PICTURE, Headers(type="image/webp", tags=keys.tag(shown.id)))


def token(site: Site, profile_id: str = "p1234567", epoch: int = 0, left_s: int = HOUR_S) -> str:
    return site.grants.mint(Grant("page", profile_id, int(time.time()) + left_s, epoch))


def seen(answer: Response) -> tuple[int, bytes, dict[str, str]]:
    return answer.status_code, answer.content, dict(answer.headers)


@pytest.fixture
def ann(site: Site) -> Site:
    """Ann is private; the site's own 404 page lies where it should."""
    site.objects.delete("ann/index.html")
    publish(site, document())
    # Hers to all: nobody.
    site.get("/_site/404.html")
    return site


def test_one_link_opens_the_page_with_all_that_it_names(ann: Site) -> None:
    grant = token(ann)
    page = ann.get(f"/-/g/{grant}/ann")
    assert (page.status_code, "Paints in secret." in page.text) == (200, True)
    assert keys.GRANT not in page.text
    ours = set(re.findall(r"(?:http://127.0.0.1:8080)?(/[^\"'\s,<>&]*)", page.text))
    own = {one for one in ours if one.startswith((f"/-/g/{grant}/", "/ann", "/_media/"))}
    assert f"/-/g/{grant}/ann/{STILL}" in own
    assert {f"/-/g/{grant}/ann/posts/tar", f"/-/g/{grant}/ann/feed.xml", f"/-/g/{grant}/ann/icon.png"} <= own
    for one in own:
        answer = ann.get(one)
        assert answer.status_code == 200, one
        assert keys.GRANT not in answer.text
        assert answer.headers["x-robots-tag"] == "noindex"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in answer.headers
        assert "p-p1234567" in answer.headers["cache-tag"]


def test_without_a_grant_there_is_nothing(ann: Site) -> None:
    for path in ("/ann", "/ann/posts/tar", f"/{STILL}", "/_data/ann.json"):
        assert ann.get(path).status_code == 404


WRONG: dict[str, Callable[[Site], str]] = {
    "another name": lambda site: f"{token(site)}/bob",
    "another profile": lambda site: f"{token(site, 'p7654321')}/ann",
    "another epoch": lambda site: f"{token(site, epoch=1)}/ann",
    "over": lambda site: f"{token(site, left_s=-1)}/ann",
    "cut": lambda site: f"{token(site)[:-1]}/ann",
    "changed": lambda site: f"{token(site)[:-2]}zz/ann",
    "a draft's": lambda site: f"{site.grants.mint(Grant('draft', 'p1234567', 4_000_000_000))}/ann",
    "another secret": lambda _: f"{Grants([b'x' * 32]).mint(Grant('page', 'p1234567', 4_000_000_000))}/ann",
    "the stored word": lambda _: f"{keys.GRANT}/ann",
    "nothing": lambda _: "",
    "no such post": lambda site: f"{token(site)}/ann/posts/feather",
    "no such picture": lambda site: f"{token(site)}/ann/_media/m1234567/pub1/still-a1234567/9.webp",
    "another's picture": lambda site: f"{token(site)}/ann/_media/m7654321/pub1/still-a1234567/640.webp",
    "wrong case of another": lambda site: f"{token(site, 'p7654321')}/Ann/",
    "the data document": lambda site: f"{token(site)}/_data/ann.json",
    "an original": lambda site: f"{token(site)}/_originals/m1234567",
    "an original below the name": lambda site: f"{token(site)}/ann/_originals/m1234567",
    "a way out": lambda site: f"{token(site)}/ann/..%2fbob",
}


@pytest.mark.parametrize("wrong", [name for name in WRONG if name != "a way out"])
def test_whoever_may_not_hears_what_is_said_of_nothing(ann: Site, wrong: str) -> None:
    publish(ann, document(id="p7654321", name=HeldName(username="cat", claim=1)))
    other = keys.media("m7654321", "pub1", "still", "a1234567", "640.webp")
    for key in (other, "_originals/m1234567"):
        ann.private.put(key, PICTURE, Headers(type="image/webp", tags=keys.tag("p7654321")))
    nothing = seen(ann.get(f"/-/g/{token(ann)}/nobody-here"))
    assert nothing[0] == 404
    for _ in range(2):  # the second time from memory
        assert seen(ann.get("/-/g/" + WRONG[wrong](ann))) == nothing


def test_a_wrong_grant_costs_no_read_of_storage(ann: Site) -> None:
    ann.get("/-/g/x/ann")  # the 404 page is in memory now
    ann.private_storage.calls.clear()
    ann.storage.calls.clear()
    for wrong in ("over", "cut", "changed", "another secret"):
        ann.get("/-/g/" + WRONG[wrong](ann))
    assert not ann.private_storage.calls
    assert not ann.storage.calls


def test_whose_names_there_are_can_not_be_told_by_what_is_read(ann: Site) -> None:
    publish(ann, document(id="p7654321", name=HeldName(username="cat", claim=1)))
    stone = tombstone(404, keys.data("eve"), Rank(1, 1, 2, 1), load_release(SiteSettings()), URLS)
    ann.private.put(stone.key, stone.body, stone.headers)
    ann.get(f"/-/g/{token(ann)}/ann")

    def reads(name: str) -> list[str]:
        ann.private_storage.calls.clear()
        assert ann.get(f"/-/g/{token(ann)}/{name}").status_code == 404
        return [call.replace(name, "NAME") for call in ann.private_storage.calls.elements()]

    for passed_s in (0, 0, 11, 100):
        ann.clock.pass_by(passed_s)
        ann.call()
        assert reads("cat") == reads("eve") == reads("nobody") == ["stat _data/NAME.json"]
    assert ann.get(f"/-/g/{token(ann, 'p7654321')}/cat").status_code == 200
    assert reads("cat") == ["stat _data/NAME.json"], "though it is in memory now"


def test_a_private_name_is_not_asked_for_without_end(ann: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge.private, "WAIT_S", 0.05)
    _, go_on = ann.private_storage.hold(keys.data("ann"))
    refused = ann.get(f"/-/g/{token(ann)}/ann")
    go_on.set()
    assert refused.status_code == 503
    ann.private_storage.away = ConnectionResetError("reset")
    assert ann.get(f"/-/g/{token(ann)}/ann").status_code == 503


def test_a_link_ends_when_it_says_so(ann: Site) -> None:
    path = f"/-/g/{token(ann)}/ann"
    assert ann.get(path).status_code == 200
    ann.ahead_s = HOUR_S
    assert ann.get(path).status_code == 404
    assert ann.get(f"{path}/{STILL}").status_code == 404


@pytest.mark.parametrize(("path", "cdn_s"), [("ann", 300), (f"ann/{STILL}", 86_400 + 300)])
def test_no_cache_keeps_it_beyond_the_end(ann: Site, path: str, cdn_s: int) -> None:
    for left_s in (200_000, 1000, 100):
        said = ann.get(f"/-/g/{token(ann, left_s=left_s)}/{path}").headers
        told = {name: int(s) for name, s in re.findall(r"([a-z-]+)=(\d+)", said["cache-control"])}
        assert "public" in said["cache-control"]
        assert told["max-age"] <= left_s
        kept_s = told.get("s-maxage", told["max-age"])
        assert min(cdn_s, left_s) - 5 <= kept_s <= min(cdn_s, left_s)
        assert kept_s + told.get("stale-if-error", 0) <= left_s
        cdn = {name: int(s) for name, s in re.findall(r"([a-z-]+)=(\d+)", said["cdn-cache-control"])}
        assert cdn["max-age"] + cdn.get("stale-if-error", 0) <= left_s
        assert cdn["max-age"] + cdn.get("stale-while-revalidate", 0) <= left_s


def test_readers_of_one_link_share_what_is_in_memory(ann: Site) -> None:
    path = f"/-/g/{token(ann)}/ann"
    ann.get(path)
    ann.private_storage.calls.clear()
    again = ann.get(path)
    assert "hit" in again.headers["cache-status"]
    assert not ann.private_storage.calls
    known = ann.get(path, if_none_match=again.headers["etag"])
    assert known.status_code == 304
    assert known.headers["referrer-policy"] == "no-referrer"
    # Another link is another page, with other addresses in it.
    other = ann.get(f"/-/g/{token(ann, left_s=2 * HOUR_S)}/ann")
    assert other.headers["etag"] != again.headers["etag"]


def test_a_large_document_is_read_once_whatever_the_memory(new_site: Callable[..., Site]) -> None:
    site = new_site(edge={"memory_mb": 8})  # one of it for what is private
    site.call()
    posts = [Post(id=f"o{n:07}", slug=f"s{n}", title="Tar", body="Black. " * 500, date="2026-05-01",
                  state="published") for n in range(400)]  # fmt: skip
    shown = document(posts=tuple(posts))
    publish(site, shown.model_copy(update={"posts": shown.posts[:1]}))
    site.private.put(keys.data("ann"), write(shown, 1, 1), Headers(tags=keys.tag(shown.id)))
    path = f"/-/g/{token(site)}/ann"
    for _ in range(5):
        assert site.get(f"{path}/icon.png").status_code == site.get(f"{path}/{STILL}").status_code == 200
    assert site.private_storage.calls[f"get {keys.data('ann')}"] == 1


def test_an_edit_is_seen_as_soon_as_the_purger_has_called(ann: Site) -> None:
    path = f"/-/g/{token(ann)}/ann"
    assert "Paints in secret." in ann.get(path).text
    publish(ann, document("Sings.", 2))
    for key in ("ann/index.html", keys.data("ann")):
        ann.call({"path": keys.purge_path("private", key), "rank": "1.1.2.1", "hard": True})
    assert "Sings." in ann.get(path).text


@pytest.mark.parametrize("is_drawn", [False, True])
def test_a_page_that_lags_behind_its_purge_is_not_kept(ann: Site, is_drawn: bool) -> None:
    if is_drawn:
        ann.private.delete("ann/index.html")
    path = f"/-/g/{token(ann)}/ann"
    key = keys.data("ann") if is_drawn else "ann/index.html"
    ann.call({"path": keys.purge_path("private", key), "rank": "1.1.2.1", "hard": True})
    late = ann.get(path)
    assert "Paints in secret." in late.text
    assert late.headers["cache-control"] == "no-store"
    publish(ann, document("Sings.", 2))
    assert "Sings." in ann.get(path).text


def test_after_a_soft_purge_the_old_page_stands_in_while_storage_is_away(ann: Site, away: Exception) -> None:
    path = f"/-/g/{token(ann)}/ann"
    ann.get(path)
    publish(ann, document("Sings.", 2))
    ann.call({"path": keys.purge_path("private", "ann/index.html"), "rank": "1.1.2.1"})
    ann.private_storage.away = away
    assert "Paints in secret." in ann.get(path).text
    ann.call({"path": keys.purge_path("private", "ann/index.html"), "rank": "1.1.2.1", "hard": True})
    assert ann.get(path).status_code == 503
    ann.private_storage.away = None
    assert "Sings." in ann.get(path).text


def test_when_all_links_are_ended_the_purge_ends_them_here(ann: Site) -> None:
    old = f"/-/g/{token(ann)}/ann"
    assert ann.get(old).status_code == ann.get(f"{old}/{STILL}").status_code == 200
    publish(ann, document(revision=2, grants=1))
    ann.call({"path": keys.purge_path("private", keys.data("ann")), "rank": "1.1.2.1", "hard": True})
    assert ann.get(old).status_code == ann.get(f"{old}/{STILL}").status_code == 404
    assert ann.get(f"/-/g/{token(ann, epoch=1)}/ann").status_code == 200


def test_a_link_leads_on_to_the_new_name(ann: Site) -> None:
    release, inside = load_release(SiteSettings()), URLS.inside("anna")
    publish(ann, document(name=HeldName(username="anna", claim=1), revision=2))
    for key, to in ((keys.data("ann"), "anna/index.html"), ("ann/index.html", "anna/index.html")):
        stone = tombstone(301, key, Rank(1, 1, 2, 1), release, inside, inside.of(to), "p1234567")
        ann.private.put(stone.key, stone.body, stone.headers)
    grant = token(ann)
    for spelled in ("ann", "Ann", "ann/"):
        moved = ann.get(f"/-/g/{grant}/{spelled}")
        assert (moved.status_code, moved.headers["location"]) == (
            301,
            f"http://127.0.0.1:8080/-/g/{grant}/anna",
        )
    assert ann.get(f"/-/g/{token(ann, epoch=1)}/ann").status_code == 404
    assert ann.get(f"/-/g/{token(ann, 'p7654321')}/ann").status_code == 404
    # Nothing lies below the old name itself: neither her media nor another's.
    for path in (STILL, "posts/tar"):
        assert ann.get(f"/-/g/{grant}/ann/{path}").status_code == 404


def test_an_address_has_one_spelling_behind_a_grant_too(ann: Site) -> None:
    grant = token(ann)
    moved = ann.get(f"/-/g/{grant}/Ann/?a=1")
    assert (moved.status_code, moved.headers["location"]) == (301, f"/-/g/{grant}/ann?a=1")
    assert moved.headers["referrer-policy"] == "no-referrer"


def test_a_missing_private_page_is_drawn_from_its_data(ann: Site) -> None:
    ann.private.delete("ann/index.html")
    grant = token(ann)
    page = ann.get(f"/-/g/{grant}/ann")
    assert page.status_code == 200
    assert f"/-/g/{grant}/ann/{STILL}" in page.text


def test_while_storage_is_away_a_private_page_stands_and_a_stranger_learns_nothing(
    ann: Site, away: Exception
) -> None:
    path = f"/-/g/{token(ann)}/ann"
    ann.get(path)
    ann.private_storage.away = away
    ann.clock.pass_by(3600)
    ann.call()
    assert ann.get("/-/g/wrong/ann").status_code == 404
    assert ann.get(path).status_code == 200


def test_no_search_engine_lists_a_feed_which_cannot_say_itself_that_its_page_is_unlisted(site: Site) -> None:
    for key in (keys.atom("ann"), keys.json_feed("ann")):
        site.put_page("Paints.", key=key, type="application/feed+json")
        assert site.get(f"/{key}").headers["x-robots-tag"] == "noindex"
    assert "x-robots-tag" not in site.get("/ann").headers


def test_a_large_film_is_given_in_ranges(ann: Site) -> None:
    ann.private.put(STILL, PICTURE * 1000, Headers(type="video/mp4", tags=keys.tag("p1234567")))
    piece = ann.get(f"/-/g/{token(ann)}/ann/{STILL}", range="bytes=1000000-1000099")
    assert (piece.status_code, len(piece.content)) == (206, 100)
    assert piece.headers["referrer-policy"] == "no-referrer"


def test_the_hot_path_never_knows_what_is_private(ann: Site) -> None:
    grant = token(ann)
    ann.get(f"/-/g/{grant}/ann")
    for path in (f"/-/{grant}/ann", f"/{grant}/ann", "/ann", f"/-/g/-/{grant}/ann"):
        assert ann.get(path).status_code in (301, 404)


def test_below_a_sub_path_links_work_as_well(new_site: Callable[..., Site]) -> None:
    site = new_site(path="/people")
    site.call()
    publish(site, document(), Urls(SiteSettings().url, "/people"))
    grant = token(site)
    page = site.get(f"/people/-/g/{grant}/ann")
    assert page.status_code == 200
    assert f'"/people/-/g/{grant}/ann/posts/tar"' in page.text
    assert site.get(f"/people/-/g/{grant}/ann/{STILL}").content == PICTURE
    assert site.get(f"/-/g/{grant}/ann").status_code == 404


def test_an_edge_reads_nothing_of_the_private_bucket_but_what_is_shown(ann: Site) -> None:
    shown = Shown(ann.private)
    hidden = [
        "_originals/m1234567",
        "_renditions/m1234567/climb.json",
        keys.manifest("p1234567"),
        "_trials/x",
    ]
    for key in hidden:
        ann.private.put(key, b"hidden", Headers())
        for read in (shown.get, shown.stat, lambda key: shown.read(key, 0, 9)):
            with pytest.raises(ObjectMissing):
                read(key)
    assert shown.get("ann/index.html")
    assert not hasattr(shown, "put")
    assert not hasattr(shown, "delete")
