"""Listings: what is published is listed, what leaves is taken off, and what is known to be there isn't put again."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import Unavailable
from core.profile import HeldName
from core.rank import Mark
from core.store import Listed
from pipeline import listing
from pipeline.listing import DAY_S, Lister, shard_of
from tests.contracts.nouns import head
from tests.pipeline.little_site import Site, with_head

ANN = "07aaaaaaaaaaaaaaaaaa"
NAME = HeldName(username="ann", claim=1)


class Board:
    """Listings in memory, which count what is put."""

    def __init__(self) -> None:
        self.puts: list[Any] = []

    def put(self, shard: int, profile_id: str, mark: Mark, listed: Listed | None) -> None:
        self.puts.append((shard, profile_id, mark, listed))

    def of(self, shard: int, life: int) -> Any:
        raise NotImplementedError


def listed(site: Site, profile_id: str) -> list[str]:
    found = site.store.listings.of(shard_of(profile_id), site.store.life)
    return [one.username for one in found if one.profile_id == profile_id]


def test_a_publish_lists_a_public_profile_and_takes_off_any_other(site: Site) -> None:
    ann = site.sign_up("ann")
    assert listed(site, ann) == []
    site.publish(ann)
    assert listed(site, ann) == ["ann"]
    site.rename(ann, "anna")
    site.publish(ann)
    assert listed(site, ann) == ["anna"]
    for change in ({"visibility": "unlisted"}, {"visibility": "private"}):
        site.edit(ann, **change)
        site.publish(ann)
        assert listed(site, ann) == []
        site.edit(ann, visibility="public")
        site.publish(ann)
        assert listed(site, ann) == ["anna"]
    site.delete(ann)
    site.publish(ann)
    assert listed(site, ann) == []


def test_what_counts_as_published_is_listed_whatever_dies_between(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = site.sign_up("ann")

    def die(*_: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as dying:
        dying.setattr(site.store.listings, "put", die)
        with pytest.raises(ZeroDivisionError):
            site.publish(ann)
    assert site.reached(ann) == {}, "so the sweep finds it"
    site.publish(ann)
    assert (listed(site, ann), site.reached(ann)["published"]) == (["ann"], 2)


def test_a_publish_that_storage_was_ahead_of_still_lists(site: Site) -> None:
    """A worker died behind the done-mark; the next one finds nothing to write."""
    ann = site.sign_up("ann")
    site.publish(ann)
    with site.store.database.write() as connection:
        connection.execute("delete from listings")
    site.tools = site.tools._replace(lister=Lister(site.store.listings))
    assert site.publish(ann) == set()
    assert listed(site, ann) == ["ann"]
    with site.store.database.write() as connection:
        connection.execute("delete from listings")
    site.tools = site.tools._replace(lister=Lister(site.store.listings))
    site.publish(ann, trust=False)
    assert listed(site, ann) == ["ann"], "a rebuild lists, too"


def test_a_revision_that_shows_nothing_new_in_lists_is_not_put_again() -> None:
    board = Board()
    lister = Lister(board)
    for revision in (1, 2, 3, 3):
        lister.put(head(ANN, revision, name=NAME), Mark(1, revision, 1))
    assert board.puts == [(7, ANN, Mark(1, 1, 1), Listed(ANN, "ann", 0))]
    assert lister.take_touched() == {7}
    assert lister.take_touched() == set()
    tomorrow = DAY_S + 9
    lister.put(head(ANN, 4, name=NAME, edited_at=tomorrow), Mark(1, 4, 1))
    assert board.puts[-1] == (7, ANN, Mark(1, 4, 1), Listed(ANN, "ann", DAY_S))
    assert lister.take_touched() == {7}
    lister.put(head(ANN, 5, name=NAME, edited_at=tomorrow + 60), Mark(1, 5, 1))
    assert lister.take_touched() == set(), "lists tell the day"
    lister.put(head(ANN, 6, name=NAME, edited_at=tomorrow, deleted=True), Mark(1, 6, 1))
    assert board.puts[-1] == (7, ANN, Mark(1, 6, 1), None)


def test_it_is_put_again_where_another_worker_may_have_been_in_between() -> None:
    """Private and public again within one second, each published by another worker."""
    board = Board()
    lister = Lister(board)
    for mark in (Mark(1, 1, 1), Mark(1, 3, 1), Mark(2, 3, 1), Mark(2, 2, 1)):
        lister.put(head(ANN, mark.revision, name=NAME), mark)
    assert [put[2] for put in board.puts] == [Mark(1, 1, 1), Mark(1, 3, 1), Mark(2, 3, 1), Mark(2, 2, 1)]


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "REMEMBERED_MAX", 2)
    board = Board()
    lister = Lister(board)
    for first in ("07", "08", "09", "07", "09"):
        one = f"{first}aaaaaaaaaaaaaaaaaa"
        lister.put(head(one, 1, name=NAME), Mark(1, 1, 1))
    assert [put[0] for put in board.puts] == [7, 8, 9, 7]


def test_a_put_that_failed_is_not_remembered() -> None:
    class Failing(Board):
        def put(self, *given: Any) -> None:
            super().put(*given)
            if len(self.puts) == 1:
                raise Unavailable

    board = Failing()
    lister = Lister(board)
    with pytest.raises(Unavailable):
        lister.put(head(ANN, 1, name=NAME), Mark(1, 1, 1))
    lister.put(head(ANN, 1, name=NAME), Mark(1, 1, 1))
    assert len(board.puts) == 2
    assert lister.take_touched() == {7}


def test_a_head_without_a_name_is_not_listed(site: Site) -> None:
    ann = site.sign_up("ann")
    found = site.store.profiles.load(ann)
    assert found
    assert listing.listed(found.head)
    assert listing.listed(with_head(found, name=None).head) is None
