"""A region is lost for good, or given up: the site goes on in the one that is left, whichever it was."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway import Gateway, gateway
from tests.house import House
from tests.walks.test_regions import in_sync, wait_in_sync

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240), pytest.mark.server("versitygw")]
KEYS = ("backend", "endpoint", "profile", "public", "private", "read_s")


@pytest.fixture
def servers(credentials: Path, tmp_path: Path) -> Iterator[list[Gateway]]:
    with gateway("versitygw", tmp_path / "main") as one, gateway("versitygw", tmp_path / "west") as two:
        yield [one, two]


@pytest.fixture
def regions(servers: list[Gateway]) -> list[dict[str, str]]:
    """The settings of main and west."""
    made = [one.region(read_s=2) for one in servers]
    return [{key: str(getattr(region, key)) for key in KEYS} for region in made]


@pytest.fixture
def house(regions: list[dict[str, str]], tmp_path: Path) -> Iterator[House]:
    main, west = regions
    (folder := tmp_path / "house").mkdir()
    with House(
        folder,
        **{f"objects__{key}": value for key, value in main.items()},
        objects__replica=json.dumps([{"name": "west", **west}]),
        objects__lag_s="2",
        worker__lease_s="2",
        worker__sweep_s="5",
        purge__heartbeat_s="1",
    ) as running:
        yield running


def settle_in(house: House, region: dict[str, str]) -> None:
    """That region's buckets are the main ones from here on, and there is no other."""
    house.environment |= {f"HOLDFAST_OBJECTS__{key.upper()}": value for key, value in region.items()}
    del house.environment["HOLDFAST_OBJECTS__REPLICA"]


def verified(house: House) -> dict[str, int]:
    found: dict[str, int] = json.loads(house.holdfast("verify", "--json").stdout)["differences"]
    return found


def test_the_main_region_is_lost_and_another_takes_its_place(
    house: House, servers: list[Gateway], regions: list[dict[str, str]], photo: Path
) -> None:
    ann = house.sign_up("ann")
    ann.post(title="On varnish", body="Three thin coats.", state="published")
    ann.upload(photo)
    ann.wait_settled()  # a card that only the lost region has would be lost with it
    wait_in_sync(house, ["main", "west"])
    (picture, *_) = re.findall(r'srcset="([^ "]+)', house.visit("/ann").text)
    house.stop()
    servers[0].server.destroy()
    settle_in(house, regions[1])
    begun = house.holdfast("store", "new-life", "--json")
    assert json.loads(begun.stdout)["life"] == 2
    house.start()
    assert house.visit("/ann").status_code == 200
    rebuilt = house.holdfast("rebuild", "--all", "--json")
    assert json.loads(rebuilt.stdout)["failed"] == []
    ann.edit(bio="All is well.")
    ann.wait_live()
    assert "All is well." in house.visit("/ann").text
    assert house.visit(picture.removeprefix(house.edge)).status_code == 200
    ann.upload(photo)
    ann.wait_settled()
    wait_in_sync(house, ["main"])
    assert verified(house) == {}


def test_a_region_is_given_up(house: House, servers: list[Gateway], regions: list[dict[str, str]]) -> None:
    ann = house.sign_up("ann")
    ann.wait_settled()
    wait_in_sync(house, ["main", "west"])
    house.stop()
    settle_in(house, regions[0])
    house.start()
    ann.edit(bio="In one region.")
    ann.wait_live(timeout_s=30)
    assert in_sync(house) == ["main"]
    assert verified(house) == {}
