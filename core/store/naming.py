"""Taking a username: one name, one owner, whatever dies or wakes up late between the steps.

(1) pending name on the profile, (2) the claim under number + 1, (3) the name on the profile if that attempt is still
pending, (4) the old claim becomes a redirect. The reaper first clears the pending attempt, so that a late step 3
fails, then frees the claim. Without any one of these conditions two profiles can own one name.
"""

from __future__ import annotations

import time

from core import keys
from core.errors import Conflict, NameTaken, NotFound
from core.ids import new_id
from core.profile import Head, HeldName, PendingName, Profile, Snapshot
from core.store import Claim, Store
from core.store.revise import create, revise

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


def found(store: Store, username: str, profile: Profile, profile_id: str = "") -> Snapshot:
    """Makes a new profile under that name. Raises BadInput, NameTaken.

    Who wants to be its editor before it exists, so that no crash leaves it without one, chooses its `profile_id`.
    """
    username = keys.username(username)
    require_free(store, username)
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
    create(store, head, writer=pending.attempt, what="sign-up")
    return _take(store, head.id, pending, by_creator=False)


def rename(store: Store, profile_id: str, username: str) -> Snapshot:
    """Gives the profile another name; the one it had redirects to it. Raises BadInput, NameTaken, NotFound, Conflict."""
    username = keys.username(username)
    require_free(store, username, profile_id)
    head = store.profiles.head(profile_id)
    if head is None or head.deleted:
        raise NotFound("There is no such profile.")
    if head.name and head.name.username == username:
        raise Conflict("The profile has this name already.")
    pending = PendingName(username=username, attempt=new_id(), at=int(time.time()))
    store.changes.schedule(profile_id, pending.at + REAP_AFTER_S)
    revise(
        store,
        profile_id,
        lambda old: _with_head(old, pending_name=pending),
        writer=new_id(),
        what="rename begins",
        by_creator=False,
    )
    return _take(store, profile_id, pending, by_creator=True)


def _take(store: Store, profile_id: str, pending: PendingName, *, by_creator: bool) -> Snapshot:
    seen = require_free(store, pending.username, profile_id)
    number = seen.number if seen else 0
    claim = store.names.take(pending.username, profile_id, pending.attempt, number)
    if claim is None:
        claim = store.names.get(pending.username)
        if claim is None or claim.attempt != pending.attempt:
            raise NameTaken
    held = HeldName(username=claim.username, claim=claim.number)

    def name_it(old: Snapshot) -> Snapshot:
        if old.head.pending_name != pending:
            raise Conflict("Taking the name took too long or another rename came first; please try again.")
        former = tuple(one for one in old.head.former_names if one.username != held.username)
        if old.head.name:
            former = (*former, old.head.name)
        return _with_head(old, name=held, pending_name=None, former_names=former)

    revised = revise(
        store, profile_id, name_it, writer=new_id(), what=f"named {held.username}", by_creator=by_creator
    )
    redirect_former(store, revised.snapshot.head)
    return revised.snapshot


def redirect_former(store: Store, head: Head) -> None:
    """Step 4, again and again harmless: claims of former names say that they redirect."""
    for former in head.former_names:
        claim = store.names.get(former.username)
        if claim and claim.profile_id == head.id and claim.state == "held":
            store.names.settle(former.username, claim.number, "redirect")


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

    after = revise(
        store, profile_id, clear, writer=new_id(), what="claim reaped", by_creator=False
    ).snapshot.head
    if after.name and after.name.username == pending.username:
        return
    claim = store.names.get(pending.username)
    if claim and claim.profile_id == profile_id and claim.state == "held":
        former = any(one.username == claim.username for one in after.former_names)
        store.names.settle(claim.username, claim.number, "redirect" if former else "free")


def _with_head(old: Snapshot, **fields: object) -> Snapshot:
    return old.model_copy(update={"head": old.head.model_copy(update=fields)})
