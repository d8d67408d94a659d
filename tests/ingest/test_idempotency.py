"""Idempotency-Key: a request that is sent again gets its first answer, and has no second effect."""

from __future__ import annotations

from typing import Any, NamedTuple

import httpx
import pytest

from tests.ingest.pictures import png
from tests.ingest.studios import PASSWORD, Creator, Studio

KEY = {"idempotency-key": "one key"}


class Write(NamedTuple):
    """A write with its body, and the same with another body (or, where there is none, other headers)."""

    method: str
    path: str
    body: object
    other: object
    headers: dict[str, str] = {}  # noqa: RUF012  (never changed)


WRITES = [
    Write("PUT", "", {"name": "Ann", "bio": "one"}, {"name": "Ann", "bio": "two"}, {"if-match": "*"}),
    Write("PATCH", "", {"bio": "one"}, {"bio": "two"}, {"if-match": "*"}),
    Write("POST", "/rename", {"username": "anna"}, {"username": "anouk"}),
    Write("DELETE", "", None, None),
    Write("POST", "/posts", {"title": "One"}, {"title": "Two"}),
    Write("PUT", "/posts/{post}", {"title": "One"}, {"title": "Two"}, {"if-match": "*"}),
    Write("DELETE", "/posts/{post}", None, None),
    Write("PUT", "/media/order", ["{medium}"], []),
    Write("PATCH", "/media/{medium}", {"alt": "one"}, {"alt": "two"}),
    Write("DELETE", "/media/{medium}", None, None),
    Write("POST", "/uploads/{upload}/finish", {}, {"sha256": "0" * 64}),
]


def begun(ann: Creator) -> str:
    """An upload that is whole and not finished yet."""
    content = png()
    token: str = ann.http.post(ann.path + "/uploads", json={"bytes": len(content)}).json()["upload_id"]
    ann.http.patch(f"{ann.path}/uploads/{token}", content=content, headers={"upload-offset": "0"})
    return token


@pytest.mark.parametrize("write", WRITES, ids=lambda write: f"{write.method} {write.path}")
def test_a_write_that_is_sent_again_gets_its_first_answer_and_another_is_refused(
    studio: Studio, ann: Creator, write: Write
) -> None:
    known = {
        "post": ann.http.post(ann.path + "/posts", json={"title": "Old"}).json()["id"],
        "medium": ann.upload(png(8)).json()["id"],
        "upload": begun(ann),
    }
    ann.upload(png(24))
    path = ann.path + write.path.format(**known)

    def send(body: object, **headers: str) -> httpx.Response:
        body = [one.format(**known) for one in body] if isinstance(body, list) else body
        return ann.http.request(write.method, path, json=body, headers=KEY | write.headers | headers)

    first = send(write.body)
    assert first.status_code in (200, 201), first.text
    after = studio.store.profiles.load(ann.profile_id)
    for _ in range(2):
        again = send(write.body)
        assert again.status_code == first.status_code
        assert same(again.json()) == same(first.json())
    other = send(write.other) if write.other is not None else send(None, **{"if-match": '"999"'})
    assert other.status_code == 422 and other.json()["type"] == "urn:holdfast:problem:key-reused"
    assert studio.store.profiles.load(ann.profile_id) == after


def same(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "state"}


def test_a_write_that_changes_nothing_uses_its_key_up_too(ann: Creator) -> None:
    def send(path: str, body: object) -> httpx.Response:
        method = "POST" if path else "PATCH"
        return ann.http.request(method, ann.path + path, json=body, headers={"if-match": "*"} | KEY)

    edit = ann.get().json()["edit"]
    assert send("", {"bio": ""}).json()["edit"] == edit
    assert send("", {"bio": "other"}).status_code == 422
    assert send("/rename", {"username": "ann"}).status_code == 422
    assert ann.get().json()["edit"] == edit


def test_renaming_to_the_name_it_has_uses_its_key_up_too(ann: Creator) -> None:
    rename = ann.path + "/rename"
    assert ann.http.post(rename, json={"username": "ann"}, headers=KEY).status_code == 200
    assert ann.http.post(rename, json={"username": "anna"}, headers=KEY).status_code == 422
    assert ann.get().json()["username"] == "ann"


def test_a_finished_upload_is_answered_again_though_its_photo_is_gone_by_now(ann: Creator) -> None:
    path = f"{ann.path}/uploads/{begun(ann)}/finish"
    first = ann.http.post(path, json={}, headers=KEY).json()
    assert ann.http.delete(f"{ann.path}/media/{first['id']}").status_code == 200
    again = ann.http.post(path, json={}, headers=KEY)
    assert again.status_code == 201 and again.json()["id"] == first["id"]
    assert ann.get("/media").json()["media"] == []


def test_an_upload_is_not_finished_by_a_key_that_was_for_something_else(ann: Creator) -> None:
    assert ann.http.post(ann.path + "/posts", json={"title": "x"}, headers=KEY).status_code == 201
    path = f"{ann.path}/uploads/{begun(ann)}"
    assert ann.http.post(path + "/finish", json={}, headers=KEY).status_code == 422
    assert ann.http.get(path).status_code == 200
    assert ann.http.post(path + "/finish", json={}).status_code == 201


def test_another_profile_is_made_once_for_each_key(ann: Creator, bob: Creator) -> None:
    def make(username: str, key: str = "k1", who: Creator = ann, **more: str) -> httpx.Response:
        wish = {"username": username} | more
        return who.http.post("/api/v1/profiles", json=wish, headers={"idempotency-key": key})

    first = make("ann-shop")
    assert first.status_code == 201
    assert make("ann-shop").json() == first.json()
    for other in (make("ann-studio"), make("ann-shop", name="The shop")):
        assert other.status_code == 422 and other.json()["type"].endswith("key-reused")
    assert len(ann.http.get("/api/v1/profiles").json()["profiles"]) == 2
    assert make("ann-studio", "k2").json()["id"] != first.json()["id"]
    assert make("bob-shop", who=bob).json()["id"] != first.json()["id"]
    renamed = ann.http.post(f"/api/v1/profiles/{first.json()['id']}/rename", json={"username": "anns"})
    assert renamed.status_code == 200
    assert make("ann-shop").json()["id"] == first.json()["id"]
    assert len(ann.http.get("/api/v1/profiles").json()["profiles"]) == 3


def test_a_sign_up_that_is_sent_again_is_the_same_profile(studio: Studio) -> None:
    def sign_up(**more: str) -> httpx.Response:
        wish = {"username": "ann", "email": "ann@example.org", "password": PASSWORD} | more
        return studio.client().post("/api/v1/accounts", json=wish, headers=KEY)

    first, again = sign_up(), sign_up()
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["profile"] == first.json()["profile"]
    assert again.json()["account_id"] == first.json()["account_id"]
    other = sign_up(username="anna")
    assert other.status_code == 422 and other.json()["type"].endswith("key-reused")
    assert studio.store.names.get("anna") is None
    assert set(sign_up(password="somebody else's words").json()["fields"]) == {"email"}
    assert sign_up(username="bob", email="bob@example.org").status_code == 201
