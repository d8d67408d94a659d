"""Contract: accounts, their sessions, and who may edit what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from core.media import Frozen


class Account(Frozen):
    """Who may edit. `email` is normalised and unique; `password_hash` is argon2id in its PHC string."""

    id: str
    email: str
    password_hash: str
    created_at: int


class Accounts(Protocol):
    """Accounts, their sessions, and which profiles they may edit (many-to-many)."""

    def create(self, account: Account) -> bool:
        """Adds an account unless its e-mail address has one; whether it did. Sending it again says True again."""
        ...

    def get(self, account_id: str) -> Account | None: ...

    def by_email(self, email: str) -> Account | None: ...

    def everyone(self) -> Iterator[Account]:
        """Every account, in the store's own order and in pages of bounded memory."""
        ...

    def set_password(self, account_id: str, password_hash: str) -> None:
        """Replaces the hash; fine if the account is gone."""
        ...

    def remove(self, account_id: str) -> None:
        """Removes the account, its sessions and its rights; fine if it is gone."""
        ...

    def open_session(self, digest: str, account_id: str, expires_at: int) -> None:
        """`digest` is the SHA-256 of a secret token; the token itself is never stored."""
        ...

    def session(self, digest: str, now: int) -> str | None:
        """The account whose session this is; None once ended or expired."""
        ...

    def end_session(self, digest: str) -> None:
        """For good, whatever a clock says: an ended session never comes back."""
        ...

    def end_sessions(self, account_id: str) -> None:
        """Ends every session that the account has now, as `end_session` does."""
        ...

    def allow(self, account_id: str, profile_id: str) -> None:
        """Lets the account edit the profile."""
        ...

    def disallow(self, account_id: str, profile_id: str) -> None: ...

    def profiles_of(self, account_id: str) -> Sequence[str]:
        """Ids of the profiles that it may edit."""
        ...

    def editors_of(self, profile_id: str) -> Sequence[str]:
        """Ids of the accounts that may edit it."""
        ...

    def invite(self, digest: str, profile_id: str) -> None:
        """Makes a one-time claim link: whoever shows its token may edit the profile. A newer one replaces an unused older;
        one that is used up stays so."""
        ...

    def invited(self, digest: str) -> str | None:
        """The profile of an unused claim link."""
        ...

    def invite_of(self, profile_id: str) -> str | None:
        """The digest of the unused claim link to the profile, if one is about."""
        ...

    def redeem(self, digest: str, account_id: str) -> str | None:
        """Uses the link up and lets the account edit; the profile's id, or None if somebody else used it first. The same
        account gets the same answer again."""
        ...
