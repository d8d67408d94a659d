"""Readers get pages, pictures and videos, as whole or as partly as they ask for them."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import sys
import time
from collections.abc import Callable

import brotli
import pytest
from httpx import ASGITransport, AsyncClient

import edge.cache
from core import keys
from edge.respond import PIECE_BYTES
from edge.rules import SECURITY
from tests.edge.conftest import RENDITION, Site

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

VIDEO = keys.media("v1234567", "pub1", "mp4", "a1234567", "720.mp4")


def test_a_page_is_served_with_its_type_tags_and_safety(site: Site) -> None:
    page = site.get("/ann")
    assert page.status_code == 200
    assert "Paints boats." in page.text
    assert "<!--holdfast 1.1.1.1-->" in page.text
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-tag"] == page.headers["surrogate-key"] == "p-p1234567"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["content-security-policy"].startswith("default-src 'none'; media-src 'self'; img-src")
    assert page.headers["cross-origin-resource-policy"] == "same-origin"
    assert "x-robots-tag" not in page.headers


@pytest.mark.parametrize("path", ["/ann", "/bob", "/Ann/", "/%ff", f"/{RENDITION}"])
def test_a_site_by_https_tells_browsers_to_stay_with_it(new_site: Callable[..., Site], path: str) -> None:
    for url, told in (("https://example.org", "max-age=31536000"), ("http://example.org", None)):
        site = new_site(url=url)
        site.put_page("Paints boats.")
        site.put(RENDITION, b"RIFF0000WEBP", type="image/webp")
        answer = site.get(path)
        assert answer.headers.get("strict-transport-security") == told
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert "camera=()" in answer.headers["permissions-policy"]


def test_only_a_page_with_a_script_of_ours_may_run_one(site: Site) -> None:
    script = '<script type="module" src="/_assets/video.0a1b2c3d4e5f.js"></script>'
    site.put_page(script, key="bob/index.html")
    plays, plain = (site.get(path).headers["content-security-policy"] for path in ("/bob", "/ann"))
    assert "script-src 'self'; connect-src 'self'; media-src 'self' blob:;" in plays
    assert "unsafe-inline" not in plays.partition("style-src")[0]
    assert not any(word in plain for word in ("script-src", "connect-src", "blob:"))
    for key in (keys.asset("a.html", "0a1b2c3d4e5f"), keys.data("bob")):
        site.put(key, script.encode())
        assert site.get(f"/{key}").headers["content-security-policy"] == plain, key
    site.put(RENDITION, script.encode())
    assert "script-src" not in site.get(f"/{RENDITION}").headers["content-security-policy"]


def test_a_page_may_be_kept_by_cdns_and_only_they_show_it_while_they_ask_anew(site: Site) -> None:
    page = site.get("/ann")
    assert page.headers["cache-control"] == "public, max-age=0, s-maxage=300, stale-if-error=86400"
    assert page.headers["cdn-cache-control"] == (
        "max-age=300, stale-while-revalidate=300, stale-if-error=86400"
    )


def test_storage_is_read_once_for_many_readers(site: Site) -> None:
    first, second = site.get("/ann"), site.get("/ann")
    assert first.headers["cache-status"] == "holdfast; fwd=uri-miss; stored"
    assert second.headers["cache-status"] == "holdfast; hit"
    assert site.storage.calls["get ann/index.html"] == 1


@pytest.mark.parametrize("accepted", ["", "br"])
@pytest.mark.parametrize(
    "path",
    ["/ann", "/bob", "/gone", "/moved", "/Ann/", f"/{RENDITION}", f"/{VIDEO}", "/%ff", "/_data/ann.json"],
)
def test_head_tells_all_but_the_body(site: Site, path: str, accepted: str) -> None:
    site.put_page("Was here. " * 100, key="gone/index.html", status=410)
    site.put_page("Moved.", key="moved/index.html", status=301, location="http://127.0.0.1:8080/ann")
    site.put(RENDITION, b"RIFF0000WEBP" * 100, type="image/webp")
    site.put(VIDEO, bytes(2_500_000), type="video/mp4")
    site.put_document("Paints boats.")
    site.ahead_s = 5  # within the second of a change its date is withheld
    for _ in range(2):
        whole = site.get(path, accept_encoding=accepted)
    head = site.reader.request("HEAD", path, headers={"accept-encoding": accepted})
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert dict(head.headers) == dict(whole.headers)


def test_a_reader_who_has_it_already_hears_304(site: Site) -> None:
    etag = site.get("/ann").headers["etag"]
    again = site.get("/ann", if_none_match=f'"other", W/{etag}')
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == etag
    assert "s-maxage=300" in again.headers["cache-control"]
    assert site.get("/ann", if_none_match="*").status_code == 304
    assert site.get("/ann", if_none_match='"other"').status_code == 200


def test_if_modified_since_counts_only_without_an_etag(site: Site) -> None:
    path = site.storage._objects.root / "ann/index.html"  # type: ignore[attr-defined]
    os.utime(path, (1_600_000_000, 1_600_000_000))
    date = site.get("/ann").headers["last-modified"]
    assert date == "Sun, 13 Sep 2020 12:26:40 GMT"
    assert site.get("/ann", if_modified_since=date).status_code == 304
    assert site.get("/ann", if_modified_since=date, if_none_match='"other"').status_code == 200
    assert site.get("/ann", if_modified_since="Sun, 13 Sep 2020 12:26:39 GMT").status_code == 200
    assert site.get("/ann", if_modified_since="yesterday").status_code == 200


def test_no_date_is_given_that_a_second_edit_could_share(site: Site) -> None:
    path = site.storage._objects.root / "ann/index.html"  # type: ignore[attr-defined]
    just_now_s = time.time() + 3600  # an hour ahead, so that the second can't end under the test
    os.utime(path, (just_now_s, just_now_s))
    assert "last-modified" not in site.get("/ann").headers


UNPACK: dict[str | None, Callable[[bytes], bytes]] = {
    "br": brotli.decompress,
    "zstd": zstd.decompress,
    "gzip": gzip.decompress,
    None: bytes,
}


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("zstd, gzip", "zstd"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZIP", "gzip"),
        ("gzip;q=0.5, br;q=0.1, zstd;q=0.2", "gzip"),
        ("br;q=0, *", "zstd"),
        ("br;q=0, zstd;q=0, *", "gzip"),
        ("*", "br"),
        ("*;q=0", None),
        ("identity", None),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.5, gzip", "gzip"),
        ("gzip;q=none", None),
        ("gzip;q=0, " + "x" * 200, None),
    ],
)
def test_text_is_compressed_as_the_reader_likes_it(site: Site, accepted: str, coding: str | None) -> None:
    site.put_page("boats " * 500, key="bob/index.html")
    plain = site.get("/bob")
    page, raw = site.reader.get_raw("/bob", accepted)
    assert UNPACK[coding](raw) == plain.content
    assert len(raw) == int(page.headers["content-length"])
    assert page.headers.get("content-encoding") == coding
    assert page.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert (page.headers["etag"] == plain.headers["etag"]) is (coding is None)
    known = site.get("/bob", accept_encoding=accepted, if_none_match=page.headers["etag"])
    assert (known.status_code, known.headers["vary"]) == (304, "Accept-Encoding")


def test_each_coding_has_an_etag_of_its_own(site: Site) -> None:
    site.put_page("boats " * 500)
    etags = {site.get("/ann", accept_encoding=one).headers["etag"] for one in ("br", "zstd", "gzip", "")}
    assert len(etags) == 4
    assert not any(etag.startswith("W/") for etag in etags)


def test_a_coding_is_made_once_for_all_who_like_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    pack = edge.cache.compress
    monkeypatch.setattr(
        edge.cache, "compress", lambda body, coding: made.append(coding) or pack(body, coding)
    )
    site.put_page("boats " * 500)

    async def readers() -> None:
        async with AsyncClient(transport=ASGITransport(site.app), base_url="http://edge") as reader:
            likings = [{"accept-encoding": coding} for coding in ("br", "zstd", "gzip")] * 5
            await asyncio.gather(*(reader.get("/ann", headers=liking) for liking in likings))

    for _ in range(2):
        asyncio.run(readers())
    assert sorted(made) == ["br", "gzip", "zstd"]


def test_a_404_in_the_sites_words_varies_by_coding_too(site: Site) -> None:
    site.put(keys.NOT_FOUND, b"<p>Lost at sea." * 100)
    for accepted in ("", "br"):
        assert site.get("/bob", accept_encoding=accepted).headers["vary"] == "Accept-Encoding"


def test_a_picture_is_kept_for_good_and_may_be_embedded(site: Site) -> None:
    site.put(RENDITION, b"RIFF0000WEBP" * 100, type="image/webp", tags=keys.tag("p1234567"))
    picture = site.reader.get(f"/{RENDITION}", headers={"accept-encoding": "br"})
    assert picture.headers["content-type"] == "image/webp"
    assert picture.headers["cache-control"] == "public, max-age=31536000, s-maxage=86700, immutable"
    assert picture.headers["cross-origin-resource-policy"] == "cross-origin"
    assert not {"content-encoding", "vary"} & set(picture.headers)


@pytest.mark.parametrize(
    ("recipe", "name", "mime"),
    [
        ("still", "640.webp", "image/webp"),
        ("still", "640.jpg", "image/jpeg"),
        ("avif", "640.avif", "image/avif"),
        ("mp4", "video.mp4", "video/mp4"),
        ("rung-360", "video-00001.m4s", "video/iso.segment"),
        ("hls", "master.m3u8", "application/vnd.apple.mpegurl"),
        ("hls", "manifest.mpd", "application/dash+xml"),
        ("sound", "sound.m4a", "audio/mp4"),
        ("captions-en", "captions.vtt", "text/vtt"),
        ("storyboard", "storyboard.vtt", "text/vtt"),
    ],
)
@pytest.mark.parametrize("size", [200, 2_500_000], ids=["held", "streamed"])
def test_what_was_made_of_strangers_bytes_is_its_type_and_runs_nothing(
    site: Site, recipe: str, name: str, mime: str, size: int
) -> None:
    key = keys.media("m1234567", "pub1", recipe, "a1234567", name)
    like_a_page = (b'<!doctype html><script type="module" src="/evil.js"></script>' + bytes(size))[:size]
    site.put(key, like_a_page, type=mime)
    whole, part = site.get(f"/{key}"), site.get(f"/{key}", range="bytes=0-9")
    same = site.get(f"/{key}", if_none_match=whole.headers["etag"])
    assert (whole.status_code, part.status_code, same.status_code) == (200, 206, 304)
    assert whole.headers["content-type"] == part.headers["content-type"] == mime
    for response in (whole, part, same, site.reader.head(f"/{key}")):
        assert response.headers["x-content-type-options"] == "nosniff"
        policy = {
            words[0]: words[1:]
            for words in map(str.split, response.headers["content-security-policy"].split(";"))
        }
        assert policy["default-src"] == ["'none'"] and policy["sandbox"] == []
        assert not {"script-src", "connect-src", "object-src", "frame-src"} & set(policy)


@pytest.fixture(params=["held in memory", "streamed"])
def video(site: Site, request: pytest.FixtureRequest) -> bytes:
    size = 10_000 if request.param == "held in memory" else 2_500_000
    body = (hashlib.sha256(b"clip").digest() * (size // 32 + 1))[:size]
    site.put(VIDEO, body, type="video/mp4")
    return body


@pytest.mark.parametrize(
    ("asked", "span"),
    [
        ("bytes=0-", slice(0, None)),
        ("bytes=100-199", slice(100, 200)),
        ("bytes=9000-99999999", slice(9000, None)),
        ("bytes=-500", slice(-500, None)),
        ("Bytes = 5-5", slice(5, 6)),
    ],
)
def test_a_player_gets_the_part_it_asks_for(site: Site, video: bytes, asked: str, span: slice) -> None:
    part = site.get(f"/{VIDEO}", range=asked)
    assert part.status_code == 206
    assert part.content == video[span]
    start, end, _ = span.indices(len(video))
    assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{len(video)}"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=9-2", "bytes=-", "lines=1-2", "bytes=x-"])
def test_a_range_that_is_not_understood_gets_the_whole(site: Site, video: bytes, asked: str) -> None:
    whole = site.get(f"/{VIDEO}", range=asked)
    assert (whole.status_code, whole.content) == (200, video)
    assert whole.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0"])
def test_a_range_behind_the_end_is_416(site: Site, video: bytes, asked: str) -> None:
    nothing = site.get(f"/{VIDEO}", range=asked)
    assert nothing.status_code == 416
    assert nothing.headers["content-range"] == f"bytes */{len(video)}"


def test_a_download_resumes_only_what_it_began(site: Site, video: bytes) -> None:
    etag = site.reader.head(f"/{VIDEO}").headers["etag"]
    assert site.get(f"/{VIDEO}", range="bytes=5-", if_range=etag).content == video[5:]
    assert site.get(f"/{VIDEO}", range="bytes=5-", if_range=f"W/{etag}").content == video
    assert site.get(f"/{VIDEO}", range="bytes=5-", if_range='"other"').content == video
    assert site.get(f"/{VIDEO}", range="bytes=5-", if_range="").content == video


def test_a_download_resumes_by_the_date_that_we_gave_out(site: Site, video: bytes) -> None:
    os.utime(site.objects.root / VIDEO, (1_600_000_000, 1_600_000_000))
    date = site.get(f"/{VIDEO}").headers["last-modified"]
    assert site.get(f"/{VIDEO}", range="bytes=5-", if_range=date).content == video[5:]
    later = "Sun, 13 Sep 2020 12:26:41 GMT"
    assert site.get(f"/{VIDEO}", range="bytes=5-", if_range=later).content == video


def test_a_large_video_is_never_held_whole(site: Site) -> None:
    site.put(VIDEO, bytes(5_000_000), type="video/mp4")
    assert site.get(f"/{VIDEO}").content == bytes(5_000_000)
    assert site.storage.calls[f"get {VIDEO}"] == 0
    assert site.storage.biggest_read <= PIECE_BYTES
    head = site.reader.head(f"/{VIDEO}")
    assert head.headers["content-length"] == "5000000"
    assert head.headers["cache-status"] == "holdfast; hit"


@pytest.mark.parametrize("status", [404, 410])
def test_a_tombstone_has_its_status_and_its_own_words(site: Site, status: int) -> None:
    site.put_page("Was here.", 2, status=status)
    gone = site.get("/ann", if_none_match="*")
    assert gone.status_code == status
    assert "Was here." in gone.text
    assert gone.headers["x-robots-tag"] == "noindex"
    assert "etag" not in gone.headers


def test_an_old_username_leads_to_the_new_one(site: Site) -> None:
    site.put_page("Moved.", key="anna/index.html", status=301, location="http://127.0.0.1:8080/ann")
    moved = site.get("/anna")
    assert (moved.status_code, moved.headers["location"]) == (301, "http://127.0.0.1:8080/ann")
    assert moved.headers["cache-control"].startswith("public, max-age=0")


def test_nothing_under_a_name_is_a_tagged_404_in_the_sites_words(site: Site) -> None:
    site.put(keys.NOT_FOUND, b"<p>Lost at sea.")
    nothing = site.get("/bob")
    assert nothing.status_code == 404
    assert nothing.text == "<p>Lost at sea."
    assert nothing.headers["cache-tag"] == "n-bob"
    assert nothing.headers["cache-control"] == "public, max-age=0, s-maxage=10"
    assert nothing.headers["x-robots-tag"] == "noindex"


def test_a_site_without_a_404_page_has_one_all_the_same(site: Site) -> None:
    nothing = site.get("/bob")
    assert nothing.status_code == 404
    assert "There is no page at this address." in nothing.text
    assert site.reader.head("/bob").content == b""


def test_made_up_paths_are_not_asked_for_twice_nor_push_pages_out(new_site: Callable[..., Site]) -> None:
    site = new_site(edge={"memory_mb": 1})
    site.put_page("Paints boats.")
    site.call()
    site.get("/ann")
    for number in range(200):
        site.get(f"/bob/{number}")
    site.get("/bob/199")
    assert site.storage.calls["get bob/199/index.html"] == 1
    assert site.get("/ann").headers["cache-status"] == "holdfast; hit"


def test_memory_is_bounded_and_the_least_read_leaves(new_site: Callable[..., Site]) -> None:
    site = new_site(edge={"memory_mb": 1})
    site.call()
    for name in ("ann", "bob", "cat", "dan", "eve", "fay"):
        site.put_page("x" * 200_000, key=f"{name}/index.html")
        site.get(f"/{name}")
        site.get("/ann")
    assert site.get("/ann").headers["cache-status"] == "holdfast; hit"
    assert site.get("/fay").headers["cache-status"] == "holdfast; hit"
    assert site.get("/bob").headers["cache-status"] == "holdfast; fwd=uri-miss; stored"


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("/Ann/", "/ann"),
        ("/ann/?utm=1", "/ann?utm=1"),
        (
            "/Ann/Posts/Boats/index.html/?utm=1&to=%2F%2Fevil.example",
            "/ann/posts/boats?utm=1&to=%2F%2Fevil.example",
        ),
        ("/ANN/feed.xml", "/ann/feed.xml"),
        ("/ann/index.html", "/ann"),
        ("/index.html", "/"),
        ("/ann/posts/%C3%A9t%C3%A9/", "/ann/posts/%C3%A9t%C3%A9"),
    ],
)
def test_one_spelling_of_an_address_counts_and_is_one_hop_away(site: Site, path: str, canonical: str) -> None:
    moved = site.get(path)
    assert (moved.status_code, moved.headers["location"]) == (301, canonical)
    assert site.get(canonical).status_code != 301
    assert set(site.storage.calls.values()) == {1}, (
        "what storage was asked for the first step serves the second"
    )


def test_a_site_under_a_sub_path_answers_only_there(new_site: Callable[..., Site]) -> None:
    site = new_site(path="/people")
    site.put_page("Paints boats.")
    site.put(keys.HOME, b"<p>Home.")
    assert "Paints boats." in site.get("/people/ann").text
    assert site.get("/people").text == site.get("/people/").text == "<p>Home."
    assert site.get("/people/Ann/").headers["location"] == "/people/ann"
    assert [site.get(path).status_code for path in ("/ann", "/", "/peopleann")] == [404, 404, 404]
    assert site.get("/-/health").json() == {"ok": True}


UGLY = {
    "/%2e%2e/": 404,
    "/..%2f..%2fetc/passwd": 400,
    "/ann/%2e%2e/%2e%2e/etc": 404,
    "//": 404,
    "//evil.example/": 404,
    "/ann//posts": 404,
    "/%00": 400,
    "/ann%0Aset-cookie:x": 404,
    "/%0d%0a": 404,
    "/%5c%5cevil.example": 400,
    "/%ff%fe": 400,
    "/%zz": 404,
    "/%ED%A0%80": 400,
    "/" + "a" * 10_000: 414,
    "/" + "a" * 300: 404,
    "/" + "%F0%9F%9B%B6" * 200: 404,
    "/ann?" + "q" * 10_000: 414,
    "/.locks/0001": 404,
    "/_manifests/p1234567.json": 404,
    "/_originals/m1234567": 404,
    "/_site/404.html": 404,
    "/ann/index.html/x": 404,
}


@pytest.mark.parametrize("path", UGLY, ids=[path[:30] for path in UGLY])
def test_an_ugly_path_is_refused_plainly(site: Site, path: str) -> None:
    refused = site.get(path)
    assert refused.status_code == UGLY[path]
    assert "traceback" not in refused.text.lower()
    assert refused.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_there_is_no_way_to_write(site: Site, method: str) -> None:
    refused = site.reader.request(method, "/ann", content=b"<p>Mine now.")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    assert "Paints boats." in site.get("/ann").text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/-/health", 200),
        ("GET", "/-/domains/ask?domain=nonsense", 404),
        ("POST", "/-/purge", 401),
        ("POST", "/-/health", 405),
        ("GET", "/-/purge", 405),
    ],
)
def test_our_own_endpoints_are_as_guarded_as_pages(site: Site, method: str, path: str, status: int) -> None:
    answer = site.reader.request(method, path)
    assert (answer.status_code, answer.headers["cache-control"]) == (status, "no-store")
    assert {name: answer.headers.get(name) for name in SECURITY} == SECURITY
    assert ("allow" in answer.headers) is (status == 405)
