"""A real ring: it boots, and what is killed, hung or stopped comes back; whoever finds its folder can end it."""

from __future__ import annotations

from cli.ring.ring import Ring


def test_a_ring_boots(ring: Ring) -> None:
    assert ring.whole()


def test_a_killed_node_is_seen_and_comes_back(whole_ring: Ring) -> None:
    whole_ring.kill(2)
    assert not whole_ring.whole()
    whole_ring.boot(2)
    assert whole_ring.wait().whole()


def test_mend(whole_ring: Ring) -> None:
    whole_ring.pause(3)
    whole_ring.kill(1)
