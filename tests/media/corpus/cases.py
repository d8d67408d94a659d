"""What a file of the corpus is: how it is made, and how it has to end."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

Build = Callable[[], bytes]


class Case(NamedTuple):
    """`refused` with a sentence that holds `says`, or made into something of `size`; None where either is right, since it
    rests on the decoder's version: then it only has to end well."""

    name: str
    build: Build
    refused: bool | None
    says: str = ""
    size: tuple[int, int] | None = None


CASES: dict[str, Case] = {}


def made(width: int, height: int) -> Callable[[Build], Build]:
    """It is tricky, but right: a picture or video of that size comes of it."""
    return _case(refused=False, size=(width, height))


def refused(says: str = "") -> Callable[[Build], Build]:
    return _case(refused=True, says=says)


def ends() -> Callable[[Build], Build]:
    """Refused, or made as far as it goes."""
    return _case(refused=None)


def add(name: str, build: Build, says: str) -> None:
    """One of many that are refused in the same way."""
    CASES[name] = Case(name, build, refused=True, says=says)


def _case(
    *, refused: bool | None, says: str = "", size: tuple[int, int] | None = None
) -> Callable[[Build], Build]:
    def register(build: Build) -> Build:
        CASES[build.__name__] = Case(build.__name__, build, refused, says, size)
        return build

    return register
