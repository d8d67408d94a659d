"""The small functions that a CDN in front of a bare bucket needs: each address leads to the key that the edge would read, and
tombstones get their status. They run in the Node that comes with Playwright."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import playwright
import pytest

from core import keys
from core.errors import BadInput
from core.purge_targets import CloudFront
from core.settings import SiteSettings
from edge import rules
from edge.reader import decoded
from pipeline.purge.targets.cloudfront import CloudFrontTarget

HERE = Path(__file__).parent
FUNCTIONS = HERE.parent.parent / "deploy" / "cdn"
NODE = Path(playwright.__file__).parent / "driver" / "node"
PARTS = [
    "ann",
    "Ann",
    "posts",
    "on-varnish",
    "index.html",
    "Index.HTML",
    "feed.xml",
    "icon.png",
    ".",
    "..",
    "",
    "_media",
    "_data",
]
PARTS += [
    "_assets",
    "_site",
    "_manifests",
    "a b",
    "é",
    "%C3%A9",
    "%2F",
    "%5c",
    "%00",
    "%",
    "%FF",
    "x" * 251,
    "é" * 126,
    "💡",
]
PARTS += [".hidden", "a.b", "%0A", "'quoted'", "(1)", "a+b", "@", "~"]
ADDRESSES = [
    "/",
    "/ann",
    "/ANN/",
    "/ann/index.html",
    "/ann/INDEX.HTML",
    "/Index.html",
    "/_media/medium1/token/still-1/640.avif",
    "/robots.txt",
    "/Robots.txt",
]


def run(job: dict[str, Any]) -> Any:
    done = subprocess.run(
        [str(NODE), str(HERE / "cdn.mjs")],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def addresses() -> list[str]:
    dice = random.Random(7)
    made = ("/" + "/".join(dice.choice(PARTS) for _ in range(dice.randint(1, 5))) for _ in range(3000))
    return [*ADDRESSES, *made]


def by_the_edge(address: str) -> tuple[str, str]:
    """("key" or "redirect", which), as the edge routes it; what leads nowhere has the site's 404 page."""
    path = decoded(address.encode())
    key, redirect = keys.route(path) if path is not None else keys.Route(None)
    if redirect is not None:
        return "redirect", redirect
    try:
        return "key", keys.check(key or "")
    except BadInput:
        return "key", keys.NOT_FOUND


# ── CloudFront ──


def asked(uri: str, method: str = "GET", **querystring: Any) -> dict[str, Any]:
    return {"request": {"method": method, "uri": uri, "querystring": querystring, "headers": {}}}


def request(*events: dict[str, Any], file: Path = FUNCTIONS / "cloudfront-request.js") -> Any:
    return run({"for": "cloudfront", "file": str(file), "events": events})


def test_cloudfront_asks_the_bucket_for_the_key_that_the_edge_would_read() -> None:
    table = addresses()
    for address, told in zip(table, request(*map(asked, table)), strict=True):
        kind, which = by_the_edge(address)
        if kind == "redirect":
            assert told["statusCode"] == 301, address
            assert unquote(told["headers"]["location"]["value"]) == which, address
        else:
            assert unquote(told["uri"]) == "/" + which, address


def test_cloudfront_is_purged_of_what_its_function_makes_of_an_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret of nobody")
    settings = CloudFront.model_validate({"kind": "cloudfront", "name": "aws", "distribution": "D"})
    target = CloudFrontTarget(settings, SiteSettings(), bare=True)
    paths = [
        "/",
        "/ann",
        "/ann/posts/küche",
        "/ann/feed.xml",
        "/ann/tags/a",
        "/_data/ann.json",
        "/robots.txt",
    ]
    for path, kept in zip(paths, request(*(asked(quote(path)) for path in paths)), strict=True):
        assert unquote(kept["uri"]) in map(unquote, target.spellings(path)), path
    target.close()


def test_cloudfront_leaves_the_query_out_of_the_cache_and_in_a_redirect() -> None:
    query = {
        "utm_source": {"value": "x"},
        "b": {"value": "1", "multiValue": [{"value": "1"}, {"value": "2"}]},
    }
    page, moved, posted = request(asked("/ann", **query), asked("/Ann", **query), asked("/ann", "POST"))
    assert (page["uri"], page["querystring"]) == ("/ann/index.html", {})
    assert moved["headers"]["location"]["value"] == "/ann?utm_source=x&b=1&b=2"
    assert posted["statusCode"] == 405


def test_under_a_sub_path_only_what_lies_there_is_the_site_s(tmp_path: Path) -> None:
    text = (FUNCTIONS / "cloudfront-request.js").read_text()
    file = tmp_path / "request.js"
    file.write_text(text.replace("SUB_PATH = ''", "SUB_PATH = '/people'"))
    inside, home, outside, moved = request(
        *map(asked, ("/people/ann", "/people", "/ann", "/people/Ann")), file=file
    )
    assert [one["uri"] for one in (inside, home, outside)] == [
        "/ann/index.html",
        "/index.html",
        "/_site/404.html",
    ]
    assert moved["headers"]["location"]["value"] == "/people/ann"


@pytest.mark.parametrize(
    ("metadata", "status"),
    [({}, 200), ({"status": "410"}, 410), ({"status": "404"}, 404), ({"status": "999"}, 200)],
)
def test_cloudfront_gives_tombstones_their_status(metadata: dict[str, str], status: int) -> None:
    told = response("/ann/index.html", metadata)
    assert told["statusCode"] == status
    assert not any(name.startswith("x-amz-meta-") for name in told["headers"])
    assert ("x-robots-tag" in told["headers"]) == (status != 200)


def test_cloudfront_sends_readers_of_a_former_name_on() -> None:
    told = response("/old/index.html", {"status": "301", "location": "https://site.example/ann"})
    assert (told["statusCode"], told["headers"]["location"]["value"]) == (301, "https://site.example/ann")


def test_cloudfront_sends_the_headers_that_the_edge_sends() -> None:
    for uri in (
        "/ann/index.html",
        "/_media/m/t/still-1/640.avif",
        "/ann/feed.xml",
        "/_assets/style.0.css",
        "/_data/ann.json",
    ):
        sent = {name: one["value"] for name, one in response(uri, {})["headers"].items()}
        as_the_edge(uri.removeprefix("/"), sent)


def response(uri: str, metadata: dict[str, str]) -> Any:
    headers = {f"x-amz-meta-{name}": {"value": value} for name, value in metadata.items()}
    event = {
        "request": {"uri": uri},
        "response": {"statusCode": 200, "statusDescription": "OK", "headers": headers},
    }
    (told,) = run({"for": "cloudfront", "file": str(FUNCTIONS / "cloudfront-response.js"), "events": [event]})
    return told


def as_the_edge(key: str, sent: dict[str, str]) -> None:
    """All that a reader's safety rests on; how long a CDN keeps it is the CDN's own setting."""
    wanted = rules.Rules(rules.EdgeSettings(), https=True).headers(rules.kind_of(key), scripts=True)
    for name in (
        *rules.SECURITY,
        *rules.HTTPS_ONLY,
        "content-security-policy",
        "cross-origin-resource-policy",
        "access-control-allow-origin",
    ):
        assert sent.get(name) == wanted.get(name), (key, name)


# ── Cloudflare ──

OBJECTS = {
    "ann/index.html": {
        "body": "<h1>Ann</h1>",
        "type": "text/html; charset=utf-8",
        "metadata": {"tags": "p-ann1"},
    },
    "bob/index.html": {"body": "Gone", "type": "text/html", "metadata": {"tags": "p-bob1", "status": "410"}},
    "old/index.html": {
        "body": "Moved",
        "type": "text/html",
        "metadata": {"status": "301", "location": "https://site.example/ann"},
    },
    "_site/404.html": {"body": "Not here", "type": "text/html", "metadata": {"status": "404"}},
    "_media/m/t/rung-360-1/track0.m4s": {"body": "0123456789", "type": "video/iso.segment", "metadata": {}},
}


@pytest.fixture
def worker(tmp_path: Path) -> str:
    """As a module: by its name alone Node can't know."""
    return str(shutil.copy(FUNCTIONS / "cloudflare-worker.js", tmp_path / "worker.mjs"))


def fetched(worker: str, *requests: tuple[str, str], **headers: str) -> list[Any]:
    wanted = [
        {"method": method, "url": f"https://site.example{address}", "headers": headers}
        for method, address in requests
    ]
    answers: list[Any] = run({"for": "cloudflare", "file": worker, "objects": OBJECTS, "requests": wanted})
    return answers


def test_cloudflare_shows_a_page_under_its_tag_and_keeps_it(worker: str) -> None:
    page, again, head = fetched(worker, ("GET", "/ann"), ("GET", "/ann?utm_source=x"), ("HEAD", "/ann"))
    assert (page["status"], page["body"], page["headers"]["cache-tag"]) == (200, "<h1>Ann</h1>", "p-ann1")
    assert (again["body"], again["reads"]) == ("<h1>Ann</h1>", 1), "whatever the query says"
    assert (head["status"], head["body"], head["reads"]) == (200, "", 1)
    as_the_edge("ann/index.html", page["headers"])


def test_cloudflare_gives_what_is_gone_moved_or_missing_its_status(worker: str) -> None:
    gone, moved, missing, spelled, posted = fetched(
        worker, ("GET", "/bob"), ("GET", "/old"), ("GET", "/carl"), ("GET", "/Ann/"), ("POST", "/ann")
    )
    assert (gone["status"], gone["headers"]["cache-tag"]) == (410, "p-bob1")
    assert (moved["status"], moved["headers"]["location"]) == (301, "https://site.example/ann")
    assert (missing["status"], missing["headers"]["cache-tag"]) == (404, keys.name_tag("carl"))
    assert (spelled["status"], spelled["headers"]["location"]) == (301, "/ann")
    assert posted["status"] == 405


def test_cloudflare_reads_a_range_of_a_film_before_it_has_all_of_it(worker: str) -> None:
    (part,) = fetched(worker, ("GET", "/_media/m/t/rung-360-1/track0.m4s"), range="bytes=2-5")
    assert (part["status"], part["body"], part["headers"]["content-range"]) == (206, "2345", "bytes 2-5/10")
    as_the_edge("_media/m/t/rung-360-1/track0.m4s", part["headers"])


def test_cloudflare_routes_as_the_edge_does(worker: str) -> None:
    # What an address's own parser settles before the function sees it is left out: dots, spaces, backslashes.
    table = [one for one in addresses() if urlsplit(quote(one, safe="/%")).path == one and "/." not in one][
        :400
    ]
    for address, told in zip(table, fetched(worker, *(("GET", one) for one in table)), strict=True):
        kind, which = by_the_edge(address)
        if kind == "redirect":
            assert unquote(told["headers"]["location"]) == which, address
        else:
            metadata: Any = OBJECTS.get(which, {}).get("metadata", {"status": "404"})
            assert told["status"] == int(metadata.get("status", 200)), address
