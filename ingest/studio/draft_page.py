"""A draft for whoever has its link: its page as it will be, and the pictures on it; never kept by any cache."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from core import keys
from core.errors import NotFound
from core.settings import Settings
from generator.urls import Urls
from ingest.access import name_of, page_url
from ingest.calls import Call, Door
from ingest.links import DRAFTS, Draft, Links, draft_path
from ingest.studio.preview import Drawing

PATH = DRAFTS + "/{token}"
SECRET = {"cache-control": "no-store", "referrer-policy": "no-referrer", "x-robots-tag": "noindex"}
"""The link must not leak: not into a cache, another site's log or a search engine."""


class DraftPage:
    def __init__(self, links: Links, drawing: Drawing, settings: Settings) -> None:
        self._links = links
        self._drawing = drawing
        self._settings = settings

    def routes(self, door: Door) -> list[Route]:
        return [
            door.route("GET", PATH, self.begin, public=True),
            door.route("GET", PATH + "/{path:path}", self.show, public=True),
        ]

    def begin(self, call: Call) -> Response:
        token = call.params["token"]
        draft = self._links.draft(token)
        return _secret(_to(draft_path(token, *draft)))

    def show(self, call: Call) -> Response:
        token, path = call.params["token"], call.params["path"]
        draft = self._links.draft(token)
        if asset := self._drawing.asset(path):
            return asset
        if path.startswith("_media/"):
            if keys.media_of(path + "/") not in _shown(draft):
                raise NotFound("There is no such page here.")
            return _secret(self._drawing.media(draft.snapshot, path, call.headers.get("range", "")))
        urls = Urls(self._settings.studio.url, f"{DRAFTS}/{token}", grants=False)
        key = keys.route("/" + path).key or ""
        name = name_of(draft.snapshot.head)
        if key in (keys.post(name, draft.post.slug), keys.icon(name)):
            return _secret(self._drawing.page(draft.snapshot, key, urls))
        if draft.snapshot.head.profile.visibility != "private" and key == keys.page(name):
            return _secret(_to(page_url(self._settings.site, draft.snapshot.head)))
        raise NotFound("There is no such page here.")


def _shown(draft: Draft) -> set[str]:
    """Media that stand on the page of the post."""
    avatar = draft.snapshot.head.profile.avatar
    return {*draft.post.media, *([avatar] if avatar else [])}


def _to(url: str) -> Response:
    return Response(status_code=303, headers={"location": url})


def _secret(response: Response) -> Response:
    response.headers.update(SECRET)
    return response
