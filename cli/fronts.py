"""The caches in front of the edges: settings and the operator's wishes in, a whole configuration of nginx or Varnish out."""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core import keys
from core.errors import OperatorError
from core.fields import DOMAIN, is_domain
from core.settings import Settings
from edge.rules import HTTPS_ONLY, SECURITY

Kind = Literal["nginx", "varnish"]

TEMPLATES = Path(__file__).parent.parent / "deploy"
FILES: dict[Kind, str] = {"nginx": "nginx/holdfast.conf", "varnish": "varnish/holdfast.vcl"}
"""What the default settings make of each, beside the template that it is made from."""

PURGE_MODULE = "/usr/lib/nginx/modules/ngx_http_cache_purge_module.so"
"""Where Debian puts what makes nginx understand PURGE."""
FILMS = ("video.mp4", "sound.m4a")
"""Media of a single file that may have gigabytes."""
INNER_HEADERS = ("cache-tag", "surrogate-key", "cdn-cache-control")
"""What the edge tells caches, and readers have no use for."""


@dataclass(frozen=True)
class Wishes:
    """What the operator says of this one machine; all else stands in the settings."""

    names: tuple[str, ...] = ()
    listen: tuple[str, ...] = ("80",)
    tls: tuple[str, ...] = ()
    certificate: str = ""
    key: str = ""
    cache: str = "/var/cache/nginx/holdfast"
    size_gb: int = 10
    memory_mb: int = 1024
    purge_from: tuple[str, ...] = ("127.0.0.0/8", "::1")
    per_s: int = 200
    teller: str = "127.0.0.1:8079"
    user: str = "www-data"
    outermost: bool = False


class Address(NamedTuple):
    host: str
    port: int


class Network(NamedTuple):
    """`bits` is empty for a single address."""

    address: str
    bits: str


def draw(kind: Kind, settings: Settings, wishes: Wishes) -> str:
    """The whole configuration; OperatorError for wishes and settings that don't go together."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        # Configurations are no HTML; what goes into one is checked on its way in.
        autoescape=False,  # noqa: S701
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    own = _nginx(settings, wishes) if kind == "nginx" else _varnish(settings, wishes)
    return environment.get_template(f"{FILES[kind]}.j2").render(_shared(settings, wishes) | own)


def _shared(settings: Settings, wishes: Wishes) -> dict[str, Any]:
    https = settings.site.url.startswith("https:")
    return {
        "host": urlsplit(settings.site.url).netloc,
        "names": _names(settings, wishes),
        # As the edge has it: a name of this machine is nobody's.
        "domain": rf"(?!.*\.localhost$){DOMAIN}",
        "domain_tag": keys.name_tag(r"[^ ]+\."),
        "url": settings.site.url,
        "https": https,
        "own_hosts": [urlsplit(url).netloc for url in (settings.site.url, settings.site.media_url) if url],
        "media_url": settings.site.media_url,
        "media_https": settings.site.media_url.startswith("https:"),
        "media_host": urlsplit(settings.site.media_url).netloc,
        "media_name": urlsplit(settings.site.media_url).hostname or "",
        "media_path": keys.MEDIA,
        "media": settings.site.path + keys.MEDIA,
        "granted": f"{settings.site.path}{keys.GRANTS}/",
        "films": [name.replace(".", r"\.") for name in FILMS],
        "hidden": INNER_HEADERS if wishes.outermost else (),
        "hsts": HTTPS_ONLY["strict-transport-security"],
        "always_sent": sorted(SECURITY.items()),
    }


def _names(settings: Settings, wishes: Wishes) -> list[str]:
    """The hosts that are the site's, and not a creator's domain; one with "www." before it is no other (`edge/domains.py`)."""
    name = urlsplit(settings.site.url).hostname or ""
    bare = name.removeprefix("www.")
    names = sorted({*((bare, f"www.{bare}") if is_domain(bare) else (name,)), *wishes.names})
    if urlsplit(settings.site.media_url).hostname in names:
        raise OperatorError(
            "site.media_url names a host that is the site's, and ports tell no hosts apart here:"
            " give media a name of their own"
        )
    # An address in brackets would have to be quoted; it is known by not being a domain.
    return [one for one in names if ":" not in one]


def _nginx(settings: Settings, wishes: Wishes) -> dict[str, Any]:
    schemes = {urlsplit(edge).scheme for edge in settings.purge.edges}
    if len(schemes) > 1:
        raise OperatorError(
            "nginx asks all edges by one scheme: give those of purge.edges all http, or all https"
        )
    if wishes.tls and not (wishes.certificate and wishes.key):
        raise OperatorError("TLS needs a certificate: name it with --certificate FILE --key FILE")
    edges = [_address(edge) for edge in settings.purge.edges]
    return {
        "module": PURGE_MODULE,
        "user": wishes.user,
        "listen": wishes.listen,
        "tls": wishes.tls,
        "certificate": wishes.certificate,
        "key": wishes.key,
        "cache": wishes.cache.rstrip("/"),
        "size_gb": wishes.size_gb,
        # A key takes some 125 bytes, a file on the average several thousand.
        "keys_mb": max(16, wishes.size_gb * 16),
        "cap_min": math.ceil((settings.edge.cdn_s + settings.edge.stale_s) / 60),
        "purge_from": [str(ipaddress.ip_network(one, strict=False)) for one in wishes.purge_from],
        "trusted": settings.edge.trusted_proxies,
        "per_s": wishes.per_s,
        "connections": 200,
        "scheme": schemes.pop(),
        "edges": [f"{f'[{one.host}]' if ':' in one.host else one.host}:{one.port}" for one in edges],
        "teller": wishes.teller,
    }


def _varnish(settings: Settings, wishes: Wishes) -> dict[str, Any]:
    if any(not edge.startswith("http:") for edge in settings.purge.edges):
        raise OperatorError("Varnish speaks no TLS: give the edges in purge.edges as http://HOST:PORT")
    return {
        "edges": [_address(edge) for edge in settings.purge.edges],
        "listen": ",".join(f":{one}" if one.isdigit() else one for one in wishes.listen),
        "memory_mb": wishes.memory_mb,
        "purge_from": [_network(one) for one in wishes.purge_from],
        "trusted": [_network(one) for one in settings.edge.trusted_proxies],
        "per_s": wishes.per_s,
    }


def _network(text: str) -> Network:
    found = ipaddress.ip_network(text, strict=False)
    bits = "" if found.prefixlen == found.max_prefixlen else str(found.prefixlen)
    return Network(str(found.network_address), bits)


def _address(origin: str) -> Address:
    parts = urlsplit(origin)
    return Address(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
