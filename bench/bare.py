"""The ASGI apps that `bench.reads` compares with: `python -m bench.bare bare|static FOLDER PORT`.

`bare` is the least that an ASGI app can do: it sends the headers and the body that our edge was seen to send. `static` is
Starlette's StaticFiles over that body as a file. Both run as our edge does: uvicorn, uvloop, httptools, no access log.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import uvicorn
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

BODY, HEADERS = "page.html", "headers.json"


def bare(folder: Path) -> ASGIApp:
    body = (folder / BODY).read_bytes()
    headers = [(name.encode(), value.encode()) for name, value in json.loads((folder / HEADERS).read_text())]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def main() -> None:
    kind, folder, port = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    app = bare(folder) if kind == "bare" else StaticFiles(directory=folder)
    uvicorn.run(
        app,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )


if __name__ == "__main__":
    main()
