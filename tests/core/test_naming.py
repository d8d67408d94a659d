"""One name, one owner: every interleaving of who takes it, with a crash after any step and replies lost on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core.errors import NameTaken
from core.profile import Head, HeldName, Profile
from core.store import Claim
from tests.core.interleavings import Edit, Model, Protocol, Search, State, alone, protocols

ANN, BOB, ZOE = "profileann", "profilebob", "profilezoe"
LATER = 9000


def named(profile_id: str, username: str, *former: str) -> State:
    """A profile that has this name, and had those before."""
    head = Head(
        id=profile_id,
        profile=Profile(name="x"),
        name=HeldName(username=username, claim=1),
        former_names=tuple(HeldName(username=one, claim=1) for one in former),
        edit=1,
        revision=3,
    )
    names = {username: "held"} | dict.fromkeys(former, "redirect")
    claims = [
        (one, Claim.model_validate({"username": one, "number": 1, "state": state, "profile_id": profile_id}))
        for one, state in names.items()
    ]
    return State(tuple(sorted(claims)), ((profile_id, head),))


def both(one: State, other: State) -> State:
    return State(tuple(sorted(one.claims + other.claims)), tuple(sorted(one.heads + other.heads)))


class Story:
    """Who does what at once, on which store."""

    def __init__(self, start: State, tell: Callable[[Any], list[Protocol]], losses: int = 0) -> None:
        self.start, self.tell, self.losses = start, tell, losses


def sign_up(naming: Any, profile_id: str, username: str) -> Protocol:
    return lambda store: naming.found(store, username, Profile(name="x"), profile_id)


def rename(naming: Any, profile_id: str, username: str) -> Protocol:
    return lambda store: naming.rename(store, profile_id, username)


def reaper(naming: Any, profile_id: str) -> Protocol:
    """It comes at any moment: who sleeps long enough between two steps meets it."""
    return lambda store: naming.reap(store, profile_id, LATER)


def publisher(naming: Any, profile_id: str) -> Protocol:
    """Sees to redirects by a head that may have grown old in its hands."""
    return lambda store: naming.redirect_former(store, store.profiles.head(profile_id))


SIGN_UPS, RENAMES, TWICE, BACK, AWAY = (
    "two sign up",
    "two are renamed",
    "one tries twice while another signs up",
    "one goes back to a former name while its publisher is late",
    "one leaves a name that another wants",
)
STORIES = {
    SIGN_UPS: Story(
        State(),
        lambda n: [sign_up(n, ANN, "ann"), sign_up(n, BOB, "ann"), reaper(n, ANN)],
        losses=1,
    ),
    RENAMES: Story(
        both(named(ANN, "old"), named(BOB, "other")),
        lambda n: [rename(n, ANN, "ann"), rename(n, BOB, "ann"), reaper(n, ANN)],
        losses=1,
    ),
    # Three minutes and thirty million nodes with a lost reply, and no wrong among them.
    TWICE: Story(
        named(ANN, "old"),
        lambda n: [rename(n, ANN, "ann"), rename(n, ANN, "ann"), reaper(n, ANN), sign_up(n, BOB, "ann")],
    ),
    BACK: Story(
        named(ANN, "new", "ann"),
        lambda n: [rename(n, ANN, "ann"), publisher(n, ANN), reaper(n, ANN), sign_up(n, BOB, "ann")],
        losses=1,
    ),
    AWAY: Story(
        named(ANN, "old"),
        lambda n: [rename(n, ANN, "ann"), sign_up(n, BOB, "old"), reaper(n, ANN), publisher(n, ANN)],
        losses=1,
    ),
}


def wrongs(state: State) -> list[str]:
    """What must never be, at any moment."""
    found = []
    owners: dict[str, set[str]] = {}
    for profile_id, head in state.heads:
        if head.name in head.former_names:
            found.append(f"{profile_id} redirects its own name to itself")
        for one in (head.name, *head.former_names):
            if one is not None:
                owners.setdefault(one.username, set()).add(profile_id)
        if head.name:
            claim = state.claim(head.name.username)
            if claim is None or (claim.profile_id, claim.state) != (profile_id, "held"):
                found.append(f"{profile_id} has a name whose claim says otherwise: {claim}")
            elif claim.number < head.name.claim:
                found.append(f"{profile_id} has a name under a number that was never given")
    found += [f"{name} has two owners" for name, profiles in owners.items() if len(profiles) > 1]
    return found


def wrongs_after_a_crash(naming: Any, model: Model, state: State) -> list[str]:
    """All have died here. Their reapers come, then somebody new wants the name: free if nobody has it, else not."""
    for profile_id, _ in state.heads:
        state, error = alone(model, state, reaper(naming, profile_id))
        assert error is None
    owned = any(
        one and one.username == "ann" for _, head in state.heads for one in (head.name, *head.former_names)
    )
    pending = [profile_id for profile_id, head in state.heads if head.pending_name]
    if pending:
        return [f"{pending} is still taking a name after its reaper"]
    for profile_id, head in state.heads:
        for former in head.former_names:
            claim = state.claim(former.username)
            if claim is None or (claim.profile_id, claim.state) != (profile_id, "redirect"):
                return [f"{former.username} should redirect, but its claim is {claim}"]
    state, error = alone(model, state, sign_up(naming, ZOE, "ann"))
    if isinstance(error, NameTaken) != owned:
        return [f"a newcomer got {error!r} though the name is {'owned' if owned else 'nobody’s'}"]
    return wrongs(state)


def play(story: Story, edit: Edit | None = None, broken: str = "") -> tuple[list[str], int]:
    """The first wrong that any interleaving leads to, and how many nodes were visited."""
    naming = protocols(edit)
    model = Model(broken)
    search = Search(model, story.tell(naming), story.losses)
    for state in search.states(story.start):
        if found := wrongs(state) or wrongs_after_a_crash(naming, model, state):
            return found, search.count
    return [], search.count


@pytest.mark.parametrize("name", STORIES)
def test_no_interleaving_gives_a_name_two_owners(name: str) -> None:
    found, count = play(STORIES[name])
    assert found == []
    assert count > 10_000, "this many nodes; a search that ends early proves nothing"


# ── it goes red when a condition is taken out ─────────────────────────────────────────────────────

STEP_3 = "if old.head.pending_name != pending:"
CLEAR = "return _with_head(old, pending_name=None) if old.head.pending_name == pending else old"
USED = "(head.name, head.pending_name, *head.former_names)"
OWN = "in {one.username for one in (head.name, head.pending_name) if one}"
CLAIM_THEN_HEAD = """    claim = store.names.get(username)
    if not (claim and claim.profile_id == profile_id and claim.state == "held"):
        return
    head = store.profiles.head(profile_id)
"""
HEAD_THEN_CLAIM = """    head = store.profiles.head(profile_id)
    claim = store.names.get(username)
    if not (claim and claim.profile_id == profile_id and claim.state == "held"):
        return
"""
TAKEN_OUT = {
    "the name is given though the attempt isn't pending": (SIGN_UPS, Edit(STEP_3, "if False:")),
    "the reaper frees the claim and leaves the attempt": (SIGN_UPS, Edit(CLEAR, "return old")),
    "a claim is settled without a look at the head": (SIGN_UPS, Edit(OWN, "in ()")),
    "a claim is settled though it is the name": (
        RENAMES,
        Edit(OWN, OWN.replace("head.name, head.pending_name", "head.pending_name,")),
    ),
    "a claim is settled while an attempt is under way": (
        TWICE,
        Edit(OWN, OWN.replace(" head.pending_name", "")),
    ),
    "a claim is settled by a head read before it": (TWICE, Edit(CLAIM_THEN_HEAD, HEAD_THEN_CLAIM)),
    "a former name is freed": (BACK, Edit('"redirect" if former else "free"', '"free"')),
    "somebody else's claim is settled": (RENAMES, Edit("claim.profile_id == profile_id and", "")),
    "a name that is being taken counts as free": (
        SIGN_UPS,
        Edit(USED, USED.replace(" head.pending_name,", "")),
    ),
    "a former name counts as free": (AWAY, Edit(USED, USED.replace(", *head.former_names", ""))),
    "a name counts as free": (RENAMES, Edit(USED, USED.replace("head.name, ", ""))),
    "the claim's owner isn't asked for": (
        SIGN_UPS,
        Edit(
            "seen = None if unclaimed else require_free(store, username)",
            "seen = None if unclaimed else store.names.get(username)",
        ),
    ),
    "another's claim passes for ours": (SIGN_UPS, Edit("if now.attempt != pending.attempt:", "if False:")),
    "a name is taken that one has": (
        TWICE,
        Edit("if old.head.name and old.head.name.username == username:", "if False:"),
    ),
    "a former name that comes back stays a former one": (
        BACK,
        Edit(
            "tuple(one for one in old.head.former_names if one.username != held.username)",
            "old.head.former_names",
        ),
    ),
}


@pytest.mark.parametrize("what", TAKEN_OUT)
def test_the_search_goes_red_when_a_condition_is_taken_out(what: str) -> None:
    name, edit = TAKEN_OUT[what]
    found, _ = play(STORIES[name], edit)
    assert found


@pytest.mark.parametrize("broken", ["take", "settle", "commit"])
def test_the_search_goes_red_when_the_store_ignores_what_was_seen(broken: str) -> None:
    found, _ = play(STORIES[SIGN_UPS], broken=broken)
    assert found
