"""A form whose session had ended while somebody typed: asks for the password beside all that was typed, then goes on."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

from starlette.responses import Response

from core.errors import BadInput, HoldfastError, NotFound, NotSignedIn
from core.ids import digest
from core.rate import Rate
from core.store import Store
from ingest import accounts
from ingest.access import profile_id_of
from ingest.accounts import EMAIL_CHARS_MAX, LogIn
from ingest.calls import Call, Handler
from ingest.forgery import FIELD
from ingest.passwords import Passwords
from ingest.problems import expected
from ingest.sessions import Session, Sessions
from ingest.studio.form_fields import LOGIN_EMAIL, LOGIN_PASSWORD, carried
from ingest.studio.pages import Pages, kept


class Again:
    """Answers forms that came without a session."""

    def __init__(
        self, store: Store, pages: Pages, sessions: Sessions, hashes: Passwords, logins: Rate
    ) -> None:
        self._store = store
        self._pages = pages
        self._sessions = sessions
        self._hashes = hashes
        self._logins = logins

    def receive(self, handler: Handler, call: Call) -> Response:
        """Shows the form's fields with a log-in; when they come back with one, does what the form was for.

        Raises NotSignedIn for a form that can't be sent twice.
        """
        fields = carried(call)
        if fields is None:
            raise NotSignedIn
        sent = dict(call.form())
        if LOGIN_EMAIL not in sent:
            return self._pages.again(call, fields, NotSignedIn())
        try:
            self._pages.require_token(call, sent.get(FIELD, ""))
            self._logins.take(call.address)
            wish = LogIn(email=sent[LOGIN_EMAIL][:EMAIL_CHARS_MAX], password=sent.get(LOGIN_PASSWORD, ""))
            account = accounts.log_in(self._store, self._hashes, wish)
            self._require_editor(account.id, call)
        except NotSignedIn as error:
            return self._pages.again(
                call, fields, BadInput({LOGIN_PASSWORD: error.detail}), kept(sent, LOGIN_EMAIL)
            )
        except HoldfastError as error:
            return self._pages.again(call, fields, error, kept(sent, LOGIN_EMAIL))
        return self._go_on(handler, call, fields, account.id)

    def _require_editor(self, account_id: str, call: Call) -> None:
        """Before anything is lost: what was typed for one account's page can't be saved by another."""
        if name := call.params.get("name"):
            try:
                profile_id_of(self._store, account_id, f"@{name}")
            except NotFound:
                raise BadInput({LOGIN_EMAIL: f"is of an account that doesn't edit @{name}"}) from None

    def _go_on(
        self, handler: Handler, call: Call, fields: list[tuple[str, str]], account_id: str
    ) -> Response:
        secret = self._sessions.open(account_id)
        call = replace(call, session=Session(account_id, digest(secret), by_cookie=True))
        call = replace(call, body=urlencode([*fields, (FIELD, self._pages.token(call))]).encode())
        try:
            response = handler(call)
        except Exception as error:
            response = self._pages.error(expected(error, call.route), call)
        self._sessions.remember(response, secret)
        return response
