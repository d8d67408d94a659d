"""Data from outside as a noun, or the words that tell a person what is wrong with each field."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from core.errors import BadInput
from core.media import Frozen

Noun = TypeVar("Noun", bound=Frozen)


def parse(noun: type[Noun], data: Any) -> Noun:
    """`data` (as JSON decodes) as a noun; BadInput names every bad field by its path ("links.2.url")."""
    try:
        return noun.model_validate(data)
    except ValidationError as error:
        raise BadInput(field_errors(error)) from None


def field_errors(error: ValidationError) -> dict[str, str]:
    """Pydantic's errors as {path: words for a person}."""
    return {_path(e): _words(e) for e in error.errors(include_url=False)}


def _path(error: Any) -> str:
    """The field's path. Pydantic puts the discriminator's value behind the index of a section, or of a purge target; a path
    doesn't need it."""
    loc: tuple[Any, ...] = error["loc"]
    parts = [
        str(part)
        for at, part in enumerate(loc)
        if not (at >= 2 and loc[at - 2] in ("sections", "target") and isinstance(loc[at - 1], int))
    ]
    if error["type"].startswith("union_tag_"):
        parts.append("kind")
    return ".".join(parts) or "body"


def _words(error: Any) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "string_too_long":
            return f"may have at most {context['max_length']} characters"
        case "string_too_short" | "missing" | "union_tag_not_found":
            return "is required"
        case "too_short" if context["min_length"] == 1:
            return "is required"
        case "union_tag_invalid":
            return f"must be one of {context['expected_tags']}"
        case "string_unicode":
            return "holds a character that can't be stored"
        case "too_long":
            return f"may hold at most {context['max_length']} entries"
        case "value_error":
            return str(context["error"])
        case "extra_forbidden":
            return "is not a field here"
        case "literal_error":
            return f"must be one of {context['expected']}"
        case "string_pattern_mismatch":
            return "is not written as it should be"
    return str(error["msg"]).removeprefix("Value error, ").replace("Input should be", "should be")
