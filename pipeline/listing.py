"""What the lists of the whole site show of a profile: put down with each publish, and which shards of them that touched."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import NamedTuple

from core.profile import Head
from core.rank import Mark
from core.store import Listed, Listings

SHARDS = 256
"""By the first two digits of a profile's id, so 50,000 addresses each are enough for 12 million pages."""
REMEMBERED_MAX = 10_000
DAY_S = 86_400


def shard_of(profile_id: str) -> int:
    return int(profile_id[:2], 16)


def listed(head: Head) -> Listed | None:
    """None for what no list shows: a profile that is deleted, not public, or has no name yet. Lists tell the day of the
    last edit, so further edits of that day change nothing in them."""
    if head.name is None or head.deleted or head.profile.visibility != "public":
        return None
    return Listed(head.id, head.name.username, head.edited_at // DAY_S * DAY_S)


class _Put(NamedTuple):
    mark: Mark
    listed: Listed | None


class Lister:
    """One process's hand on the listings. Safe to use from any thread."""

    def __init__(self, listings: Listings) -> None:
        self._listings = listings
        self._guard = threading.Lock()
        self._known: OrderedDict[str, _Put] = OrderedDict()
        self._dirty: set[int] = set()

    def put(self, head: Head, mark: Mark) -> None:
        """Lists the profile as it is at that mark, or takes it off; nothing if the revision before was the same there."""
        now = _Put(mark, listed(head))
        with self._guard:
            before = self._known.get(head.id)
        if not (before and _follows(before, now)):
            self._listings.put(shard_of(head.id), head.id, mark, now.listed)
            self.touch({shard_of(head.id)})
        with self._guard:
            self._known[head.id] = now
            self._known.move_to_end(head.id)
            if len(self._known) > REMEMBERED_MAX:
                self._known.popitem(last=False)

    def forget(self) -> None:
        """What was put last may not have been kept."""
        with self._guard:
            self._known.clear()

    def touch(self, shards: set[int]) -> None:
        """These have to be drawn anew."""
        with self._guard:
            self._dirty |= shards

    def take_touched(self) -> set[int]:
        """The shards to be drawn; who takes them draws them, or touches them again."""
        with self._guard:
            taken, self._dirty = self._dirty, set()
            return taken


def _follows(before: _Put, now: _Put) -> bool:
    """Whether nothing can have changed: no revision lies between the two that another worker could have put."""
    return (
        before.listed == now.listed
        and before.mark.life == now.mark.life
        and now.mark.revision - before.mark.revision in (0, 1)
    )
