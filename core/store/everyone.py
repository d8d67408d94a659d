"""All profiles of a store, one after another: the parts of the walk in a row, for those who don't share them."""

from __future__ import annotations

from collections.abc import Iterator

from core.store import Profiles, Walked


def everyone(profiles: Profiles) -> Iterator[Walked]:
    """Every profile, deleted ones too."""
    for part in range(profiles.parts):
        yield from profiles.walk(part)
