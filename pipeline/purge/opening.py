"""The targets of `[[purge.target]]`, opened: each with its outbox, the inner ones before the outer ones."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import OperatorError
from core.purge_targets import Cloudflare, CloudFront, Fastly, Nginx, PurgeTarget, Varnish
from core.settings import EdgeSettings, SiteSettings
from core.store import Store
from pipeline.purge.figures import Figures
from pipeline.purge.outbox import Inner, Outbox, OwnEdges, Pace
from pipeline.purge.pace import Backoff, Bucket, WebhookSchedule
from pipeline.purge.probe import Probe
from pipeline.purge.targets import Target
from pipeline.purge.targets.cloudflare import CloudflareTarget
from pipeline.purge.targets.fastly import FastlyTarget
from pipeline.purge.targets.nginx import NginxTarget
from pipeline.purge.targets.varnish import VarnishTarget
from pipeline.purge.targets.webhook import WebhookTarget

OURS = (Varnish, Nginx)
"""Proxies of ours, right before our edges, which pass on whatever lies behind a grant; all others lie further out."""


def open_target(settings: PurgeTarget, site: SiteSettings, *, bare: bool = False) -> Target:
    """`bare`: no edge of ours lies behind it. Raises OperatorError while its secret is missing."""
    if variable := settings.missing:
        raise OperatorError(
            f"The purge target {settings.name} has no secret: set the variable {variable} for the workers"
        )
    match settings:
        case Cloudflare():
            return CloudflareTarget(settings)
        case Fastly():
            return FastlyTarget(settings)
        case CloudFront():
            # boto3 takes half a second to import, and only this one needs it.
            from pipeline.purge.targets.cloudfront import CloudFrontTarget

            return CloudFrontTarget(settings, site, bare=bare)
        case Varnish():
            return VarnishTarget(settings, site)
        case Nginx():
            return NginxTarget(settings, site)
        case _:
            return WebhookTarget(settings)


def open_outboxes(
    targets: Sequence[PurgeTarget],
    store: Store,
    replica: str,
    site: SiteSettings,
    edge: EdgeSettings,
    figures: Figures | None = None,
    *,
    bare: bool = False,
) -> list[Outbox]:
    """One for each target; `bare` if they read the bucket themselves, since there is no edge of ours. Our
    edges come first, then proxies of ours in the order that they are named in, then CDNs and webhooks."""
    counted = figures or Figures()
    ours = [one for one in targets if isinstance(one, OURS)]
    outer = [one for one in targets if not isinstance(one, OURS)]

    def opened(settings: PurgeTarget, inner: Sequence[Inner]) -> Outbox:
        is_webhook = settings.kind == "webhook"
        pace = Pace(
            Bucket(settings.per_minute, settings.burst),
            WebhookSchedule() if is_webhook else Backoff(settings.attempts),
            settings.again_s,
            0 if is_webhook else edge.cdn_s + edge.stale_s,
        )
        target, probe = open_target(settings, site, bare=bare), _probe(settings, site)
        keeps_none = isinstance(settings, OURS)
        return Outbox(store, target, pace, inner, probe, replica, counted, public_only=keeps_none)

    edges = OwnEdges(store, replica)
    proxies: list[Outbox] = []
    for one in ours:
        # Where one stands before another, it would only fetch the old page again from that one.
        proxies.append(opened(one, [edges, *proxies]))
    return proxies + [opened(one, [edges, *proxies]) for one in outer]


def _probe(settings: PurgeTarget, site: SiteSettings) -> Probe | None:
    if isinstance(settings, OURS):
        return Probe(settings.addresses, site, settings.timeout_s, own_network=True)
    url = "" if settings.kind == "webhook" else settings.probe
    return Probe([url], site, settings.timeout_s, own_network=False) if url else None
