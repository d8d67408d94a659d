"""The hot path answers what is in memory by itself, and says nothing that the app behind it would not say."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest
from starlette.types import Receive, Scope, Send

from core import keys
from edge.hot import Hot
from tests.edge.conftest import RENDITION, Reader, Site

LONG = "boats " * 500
OLD_S = 1_600_000_000


def age_file(site: Site, key: str, modified_s: float = OLD_S) -> None:
    os.utime(site.objects.root / key, (modified_s, modified_s))


@pytest.fixture
def warm(site: Site) -> Site:
    """A page, a picture, what is gone and what has moved, each read once in every way that readers like."""
    site.put_page(LONG)
    site.put_page(LONG, key="gone/index.html", status=410)
    site.put_page("Moved.", key="moved/index.html", status=301, location="http://127.0.0.1:8080/ann")
    site.put(RENDITION, b"RIFF0000WEBP" * 100, type="image/webp")
    for key in ("ann/index.html", RENDITION, "gone/index.html", "moved/index.html"):
        age_file(site, key)
        for accepted in ("", "br", "zstd", "gzip"):
            site.get(keys.path_of(key), accept_encoding=accepted)
    return site


def alone(site: Site) -> Site:
    """The hot path without the app behind it."""

    async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError(f"{scope['path']} was left to the rest")

    assert isinstance(site.app, Hot)
    site.app._rest = nothing
    return site


ASKED: dict[str, dict[str, str]] = {
    "a page": {},
    "brotli": {"accept-encoding": "gzip, deflate, br, zstd"},
    "zstd": {"accept-encoding": "zstd"},
    "gzip": {"accept-encoding": "gzip;q=0.5"},
    "known": {"if-none-match": "ETAG"},
    "known by many": {"if-none-match": '"other", W/ETAG'},
    "known to be there": {"if-none-match": "*"},
    "not known": {"if-none-match": '"other"'},
    "since then": {"if-modified-since": "Sun, 13 Sep 2020 12:26:40 GMT"},
    "since before": {"if-modified-since": "Sun, 13 Sep 2020 12:26:39 GMT"},
    "both": {"if-none-match": '"other"', "if-modified-since": "Sun, 13 Sep 2020 12:26:40 GMT"},
    "nonsense": {"if-modified-since": "yesterday", "if-none-match": "yesterday"},
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "path", ["/ann", "/ann?utm_source=mail&fbclid=1", "/gone", "/moved", f"/{RENDITION}"]
)
@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_the_hot_path_says_what_the_rest_would(
    warm: Site, asked: dict[str, str], path: str, method: str
) -> None:
    etag = warm.get(path).headers.get("etag", '"none"')
    asked = {name: value.replace("ETAG", etag) for name, value in asked.items()}
    hot = warm.reader.request(method, path, headers=asked)
    assert isinstance(warm.app, Hot)
    slow = Reader(warm.app._rest, warm.reader._portal).request(method, path, headers=asked)
    assert (hot.status_code, hot.content) == (slow.status_code, slow.content)
    assert dict(hot.headers) == dict(slow.headers)
    assert alone(warm).reader.request(method, path, headers=asked).headers == hot.headers


@pytest.mark.parametrize(
    "asked",
    [
        [("range", "bytes=0-9")],
        [("if-match", "*")],
        [("if-unmodified-since", "Sun, 13 Sep 2020 12:26:40 GMT")],
        [("accept-encoding", "br")] * 2,
        [("if-none-match", '"a"')] * 2,
    ],
)
def test_what_is_not_plain_is_left_to_the_rest(warm: Site, asked: list[tuple[str, str]]) -> None:
    before = warm.reader.request("GET", "/ann", headers=asked)
    assert before.status_code in (200, 206)
    with pytest.raises(AssertionError, match="left to the rest"):
        alone(warm).reader.request("GET", "/ann", headers=asked)


def test_several_lines_of_a_header_count_as_one(warm: Site) -> None:
    etag = warm.get("/ann").headers["etag"]
    lines = [("if-none-match", '"other"'), ("if-none-match", etag), ("accept-encoding", "identity")]
    assert warm.reader.request("GET", "/ann", headers=lines).status_code == 304


@pytest.mark.parametrize(
    "ends",
    [
        lambda site: site.purge("/ann", 2),
        lambda site: site.purge("/ann", 2, hard=True),
        lambda site: site.clock.pass_by(15.1),
        lambda site: (site.clock.pass_by(15.1), site.call()),
        lambda site: [(site.clock.pass_by(10), site.call()) for _ in range(12)],
    ],
    ids=["purged", "purged hard", "silence", "after a silence", "old"],
)
def test_what_is_not_fresh_is_never_answered_by_the_hot_path(
    warm: Site, ends: Callable[[Site], object]
) -> None:
    ends(warm)
    with pytest.raises(AssertionError, match="left to the rest"):
        alone(warm).get("/ann")


def test_a_purged_folder_ends_the_hot_answers_in_it(warm: Site) -> None:
    warm.call({"path": f"/{RENDITION.rpartition('/')[0]}/", "rank": "", "hard": True})
    with pytest.raises(AssertionError, match="left to the rest"):
        alone(warm).get(f"/{RENDITION}")


def test_a_pages_new_bytes_get_answers_of_their_own(warm: Site) -> None:
    warm.put_page(LONG + "and ships", 2)
    warm.purge("/ann", 2)
    for accepted in ("", "br"):
        first, second = (warm.get("/ann", accept_encoding=accepted) for _ in range(2))
        assert first.text == second.text and "and ships" in first.text
        assert first.headers["etag"] == second.headers["etag"]


def test_what_is_said_in_the_sites_words_is_not_made_ready_under_its_own_address(site: Site) -> None:
    site.put(keys.GONE, b"<p>Sunk for good.")
    site.put_page("Nothing.", 2, key=keys.data("ann"), status=410)
    site.objects.delete("ann/index.html")
    site.purge("/ann", hard=True)
    for _ in range(3):
        gone = site.get("/ann")
        assert (gone.status_code, gone.text) == (410, "<p>Sunk for good.")
    site.put(keys.GONE, b"<p>Sunk deep.")
    site.purge(f"/{keys.GONE}")
    assert site.get("/ann").text == "<p>Sunk deep."


def test_a_site_page_is_no_page_at_an_address_of_its_own(site: Site) -> None:
    site.put(keys.NOT_FOUND, b"<p>Lost at sea.")
    for _ in range(3):
        assert site.get("/bob").headers["cache-tag"] == "n-bob"
        itself = site.get(f"/{keys.NOT_FOUND}")
        assert (itself.status_code, itself.headers["cache-status"]) == (404, "holdfast; fwd=bypass")
        assert "cache-tag" not in itself.headers


def test_an_address_is_answered_however_it_is_encoded(site: Site) -> None:
    key = keys.post("ann", "été")
    site.put_page("Summer.", key=key)
    age_file(site, key)
    site.get("/ann/posts/%C3%A9t%C3%A9")
    page = alone(site).get("/ann/posts/%c3%a9t%C3%A9")
    assert "Summer." in page.text


def test_the_hot_path_keeps_to_the_sub_path(new_site: Callable[..., Site]) -> None:
    site = new_site(path="/people")
    site.put_page("Paints boats.")
    site.put(keys.HOME, b"<p>Home.")
    for key in ("ann/index.html", keys.HOME):
        age_file(site, key)
    site.call()
    for path in ("/people/ann", "/people", "/people/"):
        site.get(path)
        assert site.get(path).headers["cache-status"] == "holdfast; hit"
    assert [site.get(path).status_code for path in ("/ann", "/peopleann", "/")] == [404] * 3
    assert "Home." in alone(site).get("/people").text


def test_a_date_withheld_at_first_is_given_once_its_second_is_over(site: Site) -> None:
    age_file(site, "ann/index.html", time.time() + 1800)
    assert not any("last-modified" in site.get("/ann").headers for _ in range(3))
    site.ahead_s = 3600
    assert all("last-modified" in site.get("/ann").headers for _ in range(3))
    assert site.storage.calls["get ann/index.html"] == 1
    alone(site).get("/ann")


def test_age_counts_from_when_storage_was_asked(warm: Site) -> None:
    warm.purge("/ann")
    assert "age" not in warm.get("/ann").headers, "storage has just said that it is still so"
    for age_s in ("0", "9", "18"):
        assert warm.get("/ann").headers["age"] == age_s
        warm.clock.pass_by(9)
        warm.call()
    assert warm.get("/bob").headers.get("age") is None
    warm.clock.pass_by(2)
    assert warm.get("/bob").headers["age"] == "2"


def test_prepared_answers_count_as_memory(new_site: Callable[..., Site]) -> None:
    site = new_site(edge={"memory_mb": 1})
    site.call()
    for number in range(150):
        key = f"a{number}/index.html"
        site.put_page("x" * 100, key=key)
        age_file(site, key)
        for accepted in ("", "br", "zstd", "gzip"):
            site.get(f"/a{number}", accept_encoding=accepted)
    assert site.get("/a0").headers["cache-status"] == "holdfast; fwd=uri-miss; stored"
