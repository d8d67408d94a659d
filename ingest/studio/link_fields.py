"""The fields of a link: how long it opens, and when that ends, in a creator's words."""

from __future__ import annotations

from datetime import UTC, datetime

from core.errors import BadInput
from ingest.links import Link
from ingest.studio import words
from ingest.studio.form_fields import Form, text


def days_of(form: Form) -> int:
    """Raises BadInput for what the form doesn't offer."""
    chosen = text(form, "days")
    if chosen not in map(str, words.LINK_DAYS):
        raise BadInput({"days": "must be one of those offered"})
    return int(chosen)


def day_and_hour(link: Link) -> str:
    return datetime.fromtimestamp(link.expires_at, UTC).strftime("%-d %B %Y, %H:%M UTC")
