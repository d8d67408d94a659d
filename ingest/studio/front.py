"""The studio's front: landing, sign up, log in and out, claim links, my profiles."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from core.errors import BadInput, HoldfastError, NameTaken, NotSignedIn
from core.parsing import parse
from core.rate import Rate
from core.settings import Settings
from core.store import Store
from ingest import accounts
from ingest.access import heads_of, name_of, page_url
from ingest.accounts import Credentials, LogIn, SignUp
from ingest.calls import Call, Door
from ingest.passwords import Passwords
from ingest.sessions import Sessions
from ingest.studio.form_fields import Form, text
from ingest.studio.pages import Pages, kept, local_path, see_other

HOME = "/profiles"


class Front:
    def __init__(
        self,
        store: Store,
        settings: Settings,
        pages: Pages,
        sessions: Sessions,
        hashes: Passwords,
        logins: Rate,
    ) -> None:
        self._store = store
        self._settings = settings
        self._pages = pages
        self._sessions = sessions
        self._hashes = hashes
        self._logins = logins

    def routes(self, door: Door) -> list[Route]:
        return [
            door.route("GET", "/", self.landing, public=True),
            door.route("GET", "/signup", self.sign_up_page, public=True),
            door.route("POST", "/signup", self.sign_up, public=True),
            door.route("GET", "/login", self.log_in_page, public=True),
            door.route("POST", "/login", self.log_in, public=True),
            door.route("POST", "/logout", self.log_out, public=True),
            door.route("GET", "/claim/{token}", self.claim_page, public=True),
            door.route("POST", "/claim/{token}", self.claim, public=True),
            door.route("GET", HOME, self.profiles),
            door.route("POST", HOME, self.add_profile),
        ]

    def landing(self, call: Call) -> Response:
        if call.session:
            return see_other(HOME)
        return self._pages.show(call, "landing.html", form={})

    def sign_up_page(self, call: Call) -> Response:
        return see_other(HOME) if call.session else self._pages.show(call, "signup.html", form={})

    def sign_up(self, call: Call) -> Response:
        if call.session:
            return see_other(HOME)  # done in another tab, perhaps
        form = self._pages.form(call)
        try:
            accounts.require_open(self._settings.studio.signup)
            self._logins.take(call.address)
            names = ("email", "password", "username", "name")
            wish = parse(SignUp, {name: text(form, name) for name in names})
            account, snapshot = accounts.sign_up(self._store, self._hashes, wish)
        except HoldfastError as error:
            return self._again(call, "signup.html", error, kept(form, "email", "username", "name"))
        return self._logged_in(account.id, f"/@{name_of(snapshot.head)}", welcome=1)

    def log_in_page(self, call: Call) -> Response:
        after = local_path(call.query.get("next", ""), "")
        if call.session:
            return see_other(after or HOME)
        return self._pages.show(call, "login.html", form={"next": after})

    def log_in(self, call: Call) -> Response:
        if call.session:
            return see_other(local_path(dict(call.form()).get("next", ""), HOME))
        form = self._pages.form(call)
        try:
            self._logins.take(call.address)
            wish = LogIn(email=text(form, "email")[:254], password=text(form, "password"))
            account = accounts.log_in(self._store, self._hashes, wish)
        except NotSignedIn as error:
            return self._again(
                call, "login.html", BadInput({"password": error.detail}), kept(form, "email", "next")
            )
        except HoldfastError as error:
            return self._again(call, "login.html", error, kept(form, "email", "next"))
        return self._logged_in(account.id, local_path(text(form, "next"), HOME))

    def log_out(self, call: Call) -> Response:
        self._pages.form(call)
        if call.session:
            self._sessions.end(call.session)
        response = see_other("/")
        self._sessions.forget(response)
        return response

    def claim_page(self, call: Call) -> Response:
        return self._claim_page(call, {})

    def claim(self, call: Call) -> Response:
        form = self._pages.form(call)
        token = call.params["token"]
        if call.session:
            profile_id = accounts.claim(self._store, token, call.session.account_id)
            return see_other(self._editor(profile_id), welcome=1)
        try:
            self._logins.take(call.address)
            wish = parse(Credentials, {name: text(form, name) for name in ("email", "password")})
            account, profile_id = accounts.claim_with_sign_up(self._store, self._hashes, token, wish)
        except BadInput as error:
            return self._claim_page(call, kept(form, "email"), error)
        return self._logged_in(account.id, self._editor(profile_id), welcome=1)

    def profiles(self, call: Call) -> Response:
        return self._profiles_page(call, {})

    def add_profile(self, call: Call) -> Response:
        form = self._pages.form(call)
        try:
            wish = parse(accounts.FirstWords, {name: text(form, name) for name in ("username", "name")})
            snapshot = accounts.another_profile(self._store, call.account_id, wish)
        except HoldfastError as error:
            return self._profiles_page(call, kept(form, "username", "name"), error)
        return see_other(f"/@{name_of(snapshot.head)}", welcome=1)

    def _profiles_page(self, call: Call, form: Form, error: HoldfastError | None = None) -> Response:
        cards = [
            {"head": head, "username": name_of(head), "url": page_url(self._settings.site, head)}
            for head in heads_of(self._store, call.account_id)
        ]
        return self._again(call, "profiles.html", error, form, cards=cards)

    def _claim_page(self, call: Call, form: Form, error: HoldfastError | None = None) -> Response:
        head = accounts.claimed_head(self._store, call.params["token"])
        return self._again(
            call, "claim.html", error, form, head=head, url=page_url(self._settings.site, head)
        )

    def _again(
        self, call: Call, template: str, error: HoldfastError | None, form: Form, **context: Any
    ) -> Response:
        """The form with what was typed and what is wrong with it."""
        if isinstance(error, NameTaken):
            error = BadInput({"username": "is taken; please choose another"})
        if isinstance(error, BadInput):
            context["errors"] = error.fields
        elif error:
            context["problem"] = error
        return self._pages.show(call, template, error.status if error else 200, form=form, **context)

    def _logged_in(self, account_id: str, path: str, **query: object) -> Response:
        response = see_other(path, **query)
        self._sessions.remember(response, self._sessions.open(account_id))
        return response

    def _editor(self, profile_id: str) -> str:
        head = self._store.profiles.head(profile_id)
        return f"/@{name_of(head)}" if head and head.name else HOME
