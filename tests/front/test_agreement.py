"""Readers get the same through nginx and Varnish as from the edge itself: status, headers, and bytes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import pytest

from core import keys
from edge.rules import SECURITY
from tests.front.edge import FILM, PICTURE, SECRETS, SEGMENT, Edge
from tests.front.fronts import Front, Reply, ask

HOPS = {"connection", "keep-alive", "server", "date", "age", "via", "cache-status", "transfer-encoding"}
"""What each server says for itself."""


class Case(NamedTuple):
    """`{etag}`, `{modified}` and `{now}` in a header stand for what the edge gives out under that path."""

    name: str
    path: str
    headers: Mapping[str, str] = MappingProxyType({})
    method: str = "GET"


POST, SLUG = "/ann/posts/boats", "/ann/posts/%E5%B0%8F%E8%88%9F"
STYLE = "/" + keys.asset("style.css", "0a1b2c3d")
BR, GZIP = {"accept-encoding": "br"}, {"accept-encoding": "gzip"}
CASES = [
    Case("a page", "/ann"),
    Case("a page by brotli", "/ann", BR),
    Case("a page by gzip", "/ann", GZIP),
    Case("a page as browsers ask for it", "/ann", {"accept-encoding": "gzip, deflate, br, zstd"}),
    Case("a reader who forbids brotli", "/ann", {"accept-encoding": "br;q=0, gzip;q=0.5"}),
    Case("a reader who takes anything", "/ann", {"accept-encoding": "*"}),
    Case("a reader who takes nothing but the body", "/ann", {"accept-encoding": "identity;q=1, *;q=0"}),
    Case("the head of a page", "/ann", method="HEAD"),
    Case("the head of a page by brotli", "/ann", BR, method="HEAD"),
    Case("the home page", "/"),
    Case("a post", POST, BR),
    Case("a post whose name is not ASCII", SLUG, BR),
    Case("the same in lower case", SLUG.lower()),
    Case("a feed", "/ann/feed.xml", GZIP),
    Case("a body too small to compress", "/robots.txt", BR),
    Case("an asset", STYLE, BR),
    Case("a picture", "/" + PICTURE, BR),
    Case("still this one, by ETag", "/ann", BR | {"if-none-match": "{etag}"}),
    Case("one of several, weakly", "/ann", {"if-none-match": '"other", W/{etag}'}),
    Case("any at all", "/ann", {"if-none-match": "*"}),
    Case("another one", "/ann", {"if-none-match": '"other"'}),
    Case("the ETag of another encoding", "/ann", GZIP | {"if-none-match": '"0-br"'}),
    Case("unchanged since its own date", "/ann", {"if-modified-since": "{modified}"}),
    Case("unchanged since a later date", "/ann", {"if-modified-since": "{now}"}),
    Case("changed since long ago", "/ann", {"if-modified-since": "Sat, 01 Jan 2000 00:00:00 GMT"}),
    Case("the head of what is unchanged", "/ann", {"if-none-match": "{etag}"}, method="HEAD"),
    *(
        Case(f"{words} of {kind}", path, {"range": what} | more)
        for kind, path in (("a segment", "/" + SEGMENT), ("a film", "/" + FILM), ("a page", "/ann"))
        for words, what, more in (
            ("the first bytes", "bytes=0-9", {}),
            ("bytes within", "bytes=1000-99999", {}),
            ("the last bytes", "bytes=-10", {}),
            ("the rest", "bytes=200-", {}),
            ("bytes beyond the end", "bytes=99999999-", {}),
            ("several parts", "bytes=0-1,5-6", {}),
            ("another unit", "lines=1-2", {}),
            ("bytes, if it is still this one,", "bytes=0-9", {"if-range": "{etag}"}),
            ("bytes, if it is another one,", "bytes=0-9", {"if-range": '"other"'}),
            ("bytes, if it is from that date,", "bytes=0-9", {"if-range": "{modified}"}),
            ("bytes, by brotli,", "bytes=0-9", BR),
        )
    ),
    *(
        Case(f"{words} of {kind}", path, what)
        for kind, path in (("a page", "/ann"), ("a film", "/" + FILM))
        for words, what in (
            ("only that one", {"if-match": "{etag}"}),
            ("only another one", {"if-match": '"other"'}),
            ("only what is unmodified", {"if-unmodified-since": "{modified}"}),
            ("only what is older", {"if-unmodified-since": "Sat, 01 Jan 2000 00:00:00 GMT"}),
        )
    ),
    Case("a film whole", "/" + FILM),
    Case("still that film", "/" + FILM, {"if-none-match": "{etag}"}),
    Case("the head of a film", "/" + FILM, method="HEAD"),
    Case("nobody's name", "/nobody", BR),
    Case("the head of nobody's name", "/nobody", method="HEAD"),
    Case("what was deleted", "/cid"),
    Case("what is private now", "/dan"),
    Case("who has another name now", "/eva"),
    Case("a former name in capitals", "/EVA?a=1"),
    Case("a former name with a slash at its end", "/eva/"),
    Case("a name in capitals", "/Ann"),
    Case("a slash at the end", "/ann/"),
    Case("the page's file", "/ann/index.html"),
    Case("the page's file in capitals", "/ann/INDEX.HTML"),
    Case("the home page's file in capitals", "/INDEX.HTML"),
    Case("a tracking parameter", "/ann?utm_source=mail&fbclid=1", BR),
    Case("a parameter that ends like a grant", "/ann?emigrant=1"),
    Case("for one reader alone", SECRETS),
    Case("writing", "/ann", method="POST"),
    Case("deleting", "/ann", method="DELETE"),
    Case("a method that nobody knows", "/ann", method="BREW"),
    Case("upwards within", "/ann/../bea"),
    Case("a dot", "/ann/./index.html"),
    Case("upwards, in disguise", "/ann/%2e%2e/bea"),
    Case("a slash in disguise", "/ann%2findex.html"),
    Case("letters in disguise", "/%61nn", BR),
    Case("two slashes", "/ann//posts"),
    Case("another host's name", "//evil.example/"),
    Case("no UTF-8", "/%ff"),
    Case("bare bytes", "/\xc3\xa9"),
    Case("a backslash", "/ann%5cposts"),
    Case("a hidden folder", "/_manifests/p1234567.json"),
    Case("a file without a name", "/_media/"),
    Case("a long address", "/" + "a" * 5000),
    Case("a long query", "/ann?" + "a" * 3000),
    Case("a path with a bar", "/ann|br"),
]


class Allowed(NamedTuple):
    """What may differ, and why nobody is hurt by it. `where` is a case, or the status of the edge's answer."""

    kinds: str
    where: str | int
    what: set[str]
    why: str


NGINX, VARNISH, BOTH = "nginx", "varnish", "nginx varnish"
REFUSED = set(SECURITY) | {"status", "body", "allow", "cache-control", "content-length"}
ALLOWED = [
    Allowed(BOTH, 0, {"accept-ranges"}, "nginx leaves it out of 206 and 304, Varnish sets it everywhere"),
    Allowed(
        NGINX,
        416,
        {
            "body",
            "content-length",
            "content-type",
            "cache-control",
            "cdn-cache-control",
            "etag",
            "last-modified",
            "vary",
        },
        "it keeps the object's headers, and has words of its own; no-store is among them",
    ),
    Allowed(
        NGINX,
        412,
        {
            "body",
            "content-length",
            "content-type",
            "cache-tag",
            "surrogate-key",
            "content-security-policy",
            "cross-origin-resource-policy",
        },
        "it has words of its own, and says nothing else of the page",
    ),
    *(
        Allowed(
            VARNISH,
            f"only {words} of a page",
            {
                "status",
                "body",
                "content-length",
                "content-type",
                "cache-control",
                "cdn-cache-control",
                "etag",
                "last-modified",
                "vary",
            },
            "RFC 9110, 13.1.1 and 13.1.4: a cache may leave these conditions to the origin server",
        )
        for words in ("another one", "what is older")
    ),
    Allowed(
        VARNISH, 304, {"content-type", "content-encoding"}, "RFC 9110, 15.4.5: needless there, not wrong"
    ),
    Allowed(
        VARNISH,
        "one of several, weakly",
        {"status", "body", "content-type", "content-length"},
        "Varnish compares with one ETag: the whole page is right, too",
    ),
    Allowed(
        VARNISH,
        "any at all",
        {"status", "body", "content-type", "content-length"},
        "the same: an asterisk is for writers",
    ),
    Allowed(
        BOTH,
        "a method that nobody knows",
        REFUSED | {"content-type"},
        "405, as for those that are known; the edge's server doesn't get as far",
    ),
    Allowed(
        NGINX,
        "bare bytes",
        set(SECURITY),
        "what is on all answers of the edge is on all of nginx; the edge's server doesn't get as far",
    ),
]


def allowed(kind: str, case: Case, status: int) -> set[str]:
    return {
        what
        for one in ALLOWED
        if kind in one.kinds.split() and one.where in (0, status, case.name)
        for what in one.what
    }


def filled(value: str, words: dict[str, str]) -> str:
    for word, meant in words.items():
        value = value.replace(word, meant)
    return value


def differences(reply: Reply, wanted: Reply) -> dict[str, tuple[object, object]]:
    """What a reader would notice: {what: (here, at the edge)}."""
    found: dict[str, tuple[object, object]] = {}
    if reply.status != wanted.status:
        found["status"] = reply.status, wanted.status
    if reply.body != wanted.body:
        found["body"] = reply.body[:80], wanted.body[:80]
    for name in sorted((reply.headers.keys() | wanted.headers.keys()) - HOPS):
        if reply.headers.get(name) != wanted.headers.get(name):
            found[name] = reply.headers.get(name), wanted.headers.get(name)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_reader_is_told_the_same(reading: Front, steady: Edge, case: Case) -> None:
    accepted = case.headers.get("accept-encoding", "")
    known = ask(steady.port, "GET", case.path.partition("?")[0], accept_encoding=accepted).headers
    words = {
        "{etag}": known.get("etag", ""),
        "{modified}": known.get("last-modified", ""),
        "{now}": known["date"],
    }
    headers = {name: filled(value, words) for name, value in case.headers.items()}
    wanted = ask(steady.port, case.method, case.path, **headers)
    tolerated = allowed(reading.kind, case, wanted.status)
    for _ in ("cold", "warm"):
        found = differences(reading.ask(case.method, case.path, **headers), wanted)
        assert {what: both for what, both in found.items() if what not in tolerated} == {}


def test_what_is_told_of_bytes_beyond_the_end_is_not_kept(reading: Front) -> None:
    for path in ("/" + SEGMENT, "/" + FILM, "/ann"):
        reply = reading.get(path, range="bytes=99999999-")
        assert reply.status == 416
        assert "no-store" in reply.headers["cache-control"]
        assert "no-store" in reply.headers["cdn-cache-control"]
        assert reading.get(path).status == 200
