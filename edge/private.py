"""What lies behind a grant: checks it, then answers from the private bucket; whoever may not hears what is said of nothing."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from core import keys
from core.document import Document, read
from core.errors import BadInput
from core.grants import Grant, Grants
from core.log import get_logger
from core.objects.regions import Regions
from core.rank import Rank
from core.settings import EdgeSettings, SiteSettings
from edge.cache import Cache
from edge.entry import Entry
from edge.fetch import Fetcher
from edge.flight import Crossing
from edge.purge import Calls, Purges
from edge.render import Renderer
from edge.respond import Responder
from edge.rules import Kind, Rules, kind_of
from edge.visitors import Visitors
from generator.release import Release, urls_of

log = get_logger("edge")

MEMORY_SHARE = 8
"""Private answers have an eighth of the memory, besides that of the public ones."""
DOCUMENTS_MAX = 200
"""How many profiles' documents are kept parsed."""
ADDRESSED = {Kind.PAGE, Kind.POST, Kind.LIST, Kind.FEED}
"""Kinds of files that hold addresses of their own profile."""
MOVED = (301, 302, 307, 308)


class Private:
    """The reader behind grants. Its memory is another than that of public answers, so that no path leads from one to the
    other."""

    def __init__(
        self,
        grants: Grants,
        buckets: Regions,
        release: Release,
        settings: EdgeSettings,
        site: SiteSettings,
        crossing: Crossing,
        calls: Calls,
        rules: Rules,
        visitors: Visitors,
        clock: Callable[[], float],
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._grants, self._rules, self._visitors = grants, rules, visitors
        self._sub_path, self._wall_clock, self._crossing = site.path, wall_clock, crossing
        share = settings.model_copy(update={"memory_mb": max(1, settings.memory_mb // MEMORY_SHARE)})
        stored = Fetcher(buckets, Renderer(buckets, release, urls_of(site), crossing), crossing)
        self._cache = Cache(Addressed(stored), crossing, share, Purges(clock), calls, clock)
        self._responder = Responder(self._cache, buckets, crossing, wall_clock)
        self._documents: dict[str, tuple[Entry, Document | None]] = {}

    def purge(self, path: str, rank: Rank | None, *, hard: bool) -> None:
        """`path` as the purger names what is private: behind any grant."""
        self._cache.purge(path.removeprefix(keys.GRANTS), rank, hard=hard)

    async def read(self, request: Request, path: str, query: str) -> Response | None:
        """The answer to a path that begins with `keys.GRANTS`; None where it is to be that about nothing: the grant is wrong
        or over, is another profile's, or no such page is there. Raises Unavailable, TooMany."""
        asked = keys.behind_grant(path)
        grant = self._grants.open(asked.grant, self._wall_clock()) if asked else None
        if asked is None or grant is None or grant.kind != "page":
            self._visitors.take(request)
            return None
        key, redirect = keys.route(asked.path)
        document = await self._document(request, asked.name)
        if document is None and key and keys.name_in(key) == asked.name:
            return await self._moved_on(request, grant, asked, key)
        if document is None or not _opens(grant, document):
            return None
        if redirect is not None:
            query = f"?{query}" if query else ""
            return self._moved(
                quote(self._sub_path + keys.GRANTS + f"/{asked.grant}{redirect}") + query, grant
            )
        if key is None or not _is_of(key, document):
            return None
        if kind_of(key) in ADDRESSED:
            key = _addressed(asked.grant, key)
        return await self._show(request, key, grant)

    async def _show(self, request: Request, key: str, grant: Grant) -> Response | None:
        if not self._cache.knows(key):
            self._visitors.take(request)
        answer = await self._cache.answer(key)
        entry = answer.entry
        if entry.headers.status in MOVED:
            return self._moved(entry.headers.location, grant)
        if entry.headers.status != 200:
            return None
        headers = self._rules.private(
            entry.kind,
            entry.tags,
            left_s=self._left_s(grant),
            keep=answer.keep,
            rendered=entry.rendered,
            scripts=entry.scripts,
            stale_left_s=answer.stale_left_s,
        )
        return await self._responder.respond(request, answer, headers, 200)

    async def _moved_on(
        self, request: Request, grant: Grant, asked: keys.Granted, key: str
    ) -> Response | None:
        """Whose name has changed is found under the new one, if the grant opens that."""
        stone = (await self._cache.answer(keys.data(asked.name))).entry
        if stone.headers.status not in MOVED or keys.tag(grant.profile_id) not in stone.tags.split():
            return None
        _, _, place = stone.headers.location.partition(f"{keys.GRANTS}/{keys.GRANT}/")
        document = await self._document(request, place.partition("/")[0])
        if document is None or not _opens(grant, document):
            return None
        stone = (await self._cache.answer(_addressed(asked.grant, key))).entry
        moved = stone.headers.status in MOVED
        return self._moved(stone.headers.location, grant) if moved else None

    async def _document(self, request: Request, name: str) -> Document | None:
        """The data document of who has that name and is private; None if nobody is."""
        key = keys.data(name)
        if not self._cache.knows(key):
            self._visitors.take(request)
        entry = (await self._cache.answer(key)).entry
        known = self._documents.get(key)
        if known is None or known[0] is not entry:
            if len(self._documents) >= DOCUMENTS_MAX:
                self._documents.pop(next(iter(self._documents)))
            known = self._documents[key] = entry, await self._crossing(_parsed, entry)
        return known[1]

    def _moved(self, location: str, grant: Grant) -> Response:
        headers = self._rules.private(Kind.TOMBSTONE, keys.tag(grant.profile_id), left_s=self._left_s(grant))
        return Response(status_code=301, headers=headers | {"location": location})

    def _left_s(self, grant: Grant) -> int:
        return max(0, int(grant.expires_at - self._wall_clock()))


class Addressed:
    """Reads private files; those that hold addresses, with the grant in them by which they were asked for."""

    def __init__(self, stored: Fetcher) -> None:
        self._stored = stored

    async def __call__(self, asked: str, known: Entry | None) -> Entry:
        grant, key = _parts(asked)
        entry = await self._stored(key, known)
        if entry is known or not grant:
            return entry
        path, ours = (f"{keys.GRANTS}/{one}/" for one in (keys.GRANT, grant))
        body = (entry.body or b"").replace(path.encode(), ours.encode())
        location = entry.headers.location.replace(path, ours)
        return replace(
            entry,
            key=asked,
            body=body,
            size=len(body),
            # A weaker one, of what is stored, would be that of every grant's bytes.
            etag=hashlib.sha256(body).hexdigest()[:32],
            headers=replace(entry.headers, location=location),
            # A purge names the path behind any grant.
            source=entry.source or keys.path_of(key),
            source_rank=entry.source_rank if entry.source else entry.rank,
        )


def _addressed(grant: str, key: str) -> str:
    """Names, in our memory, a file with that grant in it."""
    return f"-/{grant}/{key}"


def _parts(asked: str) -> tuple[str, str]:
    if not asked.startswith("-/"):
        return "", asked
    _, grant, key = asked.split("/", 2)
    return grant, key


def _opens(grant: Grant, document: Document) -> bool:
    is_private = document.profile.visibility == "private"
    return is_private and (document.id, document.grants) == (grant.profile_id, grant.epoch)


def _is_of(key: str, document: Document) -> bool:
    if key.startswith("_media/"):
        return document.medium(keys.media_of(key)) is not None
    return keys.name_in(key) == document.name.username


def _parsed(entry: Entry) -> Document | None:
    if entry.headers.status != 200 or not entry.body:
        return None
    try:
        return read(entry.body)[0]
    except BadInput as error:
        log.error("document_unreadable", key=entry.key, error=str(error))
        return None
