"""Purges of one path become one that does what each of them would do."""

from __future__ import annotations

import pytest

from core.store import PurgePath
from pipeline.purge.paths import merged

OLD, NEW = PurgePath("/ann", "1.1.2.1", False), PurgePath("/ann", "1.1.3.1", False)


def hard(path: PurgePath) -> PurgePath:
    return path._replace(hard=True)


@pytest.mark.parametrize(
    ("paths", "one"),
    [
        ([OLD, NEW], NEW),
        ([NEW, OLD], NEW),
        ([hard(OLD), NEW], hard(NEW)),
        ([hard(NEW), OLD], hard(NEW)),
        ([OLD, hard(NEW), OLD], hard(NEW)),
        ([NEW, NEW._replace(rank="1.1.2.2")], NEW._replace(rank="1.1.3.2")),
        ([NEW, NEW._replace(rank="1.2.1.1")], NEW._replace(rank="1.2.1.1")),
        ([NEW, hard(NEW)._replace(rank="")], hard(NEW)),
    ],
    ids=["newer", "older", "soft last", "hard first", "among", "roll-out", "owner", "no rank"],
)
def test_it_is_as_hard_as_any_and_covers_all(paths: list[PurgePath], one: PurgePath) -> None:
    assert merged(paths) == (one,)


def test_others_keep_their_place() -> None:
    feed = PurgePath("/ann/feed.xml", "1.1.3.1", False)
    assert merged([OLD, feed, NEW]) == (NEW, feed)
