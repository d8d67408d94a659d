"""Draws a profile's card with the avatar in it. Runs in the child process, since it decodes what came from a stranger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from generator import cards
from generator.grounds import SIZE

CARD = "card.jpg"


def draw(avatar: str, card: list[str]) -> dict[str, Any]:
    """One JPEG, of the words of a `generator.cards.Card` and a rendition of the avatar."""
    Path(CARD).write_bytes(cards.draw(cards.Card(*card), Path(avatar).read_bytes()))
    return {"files": [{"name": CARD, "type": "image/jpeg", "width": SIZE[0], "height": SIZE[1]}]}
