"""Uploads by the API: pieces, offsets, lies, limits, and what stays in memory and storage."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Iterator

import pytest

from core import keys
from tests.ingest.pictures import HTML, mp4, png
from tests.ingest.studios import Creator, Studio


def stored(studio: Studio) -> list[str]:
    return list(studio.private.walk("_originals/"))


@pytest.mark.parametrize("pieces", [1, 2, 7, 200])
def test_a_photo_arrives_whole_in_pieces_of_any_size(studio: Studio, ann: Creator, pieces: int) -> None:
    content = png(padding=3000)
    reply = ann.upload(content, pieces, alt="A boat", filename="C:\\fotos\\boat\x00.png")
    assert reply.status_code == 201
    media_id = reply.json()["id"]
    assert studio.private.get(keys.original(media_id)).body == content  # type: ignore[union-attr]
    (medium,) = ann.get("/media").json()["media"]
    wanted = {
        "id": media_id,
        "kind": "image",
        "state": "uploaded",
        "type": "image/png",
        "bytes": len(content),
        "alt": "A boat",
        "filename": "boat.png",
        "listed": True,
        "position": 0,
    }
    assert {name: medium[name] for name in wanted} == wanted


def test_an_upload_goes_on_where_it_stopped_even_after_a_restart(studio: Studio, ann: Creator) -> None:
    content = png(padding=5000)
    start = ann.http.post(ann.path + "/uploads", json={"bytes": len(content), "filename": "x.png"}).json()
    url = f"{ann.path}/uploads/{start['upload_id']}"
    first = ann.http.patch(url, content=content[:2000], headers={"upload-offset": "0"})
    assert first.headers["upload-offset"] == "2000"
    token = ann.http.headers["authorization"]
    studio.restart()
    http = studio.client(headers={"authorization": token})
    assert http.head(url).headers["upload-offset"] == "2000"
    wrong = http.patch(url, content=content[1000:], headers={"upload-offset": "1000"})
    assert wrong.status_code == 409 and wrong.json()["offset"] == 2000
    assert wrong.headers["upload-offset"] == "2000"
    early = http.post(url + "/finish", json={})
    assert early.status_code == 409 and early.json()["offset"] == 2000
    assert http.patch(url, content=content[2000:], headers={"upload-offset": "2000"}).status_code == 200
    digest = hashlib.sha256(content).hexdigest()
    done = http.post(url + "/finish", json={"sha256": digest})
    assert done.status_code == 201
    assert http.post(url + "/finish", json={"sha256": digest}).json()["id"] == done.json()["id"]
    assert len(http.get(ann.path + "/media").json()["media"]) == 1


@pytest.mark.parametrize("pieces", [1, 100])
def test_a_lie_about_the_type_is_refused_and_nothing_is_kept(
    studio: Studio, ann: Creator, pieces: int
) -> None:
    reply = ann.upload(HTML, pieces, filename="photo.jpg")
    assert reply.status_code == 415
    assert "not a picture, video or recording" in reply.json()["detail"]
    assert stored(studio) == [] and ann.get("/media").json()["media"] == []


def test_a_lie_about_the_size_is_refused(studio: Studio, ann: Creator) -> None:
    start = ann.http.post(ann.path + "/uploads", json={"bytes": 700, "filename": "x.png"}).json()
    url = f"{ann.path}/uploads/{start['upload_id']}"
    more = png(padding=5000)
    assert ann.http.patch(url, content=more, headers={"upload-offset": "0"}).status_code == 413

    def pieces() -> Iterator[bytes]:
        yield more[:600]
        yield more[600:]

    assert ann.http.patch(url, content=pieces(), headers={"upload-offset": "0"}).status_code == 413
    assert ann.http.post(url + "/finish", json={}).status_code == 409


def test_a_wrong_digest_drops_the_upload(studio: Studio, ann: Creator) -> None:
    content = png()
    start = ann.http.post(ann.path + "/uploads", json={"bytes": len(content)}).json()
    url = f"{ann.path}/uploads/{start['upload_id']}"
    ann.http.patch(url, content=content, headers={"upload-offset": "0"})
    reply = ann.http.post(url + "/finish", json={"sha256": "0" * 64})
    assert reply.status_code == 422 and set(reply.json()["fields"]) == {"sha256"}
    assert ann.http.get(url).status_code == 404 and stored(studio) == []


def test_sizes_are_limited_by_kind(tmp_path) -> None:  # type: ignore[no-untyped-def]
    studio = Studio(tmp_path, uploads={"image_mb_max": 1, "video_mb_max": 3})
    try:
        ann = studio.sign_up("ann")
        announced = ann.http.post(ann.path + "/uploads", json={"bytes": 3_000_001})
        assert announced.status_code == 413
        assert announced.json()["detail"] == "A video may have 3 MB at most."
        photo = ann.upload(png(padding=1_000_000))
        assert photo.status_code == 413 and photo.json()["detail"] == "A photo may have 1 MB at most."
        slow = ann.upload(png(padding=1_000_000), pieces=5000)
        assert slow.status_code == 413 and stored(studio) == []
        assert ann.upload(mp4(2_900_000)).status_code == 201
    finally:
        studio.stop()


def test_an_avatar_is_a_photo_and_set_at_once(ann: Creator) -> None:
    media_id = ann.upload(png(), purpose="avatar").json()["id"]
    assert ann.get().json()["profile"]["avatar"] == media_id
    assert ann.get("/media").json()["media"][0]["listed"] is False
    reply = ann.upload(mp4(), purpose="cover")
    assert reply.status_code == 415 and ann.get().json()["profile"]["cover"] is None


def test_a_dropped_upload_leaves_nothing(studio: Studio, ann: Creator) -> None:
    start = ann.http.post(ann.path + "/uploads", json={"bytes": 5000}).json()
    url = f"{ann.path}/uploads/{start['upload_id']}"
    ann.http.patch(url, content=png(padding=100), headers={"upload-offset": "0"})
    assert ann.http.delete(url).status_code == 204
    assert ann.http.get(url).status_code == 404
    assert ann.http.post(url + "/finish", json={}).status_code == 404


def test_an_uploads_id_is_worth_nothing_elsewhere(ann: Creator, bob: Creator) -> None:
    token = ann.http.post(ann.path + "/uploads", json={"bytes": 5000}).json()["upload_id"]
    for wrong in (token[:-2] + "AA", token[2:], "x", "é", token + "A" * 50):
        assert ann.http.get(f"{ann.path}/uploads/{wrong}").status_code == 404
    assert bob.http.get(f"{bob.path}/uploads/{token}").status_code == 404
    assert bob.http.get(f"{ann.path}/uploads/{token}").status_code == 404


@pytest.mark.parametrize("offset", ["", "-1", "x", "1e3", "²"])
def test_an_offset_is_a_number(ann: Creator, offset: str) -> None:
    token = ann.http.post(ann.path + "/uploads", json={"bytes": 5000}).json()["upload_id"]
    headers = {"upload-offset": offset.encode()}
    reply = ann.http.patch(f"{ann.path}/uploads/{token}", content=b"x", headers=headers)
    assert reply.status_code == 422 and set(reply.json()["fields"]) == {"Upload-Offset"}


def test_a_large_upload_is_never_held_in_memory(studio: Studio, ann: Creator) -> None:
    piece, pieces = b"\0" * 500_000, 80
    size = len(piece) * pieces + 2000
    token = ann.http.post(ann.path + "/uploads", json={"bytes": size}).json()["upload_id"]

    def body() -> Iterator[bytes]:
        yield mp4(2000)
        for _ in range(pieces):
            yield piece

    tracemalloc.start()
    try:
        reply = ann.http.patch(f"{ann.path}/uploads/{token}", content=body(), headers={"upload-offset": "0"})
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert reply.json()["offset"] == size
    assert peak_bytes < 8_000_000  # of 40 MB, and the client's own pieces are among them


def test_media_are_described_ordered_and_deleted_with_every_mention(studio: Studio, ann: Creator) -> None:
    one, two, three = (ann.upload(png(side)).json()["id"] for side in (8, 16, 24))
    clip = ann.upload(mp4()).json()["id"]
    ann.edit(
        avatar=one,
        cover=one,
        sections=[{"kind": "gallery", "media": [two, one]}, {"kind": "video", "media": clip}],
    )
    ann.http.post(ann.path + "/posts", json={"title": "Boats", "media": [one, two], "state": "published"})
    assert ann.http.put(ann.path + "/media/order", json=[three, clip]).status_code == 200
    assert [m["id"] for m in ann.get("/media").json()["media"]] == [three, clip, one, two]
    change = {"alt": "  A red boat ", "listed": False}
    assert ann.http.patch(f"{ann.path}/media/{one}", json=change).status_code == 200
    medium = next(m for m in ann.get("/media").json()["media"] if m["id"] == one)
    assert (medium["alt"], medium["listed"]) == ("A red boat", False)
    assert ann.http.delete(f"{ann.path}/media/{one}").status_code == 200
    assert ann.http.delete(f"{ann.path}/media/{clip}").status_code == 200
    profile = ann.get().json()["profile"]
    assert (profile["avatar"], profile["cover"]) == (None, None)
    assert profile["sections"] == [{"kind": "gallery", "title": "", "media": [two]}]
    assert ann.get("/posts").json()["posts"][0]["media"] == [two]
    assert sorted(stored(studio)) == sorted([keys.original(two), keys.original(three)])


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PATCH", "/media/nothing0", {"alt": "x"}, 404),
        ("DELETE", "/media/nothing0", None, 404),
        ("PUT", "/media/order", ["nothing0"], 404),
        ("PUT", "/media/order", {"a": 1}, 422),
        ("PUT", "/media/order", [1], 422),
        ("PATCH", "/media/{id}", {"alt": "x" * 1001}, 422),
        ("PATCH", "/media/{id}", {"position": -1}, 422),
        ("PATCH", "/media/{id}", {"state": "ready"}, 422),
    ],
)
def test_a_bad_change_of_media_is_refused(
    ann: Creator, method: str, path: str, body: object, status: int
) -> None:
    media_id = ann.upload(png()).json()["id"]
    reply = ann.http.request(method, ann.path + path.replace("{id}", media_id), json=body)
    assert reply.status_code == status
