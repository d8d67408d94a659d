"""What an operation of the API is, and what all of them share: conditions, keys, answers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, TypeVar

from pydantic import BaseModel
from starlette.responses import Response
from starlette.routing import Route

from core.errors import BadInput, PreconditionMissing
from core.media import Frozen
from core.parsing import parse
from core.store.revise import Asked
from ingest.calls import Call, Door, Handler, StreamHandler
from ingest.edits import Terms

Noun = TypeVar("Noun", bound=Frozen)
Matching = Literal["required", "optional"]
IDEMPOTENCY_KEY_CHARS_MAX = 200


@dataclass(frozen=True, slots=True)
class Operation:
    """One route: how it is called, and what the OpenAPI document says of it.

    `body` and `answer` are models, or a media type where it isn't JSON. `stream` handlers are coroutines.
    """

    method: str
    path: str
    summary: str
    handler: Handler | None = None
    stream: StreamHandler | None = None
    counted: Literal["writes", "pieces"] = "writes"
    body: type[BaseModel] | str | None = None
    answer: type[BaseModel] | str | None = None
    status: int = 200
    if_match: Matching | None = None
    keyed: bool = False
    public: bool = False
    query: dict[str, str] | None = None
    errors: tuple[int, ...] = ()

    def route(self, door: Door) -> Route:
        if self.stream:
            return door.stream(self.method, self.path, self.stream, self.counted)
        if self.handler is None:
            raise ValueError(f"{self.method} {self.path} has no handler")
        return door.route(self.method, self.path, self.handler, self.public)


def terms(call: Call, matching: Matching = "optional") -> Terms:
    """If-Match and Idempotency-Key of a write; raises PreconditionMissing, BadInput."""
    return Terms(_if_match(call, matching), asked_of(call, call.body))


def etag(edit: int) -> str:
    return f'"{edit}"'


def answer(
    model: BaseModel, status: int = 200, *, edit: int | None = None, headers: dict[str, str] | None = None
) -> Response:
    """The model as JSON, private to its account; `edit` becomes the ETag."""
    head = {"cache-control": "no-store", **(headers or {})}
    if edit is not None:
        head["etag"] = etag(edit)
    return Response(model.model_dump_json(), status, head, "application/json")


def answer_unless_known(call: Call, model: BaseModel, edit: int) -> Response:
    """Like `answer`, or 304 if the client knows this edit already."""
    known = [tag.strip().removeprefix("W/") for tag in call.headers.get("if-none-match", "").split(",")]
    if etag(edit) in known:
        return Response(status_code=304, headers={"etag": etag(edit), "cache-control": "no-store"})
    return answer(model, edit=edit)


def nothing() -> Response:
    return Response(status_code=204, headers={"cache-control": "no-store"})


def read(call: Call, noun: type[Noun]) -> Noun:
    """The body as that noun; BadInput names every bad field."""
    return parse(noun, call.json())


def _if_match(call: Call, matching: Matching) -> int | None:
    text = call.headers.get("if-match", "").strip()
    if not text:
        if matching == "required":
            raise PreconditionMissing(
                "Send If-Match with the ETag of what you read, so that nobody's edit is overwritten unseen."
            )
        return None
    if text == "*":
        return None
    found = re.fullmatch(r'"(\d{1,18})"', text)
    # Any other tag is one that we never gave out, so it can't be the current one.
    return int(found.group(1)) if found else -1


def asked_of(call: Call, content: bytes) -> Asked | None:
    """The Idempotency-Key with the digest of what it was sent for; raises BadInput."""
    key = call.headers.get("idempotency-key", "").strip()
    if not key:
        return None
    if len(key) > IDEMPOTENCY_KEY_CHARS_MAX or not key.isprintable() or not key.isascii():
        raise BadInput(
            {"Idempotency-Key": f"may have {IDEMPOTENCY_KEY_CHARS_MAX} printable ASCII characters"}
        )
    request = json.dumps([call.method, call.path, call.headers.get("if-match", "")]).encode() + content
    return Asked(key, sha256(request).hexdigest())
