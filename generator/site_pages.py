"""Pages without a profile: the site's home, its error pages, and the tombstones of what is gone."""

from __future__ import annotations

from typing import Literal

from core import keys
from core.rank import Rank, stamp_html
from generator import files, layout
from generator.files import File
from generator.meta import Meta
from generator.release import Release
from generator.urls import Urls

Kind = Literal[410, 404, 301]
_TEMPLATES = {410: "410.html", 404: "404.html", 301: "moved.html"}
_TITLES = {410: "Gone", 404: "Not found", 301: "Moved"}


def tombstone(
    kind: Kind,
    key: str,
    rank: Rank,
    release: Release,
    urls: Urls,
    location: str | None = None,
    profile_id: str = "",
) -> File:
    """What replaces the file under `key` once it is gone: 410 (deleted), 404 (private or draft), 301 (moved to
    `location`, an absolute address, as `Urls.profile` spells it). A small noindex page, whatever lay there before.

    It needs no document. `profile_id` gives it the profile's purge tag. Where bare files lie, it is drawn without a template,
    too.
    """
    if (kind == 301) != bool(location):
        raise ValueError("a 301, and nothing else, has a location")
    title = _TITLES[kind]
    if keys.is_bare(key):
        body = f'<html lang="en">\n<meta name="robots" content="noindex">\n<title>{title}</title>\n<p>{title}</p>\n</html>\n'
    else:
        meta = Meta(title=title, noindex=True, canonical=location or "")
        body = layout.draw(_TEMPLATES[kind], release, urls, meta, location=location)
    headers = files.headers(files.HTML, rank, profile_id, status=kind, location=location or "")
    return File(key, stamp_html(body, rank), headers, rank)


def site_pages(release: Release, urls: Urls, life: int, rollout: int) -> list[File]:
    """Home page, the site's 404 and 410 (rank: life and roll-out alone), and robots.txt, which names the sitemap."""
    rank = Rank(life, 0, 0, rollout)
    site = release.site
    home = Meta(title=site.name, description=site.description, canonical=urls.of(keys.HOME))
    body = layout.draw("home.html", release, urls, home)
    robots = f"User-agent: *\nAllow: /\n\nSitemap: {urls.of(keys.SITEMAP)}\n"
    return [
        File(keys.HOME, stamp_html(body, rank), files.headers(files.HTML, rank), rank),
        tombstone(404, keys.NOT_FOUND, rank, release, urls),
        tombstone(410, keys.GONE, rank, release, urls),
        File(keys.ROBOTS, robots.encode(), files.plain(files.TEXT)),
    ]
