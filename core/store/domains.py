"""Holding a domain: one domain, one profile, by the same claims as usernames (a domain has a dot, a username never).

Three steps: the profile says that it wants the domain (its editor's edit), the claim is taken under number + 1, the head
says by which claim it holds the domain. A claim counts as long as its owner's head wants the domain: what was given up, or never
asked for by a living profile, is anybody's to take, so that nothing has to be reaped. Since the wish comes before the claim,
nobody can see a claim without it; and whoever comes back to a domain takes its claim anew, so that of two who
find it free one is refused.
"""

from __future__ import annotations

import contextlib
import json
import random
import time

from core.errors import BadInput, OutcomeUnknown
from core.fields import is_domain
from core.ids import new_id
from core.profile import Head, HeldDomain, Snapshot
from core.store import Answer, Claim, Store
from core.store.revise import DEADLINE_S, Asked, revise

TAKEN = {"domain": "belongs to another page here; if it is yours, ask its owner to give it up"}


def require_free(store: Store, profile_id: str, domain: str) -> Claim | None:
    """The claim as it stands, if the profile may take it. Raises BadInput if it is another's, or can be nobody's."""
    if not is_domain(domain):
        raise BadInput({"domain": "is not spelled as domains are"})
    claim = store.names.get(domain)
    if claim and claim.profile_id != profile_id and _is_used(store, claim):
        raise BadInput(TAKEN)
    return claim


def _is_used(store: Store, claim: Claim) -> bool:
    head = store.profiles.head(claim.profile_id) if claim.profile_id else None
    return head is not None and not head.deleted and head.profile.domain == claim.username


def missing(head: Head) -> str:
    """The domain that a profile wants and doesn't hold; empty if there is none."""
    wanted = head.profile.domain
    return "" if head.domain and head.domain.domain == wanted else wanted


def without_another(snapshot: Snapshot) -> Snapshot:
    """The snapshot without a held domain that isn't the one its profile wants."""
    head = snapshot.head
    if head.domain is None or head.domain.domain == head.profile.domain:
        return snapshot
    return snapshot.model_copy(update={"head": head.model_copy(update={"domain": None})})


def hold(store: Store, profile_id: str, domain: str, asked: Asked | None = None) -> Snapshot:
    """Steps 2 and 3, for a profile that wants the domain by now; again and again harmless. If another was quicker it is taken
    off the profile, and BadInput raised; the request that `asked` for it hears that again (`require_had`)."""
    try:
        claim = take(store, profile_id, domain)
    except BadInput as error:
        _give_up(store, profile_id, domain, asked, json.dumps(error.fields))
        raise

    def held(old: Snapshot) -> Snapshot:
        head = old.head
        if head.profile.domain != domain or (head.domain and head.domain.claim > claim.number):
            return old
        found = HeldDomain(domain=domain, claim=claim.number, revision=head.revision + 1)
        return old.model_copy(update={"head": head.model_copy(update={"domain": found})})

    return revise(store, profile_id, held, writer=new_id(), what=f"holds {domain}", by_creator=False).snapshot


def require_had(answer: Answer | None) -> None:
    """Raises the BadInput that the request which got this answer had in the end."""
    if answer and answer.body:
        raise BadInput(json.loads(answer.body))


def take(store: Store, profile_id: str, domain: str) -> Claim:
    """Step 2. Whose attempt stands in the claim is whose it became, whatever a reply said. Raises BadInput."""
    attempt, ends = new_id(), time.monotonic() + DEADLINE_S
    while True:
        claim = require_free(store, profile_id, domain)
        if claim and claim.attempt == attempt:
            return claim
        with contextlib.suppress(OutcomeUnknown):
            if taken := store.names.take(domain, profile_id, attempt, claim.number if claim else 0):
                return taken
        if time.monotonic() > ends:
            raise OutcomeUnknown
        time.sleep(random.uniform(0.01, 0.05))


def _give_up(store: Store, profile_id: str, domain: str, asked: Asked | None, refusal: str) -> None:
    def without(old: Snapshot) -> Snapshot:
        if old.head.profile.domain != domain:
            return old
        profile = old.head.profile.model_copy(update={"domain": ""})
        return old.model_copy(
            update={"head": old.head.model_copy(update={"profile": profile, "domain": None})}
        )

    revise(
        store,
        profile_id,
        without,
        writer=new_id(),
        what="domain is another's",
        by_creator=True,
        asked=asked,
        body=lambda _: refusal,
        amends=True,
    )
