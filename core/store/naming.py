"""Taking a username: one name, one owner, whatever dies or wakes up late between the steps.

(1) pending name on the profile, (2) the claim under number + 1, (3) the name on the profile if that attempt is still
pending, (4) the old claim becomes a redirect. The reaper first clears the pending attempt, so that a late step 3
fails, then frees the claim. Without any one of these conditions two profiles can own one name.
"""

from __future__ import annotations

import contextlib
import random
import time

from core import keys
from core.errors import Conflict, NameTaken, NotFound, OutcomeUnknown, Unavailable
from core.ids import new_id
from core.profile import Head, HeldName, PendingName, Profile, Snapshot
from core.store import Claim, Store
from core.store.revise import DEADLINE_S, Asked, create, revise

REAP_AFTER_S = 120
"""How long a claim may stay half-made before the reaper undoes it."""


def owner_of(store: Store, username: str) -> str | None:
    """The profile that holds the name now or redirects from it."""
    claim = store.names.get(username)
    return claim.profile_id if claim and claim.state != "free" else None


def require_free(store: Store, username: str, profile_id: str = "") -> Claim | None:
    """The claim as it stands, if `profile_id` may take it: free, unclaimed, or its own. Raises BadInput, NameTaken."""
    claim = store.names.get(keys.username(username))
    if claim and claim.profile_id not in (None, profile_id) and _is_used(store, claim):
        raise NameTaken
    return claim


def _is_used(store: Store, claim: Claim) -> bool:
    """Whether the claim's owner has the name, had it, or is taking it. A claim left over by an attempt that woke up
    after its reaper belongs to nobody: its step 3 can only fail."""
    head = store.profiles.head(claim.profile_id) if claim.profile_id else None
    if head is None:
        return False
    names = {one.username for one in (head.name, head.pending_name, *head.former_names) if one}
    return claim.username in names


def found(
    store: Store,
    username: str,
    profile: Profile,
    profile_id: str = "",
    asked: Asked | None = None,
    *,
    unclaimed: bool = False,
) -> Snapshot:
    """Makes a new profile under that name. Raises BadInput, NameTaken.

    Who wants to be its editor before it exists, so that no crash leaves it without one, chooses its `profile_id`. For
    `asked` the profile's first revision keeps an answer. Who has just seen that nobody ever took the name (`unclaimed`)
    spares a look at it; somebody who takes it meanwhile has it all the same.
    """
    username = keys.username(username)
    # One look is enough: the claim is taken only if its number is still the one seen here.
    seen = None if unclaimed else require_free(store, username)
    now = int(time.time())
    pending = PendingName(username=username, attempt=new_id(), at=now)
    head = Head(
        id=profile_id or new_id(),
        profile=profile,
        pending_name=pending,
        edit=1,
        created_at=now,
        edited_at=now,
    )
    store.changes.schedule(head.id, now + REAP_AFTER_S)
    create(store, head, writer=pending.attempt, what="sign-up", asked=asked)
    named = _take(store, head.id, pending, seen, by_creator=False)
    with contextlib.suppress(Unavailable):  # it is only for the reaper, who would find nothing to do
        store.changes.unschedule(head.id, now + REAP_AFTER_S)
    return named


def rename(store: Store, profile_id: str, username: str, asked: Asked | None = None) -> Snapshot:
    """Gives the profile another name; the one it had redirects to it. Raises BadInput, NameTaken, NotFound, Conflict.

    For `asked` the revision that makes the name visible keeps an answer; whoever asks looks first whether it is there.
    """
    username = keys.username(username)
    require_free(store, username, profile_id)
    pending = PendingName(username=username, attempt=new_id(), at=int(time.time()))

    def begin(old: Snapshot) -> Snapshot:
        if old.head.deleted:
            raise NotFound("There is no such profile.")
        if old.head.name and old.head.name.username == username:
            raise Conflict("The profile has this name already.")
        return _with_head(old, pending_name=pending)

    store.changes.schedule(profile_id, pending.at + REAP_AFTER_S)
    revise(store, profile_id, begin, writer=new_id(), what="rename begins", by_creator=False)
    seen = require_free(store, username, profile_id)
    return _take(store, profile_id, pending, seen, by_creator=True, asked=asked)


def _take(
    store: Store,
    profile_id: str,
    pending: PendingName,
    seen: Claim | None,
    *,
    by_creator: bool,
    asked: Asked | None = None,
) -> Snapshot:
    claim = _claim(store, profile_id, pending, seen.number if seen else 0)
    held = HeldName(username=claim.username, claim=claim.number)

    def name_it(old: Snapshot) -> Snapshot:
        if old.head.pending_name != pending:
            raise Conflict("Taking the name took too long or another rename came first; please try again.")
        former = tuple(one for one in old.head.former_names if one.username != held.username)
        if old.head.name:
            former = (*former, old.head.name)
        return _with_head(old, name=held, pending_name=None, former_names=former)

    revised = revise(
        store,
        profile_id,
        name_it,
        writer=new_id(),
        what=f"named {held.username}",
        by_creator=by_creator,
        asked=asked,
    )
    with contextlib.suppress(Unavailable):  # the name is taken; the reaper sees to this as well
        redirect_former(store, revised.snapshot.head)
    return revised.snapshot


def _claim(store: Store, profile_id: str, pending: PendingName, number: int) -> Claim:
    """Step 2, if the claim's number is still that. Its outcome is settled by whose attempt stands under the next one, not
    by what a reply said."""
    ends = time.monotonic() + DEADLINE_S
    while True:
        with contextlib.suppress(OutcomeUnknown):
            if claim := store.names.take(pending.username, profile_id, pending.attempt, number):
                return claim
        now = store.names.get(pending.username)
        if now and now.number > number:
            if now.attempt != pending.attempt:
                raise NameTaken
            return now
        # Nobody's yet. It may still be applied late, so the only safe way on is the same condition again.
        if time.monotonic() > ends:
            raise OutcomeUnknown
        time.sleep(random.uniform(0.01, 0.05))


def redirect_former(store: Store, head: Head) -> None:
    """Step 4, again and again harmless, also by an old head: claims of former names say that they redirect."""
    for former in head.former_names:
        _settle(store, head.id, former.username)


def reap(store: Store, profile_id: str, now: int) -> None:
    """Undoes a claim of this profile's that has been half-made for longer than REAP_AFTER_S."""
    head = store.profiles.head(profile_id)
    if head is None:
        return
    redirect_former(store, head)
    pending = head.pending_name
    if pending is None or now - pending.at < REAP_AFTER_S:
        return

    def clear(old: Snapshot) -> Snapshot:
        return _with_head(old, pending_name=None) if old.head.pending_name == pending else old

    revise(store, profile_id, clear, writer=new_id(), what="claim reaped", by_creator=False)
    _settle(store, profile_id, pending.username)


def _settle(store: Store, profile_id: str, username: str) -> None:
    """Says of a claim by this profile what has become of it: a former name redirects, one that it never got is free.

    The head is read after the claim. If the name is neither its own by then, nor being taken, the number that was read
    can't become its name any more: whoever tries again sets a pending attempt first, and takes the next number.
    """
    claim = store.names.get(username)
    if not (claim and claim.profile_id == profile_id and claim.state == "held"):
        return
    head = store.profiles.head(profile_id)
    if head is None or username in {one.username for one in (head.name, head.pending_name) if one}:
        return
    former = username in {one.username for one in head.former_names}
    store.names.settle(username, claim.number, "redirect" if former else "free")


def _with_head(old: Snapshot, **fields: object) -> Snapshot:
    return old.model_copy(update={"head": old.head.model_copy(update=fields)})
