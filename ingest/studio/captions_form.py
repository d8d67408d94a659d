"""The form by which a video gets captions: one small file, its language, and how viewers see it named."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.errors import BadInput, HoldfastError, NotAllowed, TooLarge
from core.objects import Objects
from core.settings import SiteSettings
from core.store import Store
from ingest import captions
from ingest.calls import Call, Door
from ingest.crossing import Crossing
from ingest.edits import Terms
from ingest.forgery import FIELD
from ingest.multipart import Field, FileBytes, form_events
from ingest.studio import words
from ingest.studio.editor import Editor, is_final
from ingest.studio.pages import Pages


class CaptionsForm:
    def __init__(
        self, store: Store, private: Objects, site: SiteSettings, pages: Pages, crossing: Crossing
    ) -> None:
        self._store = store
        self._private = private
        self._site = site
        self._pages = pages
        self._crossing = crossing

    def routes(self, door: Door) -> list[Route]:
        return [door.stream("POST", "/@{name}/media/{medium}/captions", self.receive)]

    async def receive(self, request: Request, call: Call) -> Response:
        editor = await self._crossing.run(Editor, self._store, self._site, self._pages, call)
        fields: dict[str, str] = {}
        body = bytearray()
        async for event in form_events(request):
            match event:
                case Field(name, value):
                    fields[name] = value
                case FileBytes(content):
                    body += content
                    if len(body) > captions.BYTES_MAX:
                        raise TooLarge(f"Captions may have {captions.BYTES_MAX // 1000} kB at most.")
        if FIELD not in fields:
            raise NotAllowed("This form is not one of ours. Please load the page again.")
        self._pages.require_token(call, fields[FIELD])
        return await self._crossing.run(self._save, editor, call, fields, bytes(body))

    def _save(self, editor: Editor, call: Call, fields: dict[str, str], body: bytes) -> Response:
        language, media_id = fields.get("language", ""), call.params["medium"]
        label = words.LANGUAGES.get(language, language)
        try:
            if not body:
                raise BadInput({"captions": "Please choose a file with captions first."})
            done = captions.set_captions(
                self._store, self._private, editor.id, media_id, language, label, body, Terms()
            )
        except HoldfastError as error:
            if is_final(error):
                raise
            editor.reload()
            return editor.show("media", error, form={}, refused=[])
        return editor.saved(done, "media")
