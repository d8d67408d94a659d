"""A studio on a port of its own over a real SQLite file and folder, and the creators who write in it."""

from __future__ import annotations

import re
import socket
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from core.backends import open_backends
from core.grants import Grants
from core.rank import Mark
from core.settings import Settings
from core.store import MAIN, Reached
from ingest.app import create_app

PASSWORD = "eleven blue herons"
SECRET = b"a secret for tests, long enough"


class Studio:
    """The app under uvicorn in a thread; `restart()` stops it and opens everything anew."""

    def __init__(self, folder: Path, **sections: dict[str, Any]) -> None:
        self.folder = folder
        self.sections = sections
        self._clients: list[httpx.Client] = []
        self.start()

    def start(self) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        defaults: dict[str, dict[str, Any]] = {
            "data": {"dir": self.folder},
            "site": {"url": "https://pages.example"},
            "studio": {"writes_per_minute": 10_000, "logins_per_minute": 1000},
        }
        merged = {
            name: defaults.get(name, {}) | self.sections.get(name, {}) for name in defaults | self.sections
        }
        self.settings = Settings.model_validate(merged)
        self.backends = open_backends(self.settings)
        self.store, self.private = self.backends.store, self.backends.private
        app = create_app(self.store, self.private, self.settings, SECRET, Grants([SECRET]))
        config = uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=2)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listening]}, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)

    def stop(self) -> None:
        for client in self._clients:
            client.close()
        self._clients.clear()
        self._server.should_exit = True
        self._thread.join(10)
        self.backends.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    def client(self, **options: Any) -> httpx.Client:
        client = httpx.Client(base_url=self.url, timeout=20, **options)
        self._clients.append(client)
        return client

    def sign_up(self, username: str = "ann", email: str = "", name: str = "") -> Creator:
        wish = {"username": username, "email": email or f"{username}@example.org", "password": PASSWORD}
        reply = self.client().post("/api/v1/accounts", json=wish | ({"name": name} if name else {}))
        assert reply.status_code == 201, reply.text
        return Creator(self, username, reply.json()["token"], reply.json()["profile"]["id"])

    def publish(self, profile_id: str, stage: str = "live", revision: int = 0) -> None:
        """Plays the worker: records that the profile has reached that stage."""
        head = self.store.profiles.head(profile_id)
        assert head
        for one in ("published", "purged", "live"):
            mark = Mark(self.store.life, revision or head.revision, 1)
            self.store.published.record(profile_id, MAIN, Reached(one, mark, int(time.time() * 1000)))
            if one == stage:
                return


class Creator:
    """Somebody with a bearer token and a profile, who uses the API."""

    def __init__(self, studio: Studio, username: str, token: str, profile_id: str) -> None:
        self.studio = studio
        self.username = username
        self.profile_id = profile_id
        self.http = studio.client(headers={"authorization": f"Bearer {token}"})
        self.path = f"/api/v1/profiles/{profile_id}"

    def get(self, path: str = "") -> httpx.Response:
        return self.http.get(self.path + path)

    def etag(self) -> str:
        return self.get().headers["etag"]

    def edit(self, **fields: Any) -> httpx.Response:
        return self.http.patch(self.path, json=fields, headers={"if-match": self.etag()})

    def upload(self, content: bytes, pieces: int = 1, **wish: Any) -> httpx.Response:
        """Uploads `content` whole; returns the answer to finish, or the first refusal."""
        wish = {"filename": "x.png", "bytes": len(content)} | wish
        reply = self.http.post(f"{self.path}/uploads", json=wish)
        if reply.status_code != 201:
            return reply
        url = f"{self.path}/uploads/{reply.json()['upload_id']}"
        size = -(-len(content) // pieces)
        for start in range(0, len(content), size):
            reply = self.http.patch(
                url, content=content[start : start + size], headers={"upload-offset": str(start)}
            )
            if reply.status_code != 200:
                return reply
        return self.http.post(url + "/finish", json={})


class Browser:
    """Somebody with a browser that runs no scripts: cookies, pages, forms."""

    def __init__(self, studio: Studio) -> None:
        self.http = studio.client(follow_redirects=True)
        self.page = ""

    def visit(self, path: str) -> httpx.Response:
        reply = self.http.get(path)
        self.page = reply.text
        return reply

    def token(self) -> str:
        found = re.search(r'name="form_token" value="([^"]+)"', self.page)
        assert found, "no form on this page"
        return found.group(1)

    def send(self, path: str, fields: dict[str, Any], **options: Any) -> httpx.Response:
        """Sends a form as it stands on the page last visited."""
        reply = self.http.post(path, data={"form_token": self.token()} | fields, **options)
        self.page = reply.text
        return reply
