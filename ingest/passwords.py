"""Passwords: what they may be, and their argon2id hashes."""

from __future__ import annotations

import threading
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

CHARS_MIN, CHARS_MAX = 10, 200
RULE = f"{CHARS_MIN} to {CHARS_MAX} characters; a short sentence is a good one"

AT_ONCE = 4
"""Hashes computed side by side: each takes 64 MiB (RFC 9106, the second recommended choice)."""


class Passwords:
    """Hashes and compares. Comparing takes as long for an account that doesn't exist as for one that does."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._slots = threading.BoundedSemaphore(AT_ONCE)

    def hash(self, password: str) -> str:
        with self._slots:
            return self._hasher.hash(password)

    def match(self, stored: str | None, password: str) -> bool:
        """Whether the password has that hash; `stored` None for an unknown account."""
        if len(password) > CHARS_MAX:
            return False
        with self._slots:
            try:
                self._hasher.verify(stored or self._nobodys, password)
            except (VerificationError, InvalidHashError):
                return False
        return stored is not None

    def is_old(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than today's, and should be made anew."""
        return self._hasher.check_needs_rehash(stored)

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash("nobody has this password")
