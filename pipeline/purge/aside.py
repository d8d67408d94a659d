"""Purges that a target would not take: put aside with their reason, and put back when an operator says so.

Each target has a list of its own among the store's purges (`core.store.waiting_list`), and one beside it for what was put aside, whole: so a replay
purges just what it was to purge. What is told of them is a failure of kind "purge", its subject the target and the profile.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from core.log import get_logger
from core.store import Failure, Purge, Store

REASON_MAX = 500
log = get_logger("purge")


def subject_of(waiting: str, profile_id: str = "") -> str:
    """What a failure is about: one profile's purge at a target, or (without a profile) the target as a whole."""
    target = waiting.removeprefix("to/")
    return f"{target}/{profile_id}" if profile_id else target


def put_aside(store: Store, waiting: str, purges: Iterable[Purge], reason: str, attempts: int) -> None:
    """A death between any two of these lines leaves the purge on both lists, which is harmless."""
    purges = list(purges)
    profile_id = purges[-1].profile_id
    for purge in purges:
        store.purges.queue(aside_list(waiting), purge)
    subject = subject_of(waiting, profile_id)
    store.failures.put(Failure(subject, profile_id, "purge", reason[:REASON_MAX], attempts, int(time.time())))
    for purge in purges:
        store.purges.settle(waiting, purge.id)
    log.error("purge_put_aside", target=subject_of(waiting), profile=profile_id, reason=reason)


def disable(store: Store, waiting: str, reason: str) -> None:
    """Notes that a target wants to hear nothing any more."""
    subject = subject_of(waiting)
    store.failures.put(Failure(subject, "", "purge", reason[:REASON_MAX], 1, int(time.time())))
    log.error(
        "target_disabled", target=subject, reason=reason, remedy=f"`holdfast retry {subject}` enables it"
    )


def is_disabled(store: Store, waiting: str) -> bool:
    subject = subject_of(waiting)
    return any(disables(one) and one.subject == subject for one in store.failures.all())


def disables(failure: Failure) -> bool:
    """Whether it is a target's "no more" (410) instead of a purge: taken back only by an operator who names the target."""
    return failure.kind == "purge" and not failure.profile_id


def replay(store: Store, failure: Failure) -> int:
    """Queues again what was put aside; how many purges that was. A target that was disabled is told again from now on."""
    found: list[Purge] = []
    if failure.profile_id:
        waiting = "to/" + failure.subject.removesuffix(f"/{failure.profile_id}")
        found = list(store.purges.pending_of(aside_list(waiting), failure.profile_id))
        now = time.time()
        for purge in found:
            store.purges.queue(waiting, purge._replace(queued_at=now, failures=0, due_at=0))
            store.purges.settle(aside_list(waiting), purge.id)
    store.failures.clear(failure.kind, failure.subject)
    return len(found)


def aside_list(waiting: str) -> str:
    """The list beside a target's own."""
    return f"aside/{waiting}"
