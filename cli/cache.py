"""Where what is fetched or built once for a machine is kept."""

from __future__ import annotations

import os
from pathlib import Path


def kept(name: str) -> Path:
    """The user's cache, as the XDG Base Directory Specification has it: an empty XDG_CACHE_HOME counts as none."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "holdfast" / name
