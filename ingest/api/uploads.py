"""The API's uploads: begin, send pieces from any offset, ask how far it is, finish or drop."""

from __future__ import annotations

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from core.errors import BadInput, TooLarge, TooSlow
from core.settings import SiteSettings
from core.store import Store
from ingest.access import profile_id_of
from ingest.api.models import UploadFinish, UploadState
from ingest.api.operations import Operation, answer, nothing, read, terms
from ingest.api.profiles import PROFILE
from ingest.calls import Call
from ingest.crossing import Crossing
from ingest.limits import Slots, body_chunks, declared_bytes
from ingest.receipts import Written, written
from ingest.uploads import CHUNK_BYTES_MAX, Ticket, Uploads, UploadStart, parse_sha256

PIECE_BYTES = 1 << 20
"""What is held in memory of an upload at any time, and written at once."""
UPLOADS = PROFILE + "/uploads"
UPLOAD = UPLOADS + "/{upload}"


class UploadsApi:
    def __init__(
        self, store: Store, site: SiteSettings, uploads: Uploads, crossing: Crossing, slots: Slots
    ) -> None:
        self._store = store
        self._site = site
        self._uploads = uploads
        self._crossing = crossing
        self._slots = slots

    def operations(self) -> list[Operation]:
        return [
            Operation(
                "POST",
                UPLOADS,
                "Begin an upload",
                self.start,
                body=UploadStart,
                answer=UploadState,
                status=201,
                errors=(404, 409, 413, 422),
            ),
            Operation(
                "GET", UPLOAD, "How far it is: Upload-Offset", self.state, answer=UploadState, errors=(404,)
            ),
            Operation(
                "PATCH",
                UPLOAD,
                "Send bytes from Upload-Offset on",
                stream=self.append,
                counted="pieces",
                body="application/octet-stream",
                answer=UploadState,
                errors=(404, 409, 413, 415, 422),
            ),
            Operation(
                "POST",
                UPLOAD + "/finish",
                "Add it to the profile; asking again is fine",
                self.finish,
                body=UploadFinish,
                answer=Written,
                status=201,
                keyed=True,
                errors=(404, 409, 413, 415, 422),
            ),
            Operation("DELETE", UPLOAD, "Drop it", self.abort, status=204, errors=(404,)),
        ]

    def start(self, call: Call) -> Response:
        profile_id = profile_id_of(self._store, call.account_id, call.params["profile"])
        wish = read(call, UploadStart)
        if wish.bytes is None:
            raise BadInput({"bytes": "is required"})
        ticket = self._uploads.start(profile_id, wish)
        view = self._view(ticket, 0)
        return answer(view, 201, headers={"location": f"{call.path}/{view.upload_id}", "upload-offset": "0"})

    def state(self, call: Call) -> Response:
        ticket = self._ticket(call)
        return self._stands_at(ticket, self._uploads.offset(ticket))

    async def append(self, request: Request, call: Call) -> Response:
        """Stores pieces as they arrive; what arrived before a connection broke is kept."""
        ticket, offset = await self._crossing.run(self._begin, request, call)
        held = bytearray()

        async def store(piece: bytes) -> int:
            return await self._crossing.run(self._uploads.append, ticket, offset, piece)

        self._slots.require(call.account_id)
        try:
            with self._slots.hold(call.account_id):
                async for chunk in body_chunks(request):
                    held += chunk
                    while len(held) >= PIECE_BYTES:
                        offset = await store(bytes(held[:PIECE_BYTES]))
                        del held[:PIECE_BYTES]
        except (ClientDisconnect, TooSlow):
            if held:
                await store(bytes(held))
            raise
        if held:
            offset = await store(bytes(held))
        return self._stands_at(ticket, offset)

    def finish(self, call: Call) -> Response:
        ticket = self._ticket(call)
        done = self._uploads.finish(ticket, parse_sha256(read(call, UploadFinish).sha256), terms(call))
        view = written(self._store, self._site, done, made=ticket.media)
        return answer(view, 201, edit=view.edit)

    def abort(self, call: Call) -> Response:
        self._uploads.abort(self._ticket(call))
        return nothing()

    def _begin(self, request: Request, call: Call) -> tuple[Ticket, int]:
        ticket = self._ticket(call)
        text = call.headers.get("upload-offset", "")
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            raise BadInput({"Upload-Offset": "must be the byte from which this goes on"})
        offset = int(text)
        if ticket.bytes is not None and offset + declared_bytes(request) > ticket.bytes:
            raise TooLarge(f"The upload was announced with {ticket.bytes:,} bytes; this would be more.")
        return ticket, offset

    def _ticket(self, call: Call) -> Ticket:
        profile_id = profile_id_of(self._store, call.account_id, call.params["profile"])
        return self._uploads.ticket(call.params["upload"], profile_id)

    def _stands_at(self, ticket: Ticket, offset: int) -> Response:
        return answer(self._view(ticket, offset), headers={"upload-offset": str(offset)})

    def _view(self, ticket: Ticket, offset: int) -> UploadState:
        return UploadState(
            upload_id=self._uploads.token(ticket),
            media_id=ticket.media,
            offset=offset,
            chunk_bytes_max=CHUNK_BYTES_MAX,
        )
