"""The API's links: to a private page, to a draft; and the end of all of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from starlette.responses import Response

from core.grants import DAYS_MAX
from core.media import Frozen
from core.settings import SiteSettings
from core.store import Store
from ingest import posts
from ingest.access import load, profile_id_of
from ingest.api.models import ApiModel
from ingest.api.operations import Operation, answer, read, terms
from ingest.api.posts import POST
from ingest.api.profiles import PROFILE
from ingest.calls import Call
from ingest.links import Link, Links
from ingest.receipts import Written, written


class LinkWish(Frozen):
    """How long it is to be good for; its end is put off to a whole hour, or day."""

    days: Annotated[int, Field(ge=1, le=DAYS_MAX)] = 1


class LinkView(ApiModel):
    """A link, which is nowhere kept. It opens until `expires_at` (seconds since 1970)."""

    url: str
    expires_at: int


class LinksApi:
    def __init__(self, store: Store, site: SiteSettings, links: Links) -> None:
        self._store = store
        self._site = site
        self._links = links

    def operations(self) -> list[Operation]:
        return [
            Operation(
                "POST",
                PROFILE + "/grants",
                "Make a link that opens its private page, with all that it shows",
                self.to_page,
                body=LinkWish,
                answer=LinkView,
                status=201,
                errors=(404, 409),
            ),
            Operation(
                "DELETE",
                PROFILE + "/grants",
                "End all links to it and to its drafts",
                self.end_all,
                answer=Written,
                if_match="optional",
                keyed=True,
                errors=(404,),
            ),
            Operation(
                "POST",
                POST + "/grants",
                "Make a link that shows a post before it is published",
                self.to_draft,
                body=LinkWish,
                answer=LinkView,
                status=201,
                errors=(404, 409),
            ),
        ]

    def to_page(self, call: Call) -> Response:
        snapshot = load(self._store, call.account_id, call.params["profile"])
        return _made(self._links.to_page(snapshot, read(call, LinkWish).days))

    def to_draft(self, call: Call) -> Response:
        snapshot = load(self._store, call.account_id, call.params["profile"])
        post = posts.require_post(snapshot, call.params["post"])
        return _made(self._links.to_draft(snapshot, post, read(call, LinkWish).days))

    def end_all(self, call: Call) -> Response:
        profile_id = profile_id_of(self._store, call.account_id, call.params["profile"])
        view = written(self._store, self._site, self._links.end_all(profile_id, terms(call)))
        return answer(view, edit=view.edit)


def _made(link: Link) -> Response:
    return answer(LinkView(url=link.url, expires_at=link.expires_at), 201)
