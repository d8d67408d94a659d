"""The API's accounts: sign up, log in and out, change the password, delete it all."""

from __future__ import annotations

from starlette.responses import Response

from core.rate import Rate
from core.settings import Settings
from core.store import Store
from ingest import accounts
from ingest.accounts import LogIn, SignUp
from ingest.api.models import PasswordChange, PasswordCheck, SessionView, SignedUp, profile_view
from ingest.api.operations import Operation, answer, asked_of, nothing, read
from ingest.calls import Call
from ingest.passwords import Passwords
from ingest.sessions import Sessions


class AccountsApi:
    def __init__(
        self, store: Store, settings: Settings, hashes: Passwords, sessions: Sessions, logins: Rate
    ) -> None:
        self._store = store
        self._settings = settings
        self._hashes = hashes
        self._sessions = sessions
        self._logins = logins

    def operations(self) -> list[Operation]:
        return [
            Operation(
                "POST",
                "/api/v1/accounts",
                "Sign up: an account with its first profile",
                self.sign_up,
                body=SignUp,
                answer=SignedUp,
                status=201,
                keyed=True,
                public=True,
                errors=(403, 409, 422, 429),
            ),
            Operation(
                "POST",
                "/api/v1/session",
                "Log in",
                self.log_in,
                body=LogIn,
                answer=SessionView,
                status=201,
                public=True,
                errors=(401, 422, 429),
            ),
            Operation("DELETE", "/api/v1/session", "Log out", self.log_out, status=204, public=True),
            Operation(
                "PUT",
                "/api/v1/account/password",
                "Change the password; every session ends, and a new one is opened",
                self.change_password,
                body=PasswordChange,
                answer=SessionView,
                errors=(422, 429),
            ),
            Operation(
                "DELETE",
                "/api/v1/account",
                "Delete the account, with the profiles that nobody else edits",
                self.delete,
                body=PasswordCheck,
                status=204,
                errors=(422, 429),
            ),
        ]

    def sign_up(self, call: Call) -> Response:
        accounts.require_open(self._settings.studio.signup)
        self._logins.take(call.address)
        wish = read(call, SignUp)
        # What is kept of the request: a quick digest of a password would undo what argon2 is for.
        asked = asked_of(call, wish.model_dump_json(exclude={"password"}).encode())
        account, snapshot = accounts.sign_up(self._store, self._hashes, wish, asked)
        view = SignedUp(
            **self._session(account.id).model_dump(),
            profile=profile_view(snapshot.head, self._settings.site),
        )
        return self._remembered(view, 201)

    def log_in(self, call: Call) -> Response:
        self._logins.take(call.address)
        account = accounts.log_in(self._store, self._hashes, read(call, LogIn))
        return self._remembered(self._session(account.id), 201)

    def log_out(self, call: Call) -> Response:
        if call.session:
            self._sessions.end(call.session)
        response = nothing()
        self._sessions.forget(response)
        return response

    def change_password(self, call: Call) -> Response:
        self._logins.take(call.account_id)
        wish = read(call, PasswordChange)
        accounts.change_password(self._store, self._hashes, call.account_id, wish.password, wish.new_password)
        return self._remembered(self._session(call.account_id), 200)

    def delete(self, call: Call) -> Response:
        self._logins.take(call.account_id)
        accounts.delete_account(
            self._store, self._hashes, call.account_id, read(call, PasswordCheck).password
        )
        response = nothing()
        self._sessions.forget(response)
        return response

    def _session(self, account_id: str) -> SessionView:
        return SessionView(
            token=self._sessions.open(account_id),
            account_id=account_id,
            expires_in_s=self._settings.studio.session_days * 86400,
        )

    def _remembered(self, view: SessionView, status: int) -> Response:
        response = answer(view, status)
        self._sessions.remember(response, view.token)
        return response
