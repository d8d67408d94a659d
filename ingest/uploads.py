"""Uploads: start, append, finish, abort; limits by kind, told by the bytes themselves; no server remembers any of it."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, StringConstraints

from core import keys
from core.errors import BadInput, NotFound, ObjectMissing, OffsetConflict, TooLarge, UnsupportedMedia
from core.ids import new_id
from core.media import Frozen, Media, UploadKind
from core.media_types import HEAD_BYTES, accept
from core.objects import Headers, UploadObjects
from core.profile import Snapshot
from core.settings import UploadSettings
from core.store import Store
from core.store.revise import Revised
from ingest import gallery
from ingest.edits import Terms, answered
from ingest.gallery import Alt, Purpose
from ingest.tokens import Signer

MB = 1_000_000
CHUNK_BYTES_MAX = 8 * MB
"""What we ask browsers to send in one request; any size is taken."""

ANY = Terms()
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


class UploadStart(Frozen):
    """What is to be uploaded. `bytes` is its exact size; None when a plain form doesn't tell."""

    filename: Annotated[str, StringConstraints(max_length=1000)] = ""
    bytes: Annotated[int, Field(ge=1)] | None = None
    alt: Alt = ""
    purpose: Purpose = "gallery"


class Ticket(Frozen):
    """An upload under way. It travels as a signed token, which is the upload's id for the client."""

    upload: str
    profile: str
    media: str
    purpose: Purpose
    bytes: int | None
    filename: str
    alt: str


_NAMED: dict[UploadKind, str] = {"image": "A photo", "video": "A video", "audio": "A recording"}


class Uploads:
    """Takes uploads to the private store and, once whole, adds them to their profile."""

    def __init__(
        self, store: Store, private: UploadObjects, settings: UploadSettings, signer: Signer
    ) -> None:
        self._store = store
        self._private = private
        self._bytes_max: dict[UploadKind, int] = {
            "image": settings.image_mb_max * MB,
            "video": settings.video_mb_max * MB,
            "audio": settings.video_mb_max * MB,
        }
        self._signer = signer

    def start(self, profile_id: str, wish: UploadStart) -> Ticket:
        """Begins an upload. Raises TooLarge, Conflict when the profile is full."""
        kinds: list[UploadKind] = (
            ["image"] if wish.purpose in ("avatar", "cover") else ["image", "video", "audio"]
        )
        limit = max(self._bytes_max[kind] for kind in kinds)
        if wish.bytes and wish.bytes > limit:
            raise _too_large(limit, "image" if kinds == ["image"] else "video")
        gallery.require_room(self._require_profile(profile_id))
        media_id = new_id()
        return Ticket(
            upload=self._private.start(keys.original(media_id), Headers()),
            profile=profile_id,
            media=media_id,
            purpose=wish.purpose,
            bytes=wish.bytes,
            filename=_CONTROL.sub("", re.split(r"[/\\]", wish.filename)[-1]).strip()[:200],
            alt=wish.alt,
        )

    def token(self, ticket: Ticket) -> str:
        return self._signer.token("upload", ticket.model_dump())

    def ticket(self, token: str, profile_id: str) -> Ticket:
        """The upload that the token stands for; raises NotFound for any other profile's."""
        content = self._signer.content("upload", token)
        if content is None or content["profile"] != profile_id:
            raise NotFound("There is no such upload; start it again.")
        return Ticket(**content)

    def offset(self, ticket: Ticket) -> int:
        return self._private.offset(ticket.upload)

    def append(self, ticket: Ticket, offset: int, piece: bytes) -> int:
        """Stores a piece and returns the new offset.

        A file's first piece is looked at: a wrong or too large file is refused and dropped at once. Raises
        UnsupportedMedia, TooLarge, OffsetConflict, NotFound.
        """
        if ticket.bytes is not None and offset + len(piece) > ticket.bytes:
            raise TooLarge(f"The upload was announced with {ticket.bytes:,} bytes; this would be more.")
        if offset == 0 and (len(piece) >= HEAD_BYTES or len(piece) == ticket.bytes):
            self._look_at(ticket, piece, ticket.bytes or len(piece))
        elif offset + len(piece) > max(self._bytes_max.values()):
            self.abort(ticket)
            raise _too_large(max(self._bytes_max.values()), "video")
        return self._private.append(ticket.upload, offset, piece)

    def bytes_max(self, head: bytes) -> int:
        """How large a file that begins so may be. Raises UnsupportedMedia."""
        return self._bytes_max[accept(head[:HEAD_BYTES])[0]]

    def finish(self, ticket: Ticket, sha256: str | None = None, terms: Terms = ANY) -> Revised:
        """Makes the upload the medium `ticket.media` of its profile. Who didn't hear the answer asks again.

        Raises OffsetConflict while bytes are missing, BadInput when the digest differs, UnsupportedMedia, TooLarge.
        """
        if answer := answered(self._store, ticket.profile, terms.asked):
            return Revised(self._require_profile(ticket.profile), answer)
        key = keys.original(ticket.media)
        try:
            stored = self._private.offset(ticket.upload)
            if stored == 0 or ticket.bytes not in (None, stored):
                raise OffsetConflict(stored)
            size = self._private.finish(ticket.upload, sha256).size
        except NotFound:
            try:
                size = self._private.stat(key).size
            except ObjectMissing:
                raise NotFound("There is no such upload; start it again.") from None
        kind, mime = self._look_at(ticket, self._private.read(key, 0, HEAD_BYTES), size)
        medium = Media(
            id=ticket.media,
            kind=kind,
            filename=ticket.filename,
            original_type=mime,
            original_bytes=size,
            alt=ticket.alt,
            listed=ticket.purpose == "gallery",
        )
        return gallery.add_medium(self._store, ticket.profile, medium, ticket.purpose, terms)

    def abort(self, ticket: Ticket) -> None:
        self._private.abort(ticket.upload)

    def _require_profile(self, profile_id: str) -> Snapshot:
        snapshot = self._store.profiles.load(profile_id)
        if snapshot is None or snapshot.head.deleted:
            raise NotFound("There is no such profile.")
        return snapshot

    def _look_at(self, ticket: Ticket, head: bytes, size: int) -> tuple[UploadKind, str]:
        """Kind and type of the file that begins so. Drops what was stored of one that can't be used, and raises why."""
        try:
            kind, mime = accept(head[:HEAD_BYTES])
            if ticket.purpose in ("avatar", "cover") and kind != "image":
                raise UnsupportedMedia(f"{_NAMED[kind]} can't be used here; please choose a photo.")
            if size > self._bytes_max[kind]:
                raise _too_large(self._bytes_max[kind], kind)
        except (UnsupportedMedia, TooLarge):
            self._private.abort(ticket.upload)
            self._private.delete(keys.original(ticket.media))
            raise
        return kind, mime


def parse_sha256(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise BadInput({"sha256": "must be 64 hexadecimal digits"})
    return text


def _too_large(bytes_max: int, kind: UploadKind) -> TooLarge:
    return TooLarge(f"{_NAMED[kind]} may have {bytes_max // MB:,} MB at most.")
