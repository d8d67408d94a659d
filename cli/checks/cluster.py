"""Checks of a distributed store: whether it opens, its nodes, its copies, its clock, and who may listen on the way."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from cli.checks import Check
from core.errors import OperatorError
from core.settings import StoreSettings
from core.store.scylla.cluster import Connection
from core.store.scylla.layout import copies_of
from core.store.scylla.opening import open_keyspace

PATIENCE_S = 5.0
CLOCK_APART_S = 5.0
COPIES_WANTED = 3


def cluster(settings: StoreSettings) -> Iterator[Check]:
    """All checks of the cluster; those after the first only if it opens."""
    yield privacy(settings)
    try:
        connection, _ = open_keyspace(settings, PATIENCE_S)
    except OperatorError as error:
        said, _, remedy = str(error).partition(": ")
        yield Check("Store", "fail", said, remedy or "see docs/store.md")
        return
    try:
        yield Check("Store", "ok", f"keyspace {settings.keyspace} opens, its schema is ours")
        yield nodes(connection)
        yield copies(connection, settings)
        yield clock(connection)
    finally:
        connection.close()


def privacy(settings: StoreSettings) -> Check:
    """What is sent to nodes on other machines holds password hashes and sessions."""
    far = [node for node in settings.nodes if not _is_loopback(node)]
    if far and not settings.tls_ca:
        said = f"what is sent to {far[0]} can be read and changed on its way"
        return Check(
            "Store's network", "warn", said, "set store.tls_ca, or see that nobody else is on that network"
        )
    if far and not settings.username:
        said = f"{far[0]} is used without a password"
        return Check("Store's network", "warn", said, "set store.username and HOLDFAST_STORE__PASSWORD")
    return Check(
        "Store's network", "ok", "TLS and a user of its own" if far else "nodes on this machine only"
    )


def nodes(connection: Connection) -> Check:
    hosts = sorted(connection.cluster.metadata.all_hosts(), key=lambda host: str(host.endpoint))
    down = [str(host.endpoint) for host in hosts if not host.is_up]
    if down:
        said = f"{len(down)} of {len(hosts)} can't be reached from here: {', '.join(down)}"
        return Check(
            "Nodes", "fail", said, "start them; edits go on while a majority of each row's copies is up"
        )
    where = ", ".join(sorted({f"{host.datacenter}" for host in hosts}))
    return Check("Nodes", "ok", f"{len(hosts)} up, in {where}")


def copies(connection: Connection, settings: StoreSettings) -> Check:
    found = copies_of(connection, settings)
    told = ", ".join(f"{count} in {dc}" for dc, count in sorted(found.items()))
    if min(found.values()) < COPIES_WANTED:
        remedy = f"ALTER KEYSPACE {settings.keyspace} to three copies in each data centre, then repair it"
        return Check("Copies", "warn", f"{told}: one node that dies takes edits with it", remedy)
    return Check("Copies", "ok", told)


def clock(connection: Connection) -> Check:
    apart_s = connection.cql.clock.offset_s
    if abs(apart_s) > CLOCK_APART_S:
        said = f"this machine and the store's nodes are {abs(apart_s):.0f} s apart"
        return Check(
            "Clock", "warn", said, "run NTP here and on the nodes; Holdfast goes by the store's clock"
        )
    return Check("Store's clock", "ok", f"within {max(abs(apart_s), 0.001) * 1000:.0f} ms of the store's")


def _is_loopback(node: str) -> bool:
    try:
        return ipaddress.ip_address(node).is_loopback
    except ValueError:
        return node == "localhost"
