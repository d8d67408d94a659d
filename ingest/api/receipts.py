"""The API's receipts: as JSON, and as server-sent events until the edit is live."""

from __future__ import annotations

from collections.abc import AsyncIterator

from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import EventSourceResponse
from starlette.requests import Request
from starlette.responses import Response

from core.errors import BadInput
from core.settings import Settings
from core.store import Store
from ingest.access import profile_id_of
from ingest.api.operations import Operation, answer
from ingest.api.profiles import PROFILE
from ingest.calls import Call
from ingest.crossing import Crossing
from ingest.limits import Slots
from ingest.receipts import Receipt, follow, outside_of, receipt

PING_S = 15


class ReceiptsApi:
    def __init__(self, store: Store, settings: Settings, crossing: Crossing, slots: Slots) -> None:
        self._store = store
        self._site = settings.site
        self._outside = outside_of(settings)
        self._crossing = crossing
        self._slots = slots

    def operations(self) -> list[Operation]:
        return [
            Operation(
                "GET",
                PROFILE + "/receipt",
                "How far an edit has got",
                self.get,
                answer=Receipt,
                query={"revision": "of the edit; the newest if left out"},
                errors=(404, 422),
            ),
            Operation(
                "GET",
                PROFILE + "/receipt/events",
                "The same as events named `receipt`; the stream ends when it is live",
                stream=self.events,
                answer="text/event-stream",
                query={
                    "revision": "of the edit; the newest if left out",
                    "until": "live (the default), or settled: until no photo or video is being made any more",
                },
                errors=(404, 422, 429),
            ),
        ]

    def get(self, call: Call) -> Response:
        return answer(self._load(call, _revision(call)))

    async def events(self, _: Request, call: Call) -> Response:
        # Asked here, before the stream begins, so that a wrong address is a problem document and not an empty stream.
        first = await self._crossing.run(self._load, call, _revision(call))
        account_id = call.account_id
        self._slots.require(account_id)
        until_settled = call.query.get("until") == "settled"

        def load() -> Receipt:
            return receipt(self._store, self._site, first.profile_id, first.revision, first, self._outside)

        async def events() -> AsyncIterator[ServerSentEvent]:
            with self._slots.hold(account_id):
                async for one in follow(self._crossing, load, until_settled):
                    yield ServerSentEvent(one.model_dump_json(), event="receipt", retry=1000)

        return EventSourceResponse(events(), ping=PING_S)

    def _load(self, call: Call, revision: int | None) -> Receipt:
        profile_id = profile_id_of(self._store, call.account_id, call.params["profile"])
        return receipt(self._store, self._site, profile_id, revision, outside=self._outside)


def _revision(call: Call) -> int | None:
    text = call.query.get("revision", "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 16):
        raise BadInput({"revision": "must be a number"})
    return int(text) if text else None
