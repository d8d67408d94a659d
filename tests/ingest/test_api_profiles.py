"""Editing a profile by the API: conditions, keys, references, ownership."""

from __future__ import annotations

import json

import pytest

from core.media import Rendition, RenditionFile
from core.store.revise import revise
from tests.ingest.pictures import png
from tests.ingest.studios import Creator, Studio


def finish_a_rendition(studio: Studio, profile_id: str, media_id: str) -> None:
    """Plays the worker: a rendition is ready, which is a revision and no edit."""
    made = Rendition(
        recipe="still",
        attempt="attempt1",
        files=(RenditionFile(name="160.webp", type="image/webp", bytes=9),),
    )
    revise(
        studio.store,
        profile_id,
        lambda old: old.model_copy(
            update={"media": tuple(m.with_rendition(made) if m.id == media_id else m for m in old.media)}
        ),
        writer="worker01",
        what="still made",
        by_creator=False,
    )


def test_an_edit_is_acknowledged_with_its_receipt(ann: Creator) -> None:
    before = ann.get()
    reply = ann.http.put(
        ann.path,
        json=before.json()["profile"] | {"bio": "Paints boats."},
        headers={"if-match": before.headers["etag"]},
    )
    assert reply.status_code == 200
    after = ann.get()
    assert after.json()["profile"]["bio"] == "Paints boats."
    assert after.headers["etag"] == reply.headers["etag"] == f'"{before.json()["edit"] + 1}"'
    assert reply.json()["state"] == "accepted" and reply.json()["url"] == "https://pages.example/ann"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_an_edit_without_if_match_is_428(ann: Creator, method: str) -> None:
    reply = ann.http.request(method, ann.path, json={"name": "Ann"})
    assert reply.status_code == 428
    assert reply.json()["type"] == "urn:holdfast:problem:precondition-missing"


@pytest.mark.parametrize("tag", ['"1"', '"999"', 'W/"2"', "2", '"two"'])
def test_an_edit_of_an_old_version_is_412_and_tells_the_newest(ann: Creator, tag: str) -> None:
    ann.edit(bio="one")
    reply = ann.http.put(ann.path, json={"name": "Ann"}, headers={"if-match": tag})
    assert reply.status_code == 412
    assert f'"{reply.json()["edit"]}"' == reply.headers["etag"] == ann.etag()
    assert ann.get().json()["profile"]["bio"] == "one"


def test_a_rendition_that_lands_between_load_and_save_costs_no_412(studio: Studio, ann: Creator) -> None:
    media_id = ann.upload(png()).json()["id"]
    tag, revision = ann.etag(), ann.get().json()["revision"]
    finish_a_rendition(studio, ann.profile_id, media_id)
    assert ann.get().json()["revision"] == revision + 1
    reply = ann.http.patch(ann.path, json={"bio": "calm"}, headers={"if-match": tag})
    assert reply.status_code == 200
    assert reply.json()["revision"] == revision + 2
    assert ann.get("/media").json()["media"][0]["ready"] == ["still"]


def test_a_repeated_key_is_answered_as_the_first_time(ann: Creator) -> None:
    headers = {"if-match": ann.etag(), "idempotency-key": "k1"}
    first = ann.http.patch(ann.path, json={"bio": "once"}, headers=headers)
    ann.edit(place="Oslo")
    again = ann.http.patch(ann.path, json={"bio": "once"}, headers=headers)
    assert again.status_code == 200
    same = ("edit", "revision")
    assert [again.json()[name] for name in same] == [first.json()[name] for name in same]
    assert again.headers["etag"] == first.headers["etag"]
    other = ann.http.patch(ann.path, json={"bio": "twice"}, headers=headers)
    assert other.status_code == 422 and other.json()["type"] == "urn:holdfast:problem:key-reused"


def test_a_repeated_post_is_written_once(ann: Creator) -> None:
    headers = {"idempotency-key": "post-1"}
    first = ann.http.post(ann.path + "/posts", json={"title": "Boats"}, headers=headers)
    again = ann.http.post(ann.path + "/posts", json={"title": "Boats"}, headers=headers)
    assert again.status_code == 201 and again.json()["id"] == first.json()["id"]
    assert len(ann.get("/posts").json()["posts"]) == 1


def test_a_merge_patch_sets_replaces_and_clears(ann: Creator) -> None:
    ann.edit(bio="x", tags=["boats"], theme="moss")
    ann.edit(bio=None, tags=["sea"])
    profile = ann.get().json()["profile"]
    assert (profile["bio"], profile["tags"], profile["theme"]) == ("", ["sea"], "moss")


def test_an_edit_that_changes_nothing_is_no_edit(ann: Creator) -> None:
    tag = ann.etag()
    assert ann.edit(name="ann").headers["etag"] == tag


def test_every_bad_field_is_named_by_its_path(ann: Creator) -> None:
    bad = {
        "name": "",
        "links": [{"label": "ok", "url": "https://x.org"}, {"label": "js", "url": "javascript:alert(1)"}],
        "sections": [{"kind": "timeline", "milestones": [{"title": ""}]}],
        "theme": "neon",
        "owner": "me",
    }
    reply = ann.http.put(ann.path, json=bad, headers={"if-match": ann.etag()})
    assert reply.status_code == 422
    assert set(reply.json()["fields"]) == {
        "name",
        "links.1.url",
        "sections.0.milestones.0.title",
        "theme",
        "owner",
    }


def test_a_profile_names_only_its_own_media(ann: Creator, bob: Creator) -> None:
    theirs = bob.upload(png()).json()["id"]
    mine = ann.upload(png()).json()["id"]
    reply = ann.edit(
        avatar=theirs,
        cover="nothing0",
        sections=[{"kind": "gallery", "media": [mine, theirs]}, {"kind": "video", "media": mine}],
    )
    assert reply.status_code == 422
    assert set(reply.json()["fields"]) == {"avatar", "cover", "sections.0.media.1", "sections.1.media"}
    assert ann.edit(avatar=mine, sections=[{"kind": "gallery", "media": [mine]}]).status_code == 200


@pytest.mark.parametrize(
    "path", ["", "/posts", "/posts/abcdefgh", "/media", "/receipt", "/receipt/events", "/uploads/abc"]
)
def test_somebody_elses_profile_is_not_there(ann: Creator, bob: Creator, path: str) -> None:
    assert bob.http.get(ann.path + path).status_code == 404
    assert bob.http.get(f"/api/v1/profiles/@ann{path}").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "", {"name": "Mine"}),
        ("PATCH", "", {"name": "Mine"}),
        ("DELETE", "", None),
        ("POST", "/rename", {"username": "mine"}),
        ("POST", "/posts", {"title": "x"}),
        ("PUT", "/media/order", []),
        ("POST", "/uploads", {"bytes": 1}),
    ],
)
def test_somebody_elses_profile_cannot_be_changed(
    ann: Creator, bob: Creator, method: str, path: str, body: object
) -> None:
    before = ann.get().json()
    headers = {"if-match": "*", "content-type": "application/json"}
    reply = bob.http.request(method, ann.path + path, content=json.dumps(body), headers=headers)
    assert reply.status_code == 404
    assert ann.get().json() == before


def test_without_a_session_everything_is_401(studio: Studio, ann: Creator) -> None:
    nobody = studio.client()
    assert nobody.get(ann.path).status_code == 401
    assert nobody.put(ann.path, json={"name": "x"}, headers={"if-match": "*"}).status_code == 401


def test_renaming_keeps_the_old_name_for_its_owner(studio: Studio, ann: Creator, bob: Creator) -> None:
    reply = ann.http.post(ann.path + "/rename", json={"username": "Annie"})
    assert reply.status_code == 200 and reply.json()["url"] == "https://pages.example/annie"
    assert ann.get().json()["former_usernames"] == ["ann"]
    assert ann.http.get("/api/v1/profiles/@ann").json()["username"] == "annie"
    assert bob.http.post(bob.path + "/rename", json={"username": "ann"}).status_code == 409
    assert ann.http.post(ann.path + "/rename", json={"username": "annie"}).status_code == 200
    assert ann.http.post(ann.path + "/rename", json={"username": "admin"}).json()["fields"].keys() == {
        "username"
    }


def test_a_deleted_profile_is_gone_for_its_editor_too(ann: Creator) -> None:
    assert ann.http.delete(ann.path).json()["state"] == "accepted"
    assert ann.get().status_code == 404
    assert ann.http.patch(ann.path, json={"bio": "back"}, headers={"if-match": "*"}).status_code == 404
    assert ann.http.get("/api/v1/profiles").json()["profiles"] == []


def test_who_knows_the_newest_edit_gets_304(ann: Creator) -> None:
    assert ann.http.get(ann.path, headers={"if-none-match": ann.etag()}).status_code == 304


def test_hostile_text_is_kept_as_text_or_refused_with_its_field(ann: Creator) -> None:
    text = "<script>alert('x')</script> {{ 7*7 }} \u2028 &amp; 🎨"
    assert ann.edit(bio=text).status_code == 200
    assert ann.get().json()["profile"]["bio"] == text
    for bad in ("a\x00b", "a\u202eb", "\ud800"):
        reply = ann.http.patch(
            ann.path,
            content=json.dumps({"tagline": bad}),
            headers={"if-match": ann.etag(), "content-type": "application/json"},
        )
        assert reply.status_code == 422 and set(reply.json()["fields"]) == {"tagline"}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"null", b"\xff", b"[" * 100_000, b"9" * 5000])
def test_a_body_that_is_no_profile_is_a_problem_not_a_traceback(ann: Creator, body: bytes) -> None:
    headers = {"if-match": "*", "content-type": "application/json"}
    for method in ("PUT", "PATCH"):
        reply = ann.http.request(method, ann.path, content=body, headers=headers)
        assert reply.status_code == 422
        assert reply.headers["content-type"] == "application/problem+json"


def test_a_body_has_a_limit_and_must_be_json(ann: Creator) -> None:
    headers = {"if-match": "*"}
    assert ann.http.put(ann.path, json={"bio": "x" * 1_100_000}, headers=headers).status_code == 413
    chunks = (b"x" * 100_000 for _ in range(12))
    assert ann.http.put(ann.path, content=chunks, headers=headers).status_code == 413
    assert ann.http.put(ann.path, data={"name": "x"}, headers=headers).status_code == 415


def test_writes_are_limited_by_account(tmp_path) -> None:  # type: ignore[no-untyped-def]
    studio = Studio(tmp_path, studio={"writes_per_minute": 5})
    try:
        ann, bob = studio.sign_up("ann"), studio.sign_up("bob")
        assert [ann.edit(bio=str(n)).status_code for n in range(6)] == [200] * 5 + [429]
        assert bob.edit(bio="calm").status_code == 200
    finally:
        studio.stop()


def test_another_site_cannot_write_with_my_cookie(studio: Studio, ann: Creator) -> None:
    browser = studio.client()
    login = {"email": "ann@example.org", "password": "eleven blue herons"}
    assert browser.post("/api/v1/session", json=login).status_code == 201
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://["},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": studio.url},
    ):
        reply = browser.patch(ann.path, json={"bio": "evil"}, headers={"if-match": "*"} | headers)
        assert reply.status_code == 403
    own = {"if-match": "*", "origin": studio.url, "sec-fetch-site": "same-origin"}
    assert browser.patch(ann.path, json={"bio": "mine"}, headers=own).status_code == 200


def test_an_unknown_path_or_method_is_a_problem_too(ann: Creator) -> None:
    for reply, status in ((ann.http.get("/api/v1/nothing"), 404), (ann.http.put("/api/v1/session"), 405)):
        assert reply.status_code == status
        assert reply.headers["content-type"] == "application/problem+json"


def test_what_nobody_expected_is_500_without_a_traceback(
    studio: Studio, ann: Creator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studio.store.profiles, "load", lambda _: 1 / 0)
    reply = ann.get()
    assert reply.status_code == 500
    assert "ZeroDivision" not in reply.text and "Traceback" not in reply.text


def test_every_answer_forbids_frames_and_foreign_scripts(ann: Creator) -> None:
    for reply in (ann.get(), ann.http.get("/api/v1/nothing")):
        assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
        assert "unsafe" not in reply.headers["content-security-policy"]
        assert reply.headers["x-content-type-options"] == "nosniff"
