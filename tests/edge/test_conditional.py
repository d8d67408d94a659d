"""What a reader has already, or wants only if it is still what they know: conditions on a request, and what is said if they fail."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from httpx import Response

from edge.conditional import parse_range
from tests.edge.conftest import Site

CHANGED = 1_600_000_000
"""Sun, 13 Sep 2020 12:26:40 GMT."""


@pytest.fixture
def site(site: Site) -> Site:
    """Ann's page, of that time."""
    os.utime(site.objects.root / "ann/index.html", (CHANGED, CHANGED))
    return site


@pytest.fixture(params=["America/Los_Angeles", "Asia/Tokyo"])
def elsewhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine that doesn't live by UTC."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    ("date", "status"),
    [
        ("Sun Sep 13 12:26:40 2020", 304),
        ("Sun Sep 13 12:26:39 2020", 200),
        ("Sunday, 13-Sep-20 12:26:40 GMT", 304),
        ("Sunday, 13-Sep-20 12:26:39 GMT", 200),
    ],
)
def test_a_date_is_utc_in_all_its_forms(site: Site, date: str, status: int) -> None:
    for _ in range(2):  # the second time from the hot path
        assert site.get("/ann", if_modified_since=date).status_code == status


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"if-match": "ETAG"}, 200),
        ({"if-match": '"other", ETAG'}, 200),
        ({"if-match": "*"}, 200),
        ({"if-match": '"other"'}, 412),
        ({"if-match": ""}, 412),
        ({"if-match": "W/ETAG"}, 412),
        ({"if-match": '"other"', "if-none-match": "ETAG"}, 412),
        ({"if-match": "ETAG", "if-none-match": "ETAG"}, 304),
        ({"if-unmodified-since": "Sun, 13 Sep 2020 12:26:40 GMT"}, 200),
        ({"if-unmodified-since": "Sun, 13 Sep 2020 12:26:39 GMT"}, 412),
        ({"if-unmodified-since": "yesterday"}, 200),
        ({"if-unmodified-since": "Sun, 13 Sep 2020 12:26:39 GMT", "if-match": "ETAG"}, 200),
    ],
)
def test_who_wants_it_only_if_it_is_still_that_one_gets_no_other(
    site: Site, asked: dict[str, str], status: int, method: str
) -> None:
    etag = site.get("/ann").headers["etag"]
    asked = {name: value.replace("ETAG", etag) for name, value in asked.items()}
    answer = site.reader.request(method, "/ann", headers=asked)
    assert answer.status_code == status
    if status == 412:
        assert_says_nothing_of_the_page(answer)


def test_a_download_goes_on_only_with_the_same_bytes(site: Site) -> None:
    etag = site.get("/ann").headers["etag"]
    assert site.get("/ann", range="bytes=5-9", if_match=etag).status_code == 206
    assert site.get("/ann", range="bytes=5-9", if_match='"other"').status_code == 412
    assert site.get("/nobody", if_match='"other"').status_code == 404, "what isn't there is not another one"


def test_what_is_said_of_bytes_beyond_the_end_is_not_the_pages(site: Site) -> None:
    for _ in range(2):
        beyond = site.get("/ann", range="bytes=99999-", accept_encoding="br")
        assert (beyond.status_code, beyond.headers["content-range"][:8]) == (416, "bytes */")
        assert_says_nothing_of_the_page(beyond)


def assert_says_nothing_of_the_page(answer: Response) -> None:
    about = {"etag", "last-modified", "content-type", "content-encoding", "vary", "age"}
    assert not about & set(answer.headers)
    assert (answer.content, answer.headers["cache-control"]) == (b"", "no-store")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("start", ["", "bytes", "bytes=", "bytes=1", "bytes=1-", "bytes=1-2"])
def test_no_range_is_read_for_longer_than_it_is_long(start: str) -> None:
    """Read in every way that its spaces can be divided, one of these took seconds, in which nobody else was answered."""
    spaces = 200_000  # squared it is hours
    assert parse_range(start + " " * spaces + "x", 1000) is None
    assert parse_range(" bytes = 1 - 2 ", 1000) == (1, 3)
