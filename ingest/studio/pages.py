"""Draws the studio's pages: templates, form tokens, redirects, and errors as a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from core.errors import BadInput, HoldfastError, NotSignedIn
from core.ids import digest, new_secret
from core.settings import Settings
from ingest import problems
from ingest.calls import Call
from ingest.forgery import FIELD, FormTokens, OldForm
from ingest.passwords import RULE
from ingest.sessions import Sessions
from ingest.studio import words
from ingest.studio.form_fields import Form, carried, field_label, nest, typed
from ingest.studio.rows import anchor
from ingest.studio.static_files import StaticFiles


class Pages:
    """What every page of the studio shares."""

    def __init__(
        self, settings: Settings, sessions: Sessions, form_tokens: FormTokens, static: StaticFiles
    ) -> None:
        self._sessions = sessions
        self._form_tokens = form_tokens
        self._env = Environment(
            loader=PackageLoader("ingest.studio", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._env.globals |= {
            "site": settings.site,
            "pages_host": urlsplit(settings.site.url).hostname,
            "pages_at": f"{settings.site.url.split('://')[1]}{settings.site.path}/",
            "signup_open": settings.studio.signup == "open",
            "static": static.url,
            "words": words,
            "password_rule": RULE,
            "anchor": anchor,
            "field_label": field_label,
            "is_sentence": lambda why: why.endswith("."),
            "token_field": FIELD,
        }

    def show(self, call: Call, template: str, status: int = 200, /, **context: Any) -> Response:
        """The template as a page. Who has neither session nor form cookie gets one, to bind forms to."""
        fresh = "" if self._binding(call) else new_secret()
        shared: dict[str, Any] = {
            "errors": {},
            "problem": None,
            "here": call.path,
            "logged_in": call.session is not None,
            "form_token": self.token(call) if not fresh else self._form_tokens.make(digest(fresh)),
        }
        body = self._env.get_template(template).render(shared | context)
        # A text may hold half of a surrogate pair; it is refused by its field, but shown again until then.
        response = HTMLResponse(body.encode("utf-8", "replace"), status)
        if fresh:
            self._sessions.remember_form(response, fresh)
        return response

    def again(
        self, call: Call, fields: list[tuple[str, str]], error: HoldfastError, form: Form | None = None
    ) -> Response:
        """A form that wasn't taken, to be sent once more with these fields: what was typed in it is not lost."""
        context: dict[str, Any] = {"fields": fields, "typed": typed(fields), "form": form or {}}
        if isinstance(error, BadInput):
            context["errors"] = error.fields
        elif not isinstance(error, NotSignedIn | OldForm):
            context["problem"] = error
        return self.show(call, "again.html", error.status, **context)

    def token(self, call: Call) -> str:
        """A token for a form of this browser's."""
        return self._form_tokens.make(self._binding(call))

    def form(self, call: Call) -> Form:
        """The form that was sent, once its token is found to be this browser's. Raises OldForm."""
        form = nest(call.form())
        self.require_token(call, str(form.pop(FIELD, "")))
        return form

    def require_token(self, call: Call, token: str) -> None:
        self._form_tokens.require(token, self._binding(call))

    def error(self, error: HoldfastError, call: Call) -> Response:
        """An error as a page; who isn't logged in is sent to do that first, and comes back after."""
        if error.status == 401 and call.session is None and call.route != "/login":
            back = call.path if call.method == "GET" else _came_from(call)
            return see_other("/login", next=local_path(back, ""))
        if isinstance(error, OldForm) and call.session and (fields := carried(call)):
            return self.again(call, fields, error)
        response = self.show(call, "error.html", error.status, error=error)
        for name, value in problems.headers(error).items():
            if name == "retry-after":
                response.headers[name] = value
        return response

    def _binding(self, call: Call) -> str:
        """What forms of this browser are bound to: its session, else its form cookie."""
        if call.session:
            return call.session.digest
        cookie = call.cookies.get(self._sessions.form_cookie, "")
        return digest(cookie) if cookie else ""


def see_other(path: str, /, **query: object) -> Response:
    """303: the browser asks for that page with GET, so that reloading it sends nothing again."""
    asked = {name: value for name, value in query.items() if value not in ("", None)}
    url = quote(path, safe="/@-_~.") + (f"?{urlencode(asked)}" if asked else "")
    return RedirectResponse(url, 303, {"cache-control": "no-store"})


def _came_from(call: Call) -> str:
    """The path of the page that the form stood on, as the browser tells it."""
    try:
        return urlsplit(call.headers.get("referer", "")).path
    except ValueError:
        return ""


def local_path(text: str, otherwise: str) -> str:
    """`text` if it is a path on this very site; browsers take `//host` and `/\\host` for another one."""
    is_local = text.startswith("/") and text[1:2] not in ("/", "\\") and text.isprintable()
    return text if is_local and "\\" not in text and len(text) < 500 else otherwise


def kept(form: Mapping[str, Any], *names: str) -> Form:
    """These fields as they were typed, for showing the form again; never a password."""
    return {name: form.get(name, "") if isinstance(form.get(name, ""), str) else "" for name in names}
