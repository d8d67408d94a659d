"""Data centres: where the keyspace has its copies, and whose majority decides. Two that each decide would give one name two
owners."""

from __future__ import annotations

from typing import Any

from core.errors import OperatorError
from core.settings import StoreSettings
from core.store.scylla.cluster import Connection

ALL = "all"


def who_decides(copies: dict[str, int], settings: StoreSettings) -> str:
    """The data centre whose majority decides on every conditional write, or ALL for a majority of all of them.

    Raises OperatorError for a layout in which two could each decide for themselves, or the loss of one would stop all
    writes."""
    here, home, keyspace = settings.datacenter, settings.home, settings.keyspace
    if here not in copies:
        raise OperatorError(
            f"The keyspace {keyspace} has no copies in this process' data centre {here} (but in {_names(copies)}):"
            " set store.datacenter, or alter the keyspace"
        )
    if home and home not in copies:
        raise OperatorError(
            f"store.home is {home}, but the keyspace {keyspace} has copies in {_names(copies)} only: set store.home to one of them"
        )
    if home and home != here:
        raise OperatorError(
            f"All writes belong to the home data centre {home}, and this process is in {here}: run ingest and workers there"
            " (others forward to them), or set store.home"
        )
    if home and settings.consistency == "global":
        raise OperatorError(
            f"store.home is {home}, so its majority decides alone, and store.consistency is global: set one of the two"
        )
    if home:
        return home
    if len(copies) == 2:
        raise OperatorError(
            f"The keyspace {keyspace} has copies in two data centres ({_names(copies)}). A majority of both is lost with either,"
            " and each deciding alone would give one name two owners: set store.home to one of the two, or use three"
        )
    if len(copies) == 1:
        return ALL if settings.consistency == "global" else here
    if settings.consistency == "local":
        raise OperatorError(
            f"store.consistency is local, but the keyspace {keyspace} has copies in {len(copies)} data centres: each would"
            " decide alone; set store.consistency to auto, or store.home to one of them"
        )
    return ALL


def copies_of(connection: Connection, settings: StoreSettings) -> dict[str, int]:
    """Copies by data centre, as the keyspace has them."""
    query = "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = %s"
    found = connection.run(query, settings.keyspace)
    if not found:
        raise OperatorError(
            f"There is no keyspace {settings.keyspace} in this cluster yet: `holdfast store init` makes it"
        )
    options: dict[str, Any] = dict(found[0][0])
    strategy = str(options.pop("class", "")).rpartition(".")[2]
    if strategy != "NetworkTopologyStrategy":
        raise OperatorError(
            f"The keyspace {settings.keyspace} replicates by {strategy}, which knows no data centres:"
            " alter it to NetworkTopologyStrategy"
        )
    return {
        dc: _count(value) for dc, value in options.items() if dc != "replication_factor" and _count(value)
    }


def _count(value: object) -> int:
    """ "3"; ScyllaDB with racks given lists them: "['rack1', 'rack2']"."""
    text = str(value)
    return int(text) if text.isdecimal() else len([one for one in text.strip("[]").split(",") if one.strip()])


def _names(copies: dict[str, int]) -> str:
    return ", ".join(sorted(copies))
