"""Which replicas readers may use, signed, as it lies in every replica and comes with every call to an edge.

The list of the greatest epoch counts, wherever it is found. A signature keeps who can write to one bucket from leading
readers of the others there.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import NamedTuple

LABEL = b"holdfast in sync\n"


class Listed(NamedTuple):
    """The replicas, in no order, and the list's epoch."""

    epoch: int
    names: tuple[str, ...]


def sign(epoch: int, names: Sequence[str], secret: bytes) -> bytes:
    """The object's bytes: JSON with an HMAC-SHA-256 (RFC 2104) over epoch and names."""
    body = {"epoch": epoch, "names": sorted(names)}
    return json.dumps({**body, "signature": _signature(epoch, names, secret)}).encode()


def read(body: bytes, secret: bytes) -> Listed | None:
    """None for what isn't signed by that secret."""
    try:
        data = json.loads(body)
        listed = Listed(int(data["epoch"]), tuple(str(name) for name in data["names"]))
        signature = str(data["signature"])
    except (ValueError, TypeError, KeyError):
        return None
    if not listed.names or not hmac.compare_digest(signature, _signature(*listed, secret)):
        return None
    return listed


def _signature(epoch: int, names: Sequence[str], secret: bytes) -> str:
    text = json.dumps([epoch, sorted(names)]).encode()
    return hmac.new(secret, LABEL + text, hashlib.sha256).hexdigest()
