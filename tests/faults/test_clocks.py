"""Clocks of ingests and workers that are minutes apart: edits, pages, sessions and names are as they should be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.store.scylla import ScyllaStore
from tests.faults.authors import Author, Load
from tests.faults.conclusion import conclude
from tests.fleet import Fleet
from tests.house import PASSWORD

SignUp = Callable[[int], list[Author]]
pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("minutes", [5, 10])
def test_clocks_that_are_wrong_change_nothing(
    fleet: Fleet, store: ScyllaStore, authors: SignUp, minutes: int
) -> None:
    """One of each kind is ahead, the other one behind by as much."""
    for name in ("ingest-1", "ingest-2", "worker-1", "worker-2"):
        fleet[name].kill()
        ahead = 1 if name in ("ingest-1", "worker-2") else -1
        fleet[name].start(ahead * minutes * 60)
    fleet.wait_ready()
    ours = authors(3)
    with Load(ours) as load:
        load.wait_for(6)
        for one in ours:
            one.creator.wait_live(timeout_s=90)
    told = [one.at_ms for one in store.profiles.history(ours[0].id)]
    assert max(told) - min(told) > minutes * 60_000, "they are wrong indeed"
    conclude(fleet, store, ours)
    for ended_at, tried_at in ((1, 2), (2, 1)):
        session_ends(ours[0], ended_at, tried_at)


def session_ends(author: Author, ended_at: int, tried_at: int) -> None:
    """A session that one ingest has ended is not open at the other, whatever that one's clock says."""
    email = f"{author.username}@example.org"
    begun = author.creator.call_as(
        "", "POST", "/session", ended_at, json={"email": email, "password": PASSWORD}
    )
    token = begun.json()["token"]
    address = f"/profiles/{author.id}"
    assert author.creator.call_as(token, "GET", address, tried_at).status_code == 200
    assert author.creator.call_as(token, "DELETE", "/session", ended_at).status_code == 204
    for ingest in (tried_at, ended_at):
        assert author.creator.call_as(token, "GET", address, ingest).status_code == 401
