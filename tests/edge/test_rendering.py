"""A page that is missing in storage is drawn from its data document, into the edge's own cache and nowhere else."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient, Response

import edge.render
from core import keys
from core.document import write
from core.profile import Post
from core.rank import Edition, Rank, stamp_html
from core.settings import SiteSettings
from edge.fetch import HELD_BYTES_MAX
from generator.build import build
from generator.files import File, Page
from generator.release import Release
from generator.urls import Urls
from tests.edge.conftest import Site, new_document, signed

STONE = stamp_html("Gone.", Rank(1, 1, 1, 1))


@pytest.fixture
def unpublished(site: Site) -> Site:
    """Ann's page is lost; her data document is there."""
    site.objects.delete("ann/index.html")
    site.put_document("Paints boats.")
    return site


def put_post(site: Site, words: str, revision: int) -> None:
    """Ann's document, with a post in it."""
    post = Post(id="post1234", slug="tar", title="Tar", body=words, date="2026-05-01", state="published")
    document = new_document("Paints boats.", revision).model_copy(update={"posts": (post,)})
    site.put(keys.data("ann"), write(document, life=1, rollout=1), type="application/json")


def test_a_missing_page_is_drawn_as_the_worker_would_have(unpublished: Site, release: Release) -> None:
    files = build(new_document("Paints boats."), release, Urls(SiteSettings().url), Edition(1, 1, 1))
    missing = [file for file in files if file.key != keys.data("ann")]
    assert "ann/index.html" in {file.key for file in missing}
    for file in missing:
        page = unpublished.get(keys.path_of(file.key))
        assert (page.status_code, page.content) == (200, file.body), file.key
        assert page.headers["content-type"] == file.headers.type
        assert page.headers["cache-tag"] == "p-p1234567"


def test_twenty_waiting_readers_get_one_render(unpublished: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    renders: list[str] = []
    draw = Page.file
    monkeypatch.setattr(Page, "file", lambda page: renders.append(page.key) or draw(page))

    async def twenty() -> list[Response]:
        has_it, go_on = unpublished.storage.hold(keys.data("ann"))
        async with AsyncClient(transport=ASGITransport(unpublished.app), base_url="http://edge") as reader:
            waiting = [asyncio.create_task(reader.get("/ann")) for _ in range(20)]
            await asyncio.to_thread(has_it.wait, 10)
            go_on.set()
            return await asyncio.gather(*waiting)

    pages = asyncio.run(twenty())
    assert {page.status_code for page in pages} == {200}
    assert all("Paints boats." in page.text for page in pages)
    assert renders == ["ann/index.html"]
    assert sum("collapsed" in page.headers["cache-status"] for page in pages) == 19


def test_no_more_than_two_pages_are_drawn_at_a_time_and_none_waits_for_long(
    unpublished: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge.render, "TURN_S_MAX", 0.2)
    put_post(unpublished, "Black.", 1)
    draw, go_on = Page.file, threading.Event()
    drawing: list[str] = []

    def slowly(page: Page) -> File:
        drawing.append(page.key)
        assert go_on.wait(10)
        return draw(page)

    monkeypatch.setattr(Page, "file", slowly)

    async def walk() -> list[Response]:
        async with AsyncClient(transport=ASGITransport(unpublished.app), base_url="http://edge") as reader:
            paths = ("/ann", "/ann/feed.xml", "/ann/feed.json", "/ann/icon.png")
            asked = [asyncio.create_task(reader.get(path)) for path in paths]
            while sum(one.done() for one in asked) < 2 or len(drawing) < 2:
                await asyncio.sleep(0.01)
            assert len(drawing) == 2
            assert unpublished.storage.calls[f"get {keys.data('ann')}"] == 2, "nobody waits with a document"
            go_on.set()
            return await asyncio.gather(*asked)

    refused, other = [one for one in asyncio.run(walk()) if one.status_code == 503]
    assert (refused.headers["retry-after"], refused.headers["cache-control"]) == ("5", "no-store")
    assert unpublished.get(other.url.path).status_code != 503, "a place is free again"
    assert unpublished.get("/ann").status_code == 200


def test_made_up_paths_below_one_profile_cost_one_look_at_its_document(unpublished: Site) -> None:
    async def all_at_once() -> set[int]:
        async with AsyncClient(transport=ASGITransport(unpublished.app), base_url="http://edge") as reader:
            asked = [reader.get(f"/ann/posts/nothing-{number}") for number in range(40)]
            return {one.status_code for one in await asyncio.gather(*asked)}

    calls, read_it = unpublished.storage.calls, f"get {keys.data('ann')}"
    assert unpublished.get("/ann/posts/nothing").status_code == 404
    assert asyncio.run(all_at_once()) == {404}
    assert calls[read_it] == 1
    assert unpublished.get("/ann/icon.png").status_code == 200, "what it has is drawn all the same"
    unpublished.put(keys.data("gone"), STONE, status=410)
    assert [unpublished.get(f"/gone/{number}").status_code for number in range(5)] == [410] * 5
    assert calls[f"get {keys.data('gone')}"] == 1
    assert unpublished.get("/bob").status_code == 404
    assert calls[f"get {keys.data('bob')}"] == 0


def test_what_a_document_has_is_looked_up_again_when_it_changes(unpublished: Site) -> None:
    assert unpublished.get("/ann/posts/tar").status_code == 404
    put_post(unpublished, "Black.", 2)
    unpublished.purge("/_data/ann.json", 2)
    assert "Black." in unpublished.get("/ann/posts/tar").text


def test_what_is_remembered_of_documents_is_bounded(
    unpublished: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge.render, "REMEMBERED_BYTES_MAX", 1500)
    names = [f"gone{number}" for number in range(10)]
    for turn in ("a", "b"):
        for name in names:
            unpublished.put(keys.data(name), STONE, status=410)
            assert unpublished.get(f"/{name}/{turn}").status_code == 410
            assert unpublished.get(f"/{name}/{turn}{turn}").status_code == 410
    reads = [unpublished.storage.calls[f"get {keys.data(name)}"] for name in names]
    assert reads == [2] * 10


def test_a_drawn_page_lives_for_a_short_while(unpublished: Site) -> None:
    drawn = unpublished.get("/ann")
    assert drawn.headers["cache-status"] == "holdfast; fwd=uri-miss; stored; detail=rendered"
    assert drawn.headers["cache-control"] == "public, max-age=0, s-maxage=30, stale-if-error=86400"
    assert unpublished.get("/ann").headers["cache-status"] == "holdfast; hit"
    unpublished.put_page("The worker's.")
    unpublished.clock.pass_by(31)
    unpublished.call()
    assert "The worker's." in unpublished.get("/ann").text


@pytest.mark.parametrize("path", ["/ann", "/_data/ann.json"])
def test_a_purge_of_the_page_or_of_its_document_ends_a_drawn_page(unpublished: Site, path: str) -> None:
    unpublished.get("/ann")
    unpublished.put_document("Paints ships.", 2)
    unpublished.purge(path, 2)
    assert "Paints ships." in unpublished.get("/ann").text


def test_a_drawn_page_older_than_a_purge_is_not_kept(unpublished: Site) -> None:
    unpublished.purge("/ann", 2)
    assert unpublished.get("/ann").headers["cache-control"] == "no-store"


DRAWN = {
    "/ann": 200,
    "/ann/posts/never-written": 404,
    "/gone": 410,
}


@pytest.mark.parametrize("path", DRAWN)
@pytest.mark.parametrize("rank", ["1.1.2.1", "1.1.1.1"], ids=["newer", "the same"])
def test_what_a_document_says_that_lags_behind_its_purge_is_not_kept(
    unpublished: Site, path: str, rank: str
) -> None:
    unpublished.put(keys.data("gone"), STONE, status=410)
    for name in ("ann", "gone"):
        unpublished.call({"path": f"/_data/{name}.json", "rank": rank, "hard": True})
    answer = unpublished.get(path)
    assert answer.status_code == DRAWN[path]
    assert ("no-store" in answer.headers["cache-control"]) is (rank == "1.1.2.1")
    again = unpublished.get(path).headers["cache-status"]
    assert again == (
        "holdfast; fwd=bypass; detail=purged-meanwhile" if rank == "1.1.2.1" else "holdfast; hit"
    )


def test_a_page_drawn_from_a_document_purged_meanwhile_is_not_kept(unpublished: Site) -> None:
    async def walk() -> Response:
        has_it, go_on = unpublished.storage.hold(keys.data("ann"))
        async with AsyncClient(transport=ASGITransport(unpublished.app), base_url="http://edge") as reader:
            waiting = asyncio.create_task(reader.get("/ann"))
            await asyncio.to_thread(has_it.wait, 10)
            unpublished.put_document("Paints ships.", 2)
            body = '{"number": 9, "purges": [{"path": "/_data/ann.json", "rank": "1.1.2.1"}]}'
            await reader.post("/-/purge", content=body, headers=signed(body))
            go_on.set()
            return await waiting

    page = asyncio.run(walk())
    assert "Paints ships." in page.text
    assert page.headers["cache-control"] == "no-store"


def test_the_document_of_a_new_user_ends_all_that_was_missing_under_the_name(site: Site) -> None:
    site.objects.delete("ann/index.html")
    assert site.get("/ann/feed.json").status_code == 404
    site.put_document("Paints boats.")
    site.purge("/_data/ann.json")
    assert site.get("/ann").status_code == 200


@pytest.mark.parametrize(("status", "words"), [(410, "Sunk for good."), (404, "Lost at sea.")])
def test_what_a_tombstone_says_is_gone_is_not_drawn(unpublished: Site, status: int, words: str) -> None:
    unpublished.put(keys.GONE, b"<p>Sunk for good.")
    unpublished.put(keys.NOT_FOUND, b"<p>Lost at sea.")
    unpublished.put_page("Nothing.", 2, key=keys.data("ann"), status=status)
    gone = unpublished.get("/ann/posts/old")
    assert (gone.status_code, words in gone.text) == (status, True)
    assert gone.headers["cache-tag"] == "p-p1234567"
    assert gone.headers["x-robots-tag"] == "noindex"


def test_a_former_names_lost_page_leads_to_the_new_name(unpublished: Site) -> None:
    to = "http://127.0.0.1:8080/anna"
    unpublished.put_page("Moved.", 2, key=keys.data("ann"), status=301, location=to)
    moved = unpublished.get("/ann")
    assert (moved.status_code, moved.headers["location"]) == (301, to)


def test_a_page_the_profile_does_not_have_is_a_404(unpublished: Site) -> None:
    nothing = unpublished.get("/ann/posts/never-written")
    assert nothing.status_code == 404
    assert nothing.headers["cache-tag"] == "n-ann"


@pytest.mark.parametrize("body", [b"", b"not json", b'{"holdfast":"1.1.1.1","format":1}'])
def test_a_document_that_can_not_be_read_is_503(unpublished: Site, body: bytes) -> None:
    unpublished.put(keys.data("ann"), body)
    assert unpublished.get("/ann").status_code == 503


def test_nothing_of_all_this_writes_to_storage(unpublished: Site) -> None:
    big = keys.media("v1234567", "pub1", "mp4", "a1234567", "720.mp4")
    unpublished.put(big, bytes(HELD_BYTES_MAX + 1), type="video/mp4")
    before = listing(unpublished.objects.root)
    for path in ("/ann", "/bob", "/ann/feed.xml", f"/{big}", "/Ann/"):
        unpublished.get(path)
        unpublished.purge(path, 2, hard=True)
    assert listing(unpublished.objects.root) == before


def listing(folder: Path) -> dict[str, tuple[float, int]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in files}
