"""The API put together: its operations as routes, with the document that describes them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from starlette.responses import Response
from starlette.routing import Route

from core.settings import Settings
from ingest.api.openapi import document
from ingest.api.operations import Operation
from ingest.calls import Call, Door

DOCUMENT_PATH = "/api/openapi.json"


def routes(door: Door, operations: Sequence[Operation], settings: Settings) -> list[Route]:
    """All of the API's routes."""
    body = json.dumps(document(operations, settings), indent=1).encode()

    def describe(_: Call) -> Response:
        return Response(body, media_type="application/json", headers={"cache-control": "no-cache"})

    return [*(one.route(door) for one in operations), door.route("GET", DOCUMENT_PATH, describe, public=True)]
