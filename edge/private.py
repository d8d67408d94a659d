"""What lies behind a grant: checks it, then answers from the private bucket; whoever may not hears what is said of nothing."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from core import keys
from core.document import read
from core.errors import BadInput, ObjectMissing, Unavailable
from core.grants import Grant, Grants
from core.log import get_logger
from core.objects import Object
from core.objects.regions import Regions
from core.rank import Rank
from core.settings import EdgeSettings, SiteSettings
from edge.cache import AWAY, WAIT_S, Cache
from edge.counts import Counts
from edge.entry import Entry, PrivateProfile, whole
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
        counts: Counts,
        clock: Callable[[], float],
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._grants, self._rules, self._visitors = grants, rules, visitors
        self._sub_path, self._wall_clock = site.path, wall_clock
        self._buckets, self._crossing = buckets, crossing
        share = settings.model_copy(update={"memory_mb": max(1, settings.memory_mb // MEMORY_SHARE)})
        renderer = Renderer(buckets, release, urls_of(site), crossing, counts)
        stored = Addressed(Fetcher(buckets, renderer, crossing, _made))
        self._cache = Cache(stored, crossing, share, Purges(clock), calls, clock, counts)
        counts.weigh("private", *self._cache.shelves)
        self._responder = Responder(self._cache, buckets, crossing, wall_clock)

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
        meant = key or (keys.route(redirect).key if redirect else None)
        data = await self._data(request, grant, asked.name)
        if data and data.headers.status in MOVED and meant and keys.name_in(meant) == asked.name:
            return await self._moved_on(request, grant, asked, meant, data)
        profile = _opened(grant, data)
        if profile is None:
            return None
        if redirect is not None:
            query = f"?{query}" if query else ""
            return self._moved(
                quote(self._sub_path + keys.GRANTS + f"/{asked.grant}{redirect}") + query, grant
            )
        if key is None or not _is_of(key, profile):
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
        self, request: Request, grant: Grant, asked: keys.Granted, key: str, stone: Entry
    ) -> Response | None:
        """Whose name has changed is found under the new one, if the grant opens that."""
        _, _, place = stone.headers.location.partition(f"{keys.GRANTS}/{keys.GRANT}/")
        if not _opened(grant, await self._data(request, grant, place.partition("/")[0])):
            return None
        stone = (await self._cache.answer(_addressed(asked.grant, key))).entry
        moved = stone.headers.status in MOVED
        return self._moved(stone.headers.location, grant) if moved else None

    async def _data(self, request: Request, grant: Grant, name: str) -> Entry | None:
        """What lies as the data document of that name, if it is of the grant's profile.

        Of other names nothing is read, kept or taken from memory: each time it is asked anew whose it is, so that nobody
        learns from how long an answer takes whether somebody private has the name.
        """
        key = keys.data(name)
        known = self._cache.kept(key)
        if known is None or not _tagged(known.tags, grant):
            self._visitors.take(request)
            if not _tagged(await self._tags(key), grant):
                return None
        entry = (await self._cache.answer(key)).entry
        return entry if _tagged(entry.tags, grant) else None

    async def _tags(self, key: str) -> str:
        try:
            async with asyncio.timeout(WAIT_S):
                return (await self._crossing(self._buckets.stat, key)).headers.tags
        except ObjectMissing:
            return ""
        except AWAY as error:
            raise Unavailable(f"Storage can't be reached: {error!r}") from error

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


def _tagged(tags: str, grant: Grant) -> bool:
    return keys.tag(grant.profile_id) in tags.split()


def _opened(grant: Grant, data: Entry | None) -> PrivateProfile | None:
    profile = data.profile if data else None
    is_open = profile and (profile.profile_id, profile.epoch) == (grant.profile_id, grant.epoch)
    return profile if is_open else None


def _is_of(key: str, profile: PrivateProfile) -> bool:
    if key.startswith("_media/"):
        return keys.media_of(key) in profile.media
    return keys.name_in(key) == profile.username


def _made(key: str, found: Object) -> Entry:
    """An entry of the private bucket; of a data document, however large, only what tells who may see what."""
    entry = whole(key, found)
    if entry.kind is Kind.DATA:
        entry.profile, entry.body, entry.size = _private(key, found.body), b"", 0
    return entry


def _private(key: str, body: bytes) -> PrivateProfile | None:
    try:
        document, _ = read(body)
    except BadInput as error:
        log.error("document_unreadable", key=key, error=str(error))
        return None
    if document.profile.visibility != "private":
        return None
    media = frozenset(medium.id for medium in document.media)
    return PrivateProfile(document.id, document.grants, document.name.username, media)
