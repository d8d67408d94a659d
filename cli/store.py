"""`holdfast store init|migrate|status|rehome|new-life`: makes the cluster's schema, brings it up to date, or says how it is."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer
from rich.console import Console

from cli.options import AsJson, Flags, settings_for, with_flags
from core.backends import PATIENCE_S, open_store
from core.errors import OperatorError, Unavailable
from core.log import configure
from core.settings import LogSettings, Settings

Act = Literal["init", "migrate", "status", "rehome", "new-life"]


@with_flags
def store(
    flags: Flags,
    act: Annotated[
        Act,
        typer.Argument(
            help="init (make the schema), migrate (bring it up to date), status (try to open it), rehome (decide in the "
            "data centre that the settings name), new-life (what the store has wins over all that storage shows)."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Make the store's schema, bring it up to date, or begin a new life after a loss. Making is harmless to repeat."""
    settings = settings_for(flags)
    configure(LogSettings(level="error"))
    out = Console(stderr=True, highlight=False, soft_wrap=True)
    answer = _status(settings) if act == "status" else _change(settings, act, out, quiet=as_json)
    if as_json:
        print(json.dumps(answer))
    else:
        out.print(answer["said"], markup=False)


def _status(settings: Settings) -> dict[str, object]:
    opened = open_store(settings)
    life, shards = opened.life, opened.changes.shards
    opened.close()
    return {"said": f"The store opens: life {life}, {shards} shard(s).", "life": life, "shards": shards}


def _change_sqlite(settings: Settings, act: Act) -> dict[str, object]:
    if act == "rehome":
        raise OperatorError("SQLite lies in one place, so it has no home to move: rehome is for clusters")
    opened = open_store(settings)  # makes its file, or brings it up to date
    try:
        if act == "new-life":
            opened.begin_life(opened.life + 1)
            return _lives(opened.life, f"in {settings.data.dir.absolute()}")
    finally:
        opened.close()
    said = f"SQLite keeps its own schema: {settings.data.dir.absolute()} is up to date."
    return {"said": said, "changed": False}


def _lives(life: int, where: str) -> dict[str, object]:
    return {"said": f"Life {life} begins {where}: `holdfast rebuild --all` publishes it.", "life": life}


def _change(settings: Settings, act: Act, out: Console, *, quiet: bool) -> dict[str, object]:
    chosen = settings.store
    if chosen.backend == "sqlite":
        return _change_sqlite(settings, act)
    from core.store.scylla.cluster import connect
    from core.store.scylla.layout import ALL, who_decides
    from core.store.scylla.migrate import init, migrate, new_life, rehome
    from core.store.scylla.schema import replication

    # Before anything is made: data centres in which two could decide are refused here, too.
    decides = who_decides(replication(chosen), chosen)
    connection = connect(chosen, patience_s=PATIENCE_S, is_global=decides == ALL)

    def told(step: str) -> None:
        if not quiet:
            out.print(f"  {step}", style="dim", markup=False)

    try:
        if act == "init":
            made = init(connection, chosen, told)
            said = "is made" if made else "was there already"
            return {"said": f"The store in keyspace {chosen.keyspace} {said}.", "changed": made}
        if act == "rehome":
            decides, life = rehome(connection, chosen)
            words = f"A majority of {decides} decides in keyspace {chosen.keyspace}, in life {life}."
            return {"said": words, "decides": decides, "life": life}
        if act == "new-life":
            return _lives(new_life(connection, chosen), f"in keyspace {chosen.keyspace}")
        before, after = migrate(connection, chosen, told)
        said = f"went from schema {before} to {after}" if after > before else f"is at schema {after} already"
        return {"said": f"The store in keyspace {chosen.keyspace} {said}.", "changed": after > before}
    except Unavailable as error:
        raise OperatorError(f"{error} Run it again: it goes on where it stopped.") from None
    finally:
        connection.close()
