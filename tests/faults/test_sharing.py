"""Workers that come and go: within seconds each shard of the log has one owner among those that live."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from core.store.scylla import ScyllaStore
from core.store.scylla.nudge import shard_of
from tests.faults.authors import Author, wait_until
from tests.faults.conclusion import conclude, newest_revision
from tests.fleet import Fleet, Member

SignUp = Callable[[int], list[Author]]
pytestmark = pytest.mark.timeout(240)


def shares(workers: list[Member]) -> dict[str, set[int]]:
    """The shards of each worker, as it said last."""
    said = {member.name: [event["shards"] for event in member.events("share")] for member in workers}
    return {name: set(shards[-1]) if shards else set() for name, shards in said.items()}


def wait_shared(workers: list[Member], shards: int) -> dict[str, set[int]]:
    def evenly() -> bool:
        counted = Counter(shard for share in shares(workers).values() for shard in share)
        return counted == Counter(range(shards)) and all(shares(workers).values())

    wait_until(evenly, f"{len(workers)} workers share {shards} shards, each with one owner")
    return shares(workers)


def publishers(workers: list[Member], author: Author, revision: int) -> set[str]:
    return {
        member.name
        for member in workers
        for event in member.events("published")
        if event["profile"] == author.id and event["revision"] == revision
    }


def test_workers_that_join_and_leave_share_anew(fleet: Fleet, store: ScyllaStore, authors: SignUp) -> None:
    ours, shards = authors(4), store.changes.shards

    def published_by_its_owner(workers: list[Member], author: Author) -> bool:
        owned = wait_shared(workers, shards)
        author.write_surely()
        revision = newest_revision(store, author)
        author.creator.wait_live(revision, timeout_s=90)
        owner = {name for name, share in owned.items() if shard_of(author.id, shards) in share}
        return publishers(workers, author, revision) == owner

    def assert_each_has_its_own(workers: list[Member]) -> None:
        for one in ours:
            # Not at the first try where the machine is so slow that a worker seems dead to another for a moment.
            wait_until(
                lambda one=one: published_by_its_owner(workers, one),  # type: ignore[misc]
                f"{one.username} is published by the one worker that owns its shard",
            )

    first, second = fleet.workers
    assert_each_has_its_own([first, second])
    with fleet.one_more_worker() as third:
        assert_each_has_its_own([first, second, third])
        first.kill()
        assert_each_has_its_own([second, third])
    assert_each_has_its_own([second])
    fleet.mend()
    assert_each_has_its_own([first, second])
    conclude(fleet, store, ours)
