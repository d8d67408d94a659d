"""The tab of posts: the list, and one form to write, schedule, publish and delete."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from core import keys
from core.errors import BadInput, EditConflict, HoldfastError
from core.ids import new_id
from core.parsing import parse
from core.profile import Post
from core.settings import SiteSettings
from core.store import Store
from core.store.revise import Asked
from ingest import posts
from ingest.calls import Call, Door
from ingest.edits import Terms
from ingest.links import Links
from ingest.posts import PostInput
from ingest.studio.editor import Editor, is_final
from ingest.studio.form_fields import Form, ids, tags, text
from ingest.studio.link_fields import day_and_hour, days_of
from ingest.studio.pages import Pages

PATH = "/@{name}/posts"


class PostTab:
    def __init__(self, store: Store, site: SiteSettings, pages: Pages, links: Links) -> None:
        self._store = store
        self._site = site
        self._pages = pages
        self._links = links

    def routes(self, door: Door) -> list[Route]:
        return [
            door.route("GET", PATH, self.list),
            door.route("GET", PATH + "/new", self.new),
            door.route("POST", PATH + "/new", self.add),
            door.route("GET", PATH + "/{post}", self.open),
            door.route("POST", PATH + "/{post}", self.change),
            door.route("POST", PATH + "/{post}/link", self.link),
        ]

    def list(self, call: Call) -> Response:
        editor = self._editor(call)
        rows = [
            {
                "post": post,
                "url": self._url(editor, post),
                "when": _shown(post.publish_at, "%-d %B %Y, %H:%M UTC"),
                "moment": _shown(post.publish_at, "%Y-%m-%dT%H:%MZ"),
            }
            for post in posts.newest_first(editor.snapshot)
        ]
        return editor.show("posts", posts=rows)

    def new(self, call: Call) -> Response:
        today = datetime.now(UTC).date().isoformat()
        return self._show(self._editor(call), None, {"date": today, "media": [], "key": new_id()})

    def open(self, call: Call) -> Response:
        editor = self._editor(call)
        post = posts.require_post(editor.snapshot, call.params["post"])
        return self._show(editor, post, _form_of(post))

    def add(self, call: Call) -> Response:
        form = self._pages.form(call)
        editor = self._editor(call)
        try:
            wish = _wish(form, "draft")
            # The form's own key: pressing the button twice writes one post.
            key = re.sub(r"[^0-9a-z]", "", text(form, "key"))[:40] or new_id()
            asked = Asked(f"studio-{key}", "new-post")
            done, post_id = posts.add_post(self._store, editor.id, wish, Terms(None, asked))
        except HoldfastError as error:
            return self._again(editor, None, form, error)
        return editor.saved(done, f"posts/{post_id}")

    def change(self, call: Call) -> Response:
        form = self._pages.form(call)
        editor = self._editor(call)
        post = posts.require_post(editor.snapshot, call.params["post"])
        edit = text(form, "edit")
        terms = Terms(int(edit) if edit.isascii() and edit.isdigit() and len(edit) < 16 else -1)
        try:
            if text(form, "do") == "delete":
                return editor.saved(posts.delete_post(self._store, editor.id, post.id, terms), "posts")
            done = posts.change_post(self._store, editor.id, post.id, _wish(form, post.state), terms)
        except EditConflict as error:
            editor.reload()
            post = posts.require_post(editor.snapshot, post.id)
            return self._again(editor, post, {**form, "edit": str(post.edit)}, error)
        except HoldfastError as error:
            return self._again(editor, post, form, error)
        return editor.saved(done, f"posts/{post.id}")

    def link(self, call: Call) -> Response:
        """A link to the draft as it is kept; what is typed and not saved is in another form."""
        form = self._pages.form(call)
        editor = self._editor(call)
        post = posts.require_post(editor.snapshot, call.params["post"])
        try:
            link = self._links.to_draft(editor.snapshot, post, days_of(form))
        except HoldfastError as error:
            return self._again(editor, post, _form_of(post), error)
        return self._show(editor, post, _form_of(post), link=link, link_ends=day_and_hour(link))

    def _editor(self, call: Call) -> Editor:
        return Editor(self._store, self._site, self._pages, call)

    def _again(self, editor: Editor, post: Post | None, form: Form, error: HoldfastError) -> Response:
        if is_final(error):
            raise error
        if isinstance(error, BadInput):
            error = BadInput(
                {re.sub(r"^(tags|media)\.\d+$", r"\1", name): why for name, why in error.fields.items()}
            )
        return self._show(editor, post, {**form, "media": ids(form)}, error)

    def _show(
        self,
        editor: Editor,
        post: Post | None,
        form: Form,
        error: HoldfastError | None = None,
        **context: Any,
    ) -> Response:
        chosen = form.get("media", [])
        # The chosen ones first, in their order: so the boxes keep it.
        cards = sorted(
            editor.cards(), key=lambda one: chosen.index(one.id) if one.id in chosen else len(chosen)
        )
        return editor.show(
            "post",
            error,
            post=post,
            form=form,
            chosen=chosen,
            cards=cards,
            is_typed=error is not None,
            post_url=self._url(editor, post) if post else "",
            **context,
        )

    def _url(self, editor: Editor, post: Post) -> str:
        head = editor.snapshot.head
        if post.state != "published" or head.name is None:
            return ""
        return f"{self._site.url}{self._site.path}{keys.path_of(keys.post(head.name.username, post.slug))}"


def _shown(at: int | None, how: str) -> str:
    return datetime.fromtimestamp(at, UTC).strftime(how) if at else ""


def _form_of(post: Post) -> Form:
    form: dict[str, Any] = post.model_dump(mode="json")
    form["tags"] = ", ".join(post.tags)
    form["publish_at"] = _shown(post.publish_at, "%Y-%m-%dT%H:%M")
    return form


def _wish(form: Form, state: str) -> PostInput:
    """What the form asks for. The button says the state; "save" keeps the one that the post has."""
    wanted = {"draft": "draft", "schedule": "scheduled", "publish": "published"}.get(text(form, "do"), state)
    names = ("title", "body", "date", "slug")
    wish: dict[str, Any] = {name: text(form, name) for name in names}
    wish |= {"tags": tags(text(form, "tags")), "media": ids(form), "state": wanted}
    if wanted == "scheduled":
        wish["publish_at"] = _moment(text(form, "publish_at"))
    return parse(PostInput, wish)


def _moment(typed: str) -> int:
    """`2026-03-14T09:30` in UTC → seconds since 1970. Raises BadInput."""
    try:
        at = int(datetime.fromisoformat(typed.strip()[:16]).replace(tzinfo=UTC).timestamp())
    except (ValueError, OverflowError):
        raise BadInput({"publish_at": "needs a day and a time"}) from None
    if at <= time.time():
        raise BadInput({"publish_at": "must be in the future"})
    return at
