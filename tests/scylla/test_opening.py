"""Start-up: what is wrong with a cluster is told in a sentence that names what mends it; what is away is waited for."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli.ring.ring import Ring
from core.errors import OperatorError, OutcomeUnknown
from core.settings import StoreSettings
from core.store.scylla import ScyllaStore
from core.store.scylla import migrate as migrating
from core.store.scylla.cluster import connect
from core.store.scylla.layout import ALL, who_decides
from core.store.scylla.migrate import init, migrate, rehome
from core.store.scylla.schema import LOCK, TABLES, VERSION
from tests.cluster import PATIENCE_S, Keyspace

NOWHERE = StoreSettings(backend="scylla", nodes=("127.0.0.1",), port=9)


def refused(settings: StoreSettings, patience_s: float = PATIENCE_S) -> str:
    with pytest.raises(OperatorError) as caught:
        ScyllaStore(settings, patience_s)
    return str(caught.value)


def changed(of: Keyspace, **settings: object) -> StoreSettings:
    return of.settings.model_copy(update=settings)


# ── what the operator has to mend ──


def test_a_cluster_that_can_not_be_reached_is_waited_for_and_then_told(tmp_path: Path) -> None:
    said = refused(NOWHERE, patience_s=0)
    assert "127.0.0.1 (port 9)" in said
    assert "store.nodes" in said


def test_a_service_waits_for_its_cluster_as_long_as_it_takes(whole_ring: Ring, keyspace: Keyspace) -> None:
    opened: list[ScyllaStore] = []
    settings = changed(keyspace, connect_s=1)
    for number in (1, 2, 3):
        whole_ring.pause(number)
    waiting = threading.Thread(target=lambda: opened.append(ScyllaStore(settings, None)))
    waiting.start()
    waiting.join(3)
    assert not opened
    for number in (1, 2, 3):
        whole_ring.resume(number)
    waiting.join(60)
    assert opened[0].life == 1
    opened[0].close()


def test_a_missing_keyspace_names_the_command_that_makes_it(keyspace: Keyspace) -> None:
    assert "holdfast store init" in refused(changed(keyspace, keyspace="nobodys"))


def test_a_wrong_data_centre_is_named_with_those_that_there_are(keyspace: Keyspace) -> None:
    said = refused(changed(keyspace, datacenter="mars"))
    assert "mars" in said
    assert "datacenter1" in said
    assert "store.datacenter" in said


def test_a_keyspace_without_data_centres_is_refused(keyspace: Keyspace) -> None:
    connection = connect(keyspace.settings, patience_s=PATIENCE_S)
    name = f"{keyspace.settings.keyspace}_simple"
    connection.run(
        f"CREATE KEYSPACE {name} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 3}}"
    )
    try:
        assert "NetworkTopologyStrategy" in refused(changed(keyspace, keyspace=name))
    finally:
        connection.run(f"DROP KEYSPACE {name}")
        connection.close()


@pytest.mark.parametrize(
    ("version", "remedy"),
    [(VERSION - 1, "holdfast store migrate"), (VERSION + 1, "upgrade this one")],
    ids=["older", "newer"],
)
def test_a_schema_of_another_version_is_refused(keyspace: Keyspace, version: int, remedy: str) -> None:
    connection = connect(keyspace.settings, patience_s=PATIENCE_S)
    set_to = "UPDATE meta SET value = ? WHERE part = 'all' AND key = 'schema' IF EXISTS"
    try:
        assert connection.cql.lwt(set_to, str(version))
        said = refused(keyspace.settings)
        assert f"schema {version}" in said
        assert remedy in said
    finally:
        assert connection.cql.lwt(set_to, str(VERSION))
        connection.close()


# ── data centres ──

ONE, TWO, THREE = {"a": 3}, {"a": 3, "b": 3}, {"a": 3, "b": 3, "c": 3}


def decides(copies: dict[str, int], here: str = "a", **settings: str) -> str:
    return who_decides(copies, StoreSettings.model_validate({"datacenter": here, **settings}))


def test_one_data_centre_decides_for_itself_and_three_by_their_majority() -> None:
    assert decides(ONE) == "a"
    assert decides(THREE) == ALL
    assert decides(ONE, consistency="global") == ALL


def test_with_a_home_that_data_centre_decides_and_the_others_forward() -> None:
    assert decides(TWO, home="a") == "a"
    assert decides(THREE, home="a") == "a"
    with pytest.raises(OperatorError, match="All writes belong to the home data centre a"):
        decides(TWO, here="b", home="a")


@pytest.mark.parametrize(
    ("copies", "settings", "words"),
    [
        (TWO, {}, "set store.home to one of the two, or use three"),
        (ONE, {"home": "b"}, "set store.home to one of them"),
        (ONE, {"here": "z"}, "set store.datacenter"),
        (THREE, {"consistency": "local"}, "set store.consistency to auto"),
        (TWO, {"home": "a", "consistency": "global"}, "set one of the two"),
    ],
    ids=[
        "two without a home",
        "home without copies",
        "here without copies",
        "three that each decide alone",
        "a home that doesn't decide",
    ],
)
def test_a_layout_in_which_two_could_decide_is_refused(
    copies: dict[str, int], settings: dict[str, str], words: str
) -> None:
    with pytest.raises(OperatorError, match=words):
        decides(copies, **settings)


def test_processes_that_disagree_on_who_decides_are_refused_until_an_operator_moves_it(
    keyspace: Keyspace,
) -> None:
    """LOCAL_SERIAL beside SERIAL, or two homes: each side would decide for itself."""
    other = changed(keyspace, consistency="global")
    said = refused(other)
    assert "a majority of datacenter1 decides" in said
    assert "holdfast store rehome" in said
    connection = connect(other, patience_s=PATIENCE_S, is_global=True)
    try:
        assert rehome(connection, other) == (ALL, 2)
        assert rehome(connection, other) == (ALL, 2), "once is enough"
        store = ScyllaStore(other, PATIENCE_S)
        assert store.life == 2, "what was written under the old ones wins over nothing"
        store.close()
        assert "holdfast store rehome" in refused(keyspace.settings)
        assert rehome(connection, keyspace.settings) == ("datacenter1", 3)
    finally:
        connection.cql.lwt("UPDATE meta SET value = '1' WHERE part = 'all' AND key = 'life' IF EXISTS")
        connection.close()


# ── the schema ──


def test_two_places_make_one_schema_at_once_and_again_is_harmless(ring: Ring, keyspace: Keyspace) -> None:
    settings = changed(keyspace, keyspace=f"{keyspace.settings.keyspace}_twice")
    made: list[bool] = []

    def make() -> None:
        connection = connect(settings, patience_s=PATIENCE_S)
        made.append(init(connection, settings, lambda _: None))
        connection.close()

    places = [threading.Thread(target=make) for _ in range(2)]
    for place in places:
        place.start()
    for place in places:
        place.join()
    assert sorted(made) == [False, True]
    connection = connect(settings, patience_s=PATIENCE_S)
    try:
        assert not init(connection, settings, lambda _: None)
        assert migrate(connection, settings, lambda _: None) == (VERSION, VERSION)
        there = connection.run(
            "SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", settings.keyspace
        )
        assert {row[0] for row in there} == {table.name for table in (*TABLES, LOCK)}
        store = ScyllaStore(settings, PATIENCE_S)
        assert store.life == 1
        assert store.changes.shards == settings.shards
        store.close()
    finally:
        connection.run(f"DROP KEYSPACE {settings.keyspace}")
        connection.close()


def test_two_places_bring_an_older_schema_up_to_date_at_once(
    keyspace: Keyspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each statement once, under the lock, and what is kept stays."""
    settings = keyspace.settings
    newer = VERSION + 1
    monkeypatch.setattr(migrating, "VERSION", newer)
    monkeypatch.setattr(
        migrating, "MIGRATIONS", {newer: ("ALTER TABLE {keyspace}.bookmarks ADD since bigint",)}
    )
    store = ScyllaStore(settings.model_copy(), PATIENCE_S)
    store.bookmarks.put("kept", "here")
    went: list[tuple[int, int]] = []

    def bring_up_to_date() -> None:
        connection = connect(settings, patience_s=PATIENCE_S)
        went.append(migrate(connection, settings, lambda _: None))
        connection.close()

    places = [threading.Thread(target=bring_up_to_date) for _ in range(2)]
    for place in places:
        place.start()
    for place in places:
        place.join()
    connection = connect(settings, patience_s=PATIENCE_S)
    try:
        assert {after for _, after in went} == {newer}
        assert VERSION in {before for before, _ in went}
        columns = connection.run(
            "SELECT column_name FROM system_schema.columns WHERE keyspace_name = %s AND table_name = 'bookmarks'",
            settings.keyspace,
        )
        assert {row[0] for row in columns} == {"name", "place", "since"}
        assert store.bookmarks.get("kept") == "here"
    finally:
        store.close()
        connection.run(f"ALTER TABLE {settings.keyspace}.bookmarks DROP since")
        back = "UPDATE meta SET value = ? WHERE part = 'all' AND key = 'schema' IF EXISTS"
        assert connection.cql.lwt(back, str(VERSION))
        connection.close()


def test_a_lock_that_no_reply_says_is_released_fails_nothing() -> None:
    """Everything is made by then, and the lock runs out by itself."""
    said: list[str] = []

    def lwt(statement: str, *_: object) -> bool:
        said.append(statement.split(" ")[0])
        if said[-1] == "DELETE":
            raise OutcomeUnknown("no reply")
        return True

    with migrating._Lock(SimpleNamespace(lwt=lwt)) as lock:  # type: ignore[arg-type]
        lock.renew()
    assert said == ["INSERT", "UPDATE", "DELETE"]


def test_a_store_of_the_first_schema_gets_what_came_later(keyspace: Keyspace) -> None:
    connection = connect(keyspace.settings, patience_s=PATIENCE_S)
    name = keyspace.settings.keyspace
    connection.run(f"DROP TABLE {name}.in_sync")
    # The other one of its step is there: as if a migration had been killed between the two.
    connection.run(f"ALTER TABLE {name}.rollouts DROP bare")
    for column in ("lane", "cost_s", "making"):
        connection.run(f"ALTER TABLE {name}.media_work DROP {column}")
    connection.run(f"UPDATE {name}.meta SET value = '1' WHERE part = 'all' AND key = 'schema' IF EXISTS")
    connection.close()
    assert "holdfast store migrate" in refused(keyspace.settings)
    connection = connect(keyspace.settings, patience_s=PATIENCE_S)
    assert migrate(connection, keyspace.settings, lambda _: None) == (1, VERSION)
    store = ScyllaStore(keyspace.settings, PATIENCE_S)
    assert store.replicas.change(0, ["main", "west"])
    assert store.replicas.in_sync() == (1, ("main", "west"))
    store.rollouts.current()  # which reads each of its columns
    # What waited before there were lanes: a pointer to the medium alone, and the row as it was.
    now = int(connection.cql.clock.now())
    store.media_work._agendas["video"].add(now, "photo")
    connection.cql.write(
        "INSERT INTO media_work (media_id, profile_id, added_at) VALUES ('photo', 'ann', ?)", now
    )
    (old,) = store.media_work.pending(10, lane="video")
    assert (old.media_id, old.profile_id, old.added_at) == ("photo", "ann", now)
    store.media_work.defer(old._replace(later=True))
    assert [(one.media_id, one.later) for one in store.media_work.pending(10)] == [("photo", True)]
    store.media_work.done("photo")
    assert not store.media_work.pending(10)
    connection.close()
    store.close()


def test_the_tables_keep_to_what_was_promised() -> None:
    """No counter, no secondary index, no materialised view: nothing that one of the engines does badly."""
    for table in TABLES:
        words = table.cql.lower()
        assert "counter" not in words
        assert "index" not in words
        assert table.paths, f"{table.name} says how it is read and written"


def test_no_statement_filters_or_scans_what_it_has_no_key_for() -> None:
    folder = Path(__file__).parents[2] / "core" / "store" / "scylla"
    sources = [path.read_text() for path in folder.glob("*.py")]
    spoken = [one for one in sources if "allow filtering" in one.lower()]
    assert len(spoken) == 1, "only the schema's docstring speaks of it"
