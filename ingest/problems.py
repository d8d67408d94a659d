"""Errors → problem documents (RFC 9457), in one place; what nobody expected is logged, and told without a traceback."""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from core.errors import BadInput, EditConflict, HoldfastError, OffsetConflict, TooMany
from core.log import get_logger

log = get_logger("ingest")

TYPE_PREFIX = "urn:holdfast:problem:"


def expected(error: Exception, route: str) -> HoldfastError:
    """The error as one of our tree. Others are logged with `route` (a pattern: a path may hold a secret) and hidden."""
    if isinstance(error, HoldfastError):
        if error.status >= 500:
            log.warning("request_failed", route=route, error=type(error).__name__, detail=str(error))
        return error
    # As text, not as exc_info: some renderers add local variables, and a password may be among them.
    trace = "".join(traceback.format_exception(error))
    log.error("unexpected_error", route=route, error=type(error).__name__, traceback=trace)
    return HoldfastError("This is our fault, and has been noted. Please try again.")


def problem(error: HoldfastError, instance: str) -> Response:
    """The problem document: status, words, and what helps to mend it (`fields`, `edit`, `offset`)."""
    body: dict[str, Any] = {
        "type": TYPE_PREFIX + _kebab(type(error).__name__),
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": instance,
    }
    if isinstance(error, BadInput):
        body["fields"] = error.fields
    if isinstance(error, EditConflict):
        body["edit"] = error.edit
    if isinstance(error, OffsetConflict):
        body["offset"] = error.offset
    return _answer(body, headers(error))


def headers(error: HoldfastError) -> dict[str, str]:
    """The headers that belong to an error, whatever its body."""
    if isinstance(error, TooMany):
        return {"retry-after": str(error.retry_after_s)}
    if isinstance(error, OffsetConflict):
        return {"upload-offset": str(error.offset)}
    if isinstance(error, EditConflict):
        return {"etag": f'"{error.edit}"'}
    if error.status == 401:
        return {"www-authenticate": "Bearer"}
    return {"retry-after": "2"} if error.status == 503 else {}


def routing_problem(error: HTTPException, instance: str) -> Response:
    """Starlette's own: no such path (404), not this method (405)."""
    status = HTTPStatus(error.status_code)
    body = {"type": "about:blank", "title": status.phrase, "status": status.value, "instance": instance}
    return _answer(body, error.headers or {})


def _answer(body: dict[str, Any], headers: Mapping[str, str]) -> Response:
    return Response(
        json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"),
        body["status"],
        {**headers, "cache-control": "no-store"},
        "application/problem+json",
    )


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()
