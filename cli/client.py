"""The write API as a program uses it: sign up, write, upload, ask for the receipt. The sample site is loaded through it."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from core.errors import HoldfastError, Unavailable

PIECE_BYTES = 4 << 20
POLL_S = 0.02


class Refused(HoldfastError):
    """The API said no; `problem` is its RFC 9457 document."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('title', '')}: {problem.get('detail', '')}")
        self.status, self.problem = status, problem


class Client:
    """One account at one studio. Raises Refused for what the API refuses, Unavailable when it doesn't answer."""

    def __init__(self, studio_url: str) -> None:
        self._http = httpx.Client(base_url=f"{studio_url}/api/v1", timeout=30.0, trust_env=False)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def call(self, method: str, path: str, *, headers: dict[str, str] | None = None, **rest: Any) -> Any:
        """The decoded answer (None for 204)."""
        try:
            answer = self._http.request(method, path, headers=headers, **rest)
        except httpx.HTTPError as error:
            raise Unavailable(f"The studio does not answer ({str(error) or type(error).__name__}).") from None
        if answer.status_code >= 400:
            is_json = "json" in answer.headers.get("content-type", "")
            raise Refused(answer.status_code, answer.json() if is_json else {"detail": answer.text[:200]})
        return answer.json() if answer.content else None

    def sign_up(self, email: str, password: str, username: str, name: str) -> dict[str, Any]:
        """The new profile; the session is kept for later calls."""
        body = {"email": email, "password": password, "username": username, "name": name}
        made = self.call("POST", "/accounts", json=body)
        self._use(made["token"])
        profile: dict[str, Any] = made["profile"]
        return profile

    def log_in(self, email: str, password: str) -> None:
        self._use(self.call("POST", "/session", json={"email": email, "password": password})["token"])

    def profile(self, profile: str) -> dict[str, Any]:
        """By id or @username: id, username, edit, revision, url, and the document under `profile`."""
        found: dict[str, Any] = self.call("GET", f"/profiles/{profile}")
        return found

    def edit(self, profile: str, edit: int, **fields: Any) -> dict[str, Any]:
        """Changes fields of the profile (a JSON Merge Patch) if it is still at that edit."""
        done: dict[str, Any] = self.call(
            "PATCH", f"/profiles/{profile}", json=fields, headers={"If-Match": f'"{edit}"'}
        )
        return done

    def write_post(self, profile: str, **fields: Any) -> dict[str, Any]:
        done: dict[str, Any] = self.call("POST", f"/profiles/{profile}/posts", json=fields)
        return done

    def upload(self, profile: str, path: Path, *, purpose: str = "gallery", alt: str = "") -> str:
        """Uploads a file in pieces; the id of the new medium."""
        wish = {"filename": path.name, "bytes": path.stat().st_size, "purpose": purpose, "alt": alt}
        begun = self.call("POST", f"/profiles/{profile}/uploads", json=wish)
        address = f"/profiles/{profile}/uploads/{begun['upload_id']}"
        with path.open("rb") as file:
            while piece := file.read(min(PIECE_BYTES, begun["chunk_bytes_max"])):
                headers = {
                    "Upload-Offset": str(file.tell() - len(piece)),
                    "Content-Type": "application/octet-stream",
                }
                self.call("PATCH", address, content=piece, headers=headers)
        self.call("POST", f"{address}/finish", json={})
        return str(begun["media_id"])

    def receipt(self, profile: str, revision: int | None = None) -> dict[str, Any]:
        query = {"revision": revision} if revision else {}
        found: dict[str, Any] = self.call("GET", f"/profiles/{profile}/receipt", params=query)
        return found

    def wait_live(
        self, profile: str, revision: int | None = None, *, timeout_s: float = 30.0, media: bool = False
    ) -> dict[str, Any]:
        """The receipt once the revision is live (and, with `media`, nothing is being made any more)."""
        ends = time.monotonic() + timeout_s
        while True:
            found = self.receipt(profile, revision)
            making = media and any(one["state"] not in ("ready", "failed") for one in found["media"])
            if found["state"] == "live" and not making:
                return found
            if time.monotonic() > ends:
                raise Unavailable(f"Still {found['state']} after {timeout_s:.0f} s.")
            time.sleep(POLL_S)

    def _use(self, token: str) -> None:
        # The bearer token says who we are; a cookie beside it would be one more thing to expire.
        self._http.cookies.clear()
        self._http.headers["Authorization"] = f"Bearer {token}"
