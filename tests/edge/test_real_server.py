"""The edge in a real server, over real sockets: what an in-memory client would smooth over."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from core import keys
from core.errors import ObjectMissing
from tests.edge.conftest import Site, raw, serving, signed

VIDEO = keys.media("v1234567", "pub1", "mp4", "a1234567", "720.mp4")


@pytest.fixture
def port(site: Site) -> Iterator[int]:
    with serving(site.app) as port:
        yield port


def test_a_reader_walks_and_the_purger_calls(site: Site, port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as reader:
        page = reader.get("/ann")
        assert (page.status_code, page.http_version) == (200, "HTTP/1.1")
        assert reader.head("/ann").headers["content-length"]
        assert reader.get("/ann", headers={"if-none-match": page.headers["etag"]}).status_code == 304
        site.put_page("Paints ships.", 2)
        body = '{"number": 2, "purges": [{"path": "/ann", "rank": "1.1.2.1"}]}'
        assert reader.post("/-/purge", content=body, headers=signed(body)).json() == {
            "number": 2,
            "purged": 1,
            "reads": "main",
        }
        assert "Paints ships." in reader.get("/ann").text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (b"/../../etc/passwd", 404),
        (b"/ann/./index.html", 404),
        (b"/%2e%2e/%2e%2e/etc/passwd", 404),
        (b"//evil.example//", 404),
        (b"/%00", 400),
        (b"/%ff", 400),
        (b"/\xc3\xa9", 400),
        (b"/" + b"a" * 10_000, 414),
        (b"*", 400),
        (b"http://other.example/ann", 400),
        (b"http://edge/ann", 200),
        (b"http://edge", 400),
    ],
)
def test_ugly_addresses_over_the_wire(
    site: Site, port: int, path: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    reply = raw(port, b"GET " + path + b" HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n")
    assert int(reply.split(b" ", 2)[1]) == status
    assert not [one for one in caplog.records if one.exc_info]


def test_a_part_of_a_large_video_over_the_wire(site: Site, port: int) -> None:
    body = bytes(range(256)) * 12_000
    site.put(VIDEO, body, type="video/mp4")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as player:
        part = player.get(f"/{VIDEO}", headers={"range": "bytes=1000-1999999"})
        assert (part.status_code, part.content) == (206, body[1000:2_000_000])
        assert player.get(f"/{VIDEO}").content == body


def test_a_video_that_breaks_off_is_not_taken_for_the_whole(
    site: Site, port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site.put(VIDEO, bytes(3_000_000), type="video/mp4")
    read = site.storage.read

    def lost(key: str, start: int, size: int) -> bytes:
        if start > 1_000_000:
            raise ObjectMissing(key)
        return read(key, start, size)

    monkeypatch.setattr(site.storage, "read", lost)
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"http://127.0.0.1:{port}/{VIDEO}")
    assert not [one for one in caplog.records if one.exc_info]
    assert "Paints boats." in httpx.get(f"http://127.0.0.1:{port}/ann").text


def test_a_reader_who_leaves_ends_the_reading(site: Site, port: int) -> None:
    site.put(VIDEO, bytes(100_000_000), type="video/mp4")
    with httpx.stream("GET", f"http://127.0.0.1:{port}/{VIDEO}") as video:
        next(video.iter_raw())
    reads = -1
    while reads != (reads := site.storage.calls[f"read {VIDEO}"]):
        time.sleep(0.2)
    assert 0 < reads < 382, "all pieces were read, for nobody"
