"""`holdfast store` as an operator types it: a life that begins after a loss, in SQLite and on a ring."""

from __future__ import annotations

import pytest

from core.backends import Backends
from core.store.scylla.cluster import connect
from tests.cli.conftest import Holdfast
from tests.cluster import PATIENCE_S, Keyspace


def test_a_new_life_begins(holdfast: Holdfast, backends: Backends) -> None:
    before = backends.store.life
    assert holdfast("store", "new-life", "--json").json["life"] == before + 1 == backends.store.life
    assert "holdfast rebuild --all" in holdfast("store", "new-life").err
    assert holdfast("store", "status", "--json").json["life"] == before + 2


def test_sqlite_has_no_home_to_move(holdfast: Holdfast, backends: Backends) -> None:
    refused = holdfast("store", "rehome")
    assert refused.code == 1
    assert "for clusters" in refused.err
    assert backends.store.life == 1


def test_a_cluster_begins_a_new_life_and_moves_its_home(
    holdfast: Holdfast, keyspace: Keyspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in keyspace.environment.items():
        monkeypatch.setenv(name, value)
    connection = connect(keyspace.settings, patience_s=PATIENCE_S)
    try:
        before = holdfast("store", "status", "--json").json["life"]
        assert holdfast("store", "new-life", "--json").json["life"] == before + 1
        moved = holdfast("store", "rehome", "--json").json
        assert (moved["decides"], moved["life"]) == ("datacenter1", before + 1), "it decides there already"
        assert "datacenter1" in holdfast("store", "rehome").err
    finally:
        connection.cql.lwt("UPDATE meta SET value = '1' WHERE part = 'all' AND key = 'life' IF EXISTS")
        connection.close()
