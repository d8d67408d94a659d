"""The tabs that edit the profile itself: about, links, sections."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from starlette.responses import Response
from starlette.routing import Route

from core.errors import BadInput, EditConflict, HoldfastError
from core.profile import Snapshot
from core.settings import SiteSettings
from core.store import Store
from ingest.calls import Call, Door
from ingest.edits import change_part, part_digest
from ingest.studio import rows
from ingest.studio.editor import Editor, is_final, profile_form
from ingest.studio.form_fields import Form, ids, tags, text
from ingest.studio.form_fields import rows as form_rows
from ingest.studio.pages import Pages

ABOUT = (
    "name",
    "tagline",
    "bio",
    "pronouns",
    "place",
    "language",
    "tags",
    "theme",
    "visibility",
    "sensitive",
)  # fmt: skip


class Tab(NamedTuple):
    """A tab that is one form over some fields of the profile. `read` makes their values of what was sent."""

    name: str
    fields: tuple[str, ...]
    read: Callable[[Form], dict[str, Any]]

    @property
    def path(self) -> str:
        return "" if self.name == "about" else self.name


class ProfileTabs:
    def __init__(self, store: Store, site: SiteSettings, pages: Pages) -> None:
        self._store = store
        self._site = site
        self._pages = pages

    def routes(self, door: Door) -> list[Route]:
        tabs = [
            Tab("about", ABOUT, read_about),
            Tab("links", ("links",), read_links),
            Tab("sections", ("sections",), read_sections),
        ]
        made = []
        for tab in tabs:
            path = "/@{name}" + (f"/{tab.path}" if tab.path else "")
            made += [
                door.route("GET", path, lambda call, tab=tab: self._open(call, tab)),  # type: ignore[misc]
                door.route("POST", path, lambda call, tab=tab: self._send(call, tab)),  # type: ignore[misc]
            ]
        return made

    def _open(self, call: Call, tab: Tab) -> Response:
        editor = self._editor(call)
        return self._show(editor, tab, profile_form(editor.profile))

    def _send(self, call: Call, tab: Tab) -> Response:
        form = self._pages.form(call)
        editor = self._editor(call)
        action = text(form, "do") or "save"
        edit, seen = text(form, "edit"), text(form, "seen")
        made_of = {"edit": edit, "seen": seen}
        try:
            if action != "save":
                acted = rows.act(form, action)
                return self._show(editor, tab, acted.form, moved=acted.anchor, made_of=made_of)
            part = tab.read(form)
            number = int(edit) if edit.isascii() and edit.isdigit() and len(edit) < 16 else -1
            done = change_part(self._store, editor.id, part, number, seen, tab.name)
        except EditConflict as error:
            # What it was made of is now the newest: to save once more means to overwrite that, knowingly.
            editor.reload()
            return self._show(editor, tab, form, error)
        except HoldfastError as error:
            if is_final(error):
                raise
            return self._show(editor, tab, form, _told(error, tab), made_of=made_of)
        return editor.saved(done, tab.path)

    def _editor(self, call: Call) -> Editor:
        return Editor(self._store, self._site, self._pages, call)

    def _show(
        self,
        editor: Editor,
        tab: Tab,
        form: Form,
        error: HoldfastError | None = None,
        *,
        moved: str = "",
        made_of: dict[str, str] | None = None,
    ) -> Response:
        return editor.show(
            tab.name,
            error,
            form=form,
            moved=moved,
            made_of=made_of or _made_of(editor.snapshot, tab),
            is_typed=error is not None or bool(moved),
        )


def _made_of(snapshot: Snapshot, tab: Tab) -> dict[str, str]:
    """What the form is made of: it comes back with it, and tells whether somebody changed these fields meanwhile."""
    return {"edit": str(snapshot.head.edit), "seen": part_digest(snapshot.head.profile, tab.fields)}


def _told(error: HoldfastError, tab: Tab) -> HoldfastError:
    """Fields that this form doesn't have (the profile was loosened by hand, or by an older release) are told above it."""
    if isinstance(error, BadInput):
        return BadInput({re.sub(r"^tags\.\d+$", "tags", name): why for name, why in error.fields.items()})
    return error


# ── what was sent → values ────────────────────────────────────────────────────────────────────────


def read_about(form: Form) -> dict[str, Any]:
    part: dict[str, Any] = {name: text(form, name) for name in ABOUT}
    part["tags"] = tags(part["tags"])
    part["sensitive"] = bool(part["sensitive"])
    return part


def read_links(form: Form) -> dict[str, Any]:
    """Rows that are left empty are no links; an address without its beginning gets one."""
    names = ("label", "url", "icon", "group")
    links = [{name: text(row, name) for name in names} for row in form_rows(form, "links")]
    # The form itself is made tidy too, so that the numbers in errors are those of its rows.
    form["links"] = [link for link in links if any(link[name].strip() for name in ("label", "url"))]
    return {"links": [{**link, "url": with_scheme(link["url"])} for link in form["links"]]}


def read_sections(form: Form) -> dict[str, Any]:
    """Empty rows of a section are left out; a section itself stays until it is removed."""
    sections = []
    for row in form_rows(form, "sections"):
        section: dict[str, Any] = {"kind": text(row, "kind"), "title": text(row, "title")}
        match section["kind"]:
            case "text":
                section["body"] = text(row, "body")
            case "gallery":
                section["media"] = ids(row)
            case "video":
                section |= {"media": next(iter(ids(row)), ""), "caption": text(row, "caption")}
            case kind if kind in rows.ITEMS:
                name = rows.ITEMS[kind]
                row[name] = [one for one in form_rows(row, name) if any(map(_is_filled, one.values()))]
                section[name] = [_item(one) for one in row[name]]
        sections.append(section)
    return {"sections": sections}


def _item(row: Form) -> Form:
    item = {name: value for name, value in row.items() if isinstance(value, str)}
    return {**item, "url": with_scheme(item.get("url", ""))}


def _is_filled(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def with_scheme(text: str) -> str:
    """ "example.org" → "https://example.org", "ann@example.org" → "mailto:…"; others stay as they are."""
    url = text.strip()
    if not url or (
        re.match(r"[a-z][a-z0-9+.-]*:", url, re.IGNORECASE) and not re.match(r"[\w.-]+:\d+(/|$)", url)
    ):
        return url
    if re.fullmatch(r"[^\s@/]+@[^\s@/]+\.[^\s@/]+", url):
        return f"mailto:{url}"
    return f"https://{url.removeprefix('//')}" if re.match(r"(//)?[^\s/]+\.[^\s/]+", url) else url
