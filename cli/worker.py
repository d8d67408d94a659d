"""`holdfast worker`: publishes what changes, and makes media."""

from __future__ import annotations

import signal
import types
from typing import Annotated

import typer

from cli.metrics import worker_metrics
from cli.options import Flags, settings_for, with_flags
from cli.serve import Supervised, end_with_parent
from cli.wiring import outboxes_of, promote, region_rules, tools_for
from core.backends import open_backends, prove
from core.log import configure, get_logger
from core.settings import Settings
from core.store import MAIN, Rollout
from generator.release import load_release
from pipeline.purge.figures import Figures, Waiting
from pipeline.site import publish_release
from pipeline.worker import Worker, media_limits, still_recipe

CHORES_S = 600.0


@with_flags
def worker(
    flags: Flags,
    replica: Annotated[
        str | None,
        typer.Option("--replica", metavar="NAME", help="The region to publish to (worker.replica)."),
    ] = None,
    supervised: Supervised = False,
) -> None:
    """Publish what changes, and make media."""
    settings = in_replica(settings_for(flags), replica)
    configure(settings.log)
    if supervised:
        end_with_parent()
    backends = open_backends(settings, None)
    prove((backends.public, backends.private), None)
    targets = [one.name for one in settings.purge.target]
    figures = Figures(targets)
    tools = tools_for(settings, backends, load_release(settings.site), figures)
    rollout = backends.store.rollouts.current()
    if rollout is None:
        rollout, _ = promote(backends, tools.release, tools.urls)
    elif tools.replica != MAIN:
        publish_release(backends.public, tools.release, tools.urls, backends.store.life, rollout.number)
    _warn_of_other(rollout, tools.release.fingerprint)
    working = Worker(
        tools,
        settings.worker,
        media_limits(settings),
        still_recipe(settings),
        settings.purge.heartbeat_s,
        settings.data.dir / "scratch",
        [("uploads", CHORES_S, lambda: backends.private.abandon(settings.uploads.idle_hours * 3600))],
        region_rules(settings, backends.store),
        outboxes_of(settings, backends.store, figures),
    )

    def stop(_signal: int, _frame: types.FrameType | None) -> None:
        working.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    figures.registry.register(Waiting(backends.store, tools.replica, targets, working.mine))
    with worker_metrics(settings, figures.registry):
        working.run()
    backends.close()


def in_replica(settings: Settings, replica: str | None) -> Settings:
    """The settings, for another replica if one is named."""
    if replica is None:
        return settings
    return settings.model_copy(update={"worker": settings.worker.model_copy(update={"replica": replica})})


def _warn_of_other(rollout: Rollout, fingerprint: str) -> None:
    if rollout.fingerprint != fingerprint:
        get_logger("worker").warning(
            "other_release",
            promoted=rollout.fingerprint[:12],
            own=fingerprint[:12],
            remedy="`holdfast rebuild --all` promotes this one; until then this worker publishes nothing",
        )
