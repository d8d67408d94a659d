"""Readers who mean no good, over real sockets: none gets a second answer, keeps a connection, or fills the memory."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

import edge.app
import edge.server
from core import keys
from edge.app import BODIES_EACH_MAX
from edge.server import HEAD_BYTES_MAX, WAITING_MAX, Doors
from tests.edge.conftest import Site, raw, serving, signed

VIDEO = keys.media("v1234567", "pub1", "mp4", "a1234567", "720.mp4")
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: edge\r\n\r\n"


@pytest.fixture
def port(site: Site) -> Iterator[int]:
    with serving(site.app) as port:
        yield port


def statuses(reply: bytes) -> list[int]:
    return [int(part[:3]) for part in reply.split(b"HTTP/1.1 ")[1:]]


def open_to(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def rest(connection: socket.socket) -> bytes:
    """All that still comes; a connection that was reset has nothing more to say."""
    found = b""
    try:
        while piece := connection.recv(65536):
            found += piece
    except ConnectionResetError:
        pass
    return found


# ── what two servers could read differently ───────────────────────────────────────────────────────────

SMUGGLED = {
    "length and chunks": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 0\r\nContent-Length: 35\r\n\r\n",
    "two equal lengths": b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "a list of lengths": b"Content-Length: 0, 35\r\n\r\n",
    "a signed length": b"Content-Length: +0\r\n\r\n",
    "a length in hex": b"Content-Length: 0x0\r\n\r\n",
    "a negative length": b"Content-Length: -1\r\n\r\n",
    "a space before the colon": b"Content-Length : 35\r\n\r\n",
    "an unknown coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunks not last": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunks twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "a chunk of no size": b"Transfer-Encoding: chunked\r\n\r\nx\r\n\r\n",
    "a chunk of a huge size": b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 32 + b"\r\n",
    "a chunk without its end": b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
    "a line that goes on": b"X-One: a\r\n Transfer-Encoding: chunked\r\n\r\n",
    "a first line that goes on": b" Transfer-Encoding: chunked\r\n\r\n",
    "no colon": b"Transfer-Encoding\r\n\r\n",
    "a NUL": b"X-One: a\x00b\r\n\r\n",
    "two hosts": b"Host: other.example\r\n\r\n",
    "a lone CR": b"X-One: a\rTransfer-Encoding: chunked\r\n\r\n",
}


@pytest.mark.parametrize("method", [b"GET", b"POST"])
@pytest.mark.parametrize("shape", SMUGGLED.values(), ids=SMUGGLED)
def test_what_could_hide_a_request_is_refused_with_all_that_follows(
    port: int, shape: bytes, method: bytes
) -> None:
    reply = raw(port, method + b" /ann HTTP/1.1\r\nHost: edge\r\n" + shape + HIDDEN)
    assert statuses(reply)[-1] == 400
    assert len(statuses(reply)) <= (2 if b"chunked\r\n\r\n" in shape else 1)
    assert b"/hidden" not in reply


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /ann HTTP/1.1\r\n", 400),
        (b"GET /ann HTTP/1.0\r\n", 200),
        (b"GET /ann HTTP/1.1\r\nhost: edge\r\nConnection: close\r\n", 200),
        (b"GET /ann HTTP/1.1\r\nHost: edge\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n", 200),
        (b"GET /ann HTTP/1.1\r\nHost: edge\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", 200),
        (b"GET http://edge/ann HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n", 200),
        (b"GET http://EDGE:80/ann HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n", 200),
        (b"GET http://ann.example/ HTTP/1.1\r\nHost: edge\r\n", 400),
        (b"GET http://edge@ann.example/ HTTP/1.1\r\nHost: edge\r\n", 400),
        (b"GET http://:@/ann HTTP/1.1\r\nHost: edge\r\n", 400),
        (b"GET http://ann.example/ HTTP/1.0\r\n", 400),
        (b"CONNECT other.example:443 HTTP/1.1\r\nHost: edge\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n", 400),
    ],
)
def test_every_kind_of_request_gets_one_answer(port: int, request_line: bytes, status: int) -> None:
    with open_to(port) as connection:
        connection.sendall(request_line + b"\r\n")
        assert statuses(rest(connection)) == [status]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *((one, 200) for one in ("edge", "a_b.example:8080", "127.0.0.1", "[::1]:80", "edge.", "x" * 250)),
        *((one, 400) for one in ("", "a b", "a/b", "a@b", "[::1", "a:b", "a:80:80", "é", "a\tb", "x" * 300)),
    ],
)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_host_that_can_be_none_is_refused(port: int, host: str, status: int, version: str) -> None:
    request = f"GET /ann HTTP/{version}\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    assert statuses(raw(port, request.encode())) == [status]


def test_each_request_of_a_connection_names_its_host(port: int) -> None:
    good, bad = (b"GET /ann HTTP/1.1\r\nHost: %s\r\n\r\n" % host for host in (b"edge", b"a b"))
    assert statuses(raw(port, good + good + bad)) == [200, 200, 400]
    none = b"GET /ann HTTP/1.1\r\n\r\n"
    assert statuses(raw(port, good + none)) == [200, 400]


LAST = b"HEAD /ann HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n"


def test_requests_in_one_piece_are_answered_in_their_order(port: int) -> None:
    asked = b"".join(b"GET %s HTTP/1.1\r\nHost: edge\r\n\r\n" % path for path in (b"/ann", b"/bob", b"/%ff"))
    assert statuses(raw(port, asked + LAST)) == [200, 404, 400, 200]


CHUNKED = b"GET /ann HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_what_follows_a_body_is_no_header(site: Site, port: int) -> None:
    trailers = b"0\r\nRange: bytes=0-3\r\nHost: ann.example\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"
    assert statuses(raw(port, CHUNKED + trailers + LAST)) == [200, 200]
    assert not [call for call in site.storage.calls if "_domains" in call]


def test_a_bad_request_is_not_refused_within_an_answer(site: Site, port: int) -> None:
    film = bytes(20_000_000)
    site.put(VIDEO, film, type="video/mp4")
    with open_to(port) as connection:
        connection.sendall(f"GET /{VIDEO} HTTP/1.1\r\nHost: edge\r\n\r\n".encode())
        reply = connection.recv(65536)  # it is under way
        connection.sendall(b"nonsense\r\n\r\n")
        reply += rest(connection)
    assert statuses(reply) == [200]
    assert reply.partition(b"\r\n\r\n")[2] == film


@pytest.mark.parametrize(
    "path", ["/Ann/%0d%0aset-cookie:%20a=b", "/Ann?%0d%0aset-cookie:%20a=b", "/Ann/\\evil", "/Ann?x=\\"]
)
def test_nothing_can_be_put_into_a_redirects_headers(port: int, path: str) -> None:
    reply = raw(port, f"GET {path} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n".encode())
    head = reply.partition(b"\r\n\r\n")[0].lower()
    assert statuses(reply)[0] in (301, 404, 400)
    assert b"\r\nset-cookie" not in head
    location = [line for line in head.split(b"\r\n") if line.startswith(b"location: ")]
    assert all(line.startswith(b"location: /ann") for line in location)


# ── heads without an end ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, port: int) -> int:
    monkeypatch.setattr(edge.server, "HEAD_S_MAX", 0.3)
    return port


@pytest.mark.parametrize(
    ("drip", "answered"),
    [(b"GET /ann HTTP/1.1\r\nHost: edge\r\nX-Slow: ", [408]), (b"G", [408]), (b"", []), (b"\r\n", [408])],
    ids=["half a head", "a byte", "nothing", "empty lines"],
)
@pytest.mark.parametrize("kept", [False, True], ids=["new", "kept alive"])
def test_a_head_that_takes_too_long_ends_its_connection(
    impatient: int, drip: bytes, answered: list[int], kept: bool
) -> None:
    with open_to(impatient) as connection:
        if kept:
            connection.sendall(b"HEAD /ann HTTP/1.1\r\nHost: edge\r\n\r\n")
            assert statuses(connection.recv(65536)) == [200]
        for at in range(len(drip)):
            connection.sendall(drip[at : at + 1])
        assert statuses(rest(connection)) == answered


def test_a_call_that_drips_is_not_the_purgers(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge.app, "BODY_S_MAX", 0.2)
    with open_to(port) as connection:
        connection.sendall(b"POST /-/purge HTTP/1.1\r\nHost: edge\r\nContent-Length: 1000\r\n\r\n{")
        assert statuses(rest(connection)) == [408]


def test_one_stranger_has_only_so_many_calls_read_at_once(new_site: Callable[..., Site]) -> None:
    site = new_site(edge={"trusted_proxies": ("127.0.0.1",)})

    def begin(connection: socket.socket, address: str) -> bytes:
        """Asks to be asked for the body: "100" when it is about to be read."""
        head = (
            f"POST /-/purge HTTP/1.1\r\nHost: edge\r\nX-Forwarded-For: {address}\r\nExpect: 100-continue\r\n"
        )
        connection.sendall(f"{head}Connection: close\r\nContent-Length: 1\r\n\r\n".encode())
        return connection.recv(12)[9:]

    with serving(site.app) as port, ExitStack() as crowd:
        callers = [crowd.enter_context(open_to(port)) for _ in range(BODIES_EACH_MAX + 3)]
        reading, (refused, other, later) = callers[:-3], callers[-3:]
        assert {begin(one, "203.0.113.9") for one in reading} == {b"100"}
        assert begin(refused, "203.0.113.9") == b"429"
        assert b"\r\nretry-after: 10\r\n" in rest(refused)
        assert begin(other, "203.0.113.8") == b"100"
        assert site.call().status_code == 200, "the purger's own"
        reading[0].sendall(b"{")
        assert b" 401 " in rest(reading[0])
        assert begin(later, "203.0.113.9") == b"100"


def test_a_body_that_nobody_asked_for_ends_its_connection_too(impatient: int) -> None:
    with open_to(impatient) as connection:
        connection.sendall(b"POST /ann HTTP/1.1\r\nHost: edge\r\nContent-Length: 1000000\r\n\r\n")
        assert statuses(connection.recv(65536)) == [405]
        connection.sendall(b"x" * 100_000)
        assert statuses(rest(connection)) == []


@pytest.mark.parametrize(
    "line",
    [b"X-Large: " + b"x" * HEAD_BYTES_MAX, b"a: b\r\n" * (HEAD_BYTES_MAX // 6 + 1)],
    ids=["one", "many"],
)
@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("piece_bytes", [1000, 1_000_000], ids=["in pieces", "at once"])
def test_a_head_that_is_too_large_is_431(port: int, line: bytes, ended: bool, piece_bytes: int) -> None:
    head = b"GET /ann HTTP/1.1\r\nHost: edge\r\n" + line + (b"\r\n\r\n" if ended else b"")
    with open_to(port) as connection:
        for at in range(0, len(head), piece_bytes):
            try:
                connection.sendall(head[at : at + piece_bytes])
            except (BrokenPipeError, ConnectionResetError):
                break
        assert statuses(rest(connection)) in ([431], [])
    assert statuses(raw(port, b"GET /ann HTTP/1.0\r\n\r\n")) == [200]


@pytest.mark.parametrize("piece", [b"a: b\r\n" * 10_000, b"x" * 60_000], ids=["many", "one"])
@pytest.mark.parametrize("method", [b"GET /ann", b"POST /-/purge"])
def test_what_follows_a_body_has_an_end(site: Site, port: int, method: bytes, piece: bytes) -> None:
    with open_to(port) as connection:
        connection.sendall(CHUNKED.replace(b"GET /ann", method) + b"0\r\nx: ")
        sent = 0
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            while sent < 50_000_000:
                connection.sendall(piece)
                sent += len(piece)
    assert statuses(raw(port, LAST)) == [200]


def test_only_so_many_requests_wait_for_the_one_before(site: Site, port: int) -> None:
    """Each takes fifty times the memory that its few bytes took."""
    site.put_page("Slow.", key="slow/index.html")
    has_it, go_on = site.storage.hold("slow/index.html")
    many = b"HEAD /ann HTTP/1.1\r\nHost: edge\r\n\r\n" * (2 * WAITING_MAX)
    with open_to(port) as connection:
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: edge\r\n\r\n" + many)
        assert has_it.wait(10)
        go_on.set()
        assert statuses(rest(connection)) == [200] * (1 + WAITING_MAX)


def test_a_head_of_a_browsers_size_is_fine(port: int) -> None:
    cookies = b"Cookie: " + b"c" * 16_000
    request = b"GET /ann HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n" + cookies + b"\r\n\r\n"
    assert statuses(raw(port, request)) == [200]


def test_a_purgers_call_may_be_larger_than_any_head(port: int) -> None:
    body = json.dumps({"number": 1, "purges": [], "padding": "x" * 500_000})
    told = {"content-length": str(len(body)), "connection": "close", **signed(body)}
    head = "POST /-/purge HTTP/1.1\r\nHost: edge\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in told.items()
    )
    assert statuses(raw(port, (head + "\r\n" + body).encode())) == [200]


# ── too many, too often, and never ending ─────────────────────────────────────────────────────────────


def test_one_connection_too_many_is_told_to_come_back(site: Site) -> None:
    with serving(site.app, connections=2) as port, open_to(port) as first, open_to(port) as second:
        for one in (first, second):
            one.sendall(b"HEAD /ann HTTP/1.1\r\nHost: edge\r\n\r\n")
            assert statuses(one.recv(65536)) == [200]
        refused = raw(port, b"GET /ann HTTP/1.1\r\nHost: edge\r\n\r\n")
        assert statuses(refused) == [503]
        assert b"\r\nretry-after: 5\r\n" in refused and b"\r\nconnection: close\r\n" in refused
        first.close()
        while statuses(raw(port, b"GET /ann HTTP/1.0\r\n\r\n")) != [200]:
            time.sleep(0.01)


def test_those_who_wait_to_be_refused_have_an_end_too(site: Site) -> None:
    with serving(site.app, connections=2) as port, ExitStack() as crowd:
        waiting = [crowd.enter_context(open_to(port)) for _ in range(5)]
        assert rest(waiting[-1]) == b""
        for one in waiting[:4]:
            one.sendall(b"HEAD /ann HTTP/1.1\r\nHost: edge\r\n\r\n")
        assert [statuses(one.recv(65536)) for one in waiting[:4]] == [[200], [200], [503], [503]]


def test_one_address_can_not_take_all_connections() -> None:
    doors = Doors(100, 2, ["10.0.0.0/8"])
    assert [doors.enter("203.0.113.9") for _ in range(3)] == [True, True, False]
    assert doors.enter("203.0.113.8")
    assert all(
        doors.enter(ours)
        for ours in ("10.1.2.3", "127.0.0.1", "::1", "::ffff:127.0.0.1", "")
        for _ in range(5)
    )
    for _ in range(2):
        doors.leave("203.0.113.9")
    assert doors.enter("203.0.113.9")


def test_a_household_with_ipv6_counts_as_one() -> None:
    doors = Doors(100, 2, ["2001:db8:5::/48"])
    household = [f"2001:db8:1:2::{number:x}" for number in range(4)]
    assert [doors.enter(one) for one in household] == [True, True, False, False]
    assert doors.enter("2001:db8:1:3::1"), "the neighbours'"
    assert all(doors.enter(f"2001:db8:5::{number:x}") for number in range(4)), "a proxy of ours"
    for one in household[:3]:
        doors.leave(one)
    assert doors.enter("2001:db8:1:2::99")


def test_a_reader_who_takes_nothing_is_let_go(site: Site, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge.server, "STALLED_S_MAX", 0.2)
    size = 50_000_000
    site.put(VIDEO, bytes(size), type="video/mp4")
    with open_to(port) as connection:
        connection.sendall(f"GET /{VIDEO} HTTP/1.1\r\nHost: edge\r\n\r\n".encode())
        reads = -1
        while reads != (reads := site.storage.calls[f"read {VIDEO}"]) or not reads:
            time.sleep(0.5)
        assert len(rest(connection)) < size


@pytest.fixture
def counted(new_site: Callable[..., Site]) -> Site:
    site = new_site(edge={"reads_per_minute": 3, "trusted_proxies": ("10.0.0.1",)})
    site.put_page("Paints boats.")
    return site


def test_who_asks_for_too_much_that_is_not_in_memory_hears_429(counted: Site) -> None:
    counted.call()
    reader = counted.reader.at("203.0.113.9")
    assert [reader.get(f"/bob/{number}").status_code for number in range(4)] == [404, 404, 404, 429]
    refused = reader.get("/bob/new")
    assert (refused.headers["retry-after"], refused.headers["cache-control"]) == ("20", "no-store")
    assert counted.storage.calls["get bob/new/index.html"] == 0
    assert counted.reader.at("203.0.113.8").get("/ann").status_code == 200
    assert [reader.get("/ann").status_code for _ in range(10)] == [200] * 10, "what is in memory is free"
    counted.clock.pass_by(100)
    assert reader.get("/ann").status_code == 200, "also while it has to be asked for anew"
    assert reader.get("/bob/new").status_code == 404


def test_a_film_is_read_for_each_who_asks_so_each_request_for_it_counts(counted: Site) -> None:
    counted.put(VIDEO, bytes(2_500_000), type="video/mp4")
    counted.call()
    stranger = counted.reader.at("203.0.113.9")
    seconds = [stranger.get(f"/{VIDEO}", headers={"range": f"bytes={at}-"}).status_code for at in range(5)]
    assert seconds == [206] * 3 + [429] * 2
    reads = counted.storage.calls[f"read {VIDEO}"]
    assert stranger.get(f"/{VIDEO}").status_code == 429
    assert counted.storage.calls[f"read {VIDEO}"] == reads
    assert counted.reader.at("203.0.113.8").get(f"/{VIDEO}").status_code == 200


def test_behind_a_proxy_of_ours_readers_are_counted_by_their_own_address(counted: Site) -> None:
    proxy = counted.reader.at("10.0.0.1")
    for number in range(10):
        said = {"x-forwarded-for": f"6.6.6.6, 203.0.113.{number}"}
        assert proxy.get(f"/bob/{number}", headers=said).status_code == 404
    lying = counted.reader.at("203.0.113.99")
    answers = [lying.get(f"/eve/{one}", headers={"x-forwarded-for": f"6.6.6.{one}"}) for one in range(4)]
    assert answers[-1].status_code == 429


def test_a_proxy_on_this_machine_is_believed_who_reads_without_being_named(counted: Site) -> None:
    counted.call()
    here = counted.reader.at("127.0.0.1")
    said = {"x-forwarded-for": "203.0.113.9"}
    assert [here.get(f"/bob/{one}", headers=said).status_code for one in range(4)] == [404, 404, 404, 429]
    assert here.get("/bob/here").status_code == 404, "who is at this machine is nobody's reader"


def test_who_has_signed_a_call_is_not_counted(counted: Site) -> None:
    worker = counted.reader.at("203.0.113.9")
    body = json.dumps({"number": 1, "purges": []})
    assert worker.post("/-/purge", content=body, headers=signed(body)).status_code == 200
    assert {worker.get(f"/bob/{number}").status_code for number in range(10)} == {404}
