"""Ids and tokens: random, lower case, safe in keys and URLs; secrets are stored only as digests."""

from __future__ import annotations

import hashlib
import secrets


def new_id() -> str:
    """20 hexadecimal digits (80 bits): an account, profile, post, medium, attempt, edit or publication."""
    return secrets.token_hex(10)


def new_secret() -> str:
    """A secret that a person or a browser keeps: 256 bits, URL-safe."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is stored of a secret: its SHA-256 in hex. A random secret of 256 bits needs no salt or stretching."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
