"""The API's posts. A post's ETag is its own: the edit at which it last changed."""

from __future__ import annotations

from starlette.responses import Response

from core import keys
from core.errors import BadInput
from core.profile import Head, Post
from core.settings import SiteSettings
from core.store import Store
from ingest import posts
from ingest.access import load, name_of, profile_id_of
from ingest.api.models import PostList, PostView
from ingest.api.operations import Operation, answer, answer_unless_known, read, terms
from ingest.api.profiles import PROFILE
from ingest.calls import Call
from ingest.posts import PostInput
from ingest.receipts import Written, written

PAGE_POSTS_MAX = 100
POSTS = PROFILE + "/posts"
POST = POSTS + "/{post}"


class PostsApi:
    def __init__(self, store: Store, site: SiteSettings) -> None:
        self._store = store
        self._site = site

    def operations(self) -> list[Operation]:
        return [
            Operation(
                "GET",
                POSTS,
                "Its posts, newest first",
                self.list,
                answer=PostList,
                query={"after": "where the last page ended", "limit": f"1 to {PAGE_POSTS_MAX}"},
                errors=(404, 422),
            ),
            Operation(
                "POST",
                POSTS,
                "Write a post",
                self.add,
                body=PostInput,
                answer=Written,
                status=201,
                keyed=True,
                errors=(404, 422),
            ),
            Operation("GET", POST, "A post", self.get, answer=PostView, errors=(404,)),
            Operation(
                "PUT",
                POST,
                "Replace a post",
                self.replace,
                body=PostInput,
                answer=Written,
                if_match="required",
                keyed=True,
                errors=(404, 422),
            ),
            Operation(
                "DELETE",
                POST,
                "Delete a post",
                self.delete,
                answer=Written,
                if_match="optional",
                keyed=True,
                errors=(404,),
            ),
        ]

    def list(self, call: Call) -> Response:
        snapshot = load(self._store, call.account_id, call.params["profile"])
        ordered = posts.newest_first(snapshot)
        after = call.query.get("after", "")
        start = next((place + 1 for place, post in enumerate(ordered) if post.id == after), 0)
        if after and not start:
            raise BadInput({"after": "is not where a page ended; begin again without it"})
        page = ordered[start : start + _limit(call)]
        more = start + len(page) < len(ordered)
        views = [self._view(snapshot.head, post) for post in page]
        return answer(PostList(posts=views, next=page[-1].id if more else None))

    def get(self, call: Call) -> Response:
        snapshot = load(self._store, call.account_id, call.params["profile"])
        post = posts.require_post(snapshot, call.params["post"])
        return answer_unless_known(call, self._view(snapshot.head, post), post.edit)

    def add(self, call: Call) -> Response:
        profile_id = self._id(call)
        done, post_id = posts.add_post(self._store, profile_id, read(call, PostInput), terms(call))
        view = written(self._store, self._site, done, made=post_id)
        location = {"location": f"/api/v1/profiles/{profile_id}/posts/{post_id}"}
        return answer(view, 201, edit=view.edit, headers=location)

    def replace(self, call: Call) -> Response:
        profile_id, post_id = self._id(call), call.params["post"]
        asked = terms(call, "required")
        done = posts.change_post(self._store, profile_id, post_id, read(call, PostInput), asked)
        post = done.snapshot.post(post_id)
        view = written(self._store, self._site, done, made=post_id)
        return answer(view, edit=post.edit if post else view.edit)

    def delete(self, call: Call) -> Response:
        done = posts.delete_post(self._store, self._id(call), call.params["post"], terms(call))
        return answer(written(self._store, self._site, done))

    def _id(self, call: Call) -> str:
        return profile_id_of(self._store, call.account_id, call.params["profile"])

    def _view(self, head: Head, post: Post) -> PostView:
        shown = post.state == "published" and head.name
        url = f"{self._site.url}{self._site.path}{keys.path_of(keys.post(name_of(head), post.slug))}"
        return PostView(**post.model_dump(), url=url if shown else "")


def _limit(call: Call) -> int:
    text = call.query.get("limit", str(PAGE_POSTS_MAX))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= PAGE_POSTS_MAX):
        raise BadInput({"limit": f"must be 1 to {PAGE_POSTS_MAX}"})
    return int(text)
