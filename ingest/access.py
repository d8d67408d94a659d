"""Who may see and change which profile: its editors, and for everybody else it isn't there."""

from __future__ import annotations

from core.errors import NotFound
from core.keys import is_username, page, path_of
from core.profile import Head, Snapshot
from core.settings import SiteSettings
from core.store import Store

_NONE = "There is no such profile, or it isn't yours."


def profile_id_of(store: Store, account_id: str, ref: str) -> str:
    """The profile that `ref` names by its id or `@username`, if the account edits it; raises NotFound."""
    profile_id: str | None = ref
    if ref.startswith("@"):
        name = ref[1:].lower()
        claim = store.names.get(name) if is_username(name) else None
        profile_id = claim.profile_id if claim else None
    if not profile_id or profile_id not in store.accounts.profiles_of(account_id):
        raise NotFound(_NONE)
    return profile_id


def load(store: Store, account_id: str, ref: str) -> Snapshot:
    """The profile's snapshot; raises NotFound for one that isn't the account's, or is deleted."""
    snapshot = store.profiles.load(profile_id_of(store, account_id, ref))
    if snapshot is None or snapshot.head.deleted:
        raise NotFound(_NONE)
    return snapshot


def heads_of(store: Store, account_id: str) -> list[Head]:
    """The account's profiles, by username; those that are deleted or only half made are left out."""
    heads = (store.profiles.head(profile_id) for profile_id in store.accounts.profiles_of(account_id))
    there = [head for head in heads if head and head.name and not head.deleted]
    return sorted(there, key=name_of)


def name_of(head: Head) -> str:
    """The profile's username; empty while it has none."""
    return head.name.username if head.name else ""


def page_url(site: SiteSettings, head: Head) -> str:
    """Where readers find the profile; empty while it has no name."""
    return f"{site.url}{site.path}{path_of(page(name_of(head)))}" if head.name else ""
