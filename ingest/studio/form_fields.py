"""Form fields ↔ nested data: a field named `links.2.url` stands where an error's path `links.2.url` points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ingest.calls import Call
from ingest.forgery import FIELD

Form = dict[str, Any]

_MANY = ("media",)
"""Names of fields that come several times: their values are a list, in the page's order."""
_DEPTH_MAX = 6
LOGIN_EMAIL, LOGIN_PASSWORD = "login_email", "login_password"
"""What a page that asks for a log-in adds to the fields of the form that came without one."""


def nest(pairs: Iterable[tuple[str, str]]) -> Form:
    """`[("links.0.url", "x")]` → `{"links": [{"url": "x"}]}`. Rows come in the order of their numbers, without gaps."""
    root: Form = {}
    for name, value in pairs:
        parts = name.split(".")
        if len(parts) > _DEPTH_MAX or not all(parts):
            continue
        at: Any = root
        for part in parts[:-1]:
            at = at.setdefault(part, {})
            if not isinstance(at, dict):
                break
        else:
            _put(at, parts[-1], value)
    packed: Form = _pack(root)
    return packed


def _put(at: Form, name: str, value: str) -> None:
    if name in _MANY:
        values = at.setdefault(name, [])
        if isinstance(values, list):
            values.append(value)
    elif not isinstance(at.get(name), dict):
        at[name] = value


def _pack(value: Any) -> Any:
    """Objects whose names are all numbers become lists."""
    if not isinstance(value, dict):
        return value
    if value and all(name.isdecimal() and len(name) < 9 for name in value):
        return [_pack(value[name]) for name in sorted(value, key=int)]
    return {name: _pack(one) for name, one in value.items()}


def carried(call: Call) -> list[tuple[str, str]] | None:
    """The fields of a form that has to be sent once more; None if there are none, or for a form with a password: that
    is never written into a page."""
    if not call.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
        return None
    fields = [
        (name, value) for name, value in call.form() if name not in (FIELD, LOGIN_EMAIL, LOGIN_PASSWORD)
    ]
    return None if any(name in ("password", "new_password") for name, _ in fields) else fields


_UNTYPED = ("do", "edit", "seen", "key", "media", "kind", "icon", "alt_was", "listed_was")


def typed(fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those of them that hold something which a person has written or chosen."""
    return [(name, value) for name, value in fields if value and name.split(".")[-1] not in _UNTYPED]


def text(form: Mapping[str, Any], name: str) -> str:
    """A field's text; empty if it wasn't sent."""
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def rows(form: Mapping[str, Any], name: str) -> list[Form]:
    """The rows under that name; empty if there are none."""
    value = form.get(name, [])
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def ids(form: Mapping[str, Any], name: str = "media") -> list[str]:
    """The values of a field that comes several times, each once."""
    value = form.get(name, [])
    found = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return list(dict.fromkeys(one for one in found if isinstance(one, str) and one))


def tags(text: str) -> list[str]:
    """ "boats, sea" → ["boats", "sea"]."""
    return [one.strip() for one in text.split(",") if one.strip()]


_WORDS = {
    "links": "Link",
    "sections": "Section",
    "milestones": "milestone",
    "testimonials": "quote",
    "events": "event",
    "url": "address",
    "alt": "description",
    "bio": "About you",
    "publish_at": "When to publish",
    "body": "text",
    "email": "E-mail address",
    "new_password": "New password",
    "login_email": "E-mail address",
    "login_password": "Password",
}


def field_label(path: str) -> str:
    """An error's path in words: `links.2.url` → "Link 3, address"."""
    words: list[str] = []
    for part in path.split("."):
        if part.isdecimal() and words:
            words[-1] += f" {int(part) + 1}"
        else:
            words.append(_WORDS.get(part, part.replace("_", " ")))
    label = ", ".join(words)
    return label[:1].upper() + label[1:]
