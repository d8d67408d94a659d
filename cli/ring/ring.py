"""A ring of one node or three in a folder: it is booted, hurt, mended and removed by whoever opens that folder."""

from __future__ import annotations

import json
import secrets
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from cli.lock import alone
from cli.ring.jars import Tell, prepare
from cli.ring.node import Node
from core.errors import OperatorError

DATACENTER = "datacenter1"
TOKENS = {1: (0,), 3: (-9223372036854775808, -3074457345618258603, 3074457345618258602)}
WAIT_S = 180.0
POLL_S = 0.1
WHOLE_LOOKS, SETTLE_S = 2, 0.3


def silent(_: str) -> None:
    """For who wants to hear nothing."""


class Ring:
    """Nodes count from 1. Its addresses stand in `ring.json`, each node's data, logs and pid in a folder of its own.

    Rings live beside each other: all use the ports 7000 and 9042, each on a random 127.x.y.0/24 of its own.
    Nothing ends the nodes when their owner dies; `destroy` by anybody on the same folder does.
    """

    def __init__(self, folder: Path, nodes: int | None = None) -> None:
        """Opens the ring of that folder, or makes a new one of `nodes` (3) nodes; OperatorError if it has others."""
        if sys.platform != "linux":
            raise OperatorError(
                "Only Linux has all of 127.0.0.0/8 for a ring: elsewhere use Docker and deploy/compose.yml."
            )
        if nodes is not None and nodes not in TOKENS:
            raise OperatorError(f"A ring has one node or three, not {nodes}: choose --nodes 1 or 3.")
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        with alone(self._lock):
            self.addresses = self._recorded(nodes or 3)
        if nodes not in (None, len(self.addresses)):
            raise OperatorError(
                f"The ring in {folder} has {len(self.addresses)} node(s), not {nodes}: "
                f"remove it first (`holdfast dev-cluster destroy`), or choose another with --folder DIR."
            )
        self.nodes = tuple(
            Node(number, self.folder / f"node{number}", self.addresses, token)
            for number, token in enumerate(TOKENS[len(self.addresses)], 1)
        )

    @classmethod
    def existing(cls, folder: Path) -> Ring:
        """The ring of that folder; OperatorError if there is none."""
        if not (folder / "ring.json").exists():
            raise OperatorError(f"There is no ring in {folder}: `holdfast dev-cluster start` makes one.")
        return cls(folder)

    def start(self, tell: Tell = silent) -> Ring:
        """Boots what is down, resumes what is paused, and waits until the ring is whole."""
        jars = prepare(tell)
        with alone(self._lock):
            for node in self.nodes:
                node.resume()
                jars.boot(node)
        return self.wait(tell)

    def wait(self, tell: Tell = silent, timeout_s: float = WAIT_S) -> Ring:
        """Returns once every node answered and saw all others, in two looks at all of them in a row.

        OperatorError if one ends, or it takes too long. Two looks: to a node that came back, others may flap for a moment.
        """
        ends = time.monotonic() + timeout_s
        told: set[Node] = set()
        looks = 0
        while looks < WHOLE_LOOKS:
            if waits_for := next((node for node in self.nodes if not node.ready()), None):
                looks = 0
                if waits_for not in told:
                    tell(f"waiting for {waits_for.address}")
                    told.add(waits_for)
                for one in self.nodes:
                    if not one.pid:
                        raise OperatorError(f"{one.address} is down: {_where(one)}")
                if time.monotonic() > ends:
                    raise OperatorError(
                        f"{waits_for.address} was not ready in {timeout_s:.0f} s ({waits_for.state()}): {_where(waits_for)}"
                    )
                time.sleep(POLL_S)
            else:
                looks += 1
                time.sleep(SETTLE_S)
        return self

    def whole(self) -> bool:
        """Every node answers and sees all others."""
        return all(node.ready() for node in self.nodes)

    def boot(self, number: int) -> None:
        """Starts a node that is down; `wait` says when the ring is whole."""
        jars = prepare(silent)
        with alone(self._lock):
            jars.boot(self.node(number))

    def kill(self, number: int) -> None:
        """By SIGKILL, paused or not."""
        self.node(number).kill()

    def pause(self, number: int) -> None:
        self.node(number).pause()

    def resume(self, number: int) -> None:
        self.node(number).resume()

    def stop(self, number: int | None = None) -> None:
        """Drains one node, or all of them at once; their data stays."""
        nodes = self.nodes if number is None else (self.node(number),)
        for node in nodes:
            node.ask_to_stop()
        for node in nodes:
            node.stop()

    def mend(self) -> Ring:
        """After a fault: what is paused goes on, what is down is booted; returns once the ring is whole."""
        return self.start()

    def destroy(self) -> None:
        """Kills every node and removes the data; again is no error."""
        for node in self.nodes:
            node.kill()
            shutil.rmtree(node.home, ignore_errors=True)
        # Only what is ours: the folder may have been chosen with less care.
        for ours in (self._record, self._lock):
            ours.unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()

    def status(self) -> list[dict[str, Any]]:
        """Each node: number, address, pid, state (ready, not ready, paused, down), and whether up and ready."""
        # At once: a node whose peer hangs takes seconds to say so.
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            states = list(pool.map(Node.state, self.nodes))
        return [
            {
                "node": node.number,
                "address": node.address,
                "pid": node.pid,
                "state": state,
                "up": state != "down",
                "ready": state == "ready",
            }
            for node, state in zip(self.nodes, states, strict=True)
        ]

    def node(self, number: int) -> Node:
        if not 1 <= number <= len(self.nodes):
            raise OperatorError(f"There is no node {number}: choose --node 1 to {len(self.nodes)}.")
        return self.nodes[number - 1]

    @property
    def _record(self) -> Path:
        return self.folder / "ring.json"

    @property
    def _lock(self) -> Path:
        return self.folder / "lock"

    def _recorded(self, nodes: int) -> tuple[str, ...]:
        if not self._record.exists():
            net = f"127.{1 + secrets.randbelow(254)}.{secrets.randbelow(256)}"
            beside = self._record.with_suffix(".new")
            beside.write_text(json.dumps([f"{net}.{number}" for number in range(1, nodes + 1)]))
            beside.replace(self._record)
        return tuple(json.loads(self._record.read_text()))


def _where(node: Node) -> str:
    return f"{node.home}/system.log and out.log say why; `holdfast dev-cluster start` tries again."
