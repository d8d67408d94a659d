"""Acknowledged edits/s of our edit protocol on the cluster's store, against the bare driver doing the same CQL.

The peer sends the very statements that one edit of ours was seen to send, with the same values but for ids, times and
revisions, at the same consistency, and does nothing else: no JSON, no nouns, no settling. Both take turns in one run, on
profiles of their own, one at each thread.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import DCAwareRoundRobinPolicy, TokenAwarePolicy
from cassandra.query import BatchStatement, BatchType, tuple_factory
from cassandra.util import uuid_from_time
from rich.console import Console
from rich.table import Table

from bench.edit_to_live import percentile
from bench.grounds import machine, ring
from bench.rehearsal.people import write_people
from cli.archive import read_candidate
from core.ids import new_id
from core.profile import Profile, Snapshot
from core.settings import StoreSettings
from core.store.naming import found
from core.store.revise import revise
from core.store.scylla import ScyllaStore
from core.store.scylla.cql import LWT, Cql
from generator.icons import Icons
from tests.cluster import keyspace_on

THREADS, ROUNDS, ROUND_S = 8, 5, 5.0
Edit = Callable[[str], None]
out = Console(stderr=True)


class Sent(NamedTuple):
    """A statement as it was bound: its text with the keyspace, its values, and how it was sent."""

    cql: str
    values: tuple[Any, ...]
    how: str


@contextmanager
def heard(cql: Cql, sent: list[Sent]) -> Iterator[None]:
    """Notes all that is bound meanwhile."""
    bind = cql._bind

    def noting(text: str, values: Any, how: str) -> Any:
        sent.append(Sent(cql._qualified(text), tuple(values), how))
        return bind(text, values, how)

    cql._bind = noting  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        del cql._bind


def our_edit(store: ScyllaStore) -> Edit:
    def edit(profile_id: str) -> None:
        def change(old: Snapshot) -> Snapshot:
            profile = old.head.profile.model_copy(update={"tagline": f"Now {time.time_ns()}."})
            return old.model_copy(update={"head": old.head.model_copy(update={"profile": profile})})

        revise(store, profile_id, change, writer=new_id(), what="profile", by_creator=True)

    return edit


class Bare:
    """The driver alone, sending what an edit of ours sends."""

    def __init__(
        self, session: Session, sent: list[Sent], profile_id: str, revisions: dict[str, int]
    ) -> None:
        self._session, self._of, self._revisions = session, profile_id, revisions
        self._was = revisions[profile_id]
        self._plain = [(session.prepare(one.cql), one.values) for one in sent if one.how != LWT]
        self._batch = [(session.prepare(one.cql), one.values) for one in sent if one.how == LWT]

    def __call__(self, profile_id: str) -> None:
        revision = self._revisions[profile_id]
        ids: dict[Any, Any] = {self._of: profile_id}
        numbers = {self._was: revision, self._was + 1: revision + 1}
        for statement, values in self._plain:
            self._session.execute(statement.bind(_with(values, ids)))
        batch = BatchStatement(BatchType.UNLOGGED)
        for statement, values in self._batch:
            batch.add(statement.bind(_with(values, ids | numbers)))
        assert self._session.execute(batch).one()[0], "its condition did not hold"
        self._revisions[profile_id] = revision + 1


def _with(values: tuple[Any, ...], others: dict[Any, Any]) -> list[Any]:
    """These values with others in the place of some, and with the time of now."""
    return [uuid_from_time(time.time()) if isinstance(one, UUID) else others.get(one, one) for one in values]


@contextmanager
def bare_session(settings: StoreSettings) -> Iterator[Session]:
    """The driver as its documents advise, at the store's consistency."""
    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(local_dc=settings.datacenter)),
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
        serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL,
        row_factory=tuple_factory,
    )
    cluster = Cluster(
        list(settings.nodes), protocol_version=4, execution_profiles={EXEC_PROFILE_DEFAULT: profile}
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def measured(edit: Edit, profile_ids: list[str], seconds: float) -> tuple[float, list[float]]:
    """A thread for each profile: edits/s of all together, and the milliseconds of each edit."""
    took: list[float] = []

    def work(profile_id: str) -> None:
        while (began := time.monotonic()) < ends:
            edit(profile_id)
            took.append((time.monotonic() - began) * 1000)

    threads = [threading.Thread(target=work, args=(one,)) for one in profile_ids]
    started = time.monotonic()
    ends = started + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(took) / (time.monotonic() - started), took


def profiles(folder: Path, count: int) -> list[Profile]:
    icons = Icons.read(Path("templates/icons/icons.json").read_bytes())
    names = write_people(folder, count, seed=1)
    return [read_candidate(folder / f"{name}.json", icons).profile for name in names]


def compare(settings: StoreSettings, folder: Path, wanted: argparse.Namespace) -> dict[str, Any]:
    store = ScyllaStore(settings, 30.0)
    with bare_session(settings) as session:
        people = profiles(folder / "people", 2 * wanted.threads)
        heads = [found(store, f"artist{number}", profile).head.id for number, profile in enumerate(people)]
        ours, theirs = heads[: wanted.threads], heads[wanted.threads :]
        edit = our_edit(store)
        edit(theirs[0])
        sent: list[Sent] = []
        revisions = dict.fromkeys(theirs, 2) | {theirs[0]: 3}
        with heard(store._cql, sent):
            edit(theirs[0])
        bare = Bare(session, sent, theirs[0], revisions)
        revisions[theirs[0]] = 4
        rates: dict[str, list[float]] = {"ours": [], "bare": []}
        times: dict[str, list[float]] = {"ours": [], "bare": []}
        for edit_one, who in ((edit, ours), (bare, theirs)):
            measured(edit_one, who, 1.0)
        for _ in range(wanted.rounds):
            for name, edit_one, who in (("ours", edit, ours), ("bare", bare, theirs)):
                rate, took = measured(edit_one, who, wanted.round_s)
                rates[name].append(rate)
                times[name] += took
    store.close()
    return {
        "bench": "store",
        "threads": wanted.threads,
        "statements": [f"{one.how}: {one.cql.replace(f'{settings.keyspace}.', '')}" for one in sent],
        **{f"{name}_per_s": round(statistics.median(rates[name]), 1) for name in rates},
        "ours_to_bare": round(statistics.median(map(lambda o, b: o / b, rates["ours"], rates["bare"])), 2),
        **{
            f"{name}_p{share}_ms": round(percentile(times[name], share / 100), 1)
            for name in times
            for share in (50, 99)
        },
        "machine": machine(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--threads", type=int, default=THREADS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--round-s", type=float, default=ROUND_S)
    parser.add_argument("--ring", type=Path, help="folder of a ring that runs already")
    wanted, _ = parser.parse_known_args()
    if not (shutil.which("java") and shutil.which("mvn")):
        out.print("bench.store needs a ring, which needs Java and Maven: `make servers` installs them.")
        return
    with (
        tempfile.TemporaryDirectory(prefix="holdfast-bench-") as name,
        ring(wanted.ring, Path(name), out.print) as on,
        keyspace_on(on) as keyspace,
    ):
        result = compare(keyspace.settings, Path(name), wanted)
    if wanted.json:
        print(json.dumps(result))
        return
    table = Table("Acknowledged edits", "/s", "p50 ms", "p99 ms")
    for name, words in (("ours", "core.store.revise"), ("bare", "the driver alone, same CQL")):
        table.add_row(words, *(f"{result[f'{name}_{key}']:.1f}" for key in ("per_s", "p50_ms", "p99_ms")))
    Console().print(table)
    print(
        f"Ours to bare: {result['ours_to_bare']}. {wanted.threads} threads, medians of {wanted.rounds} rounds."
    )


if __name__ == "__main__":
    main()
