"""What a reader has already, or wants only if it is still what they know: conditions on a request, and what is said if they fail."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

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
