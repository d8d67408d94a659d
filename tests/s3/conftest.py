"""Real servers, and a bucket of one that is reached by a line which the test can break."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from core.objects import s3_put
from core.objects.s3 import S3Objects
from core.settings import RegionSettings
from tests.gateway import EACH, Gateway
from tests.s3.proxy import Proxy, proxy_to


class Line(NamedTuple):
    """`bucket` is reached through `proxy`, `direct` is the same bucket without it."""

    proxy: Proxy
    region: RegionSettings
    bucket: S3Objects
    direct: S3Objects


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for seconds waits for moments."""
    monkeypatch.setattr(s3_put, "REST_S", 0.005)
    monkeypatch.setattr(s3_put, "TOO_OFTEN_S", 0.01)


@pytest.fixture(params=EACH)
def gateway(request: pytest.FixtureRequest) -> Gateway:
    """Each server in turn."""
    found: Gateway = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def line(versitygw: Gateway) -> Iterator[Line]:
    region = versitygw.region(read_s=2, connect_s=2)
    with proxy_to(region.endpoint) as proxy:
        through = region.model_copy(update={"endpoint": proxy.endpoint})
        yield Line(
            proxy,
            through,
            S3Objects(versitygw.clients(through), region.private),
            S3Objects(versitygw.clients(region), region.private),
        )
