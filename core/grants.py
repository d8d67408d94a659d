"""Grants: signed words in an address that open what is not public to whoever has the address, until a stated end."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from collections.abc import Sequence
from typing import Literal, NamedTuple

HOUR_S, DAY_S = 3600, 86400
DAYS_MAX = 30
_DAYS_OF_A_WEEK = 7
_MAC_BYTES = 16
_HEAD = struct.Struct(">B4sII")
"""Kind, key, end, epoch; the subject follows."""
_TOKEN_CHARS_MAX = 200

Kind = Literal["page", "draft"]
_KINDS: tuple[Kind, ...] = ("page", "draft")


class Grant(NamedTuple):
    """What one opens: the page of a private profile with all that it shows, or the draft of one post.

    `expires_at` counts seconds since 1970. `epoch` is the profile's (`core.profile.Head.grants`): raising that ends all
    grants that were given out before.
    """

    kind: Kind
    profile_id: str
    expires_at: int
    epoch: int = 0
    post_id: str = ""


def ends_at(now_s: float, days: int) -> int:
    """The end of a grant for so many days: the next whole hour (of a week or more: day) after them. So links that are made
    in one hour are one address, and caches keep what it opens once."""
    quantum_s = DAY_S if days >= _DAYS_OF_A_WEEK else HOUR_S
    return -(-(int(now_s) + days * DAY_S) // quantum_s) * quantum_s


class Grants:
    """Signs with the first secret, and believes all of them: so that they can be changed one after the other."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        if not secrets or any(len(secret) < 16 for secret in secrets):
            raise ValueError("grants need secrets of 16 bytes at least")
        self._secrets = {_name(secret): secret for secret in secrets}
        self._first = _name(secrets[0])

    def mint(self, grant: Grant) -> str:
        """The grant as URL-safe text: equal grants are equal texts."""
        head = _HEAD.pack(_KINDS.index(grant.kind) + 1, self._first, grant.expires_at, grant.epoch)
        body = head + f"{grant.profile_id}/{grant.post_id}".encode()
        return _encode(_mac(self._secrets[self._first], body) + body)

    def open(self, token: str, now_s: float) -> Grant | None:
        """The grant that the text is; None for one that was not signed by us, was changed or cut, or has ended."""
        raw = _decode(token)
        if raw is None or len(raw) < _MAC_BYTES + _HEAD.size:
            return None
        mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        kind, key, expires_at, epoch = _HEAD.unpack_from(body)
        # One that names no key of ours takes as long as one that does.
        secret = self._secrets.get(key, b"")
        if not hmac.compare_digest(mac, _mac(secret, body)) or not secret or expires_at <= now_s:
            return None
        profile_id, _, post_id = body[_HEAD.size :].decode().partition("/")
        return Grant(_KINDS[kind - 1], profile_id, expires_at, epoch, post_id)


def _name(secret: bytes) -> bytes:
    return hashlib.sha256(b"holdfast grants key\0" + secret).digest()[:4]


def _mac(secret: bytes, body: bytes) -> bytes:
    return hmac.digest(secret, b"holdfast grant\0" + body, "sha256")[:_MAC_BYTES]


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(token: str) -> bytes | None:
    """None for what is no token in its one spelling: another would be another address of the same, in every cache."""
    if len(token) > _TOKEN_CHARS_MAX or not token.isascii():
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
    except ValueError:
        return None
    return raw if _encode(raw) == token else None
