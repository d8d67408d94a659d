"""Every command that our messages and documents name can be typed: its verb, its act and its flags exist."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import typer.main
from typer.models import ArgumentInfo

from cli.main import VERBS, app

ROOT = Path(__file__).parents[2]
CODE = ("bench", "cli", "core", "edge", "generator", "ingest", "pipeline", "templates")
QUOTED, SHOWN = (
    re.compile(r"`holdfast ([a-z][^`\n]*)`"),
    re.compile(r"^    holdfast ([a-z][^#\n]*)", re.MULTILINE),
)


def named() -> set[str]:
    """What stands behind `holdfast` in code, and in documents in a block of its own, too."""
    sources = [path for folder in CODE for path in (ROOT / folder).rglob("*.py")]
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md"), ROOT / "site.toml"]
    found = {words for path in [*sources, *documents] for words in QUOTED.findall(path.read_text())}
    return found | {words.strip() for path in documents for words in SHOWN.findall(path.read_text())}


def flaws(line: str) -> list[str]:
    """Words of the line that `holdfast` would refuse. What is only known when it is printed ("{name}") passes."""
    verb, *words = line.split()
    if verb not in VERBS:
        return [verb]
    command: Any = typer.main.get_command(app)
    flags = {flag for param in command.get_command(None, verb).params for flag in param.opts} | {"--help"}
    unknown = [word for word in words if word.startswith("--") and word not in flags]
    acts = acts_of(verb)
    if words and acts and "{" not in words[0]:
        unknown += [act for act in words[0].split("|") if act not in acts]
    return unknown


def acts_of(verb: str) -> tuple[str, ...]:
    """What its first argument may be; none if that is free, or a flag."""
    module, name = VERBS[verb].split(":")
    hints = get_type_hints(getattr(import_module(module), name), include_extras=True)
    for hint in hints.values():
        kind, *notes = get_args(hint) or (hint,)
        if any(isinstance(note, ArgumentInfo) for note in notes):
            return get_args(kind) if get_origin(kind) is Literal else ()
    return ()


def test_there_are_such_words() -> None:
    assert {"store new-life", "rebuild --all"} <= named()
    assert flaws("store forget") == ["forget"]
    assert flaws("rebuild --everything") == ["--everything"]
    assert flaws("repair") == ["repair"]


@pytest.mark.parametrize("line", sorted(named()))
def test_what_is_named_can_be_typed(line: str) -> None:
    assert flaws(line) == []
