"""Checks of who answers: studio and edges, and whether their public addresses make sense."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx

from cli.checks import Check
from cli.options import reachable
from cli.wiring import edges_of
from core.backends import is_made
from core.errors import HoldfastError, Unavailable
from core.purge_targets import Cloudflare, CloudFront, Fastly, PurgeTarget
from core.settings import Settings
from pipeline.purge.edges import Edge

TIMEOUT_S = 3.0
NOT_RUNNING = "not running: `holdfast run`"


def reach(settings: Settings) -> Iterator[Check]:
    """All checks of what listens, and of the addresses that others shall use."""
    yield address("site.url", settings.site.url, settings.edge.host)
    yield address("studio.url", settings.studio.url, settings.studio.host)
    if settings.site.media_url:
        yield media_host(settings.site.media_url, settings.site.url, settings.studio.url)
    yield health("Studio", reachable(settings.studio.host, settings.studio.port))
    if not is_made(settings):
        yield Check("Edge", "warn", "not asked: nothing is kept here yet", "`holdfast run`")
        return
    try:
        edges = edges_of(settings)
    except HoldfastError as error:
        yield Check("Edge", "fail", str(error), "see that data.dir/secrets can be written")
        return
    for edge in edges:
        yield heartbeat(edge)
    yield from map(target, settings.purge.target)


def address(key: str, url: str, host: str) -> Check:
    """A public address that only this machine can open, or that anybody on the way can read."""
    section = key.partition(".")[0]
    parts = urlsplit(url)
    if _is_loopback(parts.hostname or ""):
        if not _is_loopback(host):
            listener = "edge" if section == "site" else "studio"
            said = f"{url} is this machine's own, but [{listener}] listens on {host}"
            return Check(key, "warn", said, f'set [{section}] url = "https://…" to what others type')
        return Check(key, "ok", f"{url} (for this machine only)")
    if parts.scheme != "https":
        said = f"{url} is not https: what is sent to it can be read and changed on its way"
        return Check(
            key, "warn", said, f'put TLS in front, and set [{section}] url = "https://{parts.netloc}"'
        )
    return Check(key, "ok", url)


def media_host(url: str, site: str, studio: str) -> Check:
    """Media have an origin of their own only if it is neither the pages' nor the studio's, and browsers load them."""
    for section, other in (("site", site), ("studio", studio)):
        if urlsplit(url).netloc == urlsplit(other.lower()).netloc:
            said = f"{url} is [{section}] url as well: what strangers upload has no host of its own there"
            return Check("site.media_url", "warn", said, "give it another name, or remove it")
    if site.startswith("https:") and not url.startswith("https:"):
        said = f"{url} is not https, but pages are: browsers load no video from there"
        return Check(
            "site.media_url", "warn", said, f'set [site] media_url = "https://{urlsplit(url).netloc}"'
        )
    return Check("site.media_url", "ok", url)


def health(name: str, url: str) -> Check:
    try:
        answer = httpx.get(f"{url}/-/health", timeout=TIMEOUT_S, trust_env=False)
    except httpx.HTTPError:
        return Check(name, "warn", f"{url} does not answer", NOT_RUNNING)
    if answer.status_code == 503:
        return Check(name, "fail", f"{url} runs, but its store is away", "see data.dir/logs/studio.log")
    if answer.status_code != 200:
        said = f"{url} answers {answer.status_code}: something else listens there"
        return Check(name, "fail", said, "choose another address: --studio HOST:PORT")
    return Check(name, "ok", f"{url} answers")


def heartbeat(edge: Edge) -> Check:
    """Whether the edge answers, and takes our signature."""
    alive = health("Edge", edge.url)
    try:
        if alive.state != "ok":
            return alive._replace(remedy=alive.remedy.replace("--studio", "--edge"))
        edge.call()
    except Unavailable as error:
        remedy = (
            "give worker and edge the same HOLDFAST_PURGE__SECRET, or the same data.dir; then restart both"
        )
        return Check("Edge", "fail", str(error), remedy)
    finally:
        edge.close()
    return Check("Edge", "ok", f"{edge.url} answers and takes our signed calls")


def target(settings: PurgeTarget) -> Check:
    """Whether a cache in front can be told and looked through; nobody calls it here, since that would purge something."""
    if settings.missing:
        said = f"{settings.name} ({settings.kind}) has no secret here"
        return Check("Cache", "warn", said, f"set {settings.missing}, if this machine runs workers")
    if isinstance(settings, (Cloudflare, Fastly, CloudFront)) and not settings.probe:
        said = f"{settings.name} ({settings.kind}) is told, but nobody looks whether it does as it says"
        return Check("Cache", "warn", said, 'set its probe = "https://…" to where readers get the site')
    return Check("Cache", "ok", f"{settings.name} ({settings.kind}) is told of every purge")


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
