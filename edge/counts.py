"""What the edge counts, in plain numbers, which cost the hot path next to nothing; and how a scrape is told of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry

from core.metrics import (
    FILLS_REFUSED,
    HEARD,
    MEMORY_BYTES,
    MEMORY_OBJECTS,
    PURGED,
    RENDERS,
    REQUESTS,
    Family,
    family,
)
from edge.shelf import Shelf

ANSWERS = ("hit", "stale", "revalidated", "miss", "rendered", "bypass", "moved", "refused", "failed")


class Counts:
    """Only the event loop adds to them; whoever asks reads them from another thread, so no key ever comes or goes."""

    def __init__(self) -> None:
        self.answers = dict.fromkeys(ANSWERS, 0)
        self.renders = dict.fromkeys(("drawn", "failed"), 0)
        self.heard = dict.fromkeys(("taken", "replayed", "refused"), 0)
        self.purged = 0
        self.fills_refused = 0
        self._shelves: dict[str, tuple[Shelf, ...]] = {}

    def weigh(self, cache: str, *shelves: Shelf) -> None:
        """Tells from now on what these hold, together, as that cache's."""
        self._shelves[cache] = shelves

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """A request that the hot path left to others, by what was said to it."""
        self.answers[_word(status, headers.get("cache-status", ""))] += 1

    @property
    def registry(self) -> CollectorRegistry:
        """One that tells them."""
        registry = CollectorRegistry()
        registry.register(self)
        return registry

    def collect(self) -> Iterator[Family]:
        yield family(REQUESTS, self.answers)
        yield family(RENDERS, self.renders)
        yield family(HEARD, self.heard)
        yield family(PURGED, self.purged)
        yield family(FILLS_REFUSED, self.fills_refused)
        shelves = self._shelves.items()
        yield family(MEMORY_BYTES, {cache: sum(one.weight_bytes for one in some) for cache, some in shelves})
        yield family(MEMORY_OBJECTS, {cache: sum(map(len, some)) for cache, some in shelves})


def _word(status: int, cache_status: str) -> str:
    """What Cache-Status says (RFC 9211, as `edge.cache` spells it), in one word; without it nothing was looked up."""
    if not cache_status:
        return "failed" if status >= 500 else "refused" if status >= 400 else "moved"
    said = cache_status.partition("; ")[2].removesuffix("; collapsed")
    if said == "hit":
        return "hit"
    if said.startswith("hit; ttl=") or "detail=storage-away" in said:
        return "stale"
    if "fwd-status=304" in said:
        return "revalidated"
    if "detail=rendered" in said:
        return "rendered"
    return "bypass" if said.startswith("fwd=bypass") else "miss"
