"""What a creator can change of a profile: each change a pure function on a snapshot, written by `write`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from core import keys
from core.errors import BadInput, EditConflict, KeyReused, NotFound, OutcomeUnknown
from core.ids import digest, new_id
from core.log import get_logger
from core.media import Kind
from core.parsing import parse
from core.profile import GallerySection, Profile, Snapshot, VideoSection
from core.store import Answer, Store, domains, naming
from core.store.revise import DEADLINE_S, Asked, Revised, revise

log = get_logger("ingest")

Change = Callable[[Snapshot], Snapshot]


class Terms(NamedTuple):
    """What a write came with: the edit it was made on (If-Match; None: any), and its Idempotency-Key."""

    edit: int | None = None
    asked: Asked | None = None


def write(
    store: Store,
    profile_id: str,
    change: Change,
    terms: Terms,
    what: str,
    answer: Callable[[Snapshot], str] | None = None,
) -> Revised:
    """Makes the change as one edit by the creator.

    Raises what the change raises, NotFound for a deleted profile, OutcomeUnknown when it took too long to be sure.
    """
    # Measured on a clock that goes on while this process is frozen or starved: an answer that late helps nobody.
    ends = time.monotonic() + DEADLINE_S

    def checked(old: Snapshot) -> Snapshot:
        if old.head.deleted:
            raise NotFound("This profile has been deleted.")
        return change(old)

    done = revise(
        store,
        profile_id,
        checked,
        writer=new_id(),
        what=what,
        by_creator=True,
        asked=terms.asked,
        body=answer,
    )
    if time.monotonic() > ends:
        raise OutcomeUnknown
    head = done.snapshot.head
    log.debug("edit_accepted", profile=profile_id, edit=head.edit, revision=head.revision, what=what)
    return done


def answered(store: Store, profile_id: str, asked: Asked | None) -> Answer | None:
    """The answer that the same request got before: for what happens outside of its one revision. Raises KeyReused."""
    found = store.profiles.answer(profile_id, asked.key, int(time.time())) if asked else None
    if asked and found and found.request != asked.request:
        raise KeyReused
    return found


def require_edit(snapshot: Snapshot, terms: Terms) -> None:
    """Raises EditConflict when somebody edited since: a rendition or a publish is no edit."""
    if terms.edit is not None and terms.edit != snapshot.head.edit:
        raise EditConflict(snapshot.head.edit)


def change_profile(
    store: Store, profile_id: str, make: Callable[[Profile], Profile], terms: Terms, what: str = "profile"
) -> Revised:
    """Replaces the profile by what `make` returns. Raises BadInput for references to media that aren't its own, and for a
    domain that is another's."""
    # A repeated request hears what it heard before, whatever has become of the domain since.
    if not answered(store, profile_id, terms.asked):
        _require_domain(store, profile_id, make)

    def change(old: Snapshot) -> Snapshot:
        require_edit(old, terms)
        profile = make(old.head.profile)
        check_references(profile, old)
        return with_profile(old, profile)

    done = write(store, profile_id, change, terms, what)
    domains.require_had(done.answer)
    if not (domain := domains.missing(done.snapshot.head)):
        return done
    return Revised(domains.hold(store, profile_id, domain, terms.asked), done.answer, done.at_ms)


def _require_domain(store: Store, profile_id: str, make: Callable[[Profile], Profile]) -> None:
    """Raises BadInput if the domain that the profile is about to want is another's."""
    head = store.profiles.head(profile_id)
    if head and not head.deleted:
        after = head.model_copy(update={"profile": make(head.profile)})
        if domain := domains.missing(after):
            domains.require_free(store, profile_id, domain)


def change_part(
    store: Store, profile_id: str, part: Mapping[str, Any], edit: int, seen: str, what: str
) -> Revised:
    """Sets these fields, as a form sends them that was made of edit `edit`, when they had the digest `seen`.

    Raises EditConflict only if somebody changed these very fields since; to what is wanted already is fine.
    """

    def change(old: Snapshot) -> Snapshot:
        before = old.head.profile
        profile = parse(Profile, {**before.model_dump(mode="json"), **part})
        if profile == before:
            return old
        if edit != old.head.edit and part_digest(before, part) != seen:
            raise EditConflict(old.head.edit)
        check_references(profile, old)
        return with_profile(old, profile)

    return write(store, profile_id, change, Terms(), what)


def part_digest(profile: Profile, names: Iterable[str]) -> str:
    """The same for equal values of these fields."""
    kept = profile.model_dump_json(include=set(names))
    return digest(kept)[:20]


def patched(profile: Profile, patch: Any) -> Profile:
    """The profile after a JSON Merge Patch (RFC 7396). Raises BadInput."""
    if not isinstance(patch, dict):
        raise BadInput({"body": "must be an object"})
    return parse(Profile, _merged(profile.model_dump(mode="json"), patch))


def _merged(old: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    new = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            new.pop(name, None)
        else:
            new[name] = _merged(new.get(name), value)
    return new


def rename(store: Store, profile_id: str, username: str, terms: Terms) -> Revised:
    """Gives the profile another username; the old one redirects. Having it already is fine. Raises as naming does."""
    username = keys.username(username)
    snapshot = store.profiles.load(profile_id)
    if snapshot is None or snapshot.head.deleted:
        raise NotFound("There is no such profile.")
    if answer := answered(store, profile_id, terms.asked):
        return Revised(snapshot, answer)
    if snapshot.head.name and snapshot.head.name.username == username:
        return write(store, profile_id, lambda old: old, terms, "rename")
    require_edit(snapshot, terms)
    return Revised(naming.rename(store, profile_id, username, terms.asked))


def delete_profile(store: Store, profile_id: str, terms: Terms) -> Revised:
    """Marks the profile as deleted: the worker takes everything down. Being deleted already is fine."""

    def change(old: Snapshot) -> Snapshot:
        if old.head.deleted:
            return old
        require_edit(old, terms)
        return old.model_copy(update={"head": old.head.model_copy(update={"deleted": True})})

    return revise(
        store, profile_id, change, writer=new_id(), what="deleted", by_creator=True, asked=terms.asked
    )


# ── what changes have in common ───────────────────────────────────────────────────────────────────


def with_profile(old: Snapshot, profile: Profile) -> Snapshot:
    """The snapshot with this profile. What needs a warning from now on is on no card, and no domain is held but the one that it
    names."""
    if profile.sensitive and not old.head.profile.sensitive:
        old = old.without_card()
    return domains.without_another(
        old.model_copy(update={"head": old.head.model_copy(update={"profile": profile})})
    )


def check_references(profile: Profile, snapshot: Snapshot) -> None:
    """Raises BadInput naming each field that refers to a medium which isn't the profile's, or not of the right kind."""
    kinds = {medium.id: medium.kind for medium in snapshot.uploads}
    wrong: dict[str, str] = {}

    def check(field: str, media_id: str | None, *right: Kind) -> None:
        if media_id is None:
            return
        if media_id not in kinds:
            wrong[field] = "is not one of this profile's photos or videos"
        elif right and kinds[media_id] not in right:
            wrong[field] = "must be a photo" if "image" in right else "must be a video"

    check("avatar", profile.avatar, "image")
    check("cover", profile.cover, "image")
    for number, section in enumerate(profile.sections):
        if isinstance(section, GallerySection):
            for place, media_id in enumerate(section.media):
                check(f"sections.{number}.media.{place}", media_id)
        elif isinstance(section, VideoSection):
            check(f"sections.{number}.media", section.media, "video", "audio")
    if wrong:
        raise BadInput(wrong)
