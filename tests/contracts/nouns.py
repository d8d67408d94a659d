"""Little nouns to keep in a store."""

from __future__ import annotations

from typing import Any

from core.ids import new_id
from core.media import Media
from core.profile import Head, HeldName, Post, Profile
from core.store import Account, Batch


def account(name: str, **fields: Any) -> Account:
    about = {"id": new_id(), "email": f"{name}@example.org", "password_hash": "$argon2id$x", "created_at": 1}
    return Account.model_validate(about | fields)


def head(profile_id: str, revision: int = 1, **fields: Any) -> Head:
    return Head(id=profile_id, profile=Profile(name="Ann"), revision=revision, **fields)


def batch(profile_id: str, revision: int = 1, **fields: Any) -> Batch:
    """A revision by a writer of its own."""
    about: dict[str, Any] = {"writer": new_id(), "what": f"revision {revision}", "at_ms": 1000 + revision}
    return Batch(head=head(profile_id, revision, edit=revision), **(about | fields))


def post(**fields: Any) -> Post:
    about = {"id": new_id(), "slug": "boats", "title": "Boats", "date": "2026-03-14"}
    return Post.model_validate(about | fields)


def medium(**fields: Any) -> Media:
    return Media.model_validate({"id": new_id(), "kind": "image"} | fields)


NAMED = HeldName(username="ann", claim=1)
