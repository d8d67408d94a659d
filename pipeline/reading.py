"""The reader: hints of this worker's shards of the change log in, the plan fed with them."""

from __future__ import annotations

from core.errors import Unavailable
from core.log import get_logger
from core.store import Changes
from pipeline.loops import Loops
from pipeline.plan import Plan
from pipeline.sharing import Sharing

READ_MAX = 500
WAIT_S, NOT_READY_S = 0.5, 0.05
log = get_logger("worker")


class Reader:
    """The work loop whose turns are the worker's heartbeat."""

    def __init__(self, changes: Changes, replica: str, plan: Plan, sharing: Sharing, loops: Loops) -> None:
        self._changes, self._replica = changes, replica
        self._plan, self._sharing, self._loops = plan, sharing, loops
        self.turns = 0
        self._share: frozenset[int] | None = None
        self._after: str | None = None

    def read(self) -> None:
        """Reads on until the worker stops."""
        self._share = None
        while not self._loops.stopping:
            self.turns += 1
            try:
                idle = not self._turn()
            except Unavailable as error:
                log.warning("store_away", reason=str(error))
                self._loops.wait(1.0)
                continue
            if idle and self._share:
                self._loops.guarded(lambda: self._changes.wait(WAIT_S))
            elif idle:
                self._loops.wait(WAIT_S if self._sharing.ready else NOT_READY_S)

    def _turn(self) -> bool:
        """Whether there was anything to read."""
        if not self._sharing.ready:
            return False
        share = self._sharing.shards(self._changes.shards)
        if share != self._share:
            # What others have saved of the shards that come to this worker is where it goes on. Of those that it had
            # already some hints come again, which is harmless.
            self._after = self._changes.position(self._replica)
            self._share = share
            log.info("share", shards=sorted(share), workers=len(self._sharing.live))
        if not share or self._plan.crowded:
            return False
        hints = self._changes.read(self._after, READ_MAX, share)
        if hints:
            self._plan.add(hints)
            self._after = hints[-1].position
        return bool(hints)
