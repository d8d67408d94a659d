"""The API's photos and videos: list, describe, order, delete."""

from __future__ import annotations

from starlette.responses import Response

from core.errors import BadInput
from core.objects import Objects
from core.settings import SiteSettings
from core.store import Store
from core.store.revise import Revised
from ingest import captions, gallery
from ingest.access import load, profile_id_of
from ingest.api.models import MediaList, MediaOrder, media_view
from ingest.api.operations import Operation, answer, read, terms
from ingest.api.profiles import PROFILE
from ingest.calls import Call
from ingest.gallery import MediaChange
from ingest.receipts import Written, written

MEDIA = PROFILE + "/media"
CAPTIONS = MEDIA + "/{medium}/captions/{language}"


class MediaApi:
    def __init__(self, store: Store, private: Objects, site: SiteSettings) -> None:
        self._store = store
        self._private = private
        self._site = site

    def operations(self) -> list[Operation]:
        return [
            Operation(
                "GET", MEDIA, "Its photos and videos, by position", self.list, answer=MediaList, errors=(404,)
            ),
            Operation(
                "PUT",
                MEDIA + "/order",
                "Put them into another order",
                self.order,
                body=MediaOrder,
                answer=Written,
                if_match="optional",
                keyed=True,
                errors=(404, 422),
            ),
            Operation(
                "PATCH",
                MEDIA + "/{medium}",
                "Change alternative text, listing or position",
                self.change,
                body=MediaChange,
                answer=Written,
                if_match="optional",
                keyed=True,
                errors=(404, 422),
            ),
            Operation(
                "DELETE",
                MEDIA + "/{medium}",
                "Delete one, and every mention of it in the profile and its posts",
                self.delete,
                answer=Written,
                if_match="optional",
                keyed=True,
                errors=(404,),
            ),
            Operation(
                "PUT",
                CAPTIONS,
                "Give a video captions in a language, as WebVTT or SubRip",
                self.set_captions,
                body=captions.TYPE,
                answer=Written,
                query={"label": "What viewers choose them by, such as “English”; else the language's tag."},
                if_match="optional",
                keyed=True,
                errors=(404, 413, 415, 422),
            ),
            Operation(
                "DELETE",
                CAPTIONS,
                "Take a video's captions in a language away",
                self.delete_captions,
                answer=Written,
                if_match="optional",
                keyed=True,
                errors=(404, 422),
            ),
        ]

    def list(self, call: Call) -> Response:
        snapshot = load(self._store, call.account_id, call.params["profile"])
        # Renditions move no edit, so that a finished one breaks no form; a list that shows them is never 304.
        now, awaited = gallery.steps_of(self._store, snapshot), gallery.awaited_of(snapshot)
        view = MediaList(
            media=[
                media_view(one, now.get(one.id), awaited.get(one.id, ()))
                for one in gallery.in_order(snapshot)
            ]
        )
        return answer(view, edit=snapshot.head.edit)

    def order(self, call: Call) -> Response:
        ids = call.json()
        if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
            raise BadInput({"ids": "must be a list of ids"})
        return self._written(gallery.order_media(self._store, self._id(call), ids, terms(call)))

    def change(self, call: Call) -> Response:
        wish = {call.params["medium"]: read(call, MediaChange)}
        return self._written(gallery.change_media(self._store, self._id(call), wish, terms(call)))

    def delete(self, call: Call) -> Response:
        media_id = call.params["medium"]
        return self._written(
            gallery.delete_medium(self._store, self._private, self._id(call), media_id, terms(call))
        )

    def set_captions(self, call: Call) -> Response:
        return self._written(
            captions.set_captions(
                self._store,
                self._private,
                self._id(call),
                call.params["medium"],
                call.params["language"],
                call.query.get("label", ""),
                call.body,
                terms(call),
            )
        )

    def delete_captions(self, call: Call) -> Response:
        medium, language = call.params["medium"], call.params["language"]
        return self._written(
            captions.delete_captions(
                self._store, self._private, self._id(call), medium, language, terms(call)
            )
        )

    def _id(self, call: Call) -> str:
        return profile_id_of(self._store, call.account_id, call.params["profile"])

    def _written(self, done: Revised) -> Response:
        view = written(self._store, self._site, done)
        return answer(view, edit=view.edit)
