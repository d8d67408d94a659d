"""What the fields of nouns may hold: texts, addresses, days and tags, cleaned and bounded as they come in."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from core import keys

TAGS_MAX = 30

# Control characters never belong in a profile; \n and \t do in text of several lines. The bidi controls
# turn the writing direction of what follows (CVE-2021-42574), lone surrogates can't be encoded.
_NOT_IN_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_NOT_IN_LINE = re.compile(f"{_NOT_IN_TEXT.pattern}|[\n\t\u2028\u2029]")
_PLAIN_URL = re.compile("https?://[a-z0-9][!-~]*")
_SCHEMES = ("https://", "http://", "mailto:", "tel:")


def _newlines(value: Any) -> Any:
    """HTML forms send CRLF (WHATWG HTML, "constructing the entry list"); we keep LF."""
    return value.replace("\r\n", "\n").replace("\r", "\n") if isinstance(value, str) else value


def _clean_text(text: str) -> str:
    if _NOT_IN_TEXT.search(text):
        raise ValueError("holds a control character")
    return text


def _clean_line(text: str) -> str:
    if not text.isprintable() and _NOT_IN_LINE.search(text):
        raise ValueError("must be one line without control characters")
    return text


def _clean_url(text: str) -> str:
    if not text or _PLAIN_URL.fullmatch(text):
        return text
    if text.split() != [text] or _NOT_IN_LINE.search(text):
        raise ValueError("must not hold spaces")
    if not text.lower().startswith(_SCHEMES):
        raise ValueError("must begin with https://, http://, mailto: or tel:")
    rest = text.split(":", 1)[1].lstrip("/")
    if not rest or (text.lower().startswith("http") and not re.match(r"[^/?#\s@]+\.?[^/?#\s]*", rest)):
        raise ValueError("lacks an address after its beginning")
    return text


def _clean_slug(text: str) -> str:
    if keys.slug(text) != text:
        raise ValueError("may hold lower case letters and digits, joined by single -")
    return text


def _clean_date(text: str) -> str:
    # What fromisoformat takes besides (weeks, no dashes) doesn't sort as text.
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError("must be a day such as 2026-03-14")
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a day of the calendar") from None
    return text


def _bare_domain(text: str) -> str:
    return text.strip().lower().removesuffix(".").removeprefix("www.")


def is_domain(text: str) -> bool:
    """Whether `text` is a domain in its one spelling, and short enough for a key's part."""
    return len(text) <= 240 and bool(re.fullmatch(DOMAIN, text, re.ASCII)) and not text.startswith("www.")


def chars(most: int, least: int = 0) -> StringConstraints:
    """The limits of a text, in characters after its outer white space is gone."""
    return StringConstraints(strip_whitespace=True, min_length=least, max_length=most)


LINE = AfterValidator(_clean_line)
LF = BeforeValidator(_newlines)
TEXT = AfterValidator(_clean_text)

Url = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000), AfterValidator(_clean_url)]
Line40 = Annotated[str, chars(40), LINE]
Line100 = Annotated[str, chars(100), LINE]
Line200 = Annotated[str, chars(200), LINE]
Title = Annotated[str, chars(200, 1), LINE]
PersonName = Annotated[str, chars(100, 1), LINE]
Text1k = Annotated[str, chars(1000), LF, TEXT]
Text5k = Annotated[str, chars(5000), LF, TEXT]
Text10k = Annotated[str, chars(10_000), LF, TEXT]
Text20k = Annotated[str, chars(20_000), LF, TEXT]
DOMAIN = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])"
Domain = Annotated[
    str,
    # "www." in front makes no other domain, nor does a dot at the end.
    BeforeValidator(lambda text: _bare_domain(text) if isinstance(text, str) else text),
    # Wider than what can be held (`is_domain`): profiles of earlier versions have it written down, and must load.
    StringConstraints(pattern=r"^(([a-z0-9-]{1,63}\.)+[a-z][a-z0-9-]{1,62})?$", max_length=253),
]
Slug = Annotated[str, StringConstraints(min_length=1, max_length=80), AfterValidator(_clean_slug)]
Day = Annotated[str, AfterValidator(_clean_date)]
Icon = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{0,30}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$")]
Theme = Literal["plain", "dusk", "paper", "moss"]
Visibility = Literal["public", "unlisted", "private"]


def _unique(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Each tag once, the first spelling kept; empty ones dropped."""
    seen: dict[str, str] = {}
    for one in tags:
        if one:
            seen.setdefault(one.casefold(), one)
    return tuple(seen.values())


Tags = Annotated[tuple[Line40, ...], Field(max_length=TAGS_MAX), AfterValidator(_unique)]
