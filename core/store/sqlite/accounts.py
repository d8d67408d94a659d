"""Accounts, sessions, claim links and who may edit what, in SQLite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.store import Account
from core.store.sqlite.database import Database

PAGE = 500


class SqliteAccounts:
    def __init__(self, database: Database) -> None:
        self._db = database

    def create(self, account: Account) -> bool:
        with self._db.write() as connection:
            connection.execute(
                "insert into accounts values (?, ?, ?) on conflict do nothing",
                (account.id, account.email, account.model_dump_json()),
            )
            (owner,) = connection.execute(
                "select id from accounts where email = ?", (account.email,)
            ).fetchone() or (None,)
        return bool(owner == account.id)

    def get(self, account_id: str) -> Account | None:
        row = self._db.row("select body from accounts where id = ?", account_id)
        return Account.model_validate_json(row[0]) if row else None

    def by_email(self, email: str) -> Account | None:
        row = self._db.row("select body from accounts where email = ?", email)
        return Account.model_validate_json(row[0]) if row else None

    def everyone(self) -> Iterator[Account]:
        last = ""
        while page := self._db.rows(
            "select id, body from accounts where id > ? order by id limit ?", last, PAGE
        ):
            yield from (Account.model_validate_json(body) for _, body in page)
            last = page[-1][0]

    def set_password(self, account_id: str, password_hash: str) -> None:
        with self._db.write() as connection:
            row = connection.execute("select body from accounts where id = ?", (account_id,)).fetchone()
            if row:
                account = Account.model_validate_json(row[0]).model_copy(
                    update={"password_hash": password_hash}
                )
                connection.execute(
                    "update accounts set body = ? where id = ?", (account.model_dump_json(), account_id)
                )

    def remove(self, account_id: str) -> None:
        with self._db.write() as connection:
            connection.execute("update sessions set ended = 1 where account_id = ?", (account_id,))
            connection.execute("delete from editors where account_id = ?", (account_id,))
            connection.execute("delete from accounts where id = ?", (account_id,))

    def open_session(self, digest: str, account_id: str, expires_at: int) -> None:
        with self._db.write() as connection:
            connection.execute(
                "insert into sessions (digest, account_id, expires_at) values (?, ?, ?) on conflict do nothing",
                (digest, account_id, expires_at),
            )

    def session(self, digest: str, now: int) -> str | None:
        row = self._db.row(
            "select account_id from sessions where digest = ? and not ended and expires_at > ?", digest, now
        )
        return row[0] if row else None

    def end_session(self, digest: str) -> None:
        with self._db.write() as connection:
            connection.execute("update sessions set ended = 1 where digest = ?", (digest,))

    def end_sessions(self, account_id: str) -> None:
        with self._db.write() as connection:
            connection.execute("update sessions set ended = 1 where account_id = ?", (account_id,))

    def allow(self, account_id: str, profile_id: str) -> None:
        with self._db.write() as connection:
            connection.execute(
                "insert into editors values (?, ?) on conflict do nothing", (account_id, profile_id)
            )

    def disallow(self, account_id: str, profile_id: str) -> None:
        with self._db.write() as connection:
            connection.execute(
                "delete from editors where account_id = ? and profile_id = ?", (account_id, profile_id)
            )

    def profiles_of(self, account_id: str) -> Sequence[str]:
        rows = self._db.rows(
            "select profile_id from editors where account_id = ? order by profile_id", account_id
        )
        return [row[0] for row in rows]

    def editors_of(self, profile_id: str) -> Sequence[str]:
        rows = self._db.rows(
            "select account_id from editors where profile_id = ? order by account_id", profile_id
        )
        return [row[0] for row in rows]

    def invite(self, digest: str, profile_id: str) -> None:
        with self._db.write() as connection:
            connection.execute("delete from invites where profile_id = ? and used_by is null", (profile_id,))
            connection.execute(
                "insert into invites values (?, ?, null) on conflict do nothing", (digest, profile_id)
            )

    def invited(self, digest: str) -> str | None:
        row = self._db.row("select profile_id from invites where digest = ? and used_by is null", digest)
        return row[0] if row else None

    def invite_of(self, profile_id: str) -> str | None:
        row = self._db.row("select digest from invites where profile_id = ? and used_by is null", profile_id)
        return row[0] if row else None

    def redeem(self, digest: str, account_id: str) -> str | None:
        with self._db.write() as connection:
            connection.execute(
                "update invites set used_by = ? where digest = ? and used_by is null", (account_id, digest)
            )
            row = connection.execute(
                "select profile_id from invites where digest = ? and used_by = ?", (digest, account_id)
            ).fetchone()
            if row is None:
                return None
            connection.execute(
                "insert into editors values (?, ?) on conflict do nothing", (account_id, row[0])
            )
        return str(row[0])
