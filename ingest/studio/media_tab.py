"""The tab of photos and videos: what there is, how it is coming on, descriptions, order, deletion; and small pictures."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response
from starlette.routing import Route

from core.errors import BadInput, HoldfastError, NotFound
from core.objects import Objects
from core.parsing import parse
from core.profile import Profile
from core.settings import SiteSettings
from core.store import Store
from core.store.revise import Revised
from ingest import captions, gallery
from ingest.access import load
from ingest.calls import Call, Door
from ingest.edits import Terms, change_profile
from ingest.gallery import MediaChange
from ingest.studio.editor import Editor, is_final, thumb_file
from ingest.studio.form_fields import Form, text
from ingest.studio.pages import Pages

PATH = "/@{name}/media"


class MediaTab:
    def __init__(self, store: Store, private: Objects, site: SiteSettings, pages: Pages) -> None:
        self._store = store
        self._private = private
        self._site = site
        self._pages = pages

    def routes(self, door: Door) -> list[Route]:
        return [
            door.route("GET", PATH, self.open),
            door.route("POST", PATH, self.send),
            door.route("GET", PATH + "/{medium}/thumb/{attempt}", self.thumb),
        ]

    def open(self, call: Call) -> Response:
        return Editor(self._store, self._site, self._pages, call).show("media", form={}, refused=[])

    def send(self, call: Call) -> Response:
        """Saves the descriptions that were changed, then does what the pressed button says."""
        form = self._pages.form(call)
        editor = Editor(self._store, self._site, self._pages, call)
        try:
            done = self._save(editor, form)
            verb, _, media_id = text(form, "do").partition(":")
            if media_id:
                done = self._act(editor, verb, media_id)
        except HoldfastError as error:
            if is_final(error):
                raise
            return editor.show("media", error, form=form, refused=[])
        return editor.saved(done, "media")

    def thumb(self, call: Call) -> Response:
        """A small picture for the studio, from the private bucket: a private profile's too."""
        snapshot = load(self._store, call.account_id, "@" + call.params["name"])
        found = thumb_file(gallery.require_medium(snapshot, call.params["medium"]))
        if found is None or found[0] != call.params["attempt"]:
            raise NotFound("There is no such picture.")
        stored = self._private.get(found[1])
        return Response(
            stored.body if stored else b"",
            media_type=found[2],
            headers={"cache-control": "private, max-age=86400, immutable"},
        )

    def _save(self, editor: Editor, form: Form) -> Revised:
        typed = form.get("items", {})
        wishes: dict[str, MediaChange] = {}
        wrong: dict[str, str] = {}
        for medium in editor.snapshot.uploads:
            row = typed.get(medium.id) if isinstance(typed, dict) else None
            if not isinstance(row, dict):
                continue
            wish: dict[str, object] = {}
            alt = text(row, "alt").replace("\r\n", "\n")
            # Only what was changed in this form, so that another window's description isn't put back.
            if alt != text(row, "alt_was").replace("\r\n", "\n"):
                wish["alt"] = alt
            if bool(text(row, "listed")) != bool(text(row, "listed_was")):
                wish["listed"] = bool(text(row, "listed"))
            if "focus" in row and (focus := _focus(row)) != text(row, "focus_was"):
                wish["focus"] = _point(focus)
            try:
                wishes[medium.id] = parse(MediaChange, wish)
            except BadInput as error:
                wrong |= {f"items.{medium.id}.{name}": why for name, why in error.fields.items()}
        if wrong:
            raise BadInput(wrong)
        return gallery.change_media(self._store, editor.id, wishes, Terms())

    def _act(self, editor: Editor, verb: str, media_id: str) -> Revised:
        match verb:
            case "delete":
                return gallery.delete_medium(self._store, self._private, editor.id, media_id, Terms())
            case "uncaption":
                media_id, _, language = media_id.partition(":")
                return captions.delete_captions(
                    self._store, self._private, editor.id, media_id, language, Terms()
                )
            case "earlier" | "later":
                order = [one.id for one in gallery.in_order(editor.snapshot)]
                gallery.require_medium(editor.snapshot, media_id)
                at = order.index(media_id)
                order.insert(max(0, at + (1 if verb == "later" else -1)), order.pop(at))
                return gallery.order_media(self._store, editor.id, order, Terms())
            case "avatar" | "cover":
                return change_profile(self._store, editor.id, _naming(verb, media_id), Terms(), verb)
            case "no-avatar" | "no-cover":
                return change_profile(
                    self._store, editor.id, _naming(verb.removeprefix("no-"), None), Terms(), verb
                )
        raise BadInput({"do": "is not something that this form can do; please reload the page"})


def _naming(field: str, media_id: str | None) -> Callable[[Profile], Profile]:
    return lambda profile: profile.model_copy(update={field: media_id})


def _focus(row: Form) -> str:
    """As the form spells it: "30 75", per cent from the left and from the top; "" where crops choose themselves."""
    return f"{text(row, 'focus_x')} {text(row, 'focus_y')}" if text(row, "focus") == "own" else ""


def _point(focus: str) -> dict[str, object] | None:
    """What isn't a number is left for the noun to refuse."""
    if not focus:
        return None
    return {
        axis: float(per_cent) / 100 if per_cent.isdecimal() else per_cent
        for axis, per_cent in zip("xy", focus.split(" ", 1), strict=True)
    }
