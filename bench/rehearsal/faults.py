"""The faults of the long run, each at its fixed share of the time: a node is killed and booted again, then a worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from bench.rehearsal.ledger import Window
from cli.ring.ring import Ring
from tests.fleet import Fleet, Member

NODE, WORKER = 3, "worker-1"
NODE_DIES, WORKER_DIES, DEAD = 0.2, 0.6, 0.2
"""Shares of the time: when each dies, and how long it is dead. Who comes back late puts off what follows."""
BACK_S = 180.0


class Faults:
    """A thread that hurts; `windows` tell when what was broken. Entered, it begins; left, everything is whole again."""

    def __init__(self, ring: Ring, fleet: Fleet, seconds: float, tell: Callable[[str], None]) -> None:
        self.windows: list[Window] = []
        self.failed = ""
        self._ring, self._fleet, self._seconds, self._tell = ring, fleet, seconds, tell
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._began = 0.0

    def __enter__(self) -> Faults:
        self._began = time.time()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind:
            self._stop.set()
        self._thread.join()

    @property
    def over(self) -> bool:
        """Whether all has been done and has come back, or failed."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._hurt()
        except Exception as error:
            self.failed = f"{type(error).__name__}: {error}"

    def _hurt(self) -> None:
        ring, worker, dead_s = self._ring, self._fleet[WORKER], DEAD * self._seconds
        self._sleep_until(self._began + NODE_DIES * self._seconds)
        self._break(f"node {NODE}", dead_s, lambda: ring.kill(NODE), lambda: ring.boot(NODE), ring.whole)
        self._sleep_until(self._began + WORKER_DIES * self._seconds)
        lives = _lives(worker)
        self._break(WORKER, dead_s, worker.kill, worker.start, lambda: _lives(worker) > lives)

    def _break(
        self,
        name: str,
        dead_s: float,
        kill: Callable[[], None],
        start: Callable[[], None],
        back: Callable[[], bool],
    ) -> None:
        if self._stop.is_set():
            return
        self._tell(f"{name} is killed")
        killed = time.time()
        kill()
        self._sleep_until(killed + dead_s)
        self._tell(f"{name} is started")
        started = time.time()
        start()
        self.windows.append(Window(f"{name} is dead", killed, started))
        while not back() and not self._stop.wait(0.5):
            if time.time() > started + BACK_S:
                raise TimeoutError(f"{name} does not come back within {BACK_S:.0f} s")
        self._tell(f"{name} is back")
        self.windows.append(Window(f"{name} comes back", started, time.time()))

    def _sleep_until(self, at: float) -> None:
        self._stop.wait(max(0.0, at - time.time()))


def _lives(member: Member) -> int:
    """How often it has got ready."""
    return member.log.read_bytes().count(b'"worker_ready"')
