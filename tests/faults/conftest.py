"""One fleet for all faults: two ingests, workers and edges on a real ring; what a test has hurt is mended after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from cli.ring.ring import Ring
from core.store.scylla import ScyllaStore
from tests.cluster import Keyspace
from tests.faults.authors import Author, wait_until
from tests.faults.conclusion import page
from tests.fleet import Fleet
from tests.pipeline.mortal import Mortal

LEASE_S = "2"


@pytest.fixture(scope="package")
def lasting_fleet(
    ring: Ring, keyspace: Keyspace, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    keyspace.empty()
    folder = tmp_path_factory.mktemp("fleet")
    with Fleet(folder, keyspace.environment, worker__lease_s=LEASE_S).start() as running:
        yield running


@pytest.fixture
def fleet(lasting_fleet: Fleet, whole_ring: Ring) -> Iterator[Fleet]:
    """Whole when a test begins. Starting all of it takes long, so it outlives its tests, and their names differ."""
    lasting_fleet.mend()
    yield lasting_fleet
    whole_ring.mend()
    lasting_fleet.mend()


@pytest.fixture(scope="package")
def store(lasting_fleet: Fleet, keyspace: Keyspace) -> Iterator[ScyllaStore]:
    """The test's own look into the fleet's store."""
    opened = ScyllaStore(keyspace.settings, 60)
    yield opened
    opened.close()


@pytest.fixture
def authors(fleet: Fleet, request: pytest.FixtureRequest) -> Callable[[int], list[Author]]:
    """So many authors with names of this test's own, each with a published page, to which nothing is still to be drawn."""
    stem = "".join(one[0] for one in request.node.name.replace("[", "_").split("_") if one)
    return lambda count: sign_up(fleet, stem, count)


_COUNT = iter(range(1, 10_000))


def sign_up(fleet: Fleet, stem: str, count: int) -> list[Author]:
    made = [Author(fleet, f"{stem[:12]}{next(_COUNT)}") for _ in range(count)]
    for one in made:
        one.write()
        one.creator.wait_live()
    for one in made:
        wait_until(lambda one=one: "/card-" in page(fleet, one, 1), f"the card of {one.username} is shown")  # type: ignore[misc]
    return made


@pytest.fixture(scope="package")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mortal]:
    mortal = Mortal(tmp_path_factory.mktemp("warm"))
    yield mortal
    mortal.close()
