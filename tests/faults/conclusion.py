"""What has to be true after every fault: nothing acknowledged is lost, and both edges show the newest."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import httpx

from core.rank import Rank, read_rank
from core.store import HISTORY_MAX, MAIN
from core.store.scylla import ScyllaStore
from tests.faults.authors import PATIENCE_S, Author, wait_until
from tests.fleet import Fleet


def conclude(
    fleet: Fleet, store: ScyllaStore, authors: Iterable[Author], timeout_s: float = PATIENCE_S
) -> None:
    """Every author's acknowledged words are in the head, in a history without a gap; one more edit goes through, its
    receipt gets live, and then it is what both edges show."""
    written = [(author, author.write_surely(timeout_s)) for author in authors]
    for author, word in written:
        assert_nothing_is_lost(store, author)
        revision = newest_revision(store, author)
        author.creator.wait_live(revision, timeout_s)
        for edge in range(1, len(fleet.edges) + 1):
            wait_until(
                lambda edge=edge, word=word, author=author: word in page(fleet, author, edge),  # type: ignore[misc]
                f"edge {edge} shows {word}",
                timeout_s,
            )
            shown = rank_at(fleet, author, edge)
            assert shown is not None
            assert shown.revision >= revision
    assert {one.subject for one in store.failures.all()}.isdisjoint(author.id for author, _ in written)


def assert_nothing_is_lost(store: ScyllaStore, author: Author) -> None:
    snapshot = store.profiles.load(author.id)
    assert snapshot is not None
    words = snapshot.head.profile.bio.split()
    missing = [word for _, word in author.acknowledged if word not in words]
    assert not missing, f"acknowledged, and not in the head: {missing}"
    assert len(set(words)) == len(words)
    history = store.profiles.history(author.id)
    revisions = [one.revision for one in history]
    newest = revisions[0]
    assert newest >= snapshot.head.revision, "a card may have been drawn between the two reads"
    assert revisions == list(range(newest, newest - len(revisions), -1))
    assert len(history) == min(newest, HISTORY_MAX)
    edits = [one.edit for one in history]
    assert edits[0] == snapshot.head.edit
    assert all(newer - older in (0, 1) for newer, older in pairwise(edits)), edits
    told = [edit for edit, _ in author.acknowledged]
    assert len(set(told)) == len(told), "two edits were acknowledged under one number"
    assert told == sorted(told)
    # One number for each word: no more edits than words that got in, and none twice.
    assert len(words) <= snapshot.head.edit - 1


def newest_revision(store: ScyllaStore, author: Author) -> int:
    head = store.profiles.head(author.id)
    assert head is not None
    return head.revision


def published_revision(store: ScyllaStore, author: Author) -> int:
    """The newest revision that counts as published; 0 for none."""
    reached = store.published.get(author.id, MAIN, store.life).get("published")
    return reached.mark.revision if reached else 0


def page(fleet: Fleet, author: Author, edge: int) -> str:
    """What a reader gets; empty where there is no page or no answer."""
    try:
        answer = fleet.visit(f"/{author.username}", edge)
    except httpx.HTTPError:
        return ""
    return answer.text if answer.status_code == 200 else ""


def rank_at(fleet: Fleet, author: Author, edge: int) -> Rank | None:
    return read_rank(page(fleet, author, edge).encode())
