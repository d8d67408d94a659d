"""The store in ScyllaDB or Apache Cassandra, by CQL that both accept: for sites of more than one machine."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext, suppress

from core.errors import OperatorError, OutcomeUnknown
from core.settings import StoreSettings
from core.store.scylla.accounts import ScyllaAccounts
from core.store.scylla.changes import ScyllaChanges
from core.store.scylla.names import ScyllaNames
from core.store.scylla.nudge import Ear, Nudger, own_address
from core.store.scylla.opening import open_keyspace
from core.store.scylla.operations import ScyllaBookmarks, ScyllaFailures, ScyllaRollouts, ScyllaWorkers
from core.store.scylla.profiles import ScyllaProfiles
from core.store.scylla.published import ScyllaListings, ScyllaPublished
from core.store.scylla.replicas import ScyllaReplicas
from core.store.scylla.work import ScyllaMediaWork, ScyllaPurges, due_work

LIFE_BELIEVED_S = 5.0
LISTENERS = "SELECT nudge FROM workers WHERE part = 'all'"


class ScyllaStore:
    """`core.store.Store` in the keyspace that the settings name. Any number of threads, processes and machines.

    Waits for a cluster that can't be reached, for `patience_s` or (None) as long as it takes. Raises OperatorError for
    what waiting doesn't mend.
    """

    def __init__(self, settings: StoreSettings, patience_s: float | None = None) -> None:
        self._connection, born = open_keyspace(settings, patience_s)
        cql = self._cql = self._connection.cql
        try:
            self._ear = Ear(_nudge_host(settings))
        except OperatorError:
            self._connection.close()
            raise
        self._nudger = Nudger(
            born.shards, lambda told: cql.read_later(LISTENERS, lambda rows: told(row[0] for row in rows))
        )
        self.accounts = ScyllaAccounts(cql)
        self.names = ScyllaNames(cql)
        self.profiles = ScyllaProfiles(cql, self._nudger)
        self.changes = ScyllaChanges(cql, born, due_work(cql, born.began), self._ear, settings.poll_s)
        self.media_work = ScyllaMediaWork(cql, born.began)
        self.published = ScyllaPublished(cql)
        self.purges = ScyllaPurges(cql, born.began)
        self.listings = ScyllaListings(cql)
        self.workers = ScyllaWorkers(cql, self._ear.address)
        self.bookmarks = ScyllaBookmarks(cql)
        self.failures = ScyllaFailures(cql)
        self.rollouts = ScyllaRollouts(cql)
        self.replicas = ScyllaReplicas(cql)
        self._life, self._life_at = 0, float("-inf")

    @property
    def life(self) -> int:
        """Believed for a few seconds: whoever still works in an older life loses against the newer one's ranks."""
        if time.monotonic() - self._life_at > LIFE_BELIEVED_S:
            row = self._cql.one("SELECT value FROM meta WHERE part = 'all' AND key = 'life'")
            self._life, self._life_at = int(row[0]) if row else 1, time.monotonic()
        return self._life

    def begin_life(self, life: int) -> None:
        swap = "UPDATE meta SET value = ? WHERE part = 'all' AND key = 'life' IF value = ?"
        while True:
            row = self._cql.serial("SELECT value FROM meta WHERE part = 'all' AND key = 'life'")
            if row and int(row[0]) >= life:
                self._life_at = float("-inf")
                return
            with suppress(OutcomeUnknown):
                self._cql.lwt(swap, str(life), row[0] if row else None)

    def together(self) -> AbstractContextManager[None]:
        return nullcontext()

    def close(self) -> None:
        self._nudger.close()
        self._ear.close()
        self._connection.close()


def _nudge_host(settings: StoreSettings) -> str:
    if settings.nudge == "off":
        return ""
    return own_address(settings.nodes[0], settings.port) if settings.nudge == "auto" else settings.nudge
