"""One name, one owner: two who want it at once, deaths between the steps, and one who wakes up after the reaper."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from cli.client import Client, Refused
from core.errors import Conflict, HoldfastError
from core.ids import new_id
from core.profile import Profile
from core.store import naming
from core.store.naming import REAP_AFTER_S
from core.store.scylla import ScyllaStore
from tests.cluster import Keyspace, leave_address
from tests.fleet import Fleet
from tests.house import PASSWORD
from tests.pipeline.mortal import Fused, Mortal

pytestmark = pytest.mark.timeout(240)
LATER_S = REAP_AFTER_S + 60


def owners(store: ScyllaStore, name: str, among: Iterable[str]) -> set[str]:
    """Of these profiles, those that have the name, or redirect from it."""
    heads = [store.profiles.head(profile_id) for profile_id in among]
    return {
        head.id
        for head in heads
        if head and name in {one.username for one in (head.name, *head.former_names) if one}
    }


def assert_one_owner(store: ScyllaStore, name: str, among: Iterable[str]) -> str:
    (owner,) = owners(store, name, among)
    claim, head = store.names.get(name), store.profiles.head(owner)
    assert claim is not None
    assert claim.profile_id == owner
    assert head is not None
    held = next(one for one in (head.name, *head.former_names) if one and one.username == name)
    assert held.claim == claim.number
    assert claim.state == ("held" if held == head.name else "redirect")
    return owner


def test_two_who_want_a_name_at_once_do_not_both_get_it(fleet: Fleet, store: ScyllaStore) -> None:
    for number in range(3):
        name, gate = f"wanted-{number}", threading.Barrier(2)

        def sign_up(ingest: int, name: str = name, gate: threading.Barrier = gate) -> str | None:
            with Client(fleet.studios[ingest]) as client:
                gate.wait()
                try:
                    made = client.sign_up(f"{name}-{ingest}@example.org", PASSWORD, name, "Ann")
                except Refused as refused:
                    assert refused.status == 409, refused
                    return None
                return str(made["id"])

        with ThreadPoolExecutor(2) as pool:
            got = [one for one in pool.map(sign_up, (0, 1)) if one]
        assert len(got) == 1
        assert_one_owner(store, name, got)


@pytest.mark.parametrize("task", ["rename", "sign_up"])
def test_a_death_at_any_call_leaves_a_name_with_one_owner_or_free(
    tmp_path: Path, store: ScyllaStore, keyspace: Keyspace, mortal: Mortal, task: str
) -> None:
    leave_address(tmp_path, keyspace.settings)
    lived = 0
    for at in itertools.count(1):
        name = f"{task.replace('_', '-')}-{at}"
        given = {"name": name}
        if task == "rename":
            given["profile"] = naming.found(store, f"{name}-before", Profile(name="Ann")).head.id
        lived = mortal.do(tmp_path, task, at, **given)
        claim = store.names.get(name)
        first = given.get("profile") or (claim.profile_id if claim else None)
        if first:
            naming.reap(store, first, int(time.time()) + LATER_S)
        others = new_id()
        with suppress(Conflict):
            naming.found(store, name, Profile(name="Zoe"), others)
        owner = assert_one_owner(store, name, {others, *([first] if first else [])})
        assert not lived or owner == first, "who was told that it has the name keeps it"
        if lived:
            break
    assert at > 8


class Nap:
    """Stands where a fuse does: before its Nth write `meanwhile` happens, as if the process had slept."""

    WRITES = frozenset({"schedule", "hint", "commit", "take", "settle"})

    def __init__(self, at: int, meanwhile: Callable[[], None]) -> None:
        self.left, self.meanwhile = at, meanwhile

    def before(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def napping(*given: Any, **options: Any) -> Any:
            if act.__name__ in self.WRITES:
                self.left -= 1
                if self.left == 0:
                    self.meanwhile()
            return act(*given, **options)

        return napping


@pytest.mark.parametrize("task", ["rename", "sign_up"])
def test_who_wakes_up_after_the_reaper_takes_no_name_from_anybody(store: ScyllaStore, task: str) -> None:
    for at in itertools.count(1):
        name, anns, zoes = f"late-{task.replace('_', '-')}-{at}", new_id(), new_id()
        if task == "rename":
            naming.found(store, f"{name}-before", Profile(name="Ann"), anns)

        def meanwhile(name: str = name, anns: str = anns, zoes: str = zoes) -> None:
            naming.reap(store, anns, int(time.time()) + LATER_S)
            with suppress(Conflict):
                naming.found(store, name, Profile(name="Zoe"), zoes)

        nap = Nap(at, meanwhile)
        sleeper: Any = Fused(store, nap)  # type: ignore[arg-type]
        told = False
        try:
            if task == "rename":
                naming.rename(sleeper, anns, name)
            else:
                naming.found(sleeper, name, Profile(name="Ann"), anns)
            told = True
        except HoldfastError:
            pass
        naming.reap(store, anns, int(time.time()) + LATER_S)
        owner = assert_one_owner(store, name, {anns, zoes})
        assert told == (owner == anns), (
            "who was told that it has the name has it, and nobody else was told so"
        )
        if nap.left > 0:
            break
    assert at > 5
