"""Makes the best of foreign data: a noun's fields in, the noun out with every bad field cut, cleaned or left out, and a note on each."""

from __future__ import annotations

import re
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from pydantic import ValidationError

from core.media import Frozen
from core.parsing import field_errors

ROUNDS = 50
"""Each round takes away what the one before has laid bare (a link whose address went is a link without one)."""

_SECTION_KINDS = {"text", "gallery", "video", "timeline", "testimonials", "events"}
_BREAKS = re.compile("[\t\r\n\u2028\u2029]+")
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_HOST = re.compile(r"[^\s/?#@:%]+\.[^\s/?#@:%.]+|localhost", re.IGNORECASE)

Noun = TypeVar("Noun", bound=Frozen)
Path = tuple[str | int, ...]


class Mended(NamedTuple):
    """`noun` is None when nothing could be made of it; `notes` say what was changed, and why."""

    noun: Any
    notes: list[str]


def mended(noun: type[Noun], data: dict[str, Any]) -> Mended:
    """`data` (changed in place) as a noun. What is too long is cut, what can't be used is left out; never the whole for
    one field, unless that field is the noun itself."""
    notes: list[str] = []
    for _ in range(ROUNDS):
        try:
            return Mended(noun.model_validate(data), notes)
        except ValidationError as error:
            mends = _mends(error)
            if () in mends:
                return Mended(None, [*notes, mends[()].why])
            notes += [_apply(data, path, mend) for path, mend in _inmost_first(mends)]
    return Mended(None, notes)


def mended_url(text: str) -> str | None:
    """The address that is meant: https where there is no scheme, a mailbox as mailto; None for what leads nowhere or
    is of another scheme."""
    text = _UNSEEN.sub("", _BREAKS.sub("", text)).strip().replace(" ", "%20")
    text = re.sub(r"^(https?)(:/*|//+)(?=[^/:])", r"\1://", text, count=1, flags=re.IGNORECASE)
    text = re.sub(r"^(https?://)+(https?://)", r"\2", text, flags=re.IGNORECASE).removeprefix("//")
    if found := _SCHEME.fullmatch(text):
        scheme, rest = found.group(1).lower(), found.group(2)
        if scheme in ("mailto", "tel"):
            return text if rest.strip("/") else None
        if scheme in ("http", "https"):
            return text if _host(text) else None
        if not re.match(r"\d+(/|$)", rest):  # "example.org:8080/x" has a port, not a scheme
            return None
    if re.fullmatch(r"[^\s/?#@:]+@[^\s/?#@:]+\.[^\s/?#@:.]{2,}", text):
        return f"mailto:{text}"
    return f"https://{text}" if _HOST.fullmatch(_host(f"https://{text}")) else None


def _host(url: str) -> str:
    """The host, or "" if there is none that could be reached."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or "") if parts.port != 0 else ""
    except ValueError:
        return ""


def cleaned(text: str, *, one_line: bool) -> str:
    """The text without control characters; in one line if it has to be."""
    return _UNSEEN.sub("", _BREAKS.sub(" ", text) if one_line else text)


class _Mend(NamedTuple):
    """What to do ("cut" to `length`, "clean", "clean line" or "drop"), and which field has what wrong with it."""

    act: str
    why: str
    length: int = 0


def _mends(error: ValidationError) -> dict[Path, _Mend]:
    """Mends by path; one at the empty path says that the noun can't be saved."""
    words = field_errors(error)
    found: dict[Path, _Mend] = {}
    for one in error.errors(include_url=False, include_input=False):
        path = _plain(one["loc"])
        name = ".".join(map(str, path))
        why = f"{name}: {words.get(name) or words.get(f'{name}.kind') or one['msg']}"
        match one["type"]:
            case "string_too_long" if path[-1] != "url":
                found[path] = _Mend("cut", why, one["ctx"]["max_length"])
            case "too_long":
                found[path] = _Mend("cut", why, one["ctx"]["max_length"])
            case "missing" | "string_too_short":
                found[path[:-1]] = _Mend("drop", why)
            case "string_unicode":
                found[path] = _Mend("clean", why)
            case "value_error" if "control character" in why:
                found[path] = _Mend("clean line" if "one line" in why else "clean", why)
            case _:
                found[path] = _Mend("drop", why)
    return found


def _plain(loc: tuple[str | int, ...]) -> Path:
    """Pydantic puts a section's kind behind its index; the data has no such step."""
    if len(loc) > 2 and loc[0] == "sections" and loc[2] in _SECTION_KINDS:
        return (*loc[:2], *loc[3:])
    return loc


def _inmost_first(mends: dict[Path, _Mend]) -> list[tuple[Path, _Mend]]:
    """The deeper and the later first, so that no path moves before its turn; nothing inside of what goes as a whole."""
    dropped = {path for path, mend in mends.items() if mend.act == "drop"}
    kept = [
        (path, mend)
        for path, mend in mends.items()
        if not any(path[:depth] in dropped for depth in range(1, len(path)))
    ]
    return sorted(kept, key=lambda one: (len(one[0]), _last(one[0])), reverse=True)


def _last(path: Path) -> int:
    return path[-1] if isinstance(path[-1], int) else -1


def _apply(data: dict[str, Any], path: Path, mend: _Mend) -> str:
    """Does one mend; returns its note."""
    where: Any = data
    for step in path[:-1]:
        where = where[step]
    key, value = path[-1], where[path[-1]]
    if mend.act == "cut":
        where[key] = value.strip()[: mend.length] if isinstance(value, str) else value[: mend.length]
        return f"{mend.why}; cut"
    if mend.act != "drop":
        clean = cleaned(value, one_line=mend.act == "clean line")
        if clean != value:
            where[key] = clean
            return f"{mend.why}; cleaned"
    del where[key]
    return f"{mend.why}; left out"
