"""The checks of `holdfast doctor`: each looks at one thing, and says what is wrong with it and what mends it."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Check(NamedTuple):
    """What a check found. `remedy` is the command or key that mends it; a `warn` is nothing that keeps pages down."""

    name: str
    state: Literal["ok", "warn", "fail"]
    said: str
    remedy: str = ""
