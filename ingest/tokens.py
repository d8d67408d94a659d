"""Signed tokens: what is handed to a browser and comes back unchanged, so that no server has to remember it."""

from __future__ import annotations

import base64
import hmac
import json
import zlib
from hashlib import sha256
from typing import Any

_MAC_BYTES = 20
_PLAIN_BYTES_MAX = 16_000


class Signer:
    """Signs with the app's secret. `purpose` keeps a token of one kind from passing as another."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 16:
            raise ValueError("the app's secret needs 16 bytes at least")
        self._secret = secret

    def mac(self, purpose: str, text: str) -> str:
        """A keyed digest of the text, URL-safe."""
        return _encode(self._mac(purpose, text.encode()))

    def same(self, purpose: str, text: str, mac: str) -> bool:
        """Whether that is the text's digest; takes the same time either way."""
        return hmac.compare_digest(self.mac(purpose, text).encode(), mac.encode("utf-8", "replace"))

    def token(self, purpose: str, content: dict[str, Any]) -> str:
        """The content, readable by anybody but not changeable, as URL-safe text."""
        body = zlib.compress(json.dumps(content, separators=(",", ":")).encode())
        return _encode(self._mac(purpose, body) + body)

    def content(self, purpose: str, token: str) -> dict[str, Any] | None:
        """The content of a token that was signed for this purpose with this secret; else None."""
        try:
            raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), b"-_", validate=True)
        except ValueError:
            return None
        mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(purpose, body)):
            return None
        plain = zlib.decompressobj().decompress(body, _PLAIN_BYTES_MAX)
        content: dict[str, Any] = json.loads(plain)
        return content

    def _mac(self, purpose: str, content: bytes) -> bytes:
        return hmac.digest(self._secret, purpose.encode() + b"\0" + content, sha256)[:_MAC_BYTES]


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
