"""What the generator gives away: files with their headers, drawn at once (File) or when they are wanted (Page)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from core import keys
from core.objects import Headers
from core.rank import Rank

HTML = "text/html; charset=utf-8"
XML = "application/xml; charset=utf-8"
ATOM = "application/atom+xml; charset=utf-8"
JSON_FEED = "application/feed+json; charset=utf-8"
JSON = "application/json; charset=utf-8"
PNG = "image/png"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class File:
    """A finished file. `rank` is None only where none is needed (robots.txt, assets)."""

    key: str
    body: bytes
    headers: Headers
    rank: Rank | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A file that is planned: its key, rank and headers are known, its bytes are drawn by `render()`."""

    key: str
    rank: Rank
    headers: Headers
    draw: Callable[[], bytes] = field(repr=False, compare=False)

    @property
    def purge_path(self) -> str:
        """The path that a purge names: as the edge knows it, without sub-path, not percent-encoded."""
        return keys.path_of(self.key)

    def render(self) -> bytes:
        """The bytes, with the rank in them. Equal for equal document, release and roll-out, in any process."""
        return self.draw()

    def file(self) -> File:
        return File(self.key, self.render(), self.headers, self.rank)


def headers(
    content_type: str, rank: Rank, profile_id: str = "", status: int = 200, location: str = "", tags: str = ""
) -> Headers:
    """The headers of a mutable file, tagged as the profile's, or with other `tags`. `cache` stays empty: the edge's table of
    rules decides it."""
    return Headers(
        type=content_type,
        status=status,
        location=location,
        rank=str(rank),
        tags=keys.tag(profile_id) if profile_id else tags,
    )


def plain(content_type: str) -> Headers:
    """The headers of a file without rank."""
    return Headers(type=content_type)
