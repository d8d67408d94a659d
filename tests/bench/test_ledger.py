"""The rehearsal's own accounts can fail: what is lost, old or done twice is found, and what is only late is not."""

from __future__ import annotations

import math

import pytest

from bench.rehearsal.ledger import (
    Edit,
    Lives,
    Shown,
    Stored,
    Told,
    Window,
    behind,
    lost,
    times,
    took,
    took_acknowledged,
    twice,
    within,
)


def edit(number: int, tagline: str = "", outcome: str = "acknowledged", due_at: float = 100.0) -> Edit:
    """The edit of that number, which is the revision one higher."""
    words = tagline or f"Edit {number}."
    status = {"acknowledged": 200, "refused": 503, "unknown": 0}[outcome]
    told = (number, number + 1, 5000 + number) if outcome == "acknowledged" else (0, 0, 0)
    return Edit("ann", words, due_at, due_at, due_at + 0.1, outcome, status, *told)  # type: ignore[arg-type]


def stored(newest: int, tagline: str = "", **history: tuple[int, int]) -> Stored:
    """The head at that edit, with a whole history but for the rows given as r7=(edit, at_ms)."""
    rows = {number + 1: (number, 5000 + number) for number in range(1, newest + 1)}
    rows |= {int(name[1:]): row for name, row in history.items()}
    return Stored(newest, newest + 1, tagline or f"Edit {newest}.", rows)


THREE = [edit(2), edit(3), edit(4)]


def test_edits_that_are_all_there_are_not_missed() -> None:
    assert lost(THREE, stored(4)) == []
    assert lost([], stored(4)) == []


def test_a_head_that_went_back_has_lost_the_edit() -> None:
    (found,) = lost(THREE, stored(3))
    assert "edit 4 of ann" in found
    assert "the head is at edit 3" in found


def test_a_profile_that_is_gone_has_lost_all_of_them() -> None:
    assert len(lost(THREE, None)) == 3


def test_a_head_with_other_words_under_the_number_is_a_loss() -> None:
    (found,) = lost(THREE, stored(4, "Somebody else's."))
    assert "Somebody else's." in found


def test_two_acknowledgements_of_one_number_are_a_loss() -> None:
    assert len(lost([edit(2), edit(3, "One."), edit(3, "Other.")], stored(3, "Other."))) == 2


def test_an_edit_that_was_replaced_under_its_own_number_is_found_by_the_history() -> None:
    (found,) = lost(THREE, stored(4, r4=(3, 9999)))
    assert "edit 3 of ann" in found


def test_an_edit_that_the_history_never_saw_is_a_loss() -> None:
    history = dict(stored(4).history)
    del history[4]
    (found,) = lost(THREE, Stored(4, 5, "Edit 4.", history))
    assert "edit 3 of ann" in found


def test_what_is_older_than_the_history_is_not_missed_there() -> None:
    assert lost(THREE, Stored(4, 5, "Edit 4.", {5: (4, 5004)})) == []


def test_an_edit_of_unknown_outcome_may_be_there_or_not() -> None:
    unknown = edit(0, "Who knows.", "unknown")
    assert lost([*THREE, unknown], stored(4)) == []
    assert lost([*THREE, unknown], stored(5, "Who knows.")) == []


def test_a_head_that_nobody_wrote_is_found() -> None:
    (found,) = lost([*THREE, edit(0, "Never sent.", "refused")], stored(5, "From nowhere."))
    assert "which nobody sent" in found


def test_a_page_older_than_the_head_is_found() -> None:
    pages = [Shown("edge 1", 5, "<p>Edit 4.</p>"), Shown("edge 2", 4, "<p>Edit 3.</p>")]
    assert behind("ann", stored(4), pages[:1]) == []
    (found,) = behind("ann", stored(4), pages)
    assert "edge 2" in found


@pytest.mark.parametrize("page", [Shown("edge 1", None, "404"), Shown("edge 1", 5, "<p>Edit 3.</p>")])
def test_no_page_and_other_words_under_the_right_rank_are_found(page: Shown) -> None:
    assert len(behind("ann", stored(4), [page])) == 1


def told(worker: str, revision: int, stage: str = "published", at: float = 0.0, rollout: int = 1) -> Told:
    return Told(worker, stage, "ann", revision, rollout, at)


def test_publishes_done_twice_are_counted_by_who_did_them() -> None:
    once = [
        told("worker-1", 1),
        told("worker-2", 2),
        told("worker-1", 2, "live"),
        told("worker-1", 1, rollout=2),
    ]
    assert twice(once) == (3, 0, 0)
    assert twice([*once, told("worker-2", 1)]) == (4, 1, 1)
    assert twice([*once, told("worker-1", 1)]) == (4, 1, 0)


def lives(*told_live: tuple[int, float]) -> Lives:
    made = Lives()
    for revision, at in told_live:
        made.add(told("worker-1", revision, "live", at))
    return made


def test_an_edit_is_live_with_the_first_revision_that_holds_it_and_its_time_counts_from_when_it_was_due() -> (
    None
):
    # Edit 2 is revision 3; revision 4 came first, and holds it.
    assert took([edit(2)], lives((2, 99.0), (4, 101.5), (3, 102.0))) == [1.5]


def test_what_never_went_live_and_what_was_refused_count_as_for_ever() -> None:
    edits = [edit(2), edit(3), edit(0, outcome="refused")]
    assert took(edits, lives((3, 101.0))) == [1.0, math.inf, math.inf]
    assert took_acknowledged(edits, lives((3, 101.0))) == [1.0, math.inf]
    assert times(took(edits, lives((3, 101.0)))).p99_s == math.inf


def test_a_window_holds_the_edits_that_were_due_in_it() -> None:
    edits = [edit(2, due_at=100.0), edit(3, due_at=110.0), edit(4, due_at=120.0)]
    assert within(edits, Window("node 3 is dead", 105.0, 120.0)) == [edits[1]]
