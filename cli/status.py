"""`holdfast status`: how the whole site is doing, or how far one profile has got."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.options import AsJson, Flags, profile_name, settings_for, with_flags
from cli.wiring import edges_of, open_existing, profile_of
from core.backends import Backends
from core.errors import Unavailable
from core.log import configure
from core.settings import LogSettings, Settings
from core.store import MAIN, Store, waiting_list
from core.store.everyone import everyone
from generator.release import load_release
from ingest.receipts import outside_of, receipt
from pipeline.media.sandbox import confinement
from pipeline.purge.edges import Edge

WALK_S = 5.0
"""How long profiles are compared with what was published; the worker's sweep looks at all of them."""
QUEUE_MAX = 10_000
HISTORY_SHOWN, TRANSITIONS_SHOWN, BEHIND_SHOWN = 10, 12, 10

DECODERS = {
    "bubblewrap": "on this machine each shut in by bubblewrap",
    "limits": "on this machine bound by limits alone: holdfast doctor",
}

Answer = dict[str, Any]


@with_flags
def status(
    flags: Flags,
    name: Annotated[str | None, typer.Argument(metavar="[@NAME]", help="One profile; else all.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how the site is doing; or where one profile's newest edit is, its media and its history."""
    settings = settings_for(flags)
    configure(LogSettings(level="error"))
    backends = open_existing(settings)
    try:
        if name:
            answer = of_profile(backends.store, settings, profile_of(backends.store, profile_name(name)))
        else:
            answer = of_site(backends, settings)
    finally:
        backends.close()
    if as_json:
        print(json.dumps(answer))
    elif name:
        _show_profile(answer)
    else:
        _show_site(answer)


# ── the site ──


def of_site(backends: Backends, settings: Settings) -> Answer:
    """Counts of what waits, and who answers."""
    store = backends.store
    release = load_release(settings.site)
    rollout, replica = store.rollouts.current(), settings.worker.replica
    return {
        **_walk(store, replica),
        "replica": replica,
        "replicas": [MAIN, *(one.name for one in settings.objects.replica)],
        "in_sync": list(store.replicas.in_sync().names),
        "purges_pending": len(store.purges.pending(replica, QUEUE_MAX)),
        "purges_outside": {
            one.name: len(store.purges.pending(waiting_list(one.name, replica), QUEUE_MAX))
            for one in settings.purge.target
        },
        "media_in_the_making": len(store.media_work.pending(QUEUE_MAX)),
        "decoders": confinement().kind,
        "failures": [one._asdict() for one in store.failures.all()],
        "rollout": rollout.number if rollout else None,
        "promoted": rollout.fingerprint if rollout else None,
        "release": release.fingerprint,
        "life": store.life,
        "edges": [_look_at(one) for one in edges_of(settings)],
        "data": str(settings.data.dir.absolute()),
        "site": settings.site.url + settings.site.path,
        "studio": settings.studio.url,
    }


def _walk(store: Store, replica: str) -> Answer:
    """Compares heads with what was published, as far as time allows: `complete` says whether that was all of them."""
    profiles, deleted, behind, complete, life = 0, 0, 0, True, store.life
    names: list[str] = []
    ends = time.monotonic() + WALK_S
    for _, profile_id, _ in everyone(store.profiles):
        if time.monotonic() > ends:
            complete = False
            break
        head = store.profiles.head(profile_id)
        if head is None or head.name is None:
            continue
        deleted += head.deleted
        profiles += not head.deleted
        done = store.published.get(profile_id, replica, life).get("published")
        if done is None or done.mark.revision < head.revision:
            behind += 1
            if len(names) < BEHIND_SHOWN:
                names.append(head.name.username)
    return {
        "profiles": profiles,
        "deleted": deleted,
        "behind": behind,
        "behind_names": names,
        "complete": complete,
    }


def _look_at(edge: Edge) -> Answer:
    """A signed heartbeat: it answers, and shares our secret."""
    try:
        edge.call()
    except Unavailable as error:
        return {"url": edge.url, "live": False, "reason": str(error)}
    finally:
        edge.close()
    return {"url": edge.url, "live": True, "reason": "", "reads": edge.reads}


def _show_site(answer: Answer) -> None:
    out = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    counted = f"{answer['profiles']:,}, and {answer['deleted']:,} deleted"
    more = "" if answer["complete"] else f"; there are more, which {WALK_S:.0f} s did not suffice to look at"
    behind = ", ".join(f"@{name}" for name in answer["behind_names"])
    rows = [
        ("Profiles", f"{counted}{more}"),
        ("Behind", f"{answer['behind']:,}{': ' + behind if behind else ''}"),
        ("Purges", f"{answer['purges_pending']:,} waiting"),
        *((f"  at {name}", f"{count:,} waiting") for name, count in answer["purges_outside"].items()),
        ("Media", f"{answer['media_in_the_making']:,} in the making"),
        ("Decoders", DECODERS[answer["decoders"]]),
        ("Put aside", f"{len(answer['failures'])}{': holdfast failures' if answer['failures'] else ''}"),
        ("Roll-out", _rollout(answer)),
        ("Life", str(answer["life"])),
        *([("Regions", _regions(answer))] if len(answer["replicas"]) > 1 else []),
        *(("Edge", _edge(answer, one)) for one in answer["edges"]),
        ("Read", answer["site"]),
        ("Write", answer["studio"]),
        ("Data", answer["data"]),
    ]
    for what, words in rows:
        table.add_row(Text(what, "bold"), Text(words))
    out.print(table)
    if answer["behind"]:
        out.print("A worker publishes what is behind: `holdfast run`, or `holdfast worker`.")


def _regions(answer: Answer) -> str:
    return ", ".join(
        f"{name} {'in sync' if name in answer['in_sync'] else 'is away, or catches up'}"
        for name in answer["replicas"]
    )


def _edge(answer: Answer, edge: Answer) -> str:
    if not edge["live"]:
        return str(edge["reason"])
    return f"{edge['url']} is live" + (f", and reads {edge['reads']}" if len(answer["replicas"]) > 1 else "")


def _rollout(answer: Answer) -> str:
    if answer["rollout"] is None:
        return "none yet: `holdfast run` promotes the release"
    words = f"{answer['rollout']}, release {answer['promoted'][:12]}"
    if answer["promoted"] != answer["release"]:
        words += f"; here is {answer['release'][:12]}: `holdfast rebuild --all` promotes it"
    return words


# ── one profile ──


def of_profile(store: Store, settings: Settings, profile_id: str) -> Answer:
    """All that there is to know of one profile and its newest edit."""
    newest = receipt(store, settings.site, profile_id, outside=outside_of(settings))
    head = store.profiles.head(profile_id)
    assert head is not None
    return {
        "id": profile_id,
        "username": head.name.username if head.name else None,
        "former_names": [one.username for one in head.former_names],
        "deleted": head.deleted,
        "visibility": head.profile.visibility,
        "editors": len(store.accounts.editors_of(profile_id)),
        "claim_link": store.accounts.invite_of(profile_id) is not None,
        "receipt": newest.model_dump(mode="json"),
        "transitions": [
            {"stage": one.stage, "mark": one.mark._asdict(), "at_ms": one.at_ms}
            for one in store.published.transitions(profile_id, MAIN)
        ],
        "history": [one._asdict() for one in store.profiles.history(profile_id)[:HISTORY_SHOWN]],
        "failures": [one._asdict() for one in store.failures.all() if one.profile_id == profile_id],
    }


def _show_profile(answer: Answer) -> None:
    out = Console(highlight=False, soft_wrap=True)
    newest = answer["receipt"]
    former = ", ".join(f"@{name}" for name in answer["former_names"])
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    state = "deleted" if answer["deleted"] else answer["visibility"]
    claim = "; a claim link is out" if answer["claim_link"] else ""
    rows = [
        ("Profile", f"@{answer['username']}" if answer["username"] else "(no name yet)"),
        ("Id", answer["id"]),
        ("Formerly", former or "–"),
        ("Visibility", state),
        ("Editors", f"{answer['editors']}{claim}"),
        ("Edit", f"{newest['edit']}, revision {newest['revision']}"),
        ("State", newest["state"]),
        *((f"  {stage}", _stage(newest, stage)) for stage in ("accepted", "published", "purged", "live")),
        *((f"  at {one['name']}", _cache(one)) for one in newest["caches"]),
        ("Page", newest["url"]),
    ]
    for what, words in rows:
        table.add_row(Text(what, "bold"), Text(words))
    out.print(table)
    _list(out, "Media", [_medium(one) for one in newest["media"]])
    _list(
        out, "Put aside", [f"{one['kind']} {one['subject']}: {one['reason']}" for one in answer["failures"]]
    )
    _list(out, "History", [_entry(one) for one in answer["history"]])
    shown = answer["transitions"][:TRANSITIONS_SHOWN]
    _list(out, "Transitions", [f"{_clock(one['at_ms'])}  {_mark(one)}" for one in shown])
    if newest["state"] == "accepted":
        out.print("A worker publishes it: `holdfast run`, or `holdfast worker`.")


def _stage(newest: Answer, stage: str) -> str:
    reached = newest[stage]
    if reached is None:
        return "–"
    return f"{_clock(reached['at_ms'])}  revision {reached['revision']}"


def _cache(one: Answer) -> str:
    if one["proven"]:
        return f"{_clock(one['proven']['at_ms'])}  proven"
    told = f"{_clock(one['purged']['at_ms'])}  purged" if one["purged"] else "not told yet"
    return f"{told}; what else it holds has expired by {_clock(one['expired_by_ms'])}"


def _medium(one: Answer) -> str:
    made = f" ({', '.join(one['ready'])})" if one["ready"] else ""
    why = f": {one['failure']}" if one["failure"] else ""
    now = f"; {one['now']['step']}, {one['now']['percent']} %" if one["now"] else ""
    return f"{one['kind']} {one['id']} {one['filename']}  {one['state']}{made}{now}{why}"


def _entry(one: Answer) -> str:
    return f"{_clock(one['at_ms'])}  revision {one['revision']} (edit {one['edit']}): {one['what']}"


def _mark(one: Answer) -> str:
    mark = one["mark"]
    return f"{one['stage']}: revision {mark['revision']}, roll-out {mark['rollout']}, life {mark['life']}"


def _clock(at_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_ms / 1000)) + f".{at_ms % 1000:03d}"


def _list(out: Console, title: str, lines: list[str]) -> None:
    if lines:
        out.print(Text(f"\n{title}", "bold"))
        for line in lines:
            out.print(Text(f"  {line}"))
