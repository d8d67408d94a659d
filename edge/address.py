"""The path that a request spells: decoded, and as it stands under the site's sub-path."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

URL_BYTES_MAX = 4096
_HOST = re.compile(r"(\[[^\]]*\]|[^:]*)(?::([0-9]*))?", re.ASCII)


def decoded(raw_path: bytes) -> str | None:
    """The path as text; None for one that isn't percent-encoded UTF-8, or that hides a slash in a part."""
    lower = raw_path.lower()
    if not raw_path.startswith(b"/") or any(sign in lower for sign in (b"%2f", b"%5c", b"%00")):
        return None
    try:
        return unquote_to_bytes(raw_path).decode()
    except UnicodeDecodeError:
        return None


def below(path: str, sub_path: str) -> str | None:
    """`path` without the sub-path that the site lies under; None outside of it."""
    if not sub_path:
        return path
    if path != sub_path and not path.startswith(sub_path + "/"):
        return None
    return path.removeprefix(sub_path)


def host_of(authority: str) -> str:
    """The one spelling of what a Host header names: lower case, without the dot at a name's end, without the port that
    its scheme has anyway. Empty for what names none."""
    found = _HOST.fullmatch(authority.strip().lower())
    if not found:
        return ""
    name, port = found[1].removesuffix("."), found[2]
    return f"{name}:{port}" if port and port not in ("80", "443") else name
