"""The OpenAPI 3.1 document, made of the operations and their models."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from core.settings import Settings
from ingest.api.models import Problem
from ingest.api.operations import Operation

Schemas = Mapping[tuple[Any, JsonSchemaMode], dict[str, Any]]

_PARAMETERS = {
    "profile": "The profile's id, or `@` and its username",
    "post": "The post's id",
    "medium": "The id of a photo or video",
    "language": 'A language tag, such as "en" or "pt-BR"',
    "upload": "The `upload_id` that beginning it answered",
}


def document(operations: Sequence[Operation], settings: Settings) -> dict[str, Any]:
    """Describes every operation: parameters, bodies, answers and problems, each with its schema."""
    schemas, definitions = _schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{settings.site.name}: the write API",
            "version": "1",
            "description": "Read a profile, send it back changed with `If-Match`, and follow its receipt until it is live.",
        },
        "servers": [{"url": settings.studio.url}],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "`token` of a session"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "holdfast"},
            },
        },
    }


def _schemas(operations: Sequence[Operation]) -> tuple[Schemas, dict[str, Any]]:
    wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(Problem, "serialization"): None}
    for one in operations:
        if isinstance(one.body, type):
            wanted[one.body, "validation"] = None
        if isinstance(one.answer, type):
            wanted[one.answer, "serialization"] = None
    schemas, top = models_json_schema(list(wanted), ref_template="#/components/schemas/{model}")
    return schemas, top["$defs"]


def _operation(one: Operation, schemas: Schemas) -> dict[str, Any]:
    made: dict[str, Any] = {
        "summary": one.summary,
        "operationId": _operation_id(one),
        "responses": {str(one.status): _response(one, schemas)},
    }
    if not one.public:
        made["security"] = [{"bearer": []}, {"cookie": []}]
    if parameters := _parameters(one):
        made["parameters"] = parameters
    if isinstance(one.body, str):
        content = {one.body: {"schema": {"type": "string", "format": "binary"}}}
        made["requestBody"] = {"required": True, "content": content}
    elif one.body:
        made["requestBody"] = {"required": True, "content": _json(schemas[one.body, "validation"])}
    problem = {"application/problem+json": {"schema": schemas[Problem, "serialization"]}}
    for status in _problems(one):
        made["responses"][str(status)] = {"description": HTTPStatus(status).phrase, "content": problem}
    return made


def _problems(one: Operation) -> list[int]:
    found = {*one.errors, 500, 503}
    if not one.public:
        found.add(401)
    if one.method != "GET":
        found |= {403, 408, 413, 429}
    if isinstance(one.body, type):
        found |= {415, 422}
    if one.if_match:
        found |= {412, 428} if one.if_match == "required" else {412}
    if one.keyed:
        found.add(422)
    return sorted(found)


def _parameters(one: Operation) -> list[dict[str, Any]]:
    made = [
        _parameter("path", name, _PARAMETERS[name], required=True)
        for name in re.findall(r"\{(\w+)\}", one.path)
    ]
    made += [_parameter("query", name, words) for name, words in (one.query or {}).items()]
    if one.if_match:
        required = one.if_match == "required"
        made.append(_parameter("header", "If-Match", "The ETag of what was read", required=required))
    if one.keyed:
        words = "Any text of the client's own; the same request with the same key is done once"
        made.append(_parameter("header", "Idempotency-Key", words))
    if one.counted == "pieces":
        made.append(_parameter("header", "Upload-Offset", "Where these bytes begin", required=True))
    return made


def _parameter(where: str, name: str, description: str, required: bool = False) -> dict[str, Any]:
    return {
        "in": where,
        "name": name,
        "description": description,
        "required": required,
        "schema": {"type": "string"},
    }


def _response(one: Operation, schemas: Schemas) -> dict[str, Any]:
    made: dict[str, Any] = {"description": HTTPStatus(one.status).phrase}
    if isinstance(one.answer, str):
        made["content"] = {one.answer: {"schema": {"type": "string"}}}
    elif one.answer:
        made["content"] = _json(schemas[one.answer, "serialization"])
    return made


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _operation_id(one: Operation) -> str:
    return "_".join([one.method.lower(), *re.findall(r"\w+", one.path.removeprefix("/api/v1"))])
