"""What lies under a profile's domain: whose it is, for edges that readers reach by it."""

from __future__ import annotations

import json

from core import keys
from core.profile import HeldDomain
from core.rank import Edition, stamp_json
from generator import files
from generator.files import Page


def domain_file(
    held: HeldDomain, username: str, profile_id: str, frame_revision: int, edition: Edition
) -> Page:
    """Ranked by the claim of the domain, not of the username; rewritten with a name or a visibility, which are the frame's."""
    key = keys.domain(held.domain)
    rank = edition.rank(key, held.claim, max(held.revision, frame_revision))
    body = json.dumps({"username": username}, separators=(",", ":"))
    headers = files.headers(files.JSON, rank, profile_id)
    return Page(key, rank, headers, lambda: stamp_json(body, rank))
