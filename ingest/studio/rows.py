"""Adds, moves and removes rows of a form that isn't saved yet: what a page's plain buttons do without JavaScript."""

from __future__ import annotations

import copy
import re
from typing import Any, NamedTuple

from core.errors import BadInput
from core.profile import ITEMS_MAX, LINKS_MAX, SECTIONS_MAX
from ingest.studio.form_fields import Form

ITEMS = {"timeline": "milestones", "testimonials": "testimonials", "events": "events"}
"""The name of a section's rows, by its kind."""
KINDS = ("text", "gallery", "video", "timeline", "testimonials", "events")

_LISTS_MAX = {"links": LINKS_MAX, "sections": SECTIONS_MAX}
_PATH = re.compile(r"(links|sections)(\.\d{1,3})?(\.(?:milestones|testimonials|events|media))?(\.\d{1,3})?")


class Acted(NamedTuple):
    """The form afterwards, and the id of what to look at."""

    form: Form
    anchor: str


def act(form: Form, action: str) -> Acted:
    """`add:links`, `add:sections:text`, `up:links.2`, `down:…`, `remove:…`. Raises BadInput for anything else."""
    verb, _, rest = action.partition(":")
    path, _, kind = rest.partition(":")
    if not _PATH.fullmatch(path):
        raise _unknown()
    form = copy.deepcopy(form)
    if verb == "add":
        return Acted(form, _add(form, path, kind))
    parent, _, last = path.rpartition(".")
    if not last.isdecimal():
        raise _unknown()
    rows, number = _rows(form, parent), int(last)
    if number >= len(rows):
        raise _unknown()
    if verb == "remove":
        del rows[number]
        number = min(number, len(rows) - 1)
        return Acted(form, anchor(f"{parent}.{number}" if rows else parent))
    if verb in ("up", "down"):
        to = max(0, min(len(rows) - 1, number + (1 if verb == "down" else -1)))
        rows.insert(to, rows.pop(number))
        return Acted(form, anchor(f"{parent}.{to}"))
    raise _unknown()


def anchor(path: str) -> str:
    """The id of the element that shows what lies under that path."""
    return path.replace(".", "-")


def _add(form: Form, path: str, kind: str) -> str:
    name = path.rpartition(".")[2]
    rows = _rows(form, path)
    most = _LISTS_MAX.get(name, ITEMS_MAX)
    if len(rows) >= most:
        raise BadInput({path: f"may hold at most {most} entries"})
    if path == "sections" and kind not in KINDS:
        raise _unknown()
    rows.append({"kind": kind} if path == "sections" else {})
    if path == "sections" and kind in ITEMS:
        rows[-1][ITEMS[kind]] = [{}]
    return anchor(f"{path}.{len(rows) - 1}")


def _rows(form: Form, path: str) -> list[Any]:
    """The list under that path, made if it isn't there."""
    at: Any = form
    parts = path.split(".")
    for place, part in enumerate(parts):
        if isinstance(at, list):
            if not part.isdecimal() or int(part) >= len(at):
                raise _unknown()
            at = at[int(part)]
        elif isinstance(at, dict):
            at = at.setdefault(part, [] if place == len(parts) - 1 else {})
        else:
            raise _unknown()
    if not isinstance(at, list):
        raise _unknown()
    return at


def _unknown() -> BadInput:
    return BadInput({"do": "is not something that this form can do; please reload the page"})
