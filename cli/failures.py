"""`holdfast failures` and `holdfast retry`: what was put aside, and trying it again."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.options import AsJson, Flags, profile_name, settings_for, with_flags
from core.backends import open_backends
from core.errors import OperatorError
from core.ids import new_id
from core.profile import Snapshot
from core.store import Change, Failure, Store
from core.store.naming import owner_of
from core.store.revise import revise
from pipeline.media_queue import task_of
from pipeline.purge.aside import disables, replay


@with_flags
def failures(
    flags: Flags,
    as_json: AsJson = False,
) -> None:
    """List what was put aside, with its last reason."""
    backends = open_backends(settings_for(flags))
    found = list(backends.store.failures.all())
    if as_json:
        print(json.dumps([{**one._asdict(), "name": _name(backends.store, one)} for one in found]))
    elif not found:
        print("Nothing was put aside.")
    else:
        table = Table("When", "What", "Profile", "Subject", "Tries", "Reason", box=None)
        for one in found:
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.at))
            table.add_row(
                when, one.kind, _name(backends.store, one), one.subject, str(one.attempts), Text(one.reason)
            )
        Console().print(table)
        print("Try again with `holdfast retry SUBJECT`, or `holdfast retry --all`.")
    backends.close()


@with_flags
def retry(
    flags: Flags,
    subject: Annotated[
        str | None,
        typer.Argument(metavar="[@NAME|SUBJECT]", help="Whose work, as `holdfast failures` names it."),
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Everything that was put aside; a target that wants no more is not.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Try again what was put aside."""
    if (subject is None) == (not all_):
        raise OperatorError(
            "Say which: `holdfast retry SUBJECT` (see `holdfast failures`), or `holdfast retry --all`"
        )
    backends = open_backends(settings_for(flags))
    store = backends.store
    wanted = {subject, owner_of(store, profile_name(subject)) if subject else None}
    known = list(store.failures.all())
    chosen = [
        one
        for one in known
        if (all_ and not disables(one)) or one.subject in wanted or one.profile_id in wanted
    ]
    if subject and not chosen:
        raise OperatorError(f"Nothing of {subject} was put aside: `holdfast failures` lists what was")
    for one in chosen:
        again(store, one)
    backends.close()
    if as_json:
        print(json.dumps({"retried": len(chosen)}))
        return
    print(f"{len(chosen)} handed to the worker again.")
    if all_:
        say_disabled(known)


def say_disabled(failures: Sequence[Failure]) -> None:
    for one in filter(disables, failures):
        print(f"{one.subject} stays disabled: `holdfast retry {one.subject}` enables it.")


def again(store: Store, failure: Failure) -> None:
    """Hands one failure back to the worker: a purge by its outbox, all else by the change stream."""
    if failure.kind == "purge":
        replay(store, failure)
        return
    if failure.kind == "media":

        def reset(old: Snapshot) -> Snapshot:
            media = tuple(
                one.model_copy(update={"state": "uploaded", "failure": ""})
                if one.id == failure.subject
                else one
                for one in old.media
            )
            return old.model_copy(update={"media": media})

        after = revise(
            store, failure.profile_id, reset, writer=new_id(), what="media retried", by_creator=False
        ).snapshot
        if medium := after.medium(failure.subject):
            store.media_work.add(task_of(medium, failure.profile_id))
    head = store.profiles.head(failure.profile_id)
    if head is not None:
        store.changes.hint(Change(failure.profile_id, head.revision))
    store.failures.clear(failure.kind, failure.subject)


def _name(store: Store, failure: Failure) -> str:
    # A target that was disabled is no profile's.
    head = store.profiles.head(failure.profile_id) if failure.profile_id else None
    return f"@{head.name.username}" if head and head.name else failure.profile_id
