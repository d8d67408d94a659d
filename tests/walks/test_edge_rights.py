"""An edge with credentials of its own, which can read what it shows and nothing else, shows all of it on a real S3 server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core import keys
from core.errors import AccessRefused
from core.objects.s3 import S3Objects
from core.objects.s3_client import connect
from core.objects.s3_setup import init
from core.settings import RegionSettings
from tests.gateway import EACH, Gateway
from tests.house import House
from tests.walks.test_private import all_of, hide, link_to

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(params=EACH)
def gateway(request: pytest.FixtureRequest) -> Gateway:
    found: Gateway = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def region(gateway: Gateway) -> RegionSettings:
    region = gateway.region()
    list(init(gateway.clients(region), region, "http://127.0.0.1:8000"))
    return region.model_copy(update={"reader_profile": gateway.edge(region)})


@pytest.fixture
def house(region: RegionSettings, tmp_path: Path) -> Iterator[House]:
    named = ("backend", "endpoint", "profile", "reader_profile", "public", "private")
    settings = {f"objects__{name}": str(getattr(region, name)) for name in named}
    with House(tmp_path, **settings) as running:
        yield running


def test_public_and_private_pages_are_shown_by_an_edge_that_can_only_read_them(
    house: House, region: RegionSettings, photo: Path
) -> None:
    ann = house.sign_up("ann")
    ann.upload(photo, alt="Boats")
    ann.post(title="Tar", body="Black.", state="published")
    ann.wait_settled()
    assert house.visit("/ann").status_code == 200
    assert house.visit("/nobody").status_code == 404
    hide(ann)
    assert house.visit("/ann").status_code == 404
    url = link_to(ann)
    found = all_of(house, url)
    assert {one: answer.status_code for one, answer in found.items() if answer.status_code != 200} == {}
    kinds = {answer.headers["content-type"].partition(";")[0] for answer in found.values()}
    assert {"text/html", "image/webp", "image/avif"} <= kinds
    assert house.http.get(url.replace("/ann", "/bob")).status_code == 404
    edge = S3Objects(connect(region, 4, region.reader_profile), region.private)
    with pytest.raises(AccessRefused):
        edge.get(keys.manifest(ann.id))
