"""Previews: a private page or a draft as readers would see it, drawn by the generator for its editors only."""

from __future__ import annotations

import re

from starlette.responses import Response
from starlette.routing import Route

from core import keys
from core.document import document
from core.errors import NotFound, ObjectMissing, Unavailable
from core.objects import ReadObjects
from core.profile import Snapshot
from core.rank import Edition
from core.settings import Settings
from core.store import Store
from generator.build import render
from generator.release import Release, load_release
from generator.urls import Urls
from ingest.access import load, name_of
from ingest.calls import Call, Door
from ingest.studio.pages import see_other

PATH = "/@{name}/preview"
PIECE_BYTES_MAX = 4_000_000
"""What one answer holds of a video; players ask for the next piece by themselves."""

# The page is the creator's own words in our origin: no script, no form, whatever it holds.
POLICY = (
    "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'self' 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
)
_MEDIA = re.compile(r"_media/(\w+)/\w+/([a-z0-9-]+)-(\w+)/([\w.-]+)", re.ASCII)


class Preview:
    def __init__(self, store: Store, drawing: Drawing, settings: Settings) -> None:
        self._store = store
        self._drawing = drawing
        self._settings = settings

    def routes(self, door: Door) -> list[Route]:
        return [
            door.route("GET", PATH, self.begin),
            door.route("GET", PATH + "/{path:path}", self.show),
        ]

    def begin(self, call: Call) -> Response:
        snapshot = self._load(call)
        name = name_of(snapshot.head)
        return see_other(f"/@{name}/preview/{name}")

    def show(self, call: Call) -> Response:
        snapshot, path = self._load(call), call.params["path"]
        if asset := self._drawing.asset(path):
            return asset
        if path.startswith("_media/"):
            return self._drawing.media(snapshot, path, call.headers.get("range", ""))
        name = name_of(snapshot.head)
        urls = Urls(self._settings.studio.url, f"/@{name}/preview", grants=False)
        return self._drawing.page(snapshot, keys.route("/" + path).key or "", urls)

    def _load(self, call: Call) -> Snapshot:
        return load(self._store, call.account_id, "@" + call.params["name"])


class Drawing:
    """What a preview is made of, drawn from the rows and the private bucket. Raises NotFound for what it doesn't have."""

    def __init__(self, private: ReadObjects, settings: Settings) -> None:
        self._private = private
        self._release: Release = load_release(settings.site)

    def asset(self, path: str) -> Response | None:
        for asset in self._release.assets:
            if asset.key == path:
                return _answer(asset.body, asset.type, "private, max-age=86400, immutable")
        return None

    def page(self, snapshot: Snapshot, key: str, urls: Urls) -> Response:
        """The page under `key`; if it is that of a draft, as if it were published."""
        shown = document(_with_draft(snapshot, key))
        file = render(key, shown, self._release, urls, Edition(0, 0, 0)) if key else None
        if file is None:
            raise NotFound("There is no such page in the preview.")
        return _answer(file.body, file.headers.type, "no-store")

    def media(self, snapshot: Snapshot, path: str, asked: str) -> Response:
        """A file of a medium; `asked` is the range that is wanted of it, if one is."""
        found = _MEDIA.fullmatch(path)
        medium = snapshot.medium(found[1]) if found else None
        rendition = medium.rendition(found[2]) if medium and found else None
        part = rendition.part(found[4]) if found and rendition and rendition.attempt == found[3] else None
        if part is None or not found:
            raise NotFound("There is no such picture in the preview.")
        key = keys.rendition(found[1], found[2], found[3], part.name)
        span = re.fullmatch(r"bytes=(\d{1,15})-(\d{0,15})", asked)
        try:
            size = self._private.stat(key).size if part.bytes is None else part.bytes
            if span is None and size <= PIECE_BYTES_MAX:
                return _answer(self._private.read(key, 0, size), part.type, "private, max-age=3600")
            start = int(span[1]) if span else 0
            wanted = int(span[2]) - start + 1 if span and span[2] else size
            body = self._private.read(key, start, max(0, min(wanted, PIECE_BYTES_MAX)))
        except ObjectMissing:
            raise Unavailable("This picture is being made anew.") from None
        if not body:
            return Response(status_code=416, headers={"content-range": f"bytes */{size}"})
        response = _answer(body, part.type, "private, max-age=3600", 206)
        response.headers["content-range"] = f"bytes {start}-{start + len(body) - 1}/{size}"
        return response


def _with_draft(snapshot: Snapshot, key: str) -> Snapshot:
    """The snapshot with the post that lies under `key` published, so that a draft can be looked at; others stay hidden."""
    name = name_of(snapshot.head)
    posts = tuple(
        post.model_copy(update={"state": "published"}) if keys.post(name, post.slug) == key else post
        for post in snapshot.posts
    )
    return snapshot.model_copy(update={"posts": posts})


def _answer(body: bytes, kind: str, cache: str, status: int = 200) -> Response:
    headers = {"cache-control": cache, "content-security-policy": POLICY, "accept-ranges": "bytes"}
    return Response(body, status, headers, kind)
