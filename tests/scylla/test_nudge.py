"""Nudges: a commit wakes who waits for changes; without them, and with nonsense on the wire, polling finds all the same."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest

from core.errors import OperatorError
from core.store import Change
from core.store.scylla import ScyllaStore
from core.store.scylla.nudge import Ear, Nudger, shard_of
from tests.contracts.nouns import batch


def test_a_nudge_tells_the_shard_to_every_listener() -> None:
    ears = [Ear("127.0.0.1"), Ear("127.0.0.1")]
    nudger = Nudger(8, lambda told: told([*(ear.address for ear in ears), "", "127.0.0.1:9"]))
    nudger.nudge("profile1")
    for ear in ears:
        assert ear.listen(5) == {shard_of("profile1", 8)}
        assert ear.listen(0.01) == set()
        ear.close()
    nudger.close()


def test_listeners_that_can_not_be_asked_for_cost_no_edit() -> None:
    asked: list[object] = []

    def away(tell: object) -> None:
        asked.append(tell)
        raise OSError("the store is away")

    nudger = Nudger(8, away)
    for _ in range(3):
        nudger.nudge("profile1")
    assert len(asked) == 1, "nor does each one ask anew"
    nudger.close()


def test_nonsense_on_the_wire_is_an_early_look_and_nothing_else() -> None:
    ear = Ear("127.0.0.1")
    host, _, port = ear.address.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for body in (b"", b"x", b"x" * 2000, bytes(2)):
            stranger.sendto(body, (host, int(port)))
    heard: set[int] = set()
    ends = time.monotonic() + 20
    while 0 not in heard and time.monotonic() < ends:
        heard |= ear.listen(5)
    assert heard == {0, ord("x"), int.from_bytes(b"xx", "big")}
    assert ear.listen(0.01) == set()
    ear.close()


def test_an_address_that_is_not_this_machines_is_told_with_its_setting() -> None:
    with pytest.raises(OperatorError, match=r"store\.nudge"):
        Ear("192.0.2.1")


def test_an_ear_without_an_address_waits_its_time() -> None:
    ear = Ear("")
    started = time.monotonic()
    assert ear.listen(0.05) == set()
    assert time.monotonic() - started >= 0.04
    assert ear.address == ""
    ear.close()


def test_a_commit_wakes_a_reader_whose_next_poll_is_far_off(opened: Callable[[], ScyllaStore]) -> None:
    worker, ingest = opened(), opened()
    worker.workers.beat("worker1", 1)  # tells where it listens
    ingest.profiles.commit(batch("warmup00"))  # asks for the listeners, and doesn't wait for the answer
    time.sleep(0.5)
    ingest.changes.hint(Change("profile1", 1))
    assert worker.changes.read(None, 10)
    while worker.changes.read(worker.changes._reader.tail.position, 10):
        pass
    worker.changes._reader.tail._due_at = time.monotonic() + 1000
    ingest.changes.hint(Change("profile1", 2))
    assert ingest.profiles.commit(batch("profile1", 1))
    worker.changes.wait(30)
    found = worker.changes.read(worker.changes._reader.tail.position, 10)
    assert Change("profile1", 2) in [hint.change for hint in found]
