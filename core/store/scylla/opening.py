"""Start-up: connects to the keyspace and says plainly what is wrong with it, before anything rests on it."""

from __future__ import annotations

from typing import Any, NamedTuple

from core.errors import OperatorError
from core.settings import StoreSettings
from core.store.scylla.cluster import Connection, connect
from core.store.scylla.migrate import meta, require_not_newer
from core.store.scylla.schema import VERSION

INIT = "`holdfast store init` makes it"


class Born(NamedTuple):
    """What `store init` has fixed: shards of the change log, and when it all began (seconds since 1970)."""

    shards: int
    began: int


def open_keyspace(settings: StoreSettings, patience_s: float | None) -> tuple[Connection, Born]:
    """A connection that uses the keyspace, at the consistency that its data centres need. Raises OperatorError."""
    connection = connect(settings, patience_s=patience_s)
    try:
        copies = copies_of(connection, settings)
        if is_global(copies, settings):
            connection.close()
            connection = connect(settings, patience_s=patience_s, is_global=True)
        return connection, _born(connection, settings.keyspace)
    except BaseException:
        connection.close()
        raise


def is_global(copies: dict[str, int], settings: StoreSettings) -> bool:
    """Whether majorities of all data centres decide, or one's own. Raises OperatorError for a layout in which two of them
    could each decide for themselves, or the loss of one would stop all writes."""
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
    if home:
        wanted = "local"
    elif len(copies) == 2:
        raise OperatorError(
            f"The keyspace {keyspace} has copies in two data centres ({_names(copies)}). A majority of both is lost with either,"
            " and each deciding alone would give one name two owners: set store.home to one of the two, or use three"
        )
    else:
        wanted = "local" if len(copies) == 1 else "global"
    if settings.consistency == "local" and wanted == "global":
        raise OperatorError(
            f"store.consistency is local, but the keyspace {keyspace} has copies in {len(copies)} data centres: each would"
            " decide alone; set store.consistency to auto, or store.home to one of them"
        )
    return wanted == "global" or settings.consistency == "global"


def copies_of(connection: Connection, settings: StoreSettings) -> dict[str, int]:
    """Copies by data centre, as the keyspace has them."""
    query = "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = %s"
    found = connection.run(query, settings.keyspace)
    if not found:
        raise OperatorError(f"There is no keyspace {settings.keyspace} in this cluster yet: {INIT}")
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


def _born(connection: Connection, keyspace: str) -> Born:
    kept = meta(connection, keyspace)
    if "schema" not in kept:
        raise OperatorError(f"The keyspace {keyspace} holds no store yet: {INIT}")
    version = int(kept["schema"])
    require_not_newer(version, keyspace)
    if version < VERSION:
        raise OperatorError(
            f"The store in the keyspace {keyspace} has schema {version}, and this Holdfast needs {VERSION}: `holdfast store migrate`"
        )
    return Born(int(kept["shards"]), int(kept["began"]))


def _names(copies: dict[str, int]) -> str:
    return ", ".join(sorted(copies))
