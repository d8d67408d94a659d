"""The contract of a cache in front of our edges, and what can come of telling it. A file for each vendor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, Protocol, TypeVar, runtime_checkable
from urllib.parse import quote, urlsplit

from core import keys
from core.errors import HoldfastError, Unavailable
from core.fields import is_domain
from core.settings import SiteSettings
from core.store import Purge, PurgePath
from pipeline.purge.paths import merged

Item = TypeVar("Item")


class Busy(Unavailable):
    """The target can't take it just now; it asks to be left alone for `retry_after_s` (0 if it doesn't say)."""

    def __init__(self, detail: str, retry_after_s: float = 0.0) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class TooFast(Busy):
    """It says that it is called too often, whatever about."""


class Full(TooFast):
    """It has as much in progress as it takes of what this call asks for. Calls about other things may get through."""


class Refused(HoldfastError):
    """The target says that the call is wrong. Its words end with what mends that."""

    title = "The target refuses the purge"


class Barred(Refused):
    """It doesn't let us in: no call will do, whatever it is about."""


class Gone(Refused):
    """410: it wants to hear nothing any more."""


class Batch(NamedTuple):
    """What is told in one call: the tags of some profiles, and the paths that changed, `hard` where nothing of it may be
    served stale. `id` names the newest purge in it (and an early call by another name than the last), `at` is when that was
    queued (seconds since 1970)."""

    id: str
    at: int
    tags: tuple[str, ...]
    paths: tuple[PurgePath, ...]
    hard: bool


class Target(Protocol):
    """One cache (all its addresses). `limit` bounds what is told in one call, counted in tags or paths."""

    name: str
    by: Literal["tags", "paths"]
    limit: int

    def purge(self, batch: Batch) -> None:
        """Returns once the target (each of its addresses) has said that it did so. Telling it twice does no harm.

        A batch of more than `limit` (one profile alone can have it) takes several calls. Raises Busy or Unavailable for
        what passes, Refused for what is wrong with the call, Barred with our credentials, Gone when it wants no more of them.
        """
        ...

    def close(self) -> None: ...


@runtime_checkable
class InPieces(Protocol):
    """A target that takes little at a time: a large purge goes on from the piece that it did not take."""

    def pieces(self, batch: Batch) -> Sequence[Batch]:
        """The batch as calls, the same each time; several only where one profile alone is too much for one."""
        ...


def tags_of(purge: Purge) -> tuple[str, ...]:
    """The profile's tag, those of the names that its paths lie under (they clear a 404 where nothing lay before, and what was
    at a domain), and that of its shard of the sitemap."""
    lie_at = [path.path.removeprefix("/") for path in purge.paths]
    names = {keys.name_in(key) for key in lie_at}
    return (
        keys.tag(purge.profile_id),
        *(keys.name_tag(name) for name in sorted(names) if keys.is_username(name) or is_domain(name)),
        *sorted({tag for key in lie_at if (tag := keys.sitemap_tag(key))}),
    )


class Address(NamedTuple):
    """A host, and a path there, percent-encoded."""

    host: str
    path: str


def addresses_of(path: str, site: SiteSettings) -> list[Address]:
    """Where readers find what a purge names by `path`: media have the site's host and, if there is one, their own. A domain's
    addresses aren't among them."""
    found = [Address(urlsplit(site.url).netloc, quote(site.path + path))]
    if site.media_url and path.startswith(keys.MEDIA):
        found.append(Address(urlsplit(site.media_url).netloc, quote(path)))
    return found


def batch_of(purges: Sequence[Purge], *, early: bool = False) -> Batch:
    """One call about all of them; `early` if another will follow, which may not pass for the same."""
    newest = max(purges, key=lambda one: (one.queued_at, one.id))
    tags = dict.fromkeys(tag for one in purges for tag in tags_of(one))
    paths = merged(path for one in purges for path in one.paths)
    name = f"{newest.id}-early" if early else newest.id
    return Batch(name, int(newest.queued_at), tuple(tags), paths, any(path.hard for path in paths))


def slices(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """All of them, at most so many at a time."""
    return (items[at : at + size] for at in range(0, len(items), size))
