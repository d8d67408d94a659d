"""A little site at a real edge, and real nginx and Varnish before it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, get_args

import pytest

from cli.fronts import Kind
from core.settings import EdgeSettings, PurgeSettings, Settings, SiteSettings
from generator.release import Release, load_release
from tests.front.edge import Edge
from tests.front.fronts import Front, front

EACH = [pytest.param(kind, marks=pytest.mark.server(kind)) for kind in get_args(Kind)]
"""For tests that both have to pass."""


@pytest.fixture(scope="session")
def release() -> Release:
    return load_release(SiteSettings())


def published(folder: Path, release: Release, site: SiteSettings | None = None, **edge: Any) -> Edge:
    """An edge over a published site; it is not started yet."""
    settings = Settings(site=site or SiteSettings(), edge=EdgeSettings(**edge))
    made = Edge(folder, release, settings)
    made.settings = settings.model_copy(update={"purge": PurgeSettings(edges=(made.url,))})
    made.publish()
    return made


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory, release: Release) -> Iterator[Edge]:
    """For tests that only read."""
    edge = published(tmp_path_factory.mktemp("site"), release)
    time.sleep(1.05 - time.time() % 1)  # what is of this second has no Last-Modified
    edge.start()
    yield edge
    edge.stop()


@pytest.fixture(scope="module", params=EACH)
def reading(
    request: pytest.FixtureRequest, steady: Edge, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    """Each of the two before the steady edge."""
    with front(request.param, tmp_path_factory.mktemp(request.param), steady.settings) as started:
        yield started


@pytest.fixture
def edge(tmp_path: Path, release: Release) -> Iterator[Edge]:
    """One to do with as one likes. What it gives out lives for a second."""
    edge = published(tmp_path / "public", release, cdn_s=1, stale_s=3600)
    edge.start()
    yield edge
    edge.stop()


@pytest.fixture
def brief(tmp_path: Path, release: Release) -> Iterator[Edge]:
    """One whose pages live for a second, and stand in for another."""
    edge = published(tmp_path / "public", release, cdn_s=1, stale_s=1)
    edge.start()
    yield edge
    edge.stop()


@pytest.fixture
def lasting(tmp_path: Path, release: Release) -> Iterator[Edge]:
    """One whose pages live on, unless they are purged."""
    edge = published(tmp_path / "public", release, cdn_s=3600, stale_s=3600)
    edge.start()
    yield edge
    edge.stop()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Front]]:
    """`start("nginx", edge, outermost=True)`: ended with the test."""
    with ExitStack() as running:

        def make(kind: Kind, before: Edge, **wishes: object) -> Front:
            return running.enter_context(front(kind, tmp_path / kind, before.settings, **wishes))

        yield make
