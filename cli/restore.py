"""`holdfast restore`: brings a site back from a backup, or its public profiles from their pages alone, as a new life."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.backup import Target, aimed
from cli.importing import CLUSTER_JOBS, ClaimLinks
from cli.options import AsJson, Flags, settings_for, with_flags
from cli.rebuilding import Many
from cli.wiring import promote, tools_for
from core import keys
from core.backends import Backends, open_backends, open_target, prove
from core.errors import OperatorError
from core.log import configure
from core.objects import Objects
from core.rank import read_rank
from core.settings import LogSettings, Settings
from core.store.everyone import everyone
from pipeline.backup.format import Index, indexes, read_index
from pipeline.backup.restoring import Restored, Restoring
from pipeline.backup.salvage import Salvaged, bring_renditions, salvage
from pipeline.fence import get
from pipeline.rebuild import Scope
from pipeline.repair import disown_unknown
from pipeline.sitemap import Sitemap

BOOKMARK = "restore"
SHOWN_MAX = 50


@with_flags
def restore(
    flags: Flags,
    target: Target = None,
    backup_id: Annotated[
        str | None, typer.Option("--backup", metavar="ID", help="Which one (default: the newest).")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Only say which backups there are.")] = False,
    from_pages: Annotated[
        bool,
        typer.Option("--from-pages", help="Without a backup: public profiles, from the public bucket alone."),
    ] = False,
    claim_links: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="With --from-pages: where claim links go (default: in the data folder)."
        ),
    ] = None,
    publish: Annotated[bool, typer.Option(help="Publish every profile at once; else the workers do.")] = True,
    as_json: AsJson = False,
) -> None:
    """Restore into an empty store, SQLite or a cluster. What storage still shows of the old life is replaced."""
    settings = settings_for(flags)
    configure(LogSettings(level="error"))
    out = Console(stderr=True, highlight=False, soft_wrap=True, quiet=as_json)
    if from_pages and (target or backup_id or list_):
        raise OperatorError("--from-pages needs no backup: leave TARGET, --backup and --list out")
    started = time.monotonic()
    source = None if from_pages else open_target(aimed(settings.backup, target))
    if source and list_:
        _list(source, as_json)
        return
    backends = open_backends(settings)
    if source:
        restored = _from_backup(settings, backends, source, backup_id, out)
    else:
        restored = _from_pages(settings, backends, claim_links, out)
    gone, failed = _publish(settings, backends, out) if publish else (0, [])
    life = backends.store.life
    backends.close()
    seconds = time.monotonic() - started
    notes = [note._asdict() for note in restored.notes] + [
        {"profile_id": one, "said": why} for one, why in failed
    ]
    if as_json:
        counts = {"profiles": restored.profiles, "accounts": restored.accounts, "files": restored.files}
        print(
            json.dumps(
                {"life": life, **counts, "taken_down": gone, "notes": notes, "seconds": round(seconds, 3)}
            )
        )
    else:
        _tell(restored, life, gone, notes, publish, seconds, out)
    if notes:
        raise typer.Exit(1)


def _from_backup(
    settings: Settings, backends: Backends, source: Objects, backup_id: str | None, out: Console
) -> Restored:
    index = read_index(source, backup_id or _newest(source))
    begin(backends, index.id, index.life)
    jobs = 1 if settings.store.backend == "sqlite" else CLUSTER_JOBS
    with out.status("restoring …") as bar:
        restoring = Restoring(
            backends.store,
            backends.private,
            source,
            jobs=jobs,
            tell=lambda what, count: bar.update(f"{count:,} {what} …"),
        )
        return restoring.run(index)


def begin(backends: Backends, what: str, life: int) -> None:
    """Begins a life that is later than any that the store, the backup or the buckets have seen; goes on with the one that
    a restore of the same was stopped in. Raises OperatorError for a store that isn't empty."""
    store = backends.store
    kept = store.bookmarks.get(BOOKMARK)
    if kept and json.loads(kept)[0] == what:
        store.begin_life(json.loads(kept)[1])
        return
    if next(everyone(store.profiles), None) or next(store.accounts.everyone(), None):
        raise OperatorError(
            "The store isn't empty, and a restore never mixes two sites: name a new data folder (--data DIR), or a new "
            "keyspace (store.keyspace, `holdfast store init`)"
        )
    stored = get(backends.public, keys.NOT_FOUND)
    rank = read_rank(stored.body) if stored else None
    new = max(store.life, life, rank.life if rank else 0) + 1
    store.bookmarks.put(BOOKMARK, json.dumps([what, new]))
    store.begin_life(new)


def _newest(source: Objects) -> str:
    found = indexes(source)
    if not found:
        raise OperatorError("There is no backup: name another TARGET, or make one with `holdfast backup`")
    return found[-1]


def _publish(settings: Settings, backends: Backends, out: Console) -> tuple[int, list[tuple[str, str]]]:
    """Publishes everybody, and takes down what only the old life knew; how many profiles that was, and who failed."""
    prove((backends.public, backends.private))
    tools = tools_for(settings, backends)
    promote(backends, tools.release, tools.urls)
    many = Many(settings, tools, Scope("all"), None, out)
    report = many.run(many.plan(anew=False))
    tools.purger.heartbeat()
    gone = disown_unknown(tools)
    Sitemap(backends.store, backends.public, tools.urls, tools.lister, mine=lambda _: True).draw()
    return gone, report.outcome.failed


# ── from pages ──


def _from_pages(settings: Settings, backends: Backends, file: Path | None, out: Console) -> Restored:
    begin(backends, "pages", 0)
    default = settings.data.dir / f"claim-links-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.csv"
    links = ClaimLinks(file or default, settings.studio.url)
    restoring = Restoring(backends.store, backends.private, backends.public)
    try:
        for one in salvage(backends.public, restoring.note):
            _salvage(backends, restoring, links, one)
    finally:
        links.close()
    if links.made:
        out.print(f"{links.made:,} claim links for the owners are in {links.path}", markup=False)
    return restoring.restored


def _salvage(backends: Backends, restoring: Restoring, links: ClaimLinks, one: Salvaged) -> None:
    head, accounts = one.profile.head, backends.store.accounts
    assert head.name is not None
    backends.store.begin_life(one.rank.life + 1)
    lost = sum(bring_renditions(backends.public, backends.private, medium) for medium in one.profile.media)
    if lost:
        restoring.note(head.id, f"{lost} files of its media are lost")
    if accounts.invite_of(head.id) is None and not accounts.editors_of(head.id):
        digest = links.make(head.name.username)
        restoring.restore_profile(one.profile.model_copy(update={"invite": digest}))
    else:
        restoring.restore_profile(one.profile)


# ── what is told ──


def _list(source: Objects, as_json: bool) -> None:
    found = [read_index(source, one) for one in indexes(source)]
    if as_json:
        print(json.dumps([_told(index) for index in found]))
        return
    out = Console(highlight=False, soft_wrap=True)
    for index in found:
        out.print(
            f"{index.id}  {index.profiles:,} profiles, {index.accounts:,} accounts, {index.files:,} files"
        )
    if not found:
        out.print("There is no backup.")


def _told(index: Index) -> dict[str, Any]:
    return {
        "id": index.id,
        "began_at": index.began_at,
        "profiles": index.profiles,
        "accounts": index.accounts,
        "files": index.files,
        "file_bytes": index.file_bytes,
    }


def _tell(
    restored: Restored,
    life: int,
    gone: int,
    notes: list[dict[str, str]],
    published: bool,
    seconds: float,
    out: Console,
) -> None:
    out.print(
        f"{restored.profiles:,} profiles, {restored.accounts:,} accounts and {restored.files:,} files are restored, as "
        f"life {life}, in {seconds:.1f} s."
    )
    if gone:
        out.print(f"{gone:,} profiles that only the old life knew are taken down.")
    if not published:
        out.print("Workers publish them from here on; `holdfast rebuild --all` does it at once.")
    for note in notes[:SHOWN_MAX]:
        out.print(f"  {note['profile_id']}: {note['said']}", style="yellow", markup=False)
    if len(notes) > SHOWN_MAX:
        out.print(f"  and {len(notes) - SHOWN_MAX:,} more (--json has all)", style="yellow")
