"""Objects of the whole site: assets and site pages of a release, and the sitemap, built by one periodic job."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial

from core import keys
from core.errors import OutcomeUnknown, PreconditionFailed, RankDefect, Stale, Unavailable
from core.objects import ABSENT, Headers, Objects
from core.rank import Rank, read_rank
from core.store import REPLICA, Store
from core.store.everyone import everyone
from generator.files import XML, headers
from generator.meta import instant
from generator.release import Release
from generator.site_pages import site_pages
from generator.sitemap import Entry, index, shard
from generator.urls import Urls
from pipeline.fence import Known, get, look, put_ranked

TRIES = 5
SHARDS = 256
"""Sitemap shards: by the first two digits of a profile's id, so 50,000 addresses each are enough for 12 million pages."""


def publish_release(public: Objects, release: Release, urls: Urls, life: int, rollout: int) -> None:
    """Puts the release's assets and site pages; harmless to repeat, and before any page that needs them."""
    for asset in release.assets:
        _put_once(public, asset.key, asset.body, Headers(type=asset.type))
    for page in site_pages(release, urls, life, rollout):
        if page.rank is None:
            stored = get(public, page.key)
            if stored is None or stored.body != page.body:
                public.put(page.key, page.body, page.headers)
            continue
        known, _ = look(public, page.key)
        put_ranked(public, page.key, page.rank, lambda body=page.body: body, page.headers, known)  # type: ignore[misc]


def publish_sitemap(store: Store, public: Objects, urls: Urls, life: int, rollout: int) -> int:
    """Rebuilds the sitemap from what has been published; returns how many shards it wrote. Each shard is compared
    with what lies there, so nothing is written when nothing changed."""
    shards: dict[int, list[Entry]] = defaultdict(list)
    for number, entry in _entries(store, life):
        shards[number].append(entry)
    wrote = 0
    for number in range(SHARDS):
        key = keys.sitemap_shard(number)
        if number in shards or get(public, key) is not None:
            wrote += _put_next(public, key, partial(shard, sorted(shards[number]), urls), life, rollout)
    listed = sorted(number for number, entries in shards.items() if entries)
    return wrote + _put_next(public, keys.SITEMAP, partial(index, listed, urls), life, rollout)


def _entries(store: Store, life: int) -> Iterator[tuple[int, Entry]]:
    for _, profile_id, _ in everyone(store.profiles):
        if "published" not in store.published.get(profile_id, REPLICA, life):
            continue
        head = store.profiles.head(profile_id)
        if head and head.name and not head.deleted and head.profile.visibility == "public":
            yield int(profile_id[:2], 16), Entry(keys.page(head.name.username), instant(head.edited_at))


def _put_next(public: Objects, key: str, draw: Callable[[Rank], bytes], life: int, rollout: int) -> bool:
    """Puts a numbered object under the next number, unless its content is the same under the present one."""
    for _ in range(TRIES):
        stored = get(public, key)
        rank = read_rank(stored.body) if stored else None
        if rank and stored and rank.life == life and draw(rank) == stored.body:
            return False
        mine = Rank(life, 0, rank.revision + 1 if rank else 1, rollout)
        known = Known(rank, stored.etag) if stored else Known()
        try:
            return put_ranked(public, key, mine, partial(draw, mine), headers(XML, mine), known).ours
        except (RankDefect, Stale):
            # Another worker took the same number with what it knew: look again.
            continue
    raise Unavailable(f"{key} was overtaken too often.")


def _put_once(public: Objects, key: str, body: bytes, head: Headers) -> None:
    try:
        public.put(key, body, head, only_if=ABSENT)
    except PreconditionFailed:
        return
    except OutcomeUnknown:
        public.put(key, body, head)
