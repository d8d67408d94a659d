"""Start-up: connects to the keyspace and says plainly what is wrong with it, before anything rests on it."""

from __future__ import annotations

from typing import NamedTuple

from core.errors import OperatorError
from core.settings import StoreSettings
from core.store.scylla.cluster import Connection, connect
from core.store.scylla.layout import ALL, copies_of, who_decides
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
        decides = who_decides(copies_of(connection, settings), settings)
        if decides == ALL:
            connection.close()
            connection = connect(settings, patience_s=patience_s, is_global=True)
        kept = meta(connection, settings.keyspace)
        _require_ours(kept, settings.keyspace, decides)
        return connection, Born(int(kept["shards"]), int(kept["began"]))
    except BaseException:
        connection.close()
        raise


def _require_ours(kept: dict[str, str], keyspace: str, decides: str) -> None:
    """That there is a store, its schema is the one that this code knows, and all agree on who decides."""
    if "schema" not in kept:
        raise OperatorError(f"The keyspace {keyspace} holds no store yet: {INIT}")
    version = int(kept["schema"])
    require_not_newer(version, keyspace)
    if version < VERSION:
        raise OperatorError(
            f"The store in the keyspace {keyspace} has schema {version}, and this Holdfast needs {VERSION}: `holdfast store migrate`"
        )
    if kept["decides"] != decides:
        raise OperatorError(
            f"In the store's keyspace {keyspace} a majority of {kept['decides']} decides, and by this process' settings one of"
            f" {decides} would: set store.home and store.consistency as elsewhere; or, to move it, stop every process and run"
            " `holdfast store rehome`"
        )
