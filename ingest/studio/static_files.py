"""The studio's style sheet, script and pictures, under addresses that change with their bytes."""

from __future__ import annotations

import mimetypes
from hashlib import sha256
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

PREFIX = "/static/"


class StaticFiles:
    """All of `static/`, read once."""

    def __init__(self) -> None:
        self._urls: dict[str, str] = {}
        self._bodies: dict[str, tuple[bytes, str]] = {}
        for file in (files(__package__) / "static").iterdir():
            body = file.read_bytes()
            stem, _, ending = file.name.rpartition(".")
            served = f"{stem}.{sha256(body).hexdigest()[:10]}.{ending}"
            self._urls[file.name] = PREFIX + served
            self._bodies[served] = body, mimetypes.guess_type(file.name)[0] or "application/octet-stream"

    def url(self, name: str) -> str:
        return self._urls[name]

    def route(self) -> Route:
        async def serve(request: Request) -> Response:
            found = self._bodies.get(request.path_params["file"])
            if found is None:
                return PlainTextResponse("Not found\n", 404)
            body, kind = found
            return Response(
                body, media_type=kind, headers={"cache-control": "public, max-age=31536000, immutable"}
            )

        return Route(PREFIX + "{file}", serve)
