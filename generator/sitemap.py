"""Sitemaps (sitemaps.org) over every public page: shards of addresses, and the index that names them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from xml.sax.saxutils import escape

from core import keys
from core.rank import Rank, stamp_xml
from generator.urls import Urls

ENTRIES_MAX = 50_000
_SCHEMA = "http://www.sitemaps.org/schemas/sitemap/0.9"


class Entry(NamedTuple):
    """A public page by its key (`ann/index.html`), and the day or time of its last change (W3C datetime), if known."""

    key: str
    changed: str = ""


def shard(entries: Iterable[Entry], urls: Urls, rank: Rank) -> bytes:
    """One sitemap with the pages of one shard, in the order given; ValueError if it would hold more than 50,000."""
    lines = [_line("url", urls.of(entry.key), entry.changed) for entry in entries]
    if len(lines) > ENTRIES_MAX:
        raise ValueError(f"a sitemap may hold {ENTRIES_MAX:,} addresses, not {len(lines):,}: use more shards")
    return stamp_xml(f'<urlset xmlns="{_SCHEMA}">\n{"".join(lines)}</urlset>\n', rank)


def index(shards: Iterable[int], urls: Urls, rank: Rank) -> bytes:
    """The sitemap index, which robots.txt names, over shards by their numbers."""
    lines = [_line("sitemap", urls.of(keys.sitemap_shard(number)), "") for number in shards]
    return stamp_xml(f'<sitemapindex xmlns="{_SCHEMA}">\n{"".join(lines)}</sitemapindex>\n', rank)


def shards_in(body: bytes, numbers: Iterable[int], urls: Urls) -> set[int]:
    """Which of these shards an index names."""
    return {
        number
        for number in numbers
        if _line("sitemap", urls.of(keys.sitemap_shard(number)), "").encode() in body
    }


def lists(body: bytes, key: str, urls: Urls) -> bool:
    """Whether a shard lists that page."""
    return f"<url><loc>{escape(urls.of(key))}</loc>".encode() in body


def _line(element: str, address: str, changed: str) -> str:
    time = f"<lastmod>{escape(changed)}</lastmod>" if changed else ""
    return f"<{element}><loc>{escape(address)}</loc>{time}</{element}>\n"
