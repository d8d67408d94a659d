"""The replicas that readers may use: one list in each epoch, whoever changes it."""

from __future__ import annotations

from core.store import MAIN, InSync, Store
from tests.contracts.backends import StorePlace
from tests.contracts.conftest import Together


def test_at_first_readers_use_the_main_replica(store: Store) -> None:
    assert store.replicas.in_sync() == InSync(0, (MAIN,))


def test_each_change_has_an_epoch_of_its_own(store_place: StorePlace) -> None:
    store = store_place.open()
    store.replicas.change(0, [MAIN, "west"])
    assert store.replicas.in_sync() == InSync(1, (MAIN, "west"))
    store.replicas.change(1, ["west"])
    assert store.replicas.in_sync() == store_place.open().replicas.in_sync() == InSync(2, ("west",))


def test_who_has_seen_an_older_list_changes_nothing(store: Store) -> None:
    store.replicas.change(0, [MAIN, "west"])
    for seen in (0, 2, 7):
        assert not store.replicas.change(seen, ["east"])
    assert store.replicas.in_sync() == InSync(1, (MAIN, "west"))


def test_of_eight_who_change_it_at_once_one_does(store: Store, together: Together) -> None:
    together(8, lambda number: store.replicas.change(0, [f"region{number}"]))
    epoch, (name,) = store.replicas.in_sync()
    assert (epoch, name[:6]) == (1, "region")
