"""What a reader has already, or wants a part of: conditional requests and ranges (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import NamedTuple


class Span(NamedTuple):
    """Bytes `start` to `end`, exclusive."""

    start: int
    end: int


_ETAG = re.compile(r'(?:W/)?("[^"]*")')
_STRONG = re.compile(r'W/"[^"]*"|("[^"]*")')
# Possessive: else a long row of spaces is divided in every way among those that stand side by side.
_RANGE = re.compile(r"\s*+bytes\s*+=\s*+(\d{0,18})\s*+-\s*+(\d{0,18})\s*+", re.IGNORECASE)


def not_modified(if_none_match: str | None, if_modified_since: str | None, etag: str, modified: str) -> bool:
    """If-None-Match by weak comparison; If-Modified-Since only where that is absent."""
    if if_none_match is not None:
        return if_none_match == etag or if_none_match.strip() == "*" or etag in _ETAG.findall(if_none_match)
    since, changed = _seconds(if_modified_since or ""), _seconds(modified)
    return since is not None and changed is not None and changed <= since


def is_another(if_match: str | None, if_unmodified_since: str | None, etag: str, modified: str) -> bool:
    """Whether it isn't what a reader wants it to be still: If-Match by strong comparison; If-Unmodified-Since only where that
    is absent."""
    if if_match is not None:
        return if_match.strip() != "*" and etag not in _STRONG.findall(if_match)
    since, changed = _seconds(if_unmodified_since or ""), _seconds(modified)
    return since is not None and changed is not None and changed > since


def if_range(condition: str | None, etag: str, modified: str) -> bool:
    """Whether a range may be given: by strong comparison, or the very date that we gave out."""
    return condition is None or condition.strip() in {etag, modified} - {""}


def parse_range(header: str, size: int) -> Span | str | None:
    """The one range asked for, "unsatisfiable", or None: several, or none that we know, get the whole."""
    found = _RANGE.fullmatch(header)
    if not found or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return None
    return Span(start, end) if start < end else "unsatisfiable"


@lru_cache(maxsize=1024)
def _dated(date: str) -> float | None:
    try:
        found = parsedate_to_datetime(date)
        # asctime's form names no zone, and is UTC all the same (RFC 9110, 5.6.7).
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _seconds(date: str) -> float | None:
    """What is longer than any date is none, and is not remembered."""
    return _dated(date) if 0 < len(date) < 64 else None
