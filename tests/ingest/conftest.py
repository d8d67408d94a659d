"""A studio for each test that names one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ingest.studios import Browser, Creator, Studio


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    studio = Studio(tmp_path)
    yield studio
    studio.stop()


@pytest.fixture
def ann(studio: Studio) -> Creator:
    return studio.sign_up("ann")


@pytest.fixture
def bob(studio: Studio) -> Creator:
    return studio.sign_up("bob")


@pytest.fixture
def browser(studio: Studio) -> Browser:
    return Browser(studio)
