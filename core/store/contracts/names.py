"""Contract: claims of usernames."""

from __future__ import annotations

from typing import Literal, Protocol

from core.media import Frozen


class Claim(Frozen):
    """Who owns a username. `number` grows with each taking and the row is never deleted. `free` has no owner."""

    username: str
    number: int
    state: Literal["held", "redirect", "free"]
    profile_id: str | None
    attempt: str = ""


class Names(Protocol):
    """Claims of usernames: each call is one conditional write on one row."""

    def get(self, username: str) -> Claim | None:
        """The newest state of the claim (a SERIAL read); None if nobody ever took it."""
        ...

    def take(self, username: str, profile_id: str, attempt: str, seen: int) -> Claim | None:
        """Gives the name to the profile under number `seen` + 1, if its number is still `seen` (0: no row); else None."""
        ...

    def settle(self, username: str, number: int, state: Literal["held", "redirect", "free"]) -> bool:
        """Sets the state of the claim with that number (`free` drops its owner); False if its number has grown."""
        ...
