"""A vendor of caches, and batches to tell it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.store import PurgePath
from pipeline.purge.targets import Batch
from tests.pipeline.targets.vendor import Vendor, running


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    yield from running()


def batch(*tags: str, paths: tuple[str, ...] = ("/ann",), hard: bool = False) -> Batch:
    ranked = tuple(PurgePath(path, "" if path.endswith("/") else "1.1.3.1", hard) for path in paths)
    return Batch("purge1", 1_790_000_000, tags or ("p-profile1", "n-ann"), ranked, hard)
