"""Wiring: settings in, the worker's tools out; the verbs that publish share it."""

from __future__ import annotations

from core.backends import Backends, is_made, open_backends
from core.errors import OperatorError
from core.keyring import shared_secret
from core.settings import Settings
from core.store import MAIN, Rollout, Store
from core.store.naming import owner_of
from generator.release import Release, load_release
from generator.release import urls_of as site_urls
from generator.urls import Urls
from pipeline.job import Tools
from pipeline.listing import Lister
from pipeline.media_queue import MediaQueue
from pipeline.purge.edges import Edge
from pipeline.purge.figures import Figures
from pipeline.purge.opening import open_outboxes
from pipeline.purge.outbox import Outbox
from pipeline.purge.purger import Purger
from pipeline.regions import RegionRules
from pipeline.site import publish_release


def urls_of(settings: Settings) -> Urls:
    return site_urls(settings.site)


def open_existing(settings: Settings) -> Backends:
    """For verbs that only look: they never make an empty store where there is none."""
    if not is_made(settings):
        raise OperatorError(
            f"Nothing is kept in {settings.data.dir.absolute()} yet: `holdfast run` begins it, --data names another folder"
        )
    return open_backends(settings)


def edges_of(settings: Settings) -> list[Edge]:
    """The edges of [purge], as the purger calls them."""
    purge, secret = settings.purge, shared_secret(settings, "purge")
    return [Edge(url, settings.site.path, secret, purge.timeout_s, purge.heartbeat_s) for url in purge.edges]


def outboxes_of(settings: Settings, store: Store, figures: Figures | None = None) -> list[Outbox]:
    """The caches of [[purge.target]], each with its outbox."""
    return open_outboxes(
        settings.purge.target,
        store,
        settings.worker.replica,
        settings.site,
        settings.edge,
        figures,
        bare=not settings.purge.edges,
    )


def region_rules(settings: Settings, store: Store) -> RegionRules | None:
    """How the list of replicas in sync is kept; None for a site in one region, which always was or has long been."""
    names = tuple(one.name for one in settings.objects.replica)
    if not names and store.replicas.in_sync().names == (MAIN,):
        return None
    return RegionRules((MAIN, *names), settings.objects.lag_s, shared_secret(settings, "purge"))


def tools_for(
    settings: Settings, backends: Backends, release: Release | None = None, figures: Figures | None = None
) -> Tools:
    """What publishing jobs use, with the edges of [purge]."""
    replica, in_sync = settings.worker.replica, backends.store.replicas.in_sync
    return Tools(
        store=backends.store,
        buckets={"public": backends.public, "private": backends.private},
        release=release or load_release(settings.site),
        urls=urls_of(settings),
        purger=Purger(
            backends.store,
            edges_of(settings),
            replica,
            in_sync if settings.objects.replica else lambda: None,
            figures,
        ),
        lister=Lister(backends.store.listings),
        media=MediaQueue(backends.store.media_work),
        child_grace_s=settings.worker.child_grace_s,
        replica=replica,
        outside=tuple(one.name for one in settings.purge.target),
        by_file=frozenset(one.name for one in settings.purge.target if one.kind == "nginx"),
        looked_for=frozenset(one.name for one in settings.purge.target if one.kind == "varnish"),
    )


def promote(backends: Backends, release: Release, urls: Urls, *, anew: bool = False) -> tuple[Rollout, bool]:
    """Makes the release the current roll-out (whether it is new) after its assets and site pages are in storage. `anew`:
    a new one, whatever the current is of."""
    before = backends.store.rollouts.current()
    number = before.number if before else 0
    if anew or before is None or before.fingerprint != release.fingerprint:
        number += 1
    publish_release(backends.public, release, urls, backends.store.life, number)
    rollout = backends.store.rollouts.promote(release.fingerprint, release.bare_fingerprint, anew=anew)
    return rollout, before is None or rollout.number != before.number


def profile_of(store: Store, name: str) -> str:
    """The id of the profile that has (or had) that username, or whose id it is."""
    found = owner_of(store, name)
    if found is None and store.profiles.head(name) is not None:
        found = name
    if found is None:
        raise OperatorError(f"There is no profile {name}: `holdfast status` lists how many there are")
    return found
