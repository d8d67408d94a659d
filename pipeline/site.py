"""Objects of a release: its assets, and the pages of the site itself."""

from __future__ import annotations

from core.errors import OutcomeUnknown, PreconditionFailed
from core.objects import ABSENT, Headers, Objects
from generator.release import Release
from generator.site_pages import site_pages
from generator.urls import Urls
from pipeline.fence import get, look, put_ranked


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


def _put_once(public: Objects, key: str, body: bytes, head: Headers) -> None:
    try:
        public.put(key, body, head, only_if=ABSENT)
    except PreconditionFailed:
        return
    except OutcomeUnknown:
        public.put(key, body, head)
