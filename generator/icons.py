"""Icons: which one stands beside a link, and the drawings that a page uses, each once."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from markupsafe import Markup

FALLBACK = "globe"

# Hosts (with their subdomains) whose icon has another name than the host's first part.
_HOSTS = {
    "apps.apple.com": "appstore", "bsky.app": "bluesky", "bsky.social": "bluesky", "buymeacoffee.com": "buymeacoffee",
    "chaos.social": "mastodon", "dev.to": "devto", "fosstodon.org": "mastodon", "hachyderm.io": "mastodon",
    "daily.dev": "dailydev", "indieweb.social": "mastodon", "infosec.exchange": "mastodon", "itch.io": "itchio",
    "ko-fi.com": "kofi", "last.fm": "lastfm", "maps.app.goo.gl": "googlemaps", "maps.google.com": "googlemaps",
    "mas.to": "mastodon", "matrix.to": "matrix", "mstdn.social": "mastodon", "music.apple.com": "applemusic",
    "news.ycombinator.com": "ycombinator", "open.spotify.com": "spotify", "paypal.me": "paypal", "play.google.com": "googleplay",
    "podcasts.apple.com": "applepodcasts", "scholar.google.com": "googlescholar", "sfba.social": "mastodon",
    "stackexchange.com": "stackoverflow", "t.me": "telegram", "techhub.social": "mastodon", "threads.net": "threads",
    "twitter.com": "x", "wa.me": "whatsapp", "weibo.com": "weibo", "youtu.be": "youtube", "discord.gg": "discord",
    "fb.com": "facebook", "fb.me": "facebook", "g.co": "google", "instagr.am": "instagram", "lnkd.in": "linkedin",
}  # fmt: skip

# What people and other icon sets call ours.
_ALIASES = {
    "academic": "graduation", "amazon": "shop", "blog": "document", "bullhorn": "newspaper", "cart": "shop", "certificate": "award",
    "coder": "code", "comment": "chat", "contact": "mail", "cup": "coffee", "dev": "devto", "dollar": "dollar", "dollarsign": "dollar",
    "email": "mail", "envelope": "mail", "external": "link", "facebookf": "facebook", "feed": "rss", "folder": "briefcase", "global": "globe",
    "gmail": "mail", "graduationcap": "graduation", "home": "home", "house": "home", "icloud": "cloud", "job": "briefcase",
    "laptopcode": "laptop", "linkedinin": "linkedin", "location": "pin", "mapmarker": "pin", "mappin": "pin", "map-pin": "pin", "medal": "medal",
    "microphone": "podcast", "mic": "podcast", "mobile": "smartphone", "photo": "camera", "portfolio": "briefcase",
    "puzzlepiece": "sparkles", "reader": "book-open", "bookreader": "book-open", "robot": "bot", "school": "school",
    "shoppingcart": "shop", "store": "shop", "tiktok": "tiktok", "tools": "wrench", "twitter": "x", "university": "school",
    "url": "link", "video": "video", "web": "globe", "website": "globe", "work": "briefcase", "world": "globe",
    "xtwitter": "x", "youtubeplay": "youtube",
}  # fmt: skip


class Drawing(NamedTuple):
    """The inside of a 24 × 24 SVG: `fill` is painted in the text's colour, `stroke` drawn with a line of it."""

    kind: str
    svg: str


class Icons:
    """The drawings of a release, by name."""

    def __init__(self, drawings: dict[str, Drawing]) -> None:
        self._drawings = drawings
        self._squeezed = {name.replace("-", ""): name for name in drawings}

    @classmethod
    def read(cls, body: bytes) -> Icons:
        return cls({name: Drawing(one["kind"], one["svg"]) for name, one in json.loads(body).items()})

    def __getitem__(self, name: str) -> Drawing:
        return self._drawings[name]

    def known(self, name: str) -> str | None:
        """The icon that is meant by a name, also one as other sets spell it ("FaGithub", "linkedin-in"); or None."""
        squeezed = name.lower().replace("-", "").replace("_", "")
        for one in (squeezed, squeezed[2:] if squeezed[:2] in ("fa", "si", "fi", "bi", "io") else squeezed):
            if found := self._squeezed.get(_ALIASES.get(one, one).replace("-", "")):
                return found
        return None

    def name_for(self, icon: str, url: str) -> str:
        """The icon of a link: the creator's choice, else by the address, else a globe."""
        return self.known(icon) or self.known(icon_for(url)) or FALLBACK


def icon_for(url: str) -> str:
    """The name under which an address's service would have its icon; it may well not be drawn."""
    scheme = url.partition(":")[0].lower()
    if scheme in ("mailto", "tel"):
        return "mail" if scheme == "mailto" else "phone"
    labels = host_of(url).split(".")
    for first in range(len(labels) - 1):
        if known := _HOSTS.get(".".join(labels[first:])):
            return known
    if labels[0] in ("mastodon", "mstdn"):
        return "mastodon"
    return labels[-2] if len(labels) > 1 else ""


_PLAIN_HOST = re.compile(r"https?://([a-z0-9.-]+)(?:[/?#]|\Z)")


def host_of(url: str) -> str:
    """The host for people, without "www."; "" if the address has none ("http://[" passes the door and leads nowhere)."""
    if found := _PLAIN_HOST.match(url):
        return found[1].removeprefix("www.")
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


@lru_cache(maxsize=1000)
def _reference(name: str) -> Markup:
    return Markup(
        '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><use href="#i-{}"/></svg>'
    ).format(name)


class IconSheet:
    """The icons of one page: `use` shows one, `symbols` draws each that was used, once, at the page's end."""

    def __init__(self, icons: Icons) -> None:
        self._icons = icons
        self._used: dict[str, None] = {}

    def use(self, name: str) -> Markup:
        self._used[name] = None
        return _reference(name)

    def symbols(self) -> Markup:
        drawn = "".join(
            f'<symbol id="i-{name}" viewBox="0 0 24 24"><g class="icon-{self._icons[name].kind}">'
            f"{self._icons[name].svg}</g></symbol>"
            for name in self._used
        )
        svg = f'<svg width="0" height="0" class="symbols" aria-hidden="true">{drawn}</svg>' if drawn else ""
        return Markup(svg)  # noqa: S704
