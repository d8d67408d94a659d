"""Files sent by a plain form: each streamed straight into the private store, never whole in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.errors import BadInput, HoldfastError, NotAllowed, TooLarge
from core.parsing import parse
from core.settings import SiteSettings
from core.store import Store
from core.store.revise import Revised
from ingest.api.uploads import PIECE_BYTES
from ingest.calls import Call, Door
from ingest.crossing import Crossing
from ingest.forgery import FIELD
from ingest.limits import Slots
from ingest.multipart import Event, Field, FileBegins, FileBytes, FileEnds, form_events
from ingest.studio.editor import Editor
from ingest.studio.pages import Pages
from ingest.uploads import Ticket, Uploads, UploadStart


class Refused(NamedTuple):
    """A file that was not taken, and why."""

    filename: str
    why: str


class UploadForm:
    def __init__(
        self,
        store: Store,
        site: SiteSettings,
        pages: Pages,
        uploads: Uploads,
        crossing: Crossing,
        slots: Slots,
    ) -> None:
        self._store = store
        self._site = site
        self._pages = pages
        self._uploads = uploads
        self._crossing = crossing
        self._slots = slots

    def routes(self, door: Door) -> list[Route]:
        return [door.stream("POST", "/@{name}/media/upload", self.receive)]

    async def receive(self, request: Request, call: Call) -> Response:
        editor = await self._crossing.run(Editor, self._store, self._site, self._pages, call)
        self._slots.require(call.account_id)
        taking = _Taking(self, editor)
        with self._slots.hold(call.account_id):
            try:
                async for event in form_events(request):
                    await taking.take(event)
            finally:
                await taking.drop()
        return await self._crossing.run(taking.answer)


class _Taking:
    """One form on its way in: its fields come first, then its files one after the other."""

    def __init__(self, form: UploadForm, editor: Editor) -> None:
        self._form = form
        self._editor = editor
        self._fields: dict[str, str] = {}
        self._is_ours = False
        self._ticket: Ticket | None = None
        self._filename = ""
        self._held = bytearray()
        self._offset = 0
        self._bytes_max = 0
        self._done: Revised | None = None
        self._refused: list[Refused] = []

    async def take(self, event: Event) -> None:
        match event:
            case Field(name, value):
                self._fields[name] = value
                if name == FIELD:
                    self._form._pages.require_token(self._editor.call, value)
                    self._is_ours = True
            case FileBegins(_, filename):
                if not self._is_ours:
                    raise NotAllowed("This form is not one of ours. Please load the page again.")
                if filename:  # a field where no file was chosen comes without
                    await self._guarded(filename, self._begin)
            case FileBytes(content) if self._ticket:
                self._held += content
                if len(self._held) >= PIECE_BYTES:
                    await self._guarded(self._filename, self._store_held)
            case FileEnds() if self._ticket:
                await self._guarded(self._filename, self._end)

    async def drop(self) -> None:
        """Gives up a file that didn't arrive whole."""
        if self._ticket:
            ticket, self._ticket = self._ticket, None
            await self._form._crossing.run(self._form._uploads.abort, ticket)

    def answer(self) -> Response:
        if self._done is None and not self._refused:
            self._refused.append(Refused("", "Please choose a photo or a video first."))
        if self._refused:
            self._editor.reload()
            error = BadInput({"files": self._refused[0].why})
            return self._editor.show("media", error, form={}, refused=self._refused)
        assert self._done
        tab = "" if self._fields.get("purpose") in ("avatar", "cover") else "media"
        return self._editor.saved(self._done, tab)

    async def _guarded(self, filename: str, step: Callable[[], None]) -> None:
        """A file that can't be taken is told of at the end; the others still are."""
        self._filename = filename
        try:
            await self._form._crossing.run(step)
        except HoldfastError as error:
            self._refused.append(Refused(filename, error.detail))
            await self.drop()

    def _begin(self) -> None:
        fields = {name: self._fields[name] for name in ("alt", "purpose") if self._fields.get(name)}
        wish = parse(UploadStart, {**fields, "filename": self._filename[:1000]})
        self._held, self._offset, self._bytes_max = bytearray(), 0, 0
        self._ticket = self._form._uploads.start(self._editor.id, wish)

    def _store_held(self) -> None:
        assert self._ticket
        if self._offset == 0:
            self._bytes_max = self._form._uploads.bytes_max(bytes(self._held[:4096]))
        if self._offset + len(self._held) > self._bytes_max:
            raise TooLarge(
                f"This file has more than the {self._bytes_max // 1_000_000:,} MB that it may have."
            )
        self._offset = self._form._uploads.append(self._ticket, self._offset, bytes(self._held))
        self._held.clear()

    def _end(self) -> None:
        assert self._ticket
        if self._held or self._offset == 0:
            self._store_held()
        self._done = self._form._uploads.finish(self._ticket)
        self._ticket = None
