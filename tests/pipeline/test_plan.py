"""The plan: hints in, one job for each profile out, and a position that never passes what isn't done."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import pytest

from core.store import Change, Hint
from pipeline.plan import Plan

NOW = 0.0


@pytest.fixture
def plan() -> Plan:
    return Plan()


def hints(*changes: tuple[str, int], first: int = 1) -> Iterable[Hint]:
    return [Hint(str(first + number), Change(*change)) for number, change in enumerate(changes)]


def test_ten_edits_of_one_profile_are_one_job(plan: Plan) -> None:
    plan.add(hints(*(("ann", revision) for revision in range(1, 11))))
    assert plan.take(NOW) == ("ann", 10, 0)
    assert plan.take(NOW) is None
    plan.finish("ann", 10)
    assert plan.take(NOW) is None
    assert plan.position() == "10"
    assert plan.idle


def test_profiles_come_in_the_order_of_the_log(plan: Plan) -> None:
    plan.add(hints(("bob", 1), ("ann", 1), ("bob", 2)))
    assert [plan.take(NOW), plan.take(NOW)] == [("bob", 2, 0), ("ann", 1, 0)]


def test_one_profile_is_never_in_two_hands(plan: Plan) -> None:
    plan.add(hints(("ann", 1)))
    assert plan.take(NOW)
    plan.add(hints(("ann", 2), first=2))
    assert plan.take(NOW) is None
    plan.finish("ann", 1)
    assert plan.take(NOW) == ("ann", 2, 0)


def test_many_hands_never_meet_at_one_profile(plan: Plan) -> None:
    busy: set[str] = set()
    met: list[str] = []
    left = 300

    def work() -> None:
        while job := plan.take(0.2):
            if job[0] in busy:
                met.append(job[0])
            busy.add(job[0])
            threading.Event().wait(0.0005)
            busy.discard(job[0])
            plan.finish(job[0], job[1])

    hands = [threading.Thread(target=work) for _ in range(4)]
    for hand in hands:
        hand.start()
    for number in range(left):
        plan.add(hints((f"p{number % 3}", number), first=number + 1))
    for hand in hands:
        hand.join()
    assert (met, plan.position(), plan.idle) == ([], str(left), True)


def test_a_hint_that_the_job_has_covered_is_only_looked_at(plan: Plan) -> None:
    """It may be a rebuild's, and the job of the roll-out before: who waits for so long is looked at before it is done."""
    plan.add(hints(("ann", 1)))
    plan.take(NOW)
    plan.add(hints(("ann", 2), first=2))
    plan.finish("ann", 2)  # the load came after the second edit
    assert plan.position() is None
    assert plan.take(NOW) == ("ann", 2, 0)
    assert plan.waited_s("ann") == float("inf")
    plan.finish("ann", 2)
    assert plan.take(NOW) is None
    assert plan.position() == "2"


def test_what_is_wanted_without_a_hint_is_done_even_if_a_job_runs(plan: Plan) -> None:
    plan.add(hints(("ann", 5)))
    plan.take(NOW)
    plan.want("ann")
    plan.finish("ann", 5)
    assert plan.take(NOW) == ("ann", 5, 0)
    plan.finish("ann", 5)
    assert plan.idle


def test_the_position_never_passes_a_hint_whose_job_is_not_done(plan: Plan) -> None:
    plan.add(hints(("ann", 1), ("bob", 1), ("ann", 2), ("cy", 1)))
    for _ in range(3):
        plan.take(NOW)
    plan.finish("bob", 1)
    plan.finish("cy", 1)
    assert plan.position() is None
    plan.finish("ann", 2)
    assert plan.position() == "4"


def test_a_postponed_job_holds_the_position_and_no_other_job(plan: Plan) -> None:
    plan.add(hints(("ann", 1), ("bob", 1)))
    plan.take(NOW)
    plan.postpone("ann", 60)
    assert plan.take(NOW) == ("bob", 1, 0)
    plan.finish("bob", 1)
    assert plan.take(NOW) is None
    assert plan.position() is None
    assert not plan.idle


def test_a_postponed_job_comes_again_with_what_was_hinted_at_meanwhile(plan: Plan) -> None:
    plan.add(hints(("ann", 1)))
    plan.take(NOW)
    plan.postpone("ann", 0.0)
    plan.add(hints(("ann", 2), first=2))
    assert plan.take(1) == ("ann", 2, 1)
    plan.finish("ann", 2)
    assert plan.idle


def test_a_job_that_came_too_early_has_not_failed(plan: Plan) -> None:
    plan.add(hints(("ann", 1)))
    for _ in range(5):
        assert plan.take(1) == ("ann", 1, 0)
        plan.postpone("ann", 0.0, failed=False)


def test_what_is_wanted_later_waits(plan: Plan) -> None:
    plan.want("ann", delay_s=60)
    assert plan.take(NOW) is None
    plan.add(hints(("ann", 1)))
    assert plan.take(NOW) is None
    assert not plan.idle


def test_a_repeated_hint_is_done_with(plan: Plan) -> None:
    plan.add(hints(("ann", 1)))
    plan.take(NOW)
    plan.finish("ann", 1)
    plan.add([Hint("1", Change("ann", 1))])
    assert plan.take(NOW) == ("ann", 1, 0)
    plan.finish("ann", 1)
    assert plan.position() == "1"


def test_a_hint_brings_forward_what_waits_for_its_revision(plan: Plan) -> None:
    plan.add(hints(("ann", 1)))
    plan.take(NOW)
    plan.postpone("ann", 60, failed=False, until_hint=True)
    assert plan.take(NOW) is None
    plan.add(hints(("ann", 2), ("ann", 3), first=2))
    assert plan.take(1) == ("ann", 3, 0)
    assert plan.take(0.05) is None, "it comes once"
    plan.postpone("ann", 60, failed=False)
    plan.add(hints(("ann", 4), first=4))
    assert plan.take(0.05) is None, "and nothing else is brought forward"


def test_a_hint_that_came_while_the_job_ran_is_looked_at_at_once(plan: Plan) -> None:
    plan.add(hints(("ann", 1)))
    plan.take(NOW)
    plan.add(hints(("ann", 2), first=2))
    plan.postpone("ann", 60, failed=False, until_hint=True)
    assert plan.take(1) == ("ann", 2, 0)


def test_a_hint_at_a_revision_that_was_just_given_up_is_looked_at_again(plan: Plan) -> None:
    plan.add(hints(("ann", 5)))
    plan.take(NOW)
    plan.add(hints(("ann", 5), first=2))
    plan.finish("ann", 4)
    assert plan.take(NOW) == ("ann", 5, 0)
    plan.finish("ann", 4)
    assert (plan.take(NOW), plan.position(), plan.idle) == (None, "2", True)


def test_what_was_brought_forward_does_not_come_again_at_its_old_time(plan: Plan) -> None:
    plan.add(hints(("ann", 1)))
    plan.take(NOW)
    plan.postpone("ann", 0.05, failed=False, until_hint=True)
    plan.add(hints(("ann", 2), first=2))
    assert plan.take(1) == ("ann", 2, 0)
    assert plan.take(0.1) is None
    plan.finish("ann", 2)
    assert plan.idle


def test_a_plan_is_crowded_by_profiles_and_not_by_their_hints(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.plan.CROWD", 3)
    plan.add(hints(("ann", 1), ("ann", 2), ("ann", 3), ("bob", 1)))
    assert not plan.crowded
    plan.want("cy")
    assert plan.crowded
    plan.take(NOW)
    plan.finish("ann", 3)
    assert not plan.crowded
