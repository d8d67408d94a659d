"""The connection to the cluster: settings in, a session out whose profiles, policies, TLS and heartbeats are set."""

from __future__ import annotations

import ssl
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from cassandra import AuthenticationFailed, ConsistencyLevel, DriverException
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.connection import ConnectionException
from cassandra.policies import (
    ConstantReconnectionPolicy,
    ConstantSpeculativeExecutionPolicy,
    DCAwareRoundRobinPolicy,
    TokenAwarePolicy,
)
from cassandra.protocol import ErrorMessage
from cassandra.query import tuple_factory

from core.errors import OperatorError
from core.log import get_logger
from core.settings import StoreSettings
from core.store.scylla.clock import StoreClock
from core.store.scylla.cql import LWT, READ, SERIAL, WRITE, Cql
from core.store.scylla.policy import OnlyIdempotent

PROTOCOL = 4
"""Version 5 has an error for unknown outcomes that the driver doesn't know; 4 reports them as a timeout."""
RECONNECT_S = 1.0
SCHEMA_S, RUN_S = 60.0, 10.0
WAIT_S, WAIT_TOLD_S = 1.0, 10.0
log = get_logger("store")


class Connection:
    """An open cluster: `cql` speaks to the keyspace, `run` executes what the parts of a store never need."""

    def __init__(self, cluster: Cluster, session: Session, clock: StoreClock, keyspace: str) -> None:
        self.cluster, self.session = cluster, session
        self.cql = Cql(session, clock, keyspace)

    def run(self, statement: str, *values: Any) -> list[Any]:
        """All rows of a statement that isn't worth preparing, always by the same node: it knows of its own changes of
        the schema at once. Raises OperatorError when the cluster refuses it."""
        ends = time.monotonic() + RUN_S
        while True:
            try:
                host = self.cluster.get_control_connection_host()
                return list(self.session.execute(statement, values or None, timeout=SCHEMA_S, host=host))
            except (DriverException, NoHostAvailable, ErrorMessage) as error:
                # Just after the start there may be no connection to that very node yet.
                if isinstance(error, NoHostAvailable) and time.monotonic() < ends:
                    time.sleep(0.1)
                    continue
                first = str(error).split("\n")[0]
                raise OperatorError(
                    f"The cluster did not do `{statement[:60]}…` ({first}): see that all nodes are up and that the user of"
                    " [store] may do this, then run it again"
                ) from error

    def close(self) -> None:
        self.cluster.shutdown()


def connect(settings: StoreSettings, *, patience_s: float | None, is_global: bool = False) -> Connection:
    """Connects, and waits for a cluster that can't be reached: for `patience_s`, or (None) as long as it takes.

    `is_global`: majorities are of all data centres, not of this process' own. Raises OperatorError for what waiting
    doesn't mend, and when patience ends.
    """
    ends = None if patience_s is None else time.monotonic() + patience_s
    told_at = 0.0
    while True:
        clock = StoreClock()
        cluster = _cluster(settings, clock, is_global)
        try:
            session = cluster.connect()
        except (NoHostAvailable, ConnectionException, OSError) as error:
            wrong = _not_mended_by_waiting(settings, cluster, error)
            cluster.shutdown()
            reason = f"No node of {', '.join(settings.nodes)} (port {settings.port}) can be reached"
            if wrong:
                raise OperatorError(wrong) from None
            if ends is not None and time.monotonic() > ends:
                raise OperatorError(
                    f"{reason}: start the cluster, or set store.nodes; here `holdfast dev-cluster start` makes one"
                ) from None
            if time.monotonic() - told_at > WAIT_TOLD_S:
                told_at = time.monotonic()
                log.warning("store_away", reason=reason, remedy="start the cluster, or set store.nodes")
            time.sleep(WAIT_S)
            continue
        connection = Connection(cluster, session, clock, settings.keyspace)
        with suppress(Exception):  # measured again later; until then the machine's own clock serves
            connection.cql.measure_clock()
        return connection


def _cluster(settings: StoreSettings, clock: StoreClock, is_global: bool) -> Cluster:
    own, serial = ConsistencyLevel.LOCAL_QUORUM, ConsistencyLevel.LOCAL_SERIAL
    if is_global:
        own, serial = ConsistencyLevel.QUORUM, ConsistencyLevel.SERIAL

    def profile(consistency: int, *, shuffle: bool = True, speculative: bool = False) -> ExecutionProfile:
        return ExecutionProfile(
            load_balancing_policy=TokenAwarePolicy(
                DCAwareRoundRobinPolicy(local_dc=settings.datacenter), shuffle_replicas=shuffle
            ),
            consistency_level=consistency,
            serial_consistency_level=serial,
            request_timeout=settings.request_s,
            retry_policy=OnlyIdempotent(),
            row_factory=tuple_factory,
            speculative_execution_policy=(
                ConstantSpeculativeExecutionPolicy(settings.speculative_ms / 1000, 1)
                if speculative and settings.speculative_ms
                else None
            ),
        )

    return Cluster(
        list(settings.nodes),
        port=settings.port,
        protocol_version=PROTOCOL,
        auth_provider=_auth(settings),
        ssl_context=_tls(settings),
        connect_timeout=settings.connect_s,
        control_connection_timeout=settings.connect_s,
        idle_heartbeat_interval=settings.heartbeat_s,
        idle_heartbeat_timeout=settings.heartbeat_s,
        reconnection_policy=ConstantReconnectionPolicy(RECONNECT_S, max_attempts=None),
        timestamp_generator=clock,
        execution_profiles={
            READ: profile(own, speculative=True),
            SERIAL: profile(serial),
            WRITE: profile(own),
            # The first replica of a row sees all writers of it: they meet there, and not in Paxos.
            LWT: profile(own, shuffle=False),
        },
    )


def _auth(settings: StoreSettings) -> PlainTextAuthProvider | None:
    if not settings.username:
        return None
    return PlainTextAuthProvider(settings.username, settings.password.get_secret_value())


def _tls(settings: StoreSettings) -> ssl.SSLContext | None:
    if not settings.tls_ca:
        if settings.tls_cert or settings.tls_key:
            raise OperatorError("store.tls_cert and store.tls_key need store.tls_ca, which turns TLS on")
        return None
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=settings.tls_ca)
        if settings.tls_cert:
            context.load_cert_chain(settings.tls_cert, settings.tls_key or None)
    except (OSError, ssl.SSLError) as error:
        named = [one for one in (settings.tls_ca, settings.tls_cert, settings.tls_key) if one]
        missing = [one for one in named if not Path(one).is_file()]
        said = f"{missing[0]} is not there" if missing else str(error)
        raise OperatorError(
            f"The TLS files of [store] can't be used ({said}): see to tls_ca, tls_cert and tls_key"
        ) from None
    context.check_hostname = settings.tls_names
    return context


def _not_mended_by_waiting(settings: StoreSettings, cluster: Cluster, error: Exception) -> str | None:
    """What the operator has to set, if that is why."""
    inner = list(getattr(error, "errors", {}).values()) if isinstance(error, NoHostAvailable) else [error]
    if any(isinstance(one, AuthenticationFailed) for one in inner):
        return (
            f"The cluster refuses the user {settings.username or '(none)'}:"
            " set store.username and HOLDFAST_STORE__PASSWORD"
        )
    # The driver wraps them in an OSError; only its words still tell.
    tls = [str(one) for one in inner if isinstance(one, ssl.SSLError) or "[SSL: " in str(one)]
    if tls:
        reason = tls[0].rpartition("[SSL: ")[2].rstrip("]")
        return f"TLS with the cluster fails ({reason}): see to store.tls_ca, tls_cert and tls_names"
    seen: set[Any] = {host.datacenter for host in cluster.metadata.all_hosts() if host.datacenter}
    if seen and settings.datacenter not in seen:
        return (
            f"No node is in the data centre {settings.datacenter}, but in {', '.join(sorted(map(str, seen)))}:"
            " set store.datacenter"
        )
    return None
