"""The settings tab: username, who can see the page, delete it; and the account's own page."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from core.errors import BadInput, HoldfastError, NameTaken
from core.parsing import parse
from core.profile import Profile
from core.rate import Rate
from core.settings import SiteSettings
from core.store import Store
from ingest import accounts, edits
from ingest.access import heads_of, name_of
from ingest.calls import Call, Door
from ingest.domains import foreign
from ingest.edits import Terms
from ingest.links import Links
from ingest.passwords import Passwords
from ingest.sessions import Sessions
from ingest.studio.editor import Editor, is_final
from ingest.studio.form_fields import Form, text
from ingest.studio.link_fields import day_and_hour, days_of
from ingest.studio.pages import Pages, see_other

PATH = "/@{name}/settings"
ACCOUNT = "/account"


class SettingsTab:
    def __init__(
        self,
        store: Store,
        site: SiteSettings,
        pages: Pages,
        sessions: Sessions,
        hashes: Passwords,
        logins: Rate,
        links: Links,
    ) -> None:
        self._store = store
        self._site = site
        self._pages = pages
        self._sessions = sessions
        self._hashes = hashes
        self._logins = logins
        self._links = links

    def routes(self, door: Door) -> list[Route]:
        return [
            door.route("GET", PATH, self.open),
            door.route("POST", PATH, self.send),
            door.route("GET", ACCOUNT, self.account),
            door.route("POST", ACCOUNT + "/password", self.change_password),
            door.route("POST", ACCOUNT + "/delete", self.delete_account),
        ]

    def open(self, call: Call) -> Response:
        editor = Editor(self._store, self._site, self._pages, call)
        return editor.show("settings", form=_shown(editor, {}))

    def send(self, call: Call) -> Response:
        form = self._pages.form(call)
        editor = Editor(self._store, self._site, self._pages, call)
        try:
            match text(form, "do"):
                case "rename":
                    done = edits.rename(self._store, editor.id, text(form, "username"), Terms())
                    return editor.saved(done, "settings")
                case "domain":
                    return self._domain(editor, form)
                case "visibility":
                    return self._visibility(editor, form)
                case "link":
                    link = self._links.to_page(editor.snapshot, days_of(form))
                    return editor.show(
                        "settings", form=_shown(editor, {}), link=link, link_ends=day_and_hour(link)
                    )
                case "end_links":
                    return editor.saved(self._links.end_all(editor.id, Terms()), "settings")
                case "delete":
                    return self._delete(editor, form)
        except NameTaken:
            error: HoldfastError = BadInput({"username": "is taken; please choose another"})
        except HoldfastError as raised:
            if is_final(raised):
                raise
            error = raised
        else:
            error = BadInput({"do": "is not something that this form can do; please reload the page"})
        return editor.show("settings", error, form=_shown(editor, form))

    def account(self, call: Call) -> Response:
        return self._account_page(call, None)

    def change_password(self, call: Call) -> Response:
        form = self._pages.form(call)
        try:
            self._logins.take(call.account_id)
            accounts.change_password(
                self._store, self._hashes, call.account_id, text(form, "password"), text(form, "new_password")
            )
        except HoldfastError as error:
            return self._account_page(call, error)
        response = see_other(ACCOUNT, changed=1)
        self._sessions.remember(response, self._sessions.open(call.account_id))
        return response

    def delete_account(self, call: Call) -> Response:
        form = self._pages.form(call)
        try:
            self._logins.take(call.account_id)
            accounts.delete_account(self._store, self._hashes, call.account_id, text(form, "password"))
        except HoldfastError as error:
            if isinstance(error, BadInput):
                error = BadInput({f"delete_{name}": why for name, why in error.fields.items()})
            return self._account_page(call, error)
        response = see_other("/", deleted=1)
        self._sessions.forget(response)
        return response

    def _domain(self, editor: Editor, form: Form) -> Response:
        wanted = text(form, "domain")

        def with_domain(old: Profile) -> Profile:
            return foreign(parse(Profile, {**old.model_dump(mode="json"), "domain": wanted}), self._site)

        return editor.saved(
            edits.change_profile(self._store, editor.id, with_domain, Terms(), "domain"), "settings"
        )

    def _visibility(self, editor: Editor, form: Form) -> Response:
        part = {"visibility": text(form, "visibility"), "sensitive": bool(text(form, "sensitive"))}
        edit, seen = editor.snapshot.head.edit, edits.part_digest(editor.profile, part)
        done = edits.change_part(self._store, editor.id, part, edit, seen, "visibility")
        return editor.saved(done, "settings")

    def _delete(self, editor: Editor, form: Form) -> Response:
        if text(form, "confirm").strip().lower().removeprefix("@") != name_of(editor.snapshot.head):
            raise BadInput({"confirm": "must be the username, so that nothing is deleted by accident"})
        edits.delete_profile(self._store, editor.id, Terms())
        return see_other("/profiles", gone=name_of(editor.snapshot.head))

    def _account_page(self, call: Call, error: HoldfastError | None) -> Response:
        account = self._store.accounts.get(call.account_id)
        context = {"errors": error.fields} if isinstance(error, BadInput) else {"problem": error}
        alone = [
            name_of(head)
            for head in heads_of(self._store, call.account_id)
            if len(self._store.accounts.editors_of(head.id)) == 1
        ]
        return self._pages.show(
            call,
            "account.html",
            error.status if error else 200,
            email=account.email if account else "",
            alone=alone,
            changed="changed" in call.query,
            **context,
        )


def _shown(editor: Editor, form: Form) -> dict[str, str]:
    """What the fields hold: what was sent, or what is."""
    return {
        "username": text(form, "username") or name_of(editor.snapshot.head),
        "domain": text(form, "domain") if "domain" in form else editor.profile.domain,
    }
