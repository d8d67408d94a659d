"""A studio for each test that names one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from ingest import passwords
from tests.ingest.studios import Browser, Creator, Studio


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real argon2id, but not the tenth of a second that it should take elsewhere."""
    monkeypatch.setattr(
        passwords, "PasswordHasher", lambda: PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    )


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
