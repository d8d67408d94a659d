"""Which replicas readers may use, in CQL: a row for each epoch, taken by LWT."""

from __future__ import annotations

import json
import time
from collections.abc import Collection

from core.store import MAIN, InSync
from core.store.scylla.cql import Cql

BELIEVED_S = 1.0
NEWEST = "SELECT epoch, names FROM in_sync WHERE part = 'all' LIMIT 1"


class ScyllaReplicas:
    """The newest list is believed for a moment."""

    def __init__(self, cql: Cql) -> None:
        self._cql = cql
        self._newest: InSync | None = None
        self._asked_at = float("-inf")

    def in_sync(self) -> InSync:
        if self._newest is None or time.monotonic() - self._asked_at > BELIEVED_S:
            asked_at = time.monotonic()
            row = self._cql.one(NEWEST)
            self._newest = InSync(row[0], tuple(json.loads(row[1]))) if row else InSync(0, (MAIN,))
            self._asked_at = asked_at
        return self._newest

    def change(self, seen: int, names: Collection[str]) -> bool:
        self._asked_at = float("-inf")
        # SERIAL: a change by somebody else that is under way is settled first.
        row = self._cql.serial(NEWEST)
        if (row[0] if row else 0) != seen:
            return False
        insert = "INSERT INTO in_sync (part, epoch, names) VALUES ('all', ?, ?) IF NOT EXISTS"
        return self._cql.lwt(insert, seen + 1, json.dumps(sorted(names)))
