"""Nodes of the store that die or hang under load: one makes no difference, two stop all edits, and no page."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cli.ring.ring import Ring
from core.store.scylla import ScyllaStore
from tests.faults.authors import Author, Load, wait_until
from tests.faults.conclusion import conclude, page
from tests.fleet import Fleet

SignUp = Callable[[int], list[Author]]
pytestmark = pytest.mark.timeout(300)


def processes(fleet: Fleet) -> dict[str, int]:
    return {name: member.process.pid for name, member in fleet.members.items() if member.process}


def test_one_node_that_dies_stops_nobody(
    fleet: Fleet, whole_ring: Ring, store: ScyllaStore, authors: SignUp
) -> None:
    ours, running = authors(3), processes(fleet)
    with Load(ours) as load:
        load.wait_for(2)
        whole_ring.kill(2)
        load.wait_for(5)
        for one in ours:
            one.creator.wait_live(timeout_s=90)
        whole_ring.boot(2)
        whole_ring.wait()
        load.wait_for(2)
    conclude(fleet, store, ours)
    assert processes(fleet) == running


@pytest.mark.parametrize("dead", [True, False], ids=["killed", "frozen"])
def test_without_a_majority_edits_are_refused_and_pages_served(
    fleet: Fleet, whole_ring: Ring, store: ScyllaStore, authors: SignUp, dead: bool
) -> None:
    ours, running = authors(2), processes(fleet)
    with Load(ours) as load:
        load.wait_for(2)
        for number in (1, 3):
            (whole_ring.kill if dead else whole_ring.pause)(number)
        for one in ours:
            one.refused.clear()
        # Whoever was under way just then may still have got through.
        wait_until(lambda: all(len(one.refused) > 2 for one in ours), "edits are refused")
        told = [len(one.acknowledged) for one in ours]
        wait_until(lambda: all(len(one.refused) > 5 for one in ours), "edits are refused again and again")
        assert [len(one.acknowledged) for one in ours] == told
        for one in ours:
            assert {answer.status_code for answer in one.refused} == {503}
            assert all(int(answer.headers["retry-after"]) > 0 for answer in one.refused)
            for edge in (1, 2):
                assert one.username in page(fleet, one, edge)
        whole_ring.mend()
        load.wait_for(2)
    conclude(fleet, store, ours)
    assert processes(fleet) == running, "all of it came back by itself"


def test_a_node_that_hangs_is_left_out_whichever_it_is(
    fleet: Fleet, whole_ring: Ring, store: ScyllaStore, authors: SignUp
) -> None:
    ours, running = authors(3), processes(fleet)
    with Load(ours) as load:
        for number in (1, 2, 3):
            # Each is a coordinator of ours: the driver spreads its requests over all of them.
            whole_ring.pause(number)
            load.wait_for(3)
            whole_ring.resume(number)
            whole_ring.wait()
    conclude(fleet, store, ours)
    assert processes(fleet) == running
