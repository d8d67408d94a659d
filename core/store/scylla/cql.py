"""CQL as the store's parts speak it: prepared once, at the right consistency, errors told as ours.

Four ways to send a statement: `read` (quorum, idempotent, speculative), `serial` (a read that settles writes under
way), `write` (plain and idempotent: rows are overwritten by equals), `lwt` (conditional, never sent twice).
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from cassandra import (
    InvalidRequest,
    OperationTimedOut,
    ReadFailure,
    ReadTimeout,
    RequestExecutionException,
    WriteFailure,
    WriteTimeout,
)
from cassandra import Unavailable as NotEnoughReplicas
from cassandra.cluster import NoHostAvailable, Session
from cassandra.connection import ConnectionException
from cassandra.protocol import ErrorMessage
from cassandra.query import BatchStatement, BatchType, BoundStatement, PreparedStatement

from core.errors import BackendAway, OutcomeUnknown, Unavailable
from core.store.scylla.clock import StoreClock

READ, SERIAL, WRITE, LWT = "read", "serial", "write", "lwt"
"""The execution profiles (`cluster.py`)."""

SERIAL_TRIES = 4

Row = tuple[Any, ...]
Statement = tuple[str, Sequence[Any]]
"""CQL and its values."""

_TABLE = re.compile(r"\b(FROM|INTO|UPDATE) (\w+)(?!\.|\w)")

_FAILURES = (
    NoHostAvailable,
    NotEnoughReplicas,
    OperationTimedOut,
    ReadTimeout,
    WriteTimeout,
    ReadFailure,
    WriteFailure,
    RequestExecutionException,
    ConnectionException,
    ErrorMessage,
)


class Cql:
    """A session with its prepared statements. Safe to use from any thread."""

    def __init__(self, session: Session, clock: StoreClock, keyspace: str) -> None:
        self._session, self.clock, self._keyspace = session, clock, keyspace
        self._prepared: dict[str, PreparedStatement] = {}
        self._guard = threading.Lock()

    def read(self, cql: str, *values: Any) -> list[Row]:
        """All rows, page after page."""
        return self._rows(cql, values, READ)

    def one(self, cql: str, *values: Any) -> Row | None:
        rows = self._rows(cql, values, READ)
        return rows[0] if rows else None

    def serial(self, cql: str, *values: Any) -> Row | None:
        """The row as it is after every conditional write under way on its partition has been settled."""
        rows = self.serial_all(cql, *values)
        return rows[0] if rows else None

    def serial_all(self, cql: str, *values: Any) -> list[Row]:
        """As `serial`, all rows of the partition.

        Where many settle at once, Paxos lets some wait in vain. They only look, so they may look again.
        """
        for left in range(SERIAL_TRIES - 1, -1, -1):
            try:
                return self._rows(cql, values, SERIAL)
            except Unavailable as error:
                if not left or not isinstance(error.__cause__, (ReadTimeout, WriteTimeout)):
                    raise
                time.sleep(random.uniform(0.01, 0.1))
        raise AssertionError

    def pages(self, cql: str, *values: Any, page: int) -> Iterator[list[Row]]:
        """A result of any size, a page at a time."""
        bound = self._bind(cql, values, READ)
        bound.fetch_size = page
        state: bytes | None = None
        while True:
            try:
                result = self._session.execute(bound, execution_profile=READ, paging_state=state)
            except _FAILURES as error:
                _read_failed(error)
            yield list(result.current_rows)
            state = result.paging_state
            if not state:
                return

    def read_many(self, statements: Sequence[Statement]) -> list[list[Row]]:
        """Several reads side by side, results in their order."""
        try:
            sent = [
                self._session.execute_async(self._bind(cql, values, READ), execution_profile=READ)
                for cql, values in statements
            ]
            return [list(one.result()) for one in sent]
        except _FAILURES as error:
            _read_failed(error)

    def write(self, cql: str, *values: Any) -> None:
        self.write_many([(cql, values)])

    def write_many(self, statements: Sequence[Statement]) -> None:
        """Several plain writes side by side; they succeed each by itself."""
        try:
            sent = [
                self._session.execute_async(self._bind(cql, values, WRITE), execution_profile=WRITE)
                for cql, values in statements
            ]
            for one in sent:
                one.result()
        except _FAILURES as error:
            _write_failed(error)

    def write_together(self, statements: Sequence[Statement]) -> None:
        """Several plain writes of one partition, applied as one."""
        batch = BatchStatement(BatchType.UNLOGGED)
        for cql, values in statements:
            batch.add(self._bind(cql, values, WRITE))
        batch.is_idempotent = True
        try:
            self._session.execute(batch, execution_profile=WRITE)
        except _FAILURES as error:
            _write_failed(error)

    def read_later(self, cql: str, told: Callable[[list[Row]], None]) -> None:
        """Reads beside what the caller goes on with; `told` gets the first page, or nothing if it fails."""
        sent = self._session.execute_async(self._bind(cql, (), READ), execution_profile=READ)
        sent.add_callbacks(lambda rows: told(list(rows or ())), lambda _: None)

    def lwt(self, cql: str, *values: Any) -> bool:
        """A conditional write; whether its condition held. OutcomeUnknown: it may have been applied, or still will."""
        return self._conditional(self._bind(cql, values, LWT))

    def lwt_together(self, statements: Sequence[Statement]) -> bool:
        """A conditional batch on one partition: all of it is applied, or nothing."""
        batch = BatchStatement(BatchType.UNLOGGED)
        for cql, values in statements:
            batch.add(self._bind(cql, values, LWT))
        return self._conditional(batch)

    def measure_clock(self) -> None:
        """Asks the store for its time, if that is due."""
        if self.clock.is_due:
            self.clock.measure(lambda: self._rows("SELECT now() FROM system.local", (), READ)[0][0])

    # ── sending ──

    def _rows(self, cql: str, values: Sequence[Any], profile: str) -> list[Row]:
        try:
            return list(self._session.execute(self._bind(cql, values, profile), execution_profile=profile))
        except _FAILURES as error:
            _read_failed(error)

    def _conditional(self, statement: BoundStatement | BatchStatement) -> bool:
        try:
            result = self._session.execute(statement, execution_profile=LWT)
        except _FAILURES as error:
            _write_failed(error)
        return bool(result.one()[0])

    def _qualified(self, cql: str) -> str:
        """With the keyspace before the table: a prepared statement must not depend on what a connection has in use."""
        return _TABLE.sub(rf"\1 {self._keyspace}.\2", cql, count=1)

    def _bind(self, cql: str, values: Sequence[Any], profile: str) -> BoundStatement:
        found = self._prepared.get(cql)
        if found is None:
            with self._guard:
                found = self._prepared.get(cql)
                if found is None:
                    try:
                        found = self._session.prepare(self._qualified(cql))
                    except _FAILURES as error:
                        _read_failed(error)
                    self._prepared[cql] = found
        bound = found.bind(values)
        # Reads may be sent twice. So may plain writes: with their timestamp they are the same write. LWTs never.
        bound.is_idempotent = profile in (READ, WRITE)
        return bound


def _read_failed(error: Exception) -> NoReturn:
    if isinstance(error, InvalidRequest):
        raise error
    raise BackendAway(f"The store can't be read just now ({_words(error)}).") from error


def _write_failed(error: Exception) -> NoReturn:
    """Refused before anything was written (too few replicas), or it isn't known."""
    if isinstance(error, InvalidRequest):
        raise error
    if _was_refused(error):
        raise BackendAway(f"The store can't be written to just now ({_words(error)}).") from error
    raise OutcomeUnknown(f"The store did not say whether it was written ({_words(error)}).") from error


def _was_refused(error: Exception) -> bool:
    if isinstance(error, NoHostAvailable):
        # No node was tried, or each refused. It can hide a connection that broke after the request was sent.
        return all(isinstance(one, NotEnoughReplicas) for one in error.errors.values())
    return isinstance(error, NotEnoughReplicas)


def _words(error: Exception) -> str:
    """The driver's errors hold whole host lists; their first sentence is enough."""
    return f"{type(error).__name__}: {error}".split("\n")[0][:200]
