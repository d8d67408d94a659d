"""Logs: one event a line, JSON for machines, readable on a terminal; what looks like a secret never gets through."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from core.settings import LogSettings

SECRET_WORDS = ("password", "secret", "token", "cookie", "authorization", "signature", "session", "csrf")

_GRANT = re.compile(r"(/-/(?:g/)?|/preview/)[\w-]{40,}", re.ASCII)
"""A grant in a path: whoever reads it could read what it opens."""


def get_logger(part: str) -> Any:
    """The logger of a part: `log.info("published", profile=…, revision=…)`: an event's name, then its fields."""
    return structlog.get_logger(part=part)


def configure(settings: LogSettings) -> None:
    """Sets the process' logging up once: to standard error, unbuffered by line."""
    console = settings.format == "console" or (settings.format == "auto" and sys.stderr.isatty())
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            hide_secrets,
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
            if console
            else structlog.processors.JSONRenderer(default=str),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replaces the value of every field whose name speaks of a secret, however deep it lies."""
    for name, value in event.items():
        event[name] = _hidden(name, value)
    return event


def _hidden(name: str, value: Any) -> Any:
    if any(word in name.lower() for word in SECRET_WORDS):
        return "…"
    if isinstance(value, dict):
        return {key: _hidden(str(key), one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden("", one) for one in value]
    return _GRANT.sub(r"\1…", value) if isinstance(value, str) else value
