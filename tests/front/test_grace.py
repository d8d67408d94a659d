"""With the edge away pages are read on, up to the cap; one cold page is one question, and what is private never stays."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from cli.fronts import Kind
from core import keys
from tests.front.conftest import EACH
from tests.front.edge import FILM, PICTURE, SECRETS, WORDS, Edge
from tests.front.fronts import Front, Reply
from tests.house import free_port

Start = Callable[..., Front]
TAG = keys.tag("p1234567")
READERS = 24


def outlive() -> None:
    """Longer than the second that pages of the fixture `edge` live."""
    time.sleep(2.2)


def until(seen: Callable[[], bool]) -> None:
    ends = time.monotonic() + 10
    while not seen():
        assert time.monotonic() < ends
        time.sleep(0.05)


@pytest.mark.parametrize("kind", EACH)
def test_with_the_edge_away_cached_pages_are_read_on(start: Start, edge: Edge, kind: Kind) -> None:
    front = start(kind, edge)
    for encoding in ("br", "gzip", ""):
        front.get("/ann", accept_encoding=encoding)
    edge.stop()
    for rounds in range(2):
        for encoding in ("br", "gzip", ""):
            reply = front.get("/ann", accept_encoding=encoding)
            assert (reply.status, rounds) == (200, rounds)
            assert b"Paints boats" in reply.body
        outlive()
    assert front.ask("HEAD", "/ann").status == 200


@pytest.mark.parametrize("kind", EACH)
def test_with_the_edge_away_what_was_never_read_is_unavailable_and_that_is_not_kept(
    start: Start, edge: Edge, kind: Kind
) -> None:
    front = start(kind, edge)
    edge.stop()
    for path in ("/ann", "/ann/posts/boats"):
        reply = front.get(path)
        assert (reply.status, reply.headers["cache-control"]) == (503, "no-store")
        assert reply.headers["retry-after"]
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.raw.startswith(b"This page can't be read for the moment.")
    edge.start()
    until(lambda: front.get("/ann").status == 200)


@pytest.mark.parametrize("kind", EACH)
def test_an_edge_that_fails_does_not_replace_a_page_that_is_kept(
    start: Start, edge: Edge, kind: Kind
) -> None:
    front = start(kind, edge)
    front.get("/ann")
    edge.broken = True
    outlive()
    assert [front.get("/ann").status for _ in range(3)] == [200] * 3
    assert front.get("/bea").status == 503
    edge.broken = False
    edge.edit("Paints ships. " + WORDS, 2)
    until(lambda: b"ships" in front.get("/ann").body)
    assert front.get("/bea").status == 200


@pytest.mark.parametrize("kind", EACH)
@pytest.mark.parametrize("status", [404, 410])
def test_a_page_taken_down_is_no_failure_even_if_its_purge_was_lost(
    start: Start, edge: Edge, kind: Kind, status: int
) -> None:
    front = start(kind, edge)
    front.get("/ann")
    edge.put("ann/index.html", b"<title>Gone</title>", status=status, tags=TAG)
    edge.call({"path": "/ann", "hard": True})
    outlive()
    front.get("/ann")  # nginx asks behind this one's back
    until(lambda: front.get("/ann").status == status)


@pytest.mark.server("varnish")
def test_a_page_purged_softly_stands_in_while_the_edge_is_away_and_one_purged_hard_does_not(
    start: Start, lasting: Edge
) -> None:
    front = start("varnish", lasting)
    front.get("/ann")
    front.get("/bea")
    front.purge("/ann", TAG, hard=False)
    front.purge("/bea", keys.tag("p7654321"), hard=True)
    lasting.stop()
    assert [front.get("/ann").status, front.get("/bea").status] == [200, 503]


@pytest.mark.server("varnish")
def test_varnish_shows_nothing_that_is_older_than_the_cap(start: Start, brief: Edge) -> None:
    front = start("varnish", brief)
    front.get("/ann")
    brief.stop()
    assert front.get("/ann").status == 200
    outlive()
    assert front.get("/ann").status == 503


@pytest.mark.parametrize("kind", EACH)
def test_with_one_edge_away_another_answers(start: Start, lasting: Edge, kind: Kind) -> None:
    edges = (lasting.url, f"http://127.0.0.1:{free_port()}")
    purge = lasting.settings.purge.model_copy(update={"edges": edges})
    lasting.settings = lasting.settings.model_copy(update={"purge": purge})
    front = start(kind, lasting)
    paths = (
        "/ann",
        "/bea",
        "/",
        "/ann/posts/boats",
        "/ann/feed.xml",
        "/robots.txt",
        "/" + PICTURE,
        "/" + FILM,
    )
    assert [front.get(path).status for path in paths] == [200] * len(paths)


@pytest.mark.parametrize("kind", EACH)
def test_a_cache_before_this_one_is_told_how_old_a_page_is(start: Start, lasting: Edge, kind: Kind) -> None:
    front = start(kind, lasting)
    fetched = front.get("/ann")
    time.sleep(1.1)
    hit = front.get("/ann")
    assert hit.headers["date"] == fetched.headers["date"]
    assert kind == "nginx" or int(hit.headers["age"]) >= 1


@pytest.mark.server("nginx")
def test_what_is_older_than_the_cap_goes_by_the_line_for_cron(start: Start, lasting: Edge) -> None:
    front = start("nginx", lasting)
    front.get("/ann")
    front.get("/bea")
    found = re.search(r"find (\S+) -type f -mmin \+(\d+) -delete", (front.folder / "nginx.conf").read_text())
    assert found
    assert int(found[2]) == (3600 + 3600) / 60
    old = time.time() - (int(found[2]) + 2) * 60
    (file,) = [
        one
        for one in (front.folder / "pages").rglob("*")
        if one.is_file() and b"KEY: /ann|" in one.read_bytes()
    ]
    os.utime(file, (old, old))
    subprocess.run(["sh", "-c", found[0]], check=True)
    lasting.stop()
    assert not file.exists()
    assert front.get("/bea").status == 200


@pytest.mark.parametrize("kind", EACH)
@pytest.mark.parametrize("path", ["/ann", "/nobody"])
def test_many_readers_of_one_cold_page_are_one_question(
    start: Start, lasting: Edge, kind: Kind, path: str
) -> None:
    front = start(kind, lasting)
    lasting.slow.set()
    with ThreadPoolExecutor(READERS) as readers:
        replies = [readers.submit(front.get, path) for _ in range(READERS)]
        until(lambda: lasting.asked[path] > 0)
        time.sleep(0.3)  # all of them are there by now, or the one question proves less
        lasting.slow.clear()
        got: list[Reply] = [reply.result() for reply in replies]
    assert len({(reply.status, reply.raw) for reply in got}) == 1
    assert lasting.asked[path] == 1


@pytest.mark.parametrize("kind", EACH)
def test_what_is_for_one_reader_alone_is_never_kept(start: Start, lasting: Edge, kind: Kind) -> None:
    front = start(kind, lasting)
    for _ in range(3):
        front.get(SECRETS)
    assert lasting.asked[SECRETS] == 3
    lasting.stop()
    assert front.get(SECRETS).status == 503


@pytest.mark.parametrize("kind", EACH)
def test_what_lies_behind_a_grant_is_asked_for_by_each_reader_and_by_ranges(
    start: Start, lasting: Edge, kind: Kind
) -> None:
    front = start(kind, lasting)
    for path in (f"{keys.GRANTS}/abc/ann", f"{keys.GRANTS}/abc/ann/{FILM}"):
        for _ in range(3):
            # This edge knows no ranges; Varnish then cuts by itself.
            assert front.get(f"{path}?utm_source=mail", range="bytes=0-9").body.startswith(b"behind a g")
        assert lasting.asked[path] == 3
        assert (lasting.heard[-1]["range"], lasting.heard[-1]["?"]) == ("bytes=0-9", "")
    assert front.get("/-/purge").status == 404


@pytest.mark.parametrize("kind", EACH)
def test_of_what_a_reader_says_an_edge_hears_path_and_encoding_alone(
    start: Start, lasting: Edge, kind: Kind
) -> None:
    front = start(kind, lasting)
    front.get(
        "/ann?utm_source=mail&grant=abc",
        cookie="theme=dusk; grant=abc",
        x_forwarded_for="192.0.2.1",
        authorization="Basic YTpi",
    )
    front.get("/ann?page=2")
    assert lasting.asked["/ann"] == 1, "a query was taken for another page"
    heard = lasting.heard[-1]
    assert heard["?"] == ""
    assert not {"cookie", "authorization"} & set(heard)
    assert heard["x-forwarded-for"] == "127.0.0.1", "who it is, not who it says it is"
