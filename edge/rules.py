"""The one table of cache life and headers: what kind of object a key names, and what is sent with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum

from core import keys
from core.settings import EdgeSettings

YEAR_S = 31_536_000
MISSING_S = 10
"""How long a "nothing here" is believed, by us and by a CDN; a purge of its path, or of its tag, ends it earlier."""


class Kind(Enum):
    """What a key names; `MISSING` stands for a name under which nothing lies, `TOMBSTONE` for what is gone or moved."""

    PAGE = "page"
    POST = "post"
    LIST = "list"
    FEED = "feed"
    DATA = "data"
    ICON = "icon"
    SITE = "site"
    ASSET = "asset"
    MEDIA = "media"
    TOMBSTONE = "tombstone"
    MISSING = "missing"


def _folder(key: str) -> str:
    return key.partition("/")[0]


_FOLDERS = {
    _folder(keys.asset("style.css", "0")): Kind.ASSET,
    _folder(keys.media_folder("0")): Kind.MEDIA,
    _folder(keys.data("ann")): Kind.DATA,
    _folder(keys.domain("ann.example")): Kind.DATA,
    _folder(keys.sitemap_shard(0)): Kind.SITE,
    _folder(keys.NOT_FOUND): Kind.SITE,
}


def kind_of(key: str, status: int = 200) -> Kind:
    """The kind of the object under `key`; a status other than 200 makes it a tombstone."""
    if status != 200:
        return Kind.TOMBSTONE
    name, _, rest = key.partition("/")
    if not rest:
        return Kind.SITE
    if name in _FOLDERS:
        return _FOLDERS[name]
    if key == keys.page(name):
        return Kind.PAGE
    if key in (keys.atom(name), keys.json_feed(name)):
        return Kind.FEED
    if key == keys.icon(name):
        return Kind.ICON
    parts = key.split("/")
    return Kind.POST if len(parts) == 4 and key == keys.post(name, parts[2]) else Kind.LIST


@dataclass(frozen=True, slots=True)
class Rule:
    """How long answers of one kind are kept, and who else may use them."""

    browser_s: int
    cdn_s: int
    stale_s: int
    """After `cdn_s`, while a CDN asks anew or can't reach us (RFC 5861)."""
    immutable: bool = False
    shared: bool = False
    """Other sites may embed and read it: media and feeds live from that."""
    index: bool = True


class Rules:
    """The table, for one site's settings. `security` is sent with every answer whatever its kind; `https` says that
    readers reach the site by that, `media` is the origin of the host that pictures and videos have for themselves."""

    def __init__(self, settings: EdgeSettings, *, https: bool = False, media: str = "") -> None:
        self.security = SECURITY | (HTTPS_ONLY if https else {})
        self._shows, self._plays = shows(media), plays(media)
        browser, cdn, cap = settings.browser_s, settings.cdn_s, int(settings.stale_s)
        page = Rule(browser, cdn, cap)
        shared = Rule(browser, cdn, cap, shared=True)
        self._table = {
            Kind.PAGE: page,
            Kind.POST: page,
            Kind.LIST: page,
            Kind.SITE: page,
            # Nobody looks for a feed itself, and that of an unlisted page must not be found.
            Kind.FEED: Rule(browser, cdn, cap, shared=True, index=False),
            Kind.ICON: shared,
            Kind.DATA: Rule(browser, cdn, cap, shared=True, index=False),
            Kind.ASSET: Rule(YEAR_S, YEAR_S, 0, immutable=True, shared=True),
            # A browser may keep them for good. A CDN no longer than it might keep a page, or what is
            # gone would outlast the bound that receipts state wherever a purge could not reach.
            Kind.MEDIA: Rule(YEAR_S, cdn + cap, 0, immutable=True, shared=True),
            Kind.TOMBSTONE: Rule(0, cdn, cap, index=False),
            Kind.MISSING: Rule(0, min(cdn, MISSING_S), 0, index=False),
        }
        self._rendered = Rule(0, min(cdn, int(settings.render_s)), cap)

    def headers(
        self,
        kind: Kind,
        tags: str = "",
        *,
        keep: bool = True,
        rendered: bool = False,
        scripts: bool = False,
        stale_left_s: float | None = None,
    ) -> dict[str, str]:
        """All headers that depend on the kind and not on the bytes.

        `tags` are purge tags, separated by spaces or commas. `keep` is False for an answer that no cache may hold.
        `rendered` is one of the edge's own making. `scripts`: it has a script of ours, which may run and fetch.
        `stale_left_s` is given while storage is away: what is left of the cap, which outer caches may use up but
        not begin anew.
        """
        rule = self._table[kind]
        life = self._rendered if rendered else rule
        return self._said(rule, life, kind, tags, keep, scripts, stale_left_s)

    def private(
        self,
        kind: Kind,
        tags: str = "",
        *,
        left_s: int,
        keep: bool = True,
        rendered: bool = False,
        scripts: bool = False,
        stale_left_s: float | None = None,
    ) -> dict[str, str]:
        """The headers of what lies behind a grant that ends in `left_s`: no cache keeps it longer, no search engine lists it,
        and no other site learns its address or shows it."""
        rule = self._table[kind]
        life = self._rendered if rendered else rule
        cdn_s = min(life.cdn_s, left_s)
        life = replace(
            life,
            browser_s=min(life.browser_s, left_s),
            cdn_s=cdn_s,
            stale_s=max(0, min(life.stale_s, left_s - cdn_s)),
        )
        rule = replace(rule, shared=False, index=False)
        found = self._said(rule, life, kind, tags, keep, scripts, stale_left_s)
        return found | {"referrer-policy": "no-referrer"}

    def _said(
        self,
        rule: Rule,
        life: Rule,
        kind: Kind,
        tags: str,
        keep: bool,
        scripts: bool,
        stale_left_s: float | None,
    ) -> dict[str, str]:
        if stale_left_s is not None:
            cdn_s = min(life.cdn_s, int(stale_left_s))
            life = Rule(0, cdn_s, min(life.stale_s, int(stale_left_s) - cdn_s))
        found = _life(life) if keep else {"cache-control": "no-store", "cdn-cache-control": "no-store"}
        if names := re.findall(r"[^\s,]+", tags):
            found["cache-tag"] = ",".join(names)
            found["surrogate-key"] = " ".join(names)
        if not rule.index:
            found["x-robots-tag"] = "noindex"
        if rule.shared:
            found["access-control-allow-origin"] = "*"
        found["cross-origin-resource-policy"] = "cross-origin" if rule.shared else "same-origin"
        policy = MEDIA if kind is Kind.MEDIA else self._plays if scripts else self._shows
        return found | self.security | {"content-security-policy": policy}


def _life(rule: Rule) -> dict[str, str]:
    """Cache-Control for all, CDN-Cache-Control (RFC 9213) for the CDN.

    stale-while-revalidate goes to the CDN alone: browsers obey it too, and would show a creator the page from before
    the edit that was just reported live.
    """
    cache = f"public, max-age={rule.browser_s}"
    if rule.cdn_s != rule.browser_s:
        cache += f", s-maxage={rule.cdn_s}"
    cdn = f"max-age={rule.cdn_s}"
    if rule.stale_s > 0:
        cache += f", stale-if-error={rule.stale_s}"
        cdn += f", stale-while-revalidate={min(rule.cdn_s, rule.stale_s)}, stale-if-error={rule.stale_s}"
    if rule.immutable:
        cache += ", immutable"
    return {"cache-control": cache, "cdn-cache-control": cdn}


_NEVER = "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"


def plays(media: str) -> str:
    """The policy of pages with a video: the player fetches segments, and hands them to the browser as a blob."""
    ours = _ours(media)
    return (
        f"default-src 'none'; script-src 'self'; connect-src {ours}; media-src {ours} blob:; "
        f"{_looks(ours)}; {_NEVER}"
    )


def shows(media: str) -> str:
    """That of all other pages: they run nothing."""
    ours = _ours(media)
    return f"default-src 'none'; media-src {ours}; {_looks(ours)}; {_NEVER}"


def _ours(media: str) -> str:
    return f"'self' {media}".rstrip()


def _looks(ours: str) -> str:
    # Inline styles are ours: themes' custom properties and the placeholders' colours.
    return f"img-src {ours} data:; style-src 'self' 'unsafe-inline'"


MEDIA = f"default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; {_NEVER}; sandbox"
"""What was made of strangers' bytes is nobody's page, whatever a browser takes it for; the styles are those of the browser's
own page around a picture or a film."""
SECURITY = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
}
HTTPS_ONLY = {"strict-transport-security": "max-age=31536000"}
"""For this host alone: of others below it we know nothing."""
