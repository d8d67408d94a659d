"""Sites for the worker's tests, and processes that die at them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import SiteSettings
from generator.release import Release, load_release
from pipeline import wanted
from tests.gateway import Gateway
from tests.pipeline.graves import Grave
from tests.pipeline.little_site import Site
from tests.pipeline.mortal import Mortal


@pytest.fixture(scope="session")
def release() -> Release:
    return load_release(SiteSettings())


BOTH = pytest.mark.parametrize(
    "storage", ["folder", pytest.param("versitygw", marks=pytest.mark.server("versitygw"))], indirect=True
)
"""For a module whose stories have to hold in a folder and on a real S3 server."""


@pytest.fixture
def storage(request: pytest.FixtureRequest) -> str:
    """Where the buckets of `site` are: "folder", unless a test asks for others."""
    return str(getattr(request, "param", "folder"))


@pytest.fixture
def site(tmp_path: Path, release: Release, storage: str, request: pytest.FixtureRequest) -> Iterator[Site]:
    buckets = None
    if storage != "folder":
        gateway: Gateway = request.getfixturevalue(storage)
        buckets = gateway.buckets()
    site = Site(tmp_path, release, buckets)
    yield site
    site.store.close()


@pytest.fixture
def no_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that count revisions: a card would make another one."""
    monkeypatch.setattr(wanted, "wish", lambda *_: None)


@pytest.fixture(scope="session")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mortal]:
    mortal = Mortal(tmp_path_factory.mktemp("warm"))
    yield mortal
    mortal.close()


@pytest.fixture
def grave(tmp_path: Path, mortal: Mortal, release: Release) -> Iterator[Grave]:
    grave = Grave(tmp_path, mortal, release)
    yield grave
    grave.close()


@pytest.fixture
def ann(grave: Grave) -> str:
    """A published profile with two posts and a picture."""
    site = grave.site()
    ann = site.sign_up("ann")
    site.edit(ann, tagline="Acknowledged.")
    for slug in ("first", "second"):
        site.post(ann, slug)
    site.upload(ann)
    site.publish(ann)
    return ann
