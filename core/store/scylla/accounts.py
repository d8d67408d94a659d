"""Accounts, sessions, claim links and who may edit what, in CQL: what must never come back is ended by LWT."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from core.store import Account
from core.store.scylla.cql import Cql

PAGE = 500
KEPT_LONGER_S = 14 * 86400
"""How long an ended session's row outlives the session: longer than any clock is wrong."""


class ScyllaAccounts:
    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    def create(self, account: Account) -> bool:
        # First where the id leads to; it says nothing by itself, so it may be left over from a refusal.
        self._cql.write(
            "INSERT INTO accounts (id, email, created_at) VALUES (?, ?, ?)",
            account.id,
            account.email,
            account.created_at,
        )
        if self._cql.lwt(
            "INSERT INTO emails (email, account_id, password_hash, created_at) VALUES (?, ?, ?, ?) IF NOT EXISTS",
            account.email,
            account.id,
            account.password_hash,
            account.created_at,
        ):
            return True
        row = self._cql.serial("SELECT account_id FROM emails WHERE email = ?", account.email)
        return bool(row and row[0] == account.id)

    def get(self, account_id: str) -> Account | None:
        row = self._cql.one("SELECT email FROM accounts WHERE id = ?", account_id)
        account = self.by_email(row[0]) if row else None
        return account if account and account.id == account_id else None

    def by_email(self, email: str) -> Account | None:
        row = self._cql.one("SELECT account_id, password_hash, created_at FROM emails WHERE email = ?", email)
        if row is None:
            return None
        return Account(id=row[0], email=email, password_hash=row[1], created_at=row[2])

    def everyone(self) -> Iterator[Account]:
        select = "SELECT account_id, email, password_hash, created_at FROM emails"
        for page in self._cql.pages(select, page=PAGE):
            for account_id, email, password_hash, created_at in page:
                yield Account(id=account_id, email=email, password_hash=password_hash, created_at=created_at)

    def set_password(self, account_id: str, password_hash: str) -> None:
        if account := self.get(account_id):
            self._cql.lwt(
                "UPDATE emails SET password_hash = ? WHERE email = ? IF account_id = ?",
                password_hash,
                account.email,
                account_id,
            )

    def remove(self, account_id: str) -> None:
        self.end_sessions(account_id)
        for profile_id in self.profiles_of(account_id):
            self.disallow(account_id, profile_id)
        if account := self.get(account_id):
            self._cql.lwt("DELETE FROM emails WHERE email = ? IF account_id = ?", account.email, account_id)

    # ── sessions ──

    def open_session(self, digest: str, account_id: str, expires_at: int) -> None:
        self._cql.lwt(
            "INSERT INTO sessions (digest, account_id, epoch, expires_at) VALUES (?, ?, ?, ?) IF NOT EXISTS USING TTL ?",
            digest,
            account_id,
            self._epoch(account_id),
            expires_at,
            self._kept_s(expires_at),
        )

    def session(self, digest: str, now: int) -> str | None:
        row = self._cql.one(
            "SELECT account_id, epoch, expires_at, ended FROM sessions WHERE digest = ?", digest
        )
        if row is None or row[0] is None or row[3] or row[2] <= now:
            return None
        account_id, epoch = row[:2]
        return str(account_id) if epoch == self._epoch(account_id) else None

    def end_session(self, digest: str) -> None:
        row = self._cql.one("SELECT expires_at FROM sessions WHERE digest = ?", digest)
        if row and row[0] is not None:
            self._cql.lwt(
                "UPDATE sessions USING TTL ? SET ended = true WHERE digest = ? IF EXISTS",
                self._kept_s(row[0]) + KEPT_LONGER_S,
                digest,
            )

    def end_sessions(self, account_id: str) -> None:
        epoch = self._epoch(account_id)
        # Whoever moved it meanwhile has ended the same sessions.
        self._cql.lwt(
            "UPDATE session_epochs SET epoch = ? WHERE account_id = ? IF epoch = ?",
            epoch + 1,
            account_id,
            epoch or None,
        )

    def _epoch(self, account_id: str) -> int:
        row = self._cql.one("SELECT epoch FROM session_epochs WHERE account_id = ?", account_id)
        return int(row[0]) if row else 0

    def _kept_s(self, expires_at: int) -> int:
        return max(0, expires_at - int(time.time())) + KEPT_LONGER_S

    # ── who may edit what ──

    def allow(self, account_id: str, profile_id: str) -> None:
        self._cql.write(
            "INSERT INTO editors_of (profile_id, account_id) VALUES (?, ?)", profile_id, account_id
        )
        self._cql.lwt(
            "INSERT INTO editors (account_id, profile_id) VALUES (?, ?) IF NOT EXISTS", account_id, profile_id
        )

    def disallow(self, account_id: str, profile_id: str) -> None:
        self._cql.lwt(
            "DELETE FROM editors WHERE account_id = ? AND profile_id = ? IF EXISTS", account_id, profile_id
        )

    def profiles_of(self, account_id: str) -> Sequence[str]:
        return [
            row[0]
            for row in self._cql.read("SELECT profile_id FROM editors WHERE account_id = ?", account_id)
        ]

    def editors_of(self, profile_id: str) -> Sequence[str]:
        once = [
            row[0]
            for row in self._cql.read("SELECT account_id FROM editors_of WHERE profile_id = ?", profile_id)
        ]
        asked = "SELECT account_id FROM editors WHERE account_id = ? AND profile_id = ?"
        found = self._cql.read_many([(asked, (account_id, profile_id)) for account_id in once])
        return [account_id for account_id, rows in zip(once, found, strict=True) if rows]

    # ── claim links ──

    def invite(self, digest: str, profile_id: str) -> None:
        self._cql.lwt(
            "INSERT INTO invites (digest, profile_id) VALUES (?, ?) IF NOT EXISTS", digest, profile_id
        )
        while True:
            row = self._cql.serial("SELECT digest FROM newest_invites WHERE profile_id = ?", profile_id)
            if row and row[0] == digest:
                return
            if row is None:
                done = self._cql.lwt(
                    "INSERT INTO newest_invites (profile_id, digest) VALUES (?, ?) IF NOT EXISTS",
                    profile_id,
                    digest,
                )
            else:
                done = self._cql.lwt(
                    "UPDATE newest_invites SET digest = ? WHERE profile_id = ? IF digest = ?",
                    digest,
                    profile_id,
                    row[0],
                )
            if done:
                return

    def invited(self, digest: str) -> str | None:
        row = self._cql.one("SELECT profile_id, used_by FROM invites WHERE digest = ?", digest)
        if row is None or row[1] is not None or self._newest(row[0]) != digest:
            return None
        return str(row[0])

    def invite_of(self, profile_id: str) -> str | None:
        newest = self._newest(profile_id)
        return newest if newest is not None and self.invited(newest) is not None else None

    def redeem(self, digest: str, account_id: str) -> str | None:
        row = self._cql.serial("SELECT profile_id, used_by FROM invites WHERE digest = ?", digest)
        if row is None:
            return None
        profile_id, used_by = row
        if used_by is None and self._newest(profile_id) == digest:
            used = "UPDATE invites SET used_by = ? WHERE digest = ? IF used_by = null"
            if not self._cql.lwt(used, account_id, digest):
                row = self._cql.serial("SELECT used_by FROM invites WHERE digest = ?", digest)
                used_by = row[0] if row else None
            else:
                used_by = account_id
        if used_by != account_id:
            return None
        self.allow(account_id, profile_id)
        return str(profile_id)

    def _newest(self, profile_id: str) -> str | None:
        row = self._cql.one("SELECT digest FROM newest_invites WHERE profile_id = ?", profile_id)
        return row[0] if row else None
