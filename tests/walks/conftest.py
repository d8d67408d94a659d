"""One whole Holdfast for the walks: `holdfast run` as a user starts it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.house import House


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    limits = {"studio__writes_per_minute": "100000", "studio__logins_per_minute": "100000"}
    with House(tmp_path_factory.mktemp("house"), **limits) as running:
        yield running


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture of 700 × 500 pixels with a different colour in each corner."""
    image = Image.linear_gradient("L").resize((700, 500)).convert("RGB")
    image.paste((200, 40, 40), (0, 0, 200, 200))
    path = tmp_path / "boats.jpg"
    image.save(path, quality=90)
    return path
