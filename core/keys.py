"""Every object key, URL path, purge tag and reserved name is spelled here, and nowhere else.

No key is also a folder of others, none has empty, `.` or `..` parts, and ids are lower case (AWS S3 User Guide,
"Naming Amazon S3 objects", and what local servers refuse).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from core.errors import BadInput

USERNAME_CHARS_MIN, USERNAME_CHARS_MAX = 2, 39
SLUG_CHARS_MAX, SLUG_BYTES_MAX = 80, 240
TAG_SLUG_CHARS_MAX = 60

_USERNAME = re.compile(r"[a-z0-9](?:[a-z0-9]|[-_](?=[a-z0-9]))*", re.ASCII)

RESERVED = frozenset(
    """
    about abuse account accounts admin administrator api app apps archive assets atom auth autodiscover
    blog browserconfig cdn changelog contact copyright crossdomain dashboard data demo dev developer
    developers dns docs edge edit embed error errors explore faq favicon feed feeds ftp guest health
    healthz help holdfast home host hostmaster icon icons imap img import index info ingest js json legal
    live localhost login logout mail manifest me media messages metrics mod moderator new news null oauth
    official owner page pages password pop3 post postmaster posts press preview privacy private profile
    profiles public purge register release robots root rss search secure security self settings setup shop
    sign-in sign-out sign-up signin signout signup site sitemap sitemaps smtp staff static stats status
    store studio subscribe support sys system tag tags team terms test theme themes tombstone tos
    undefined upload uploads user username users verify video videos webhook webhooks webmaster well-known
    wiki www you
    """.split()  # noqa: SIM905 (a line each would be longer than all the rest)
)
"""Names that nobody may claim: paths of ours, roles that could be impersonated (RFC 2142 mailboxes), file names."""


def username(text: str) -> str:
    """The one spelling of a username: lower case ASCII; BadInput says what is wrong with another.

    2 to 39 letters, digits, `-` and `_`; begins and ends with a letter or digit; no two signs in a row; not reserved.
    """
    name = text.strip().lower()
    if not USERNAME_CHARS_MIN <= len(name) <= USERNAME_CHARS_MAX:
        problem = f"must have {USERNAME_CHARS_MIN} to {USERNAME_CHARS_MAX} characters"
    elif not _USERNAME.fullmatch(name):
        problem = "may hold a–z, 0–9 and single - or _ between them"
    elif name in RESERVED:
        problem = "is reserved; please choose another"
    else:
        return name
    raise BadInput({"username": problem})


def is_username(text: str) -> bool:
    """Whether `text` is a username in its one spelling."""
    try:
        return username(text) == text
    except BadInput:
        return False


@lru_cache(maxsize=10_000)
def slug(text: str, chars_max: int = SLUG_CHARS_MAX) -> str:
    """A title as a path part: lower case letters and digits of any script, joined by `-`; may come out empty. It
    is its own slug, and short enough for a key's part."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())
    # Vowels of Indic scripts and the like are marks on a letter, which `\w` leaves out.
    words = "".join(c if c.isalnum() or unicodedata.category(c) in ("Mn", "Mc") else " " for c in folded)
    cut = "-".join(words.split())[:chars_max]
    return cut.encode()[:SLUG_BYTES_MAX].decode(errors="ignore").strip("-")


# ── public keys of one profile ────────────────────────────────────────────────────────────────────


def page(name: str) -> str:
    return f"{name}/index.html"


def post(name: str, post_slug: str) -> str:
    return f"{name}/posts/{post_slug}/index.html"


def post_list(name: str, number: int = 1) -> str:
    """The archive's page `number`, from 1."""
    return f"{name}/posts/index.html" if number == 1 else f"{name}/archive/{number}/index.html"


def tag_list(name: str, tag: str) -> str:
    return f"{name}/tags/{slug(tag, TAG_SLUG_CHARS_MAX)}/index.html"


def atom(name: str) -> str:
    return f"{name}/feed.xml"


def json_feed(name: str) -> str:
    return f"{name}/feed.json"


def icon(name: str) -> str:
    """The drawn favicon, also the avatar of who has uploaded none."""
    return f"{name}/icon.png"


def data(name: str) -> str:
    return f"_data/{name}.json"


def domain(name: str) -> str:
    """Under which it says whose a domain is; `name` in its one spelling (`core.fields.Domain`)."""
    return f"_domains/{name}.json"


def is_bare(key: str) -> bool:
    """Whether no template draws what lies under a profile's key, alive or gone: its data document, its icon, and what its
    domain says."""
    return key.startswith(("_data/", "_domains/")) or key.endswith("/icon.png")


def data_of(key: str) -> str | None:
    """The data document from which the page under `key` can be rendered, or None if no profile lies there."""
    name = key.split("/", 1)[0]
    return data(name) if is_username(name) and "/" in key else None


def name_in(key: str) -> str:
    """The name that a public key of a profile lies under: a username, or a domain, which has a dot."""
    if key.startswith(("_data/", "_domains/")):
        return key.partition("/")[2].removesuffix(".json")
    return key.partition("/")[0]


# ── public keys of the site ───────────────────────────────────────────────────────────────────────

HOME, NOT_FOUND, GONE = "index.html", "_site/404.html", "_site/410.html"
IN_SYNC = "_site/replicas.json"
ROBOTS, SITEMAP = "robots.txt", "sitemap.xml"


def sitemap_shard(number: int) -> str:
    return f"_sitemaps/{number:02x}.xml"


def asset(name: str, digest: str) -> str:
    """`style.css` → `_assets/style.0a1b2c3d.css`: a name is never used again for other bytes."""
    stem, _, ending = name.rpartition(".")
    return f"_assets/{stem}.{digest}.{ending}"


def media_folder(media_id: str) -> str:
    return f"_media/{media_id}/"


def media_of(key: str) -> str:
    """The id of the medium that a key under `_media/` belongs to."""
    return key.split("/")[1]


def media(media_id: str, publication: str, recipe: str, attempt: str, file: str) -> str:
    return f"_media/{media_id}/{publication}/{recipe}-{attempt}/{file}"


# ── private keys ──────────────────────────────────────────────────────────────────────────────────


def manifest(profile_id: str) -> str:
    return f"_manifests/{profile_id}.json"


def original(media_id: str) -> str:
    return f"_originals/{media_id}"


def rendition_folder(media_id: str) -> str:
    return f"_renditions/{media_id}/"


def climb(media_id: str) -> str:
    """What is noted of a video's rungs while they are made."""
    return f"_renditions/{media_id}/climb.json"


def rendition(media_id: str, recipe: str, attempt: str, file: str) -> str:
    return f"_renditions/{media_id}/{recipe}-{attempt}/{file}"


def made_for(key: str) -> str:
    """The folder of renditions that a folder under `_media/` is a copy of."""
    _, media_id, _, attempt, _ = key.split("/")
    return f"{rendition_folder(media_id)}{attempt}/"


def is_rendition(key: str) -> bool:
    return key.startswith("_renditions/")


def trial(attempt: str) -> str:
    """On which a store proves that it honours conditions."""
    return f"_trials/{attempt}"


# ── URL paths ─────────────────────────────────────────────────────────────────────────────────────

MEDIA = "/_media/"
"""Under it lie all media, on the site's host and on theirs."""
_PATH_PART = re.compile(r"[^/\x00-\x1f\x7f\\]{1,255}")


def path_of(key: str) -> str:
    """The URL path (not percent-encoded) under which the edge serves `key`: `ann/index.html` → `/ann`."""
    if key == HOME:
        return "/"
    return "/" + key.removesuffix("/index.html")


class Route(NamedTuple):
    """Where a path leads: the key that answers it, or the one spelling of the path to redirect to."""

    key: str | None
    redirect: str | None = None


def route(path: str) -> Route:
    """Maps a decoded URL path to its key: a path whose last part has no extension gets `…/index.html`.

    `/Ann/Posts/` redirects to `/ann/posts`: no slash at the end, all in lower case, as every key of a profile is. Hidden
    folders (manifests, originals) have no path. Route(None) is a 404.
    """
    found = _route(path)
    return Route(None) if found.key is not None and not _is_key(found.key) else found


def _route(path: str) -> Route:
    if path in ("", "/"):
        return Route(HOME)
    parts = path.removeprefix("/").split("/")
    trimmed = parts[:-1] if parts[-1] == "" else parts
    if any(not _PATH_PART.fullmatch(part) or part in (".", "..") for part in trimmed):
        return Route(None)
    first = trimmed[0]
    if first.startswith("_"):
        is_public = first in ("_assets", "_media", "_data", "_domains", "_sitemaps")
        return Route("/".join(trimmed) if is_public and len(trimmed) == len(parts) > 1 else None)
    while trimmed and trimmed[-1].lower() == "index.html":
        trimmed = trimmed[:-1]
    if not trimmed:
        return Route(None, "/")
    is_file = "." in trimmed[-1]
    is_sites = is_file and len(trimmed) == 1
    canonical = "/" + "/".join(trimmed if is_sites else [part.lower() for part in trimmed])
    if canonical != path:
        return Route(None, canonical)
    return Route("/".join(trimmed) if is_file else "/".join([*trimmed, "index.html"]))


# ── what lies behind a grant ─────────────────────────────────────────────────────────────────────

GRANTS = "/-/g"
"""Under it, and a grant (`core/grants.py`), readers find what is private; no username may begin with a sign."""
GRANT = "GRANT"
"""Stands in stored private pages where an address has the reader's grant."""


def granted(key: str, name: str, grant: str = GRANT) -> str:
    """The path of a private profile's `key` behind a grant; its media lie below its name there."""
    inner = path_of(key)
    return f"{GRANTS}/{grant}" + (f"/{name}{inner}" if key.startswith("_media/") else inner)


class Granted(NamedTuple):
    """What a path behind a grant asks for: `name` is whose, `path` the one in its bucket."""

    grant: str
    name: str
    path: str


def behind_grant(path: str) -> Granted | None:
    """The parts of a path that `granted` has made, or that a reader has made up; None for any other."""
    grant, _, inner = path.removeprefix(f"{GRANTS}/").partition("/")
    name, _, rest = inner.partition("/")
    if not path.startswith(f"{GRANTS}/") or not grant or not is_username(name.lower()):
        return None
    return Granted(grant, name.lower(), f"/{rest}" if rest.startswith("_media/") else f"/{inner}")


def purge_path(bucket: str, key: str) -> str:
    """How a purge names a key of that bucket: by its path, in the private one behind any grant."""
    return path_of(key) if bucket == "public" else GRANTS + path_of(key)


def is_shown(key: str) -> bool:
    """Whether a key of the private bucket is a profile's page, its data or a medium that it shows. All else there is nobody's
    to read but ours."""
    first, _, rest = key.partition("/")
    return bool(rest) and (first in ("_data", "_media") or is_username(first))


# ── purge tags ────────────────────────────────────────────────────────────────────────────────────


def tag(profile_id: str) -> str:
    """The purge tag of all that shows a profile (Cloudflare Cache-Tag, Fastly Surrogate-Key, Varnish xkey)."""
    return f"p-{profile_id}"


def sitemap_tag(key: str) -> str:
    """The purge tag of a shard of the sitemap; empty for any other key."""
    folder, _, file = key.partition("/")
    return f"s-{file.removesuffix('.xml')}" if folder == "_sitemaps" else ""


def profile_in(tags: str) -> str:
    """The id of the profile that an object with these tags shows; "" if they name none."""
    return next((one.removeprefix("p-") for one in tags.split() if one.startswith("p-")), "")


def name_tag(name: str) -> str:
    """The purge tag of answers that a name has until somebody takes it: 404s under a username, all that is at a domain."""
    return f"n-{name}"


# ── any key ───────────────────────────────────────────────────────────────────────────────────────

KEY_BYTES_MAX, PART_BYTES_MAX = 1024, 250
# Nearly every key of ours, told at a glance; all others are looked at part by part.
_PLAIN_KEY = re.compile(r"(?=.{1,250}\Z)[\w-][\w.-]*(?:/[\w-][\w.-]*)*", re.ASCII)


def check(key: str) -> str:
    """`key` itself; BadInput if an object store might refuse it or read it as another one."""
    if not _is_key(key):
        raise BadInput({"key": "has a part that is empty, dots only, too long, or holds a control character"})
    return key


def _is_key(key: str) -> bool:
    if _PLAIN_KEY.fullmatch(key):
        return True
    parts = key.split("/")
    try:
        sizes = [len(part.encode()) for part in parts]
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return (
        sum(sizes) + len(parts) - 1 <= KEY_BYTES_MAX
        and max(sizes) <= PART_BYTES_MAX
        and all(_PATH_PART.fullmatch(part) and part not in (".", "..") for part in parts)
        and not parts[0].startswith(".")
    )
