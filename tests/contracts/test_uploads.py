"""Uploads: in pieces, going on where they ended, readable only when they are finished."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from core.errors import BadInput, NotFound, ObjectMissing, OffsetConflict, OutcomeUnknown
from core.objects import Headers
from tests.contracts.backends import ObjectsPlace
from tests.contracts.conftest import Together

KEY = "_originals/photo001"
HEADERS = Headers(type="image/jpeg", tags="p-1234567890")
BODY = bytes(range(256)) * 100


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def test_an_upload_is_readable_when_it_is_finished_and_not_before(bucket: Any) -> None:
    upload = bucket.start(KEY, HEADERS)
    assert bucket.offset(upload) == 0
    assert bucket.append(upload, 0, BODY[:1000]) == 1000
    assert bucket.offset(upload) == 1000
    assert bucket.append(upload, 1000, BODY[1000:]) == len(BODY)
    with pytest.raises(ObjectMissing):
        bucket.get(KEY)
    assert list(bucket.walk()) == []
    stat = bucket.finish(upload, sha256(BODY).upper())
    assert stat == bucket.stat(KEY)
    assert (stat.size, stat.headers) == (len(BODY), HEADERS)
    assert bucket.get(KEY).body == BODY
    assert bucket.read(KEY, len(BODY) - 5, 100) == BODY[-5:]
    assert list(bucket.walk()) == [KEY]


def test_an_empty_upload_is_an_empty_object(bucket: Any) -> None:
    assert bucket.finish(bucket.start(KEY, HEADERS)).size == 0
    assert bucket.get(KEY).body == b""


def test_a_chunk_that_begins_elsewhere_is_refused_and_told_where_to_go_on(bucket: Any) -> None:
    upload = bucket.start(KEY, HEADERS)
    bucket.append(upload, 0, b"12345")
    for offset in (0, 3, 6, 1000):
        with pytest.raises(OffsetConflict) as caught:
            bucket.append(upload, offset, b"678")
        assert caught.value.offset == 5
    bucket.append(upload, 5, b"678")
    bucket.finish(upload)
    assert bucket.get(KEY).body == b"12345678"


def test_an_upload_goes_on_with_another_client(bucket_place: ObjectsPlace) -> None:
    upload = bucket_place.open().start(KEY, HEADERS)
    bucket_place.open().append(upload, 0, b"123")
    later = bucket_place.open()
    assert later.offset(upload) == 3
    later.append(upload, 3, b"456")
    last = bucket_place.open()
    last._keys[upload] = KEY
    assert last.finish(upload).headers == HEADERS
    assert bucket_place.open().get(KEY).body == b"123456"


def test_after_a_lost_reply_an_upload_goes_on_where_it_stands(bucket: Any) -> None:
    """By the contract alone: ask for the offset, go on from there."""
    line = bucket._objects
    upload = bucket.start(KEY, HEADERS)
    while (at := line.offset(upload)) < len(BODY):
        try:
            line.append(upload, at, BODY[at : at + 700])
        except OutcomeUnknown:
            continue
    bucket.finish(upload, sha256(BODY))
    assert bucket.get(KEY).body == BODY


def test_a_wrong_digest_aborts_the_upload(bucket: Any) -> None:
    upload = bucket.start(KEY, HEADERS)
    bucket.append(upload, 0, BODY)
    with pytest.raises(BadInput) as caught:
        bucket.finish(upload, sha256(b"something else"))
    assert set(caught.value.fields) == {"sha256"}
    with pytest.raises(NotFound):
        bucket.offset(upload)
    with pytest.raises(ObjectMissing):
        bucket.get(KEY)


def assert_not_found(bucket: Any, upload: str) -> None:
    for call in (
        lambda: bucket.offset(upload),
        lambda: bucket.append(upload, 0, b"x"),
        lambda: bucket.finish(upload),
    ):
        with pytest.raises(NotFound):
            call()


def test_an_aborted_upload_leaves_nothing(bucket: Any) -> None:
    upload = bucket.start(KEY, HEADERS)
    bucket.append(upload, 0, BODY)
    bucket.abort(upload)
    bucket.abort(upload)
    assert list(bucket.walk()) == []
    assert_not_found(bucket, upload)


def test_to_abort_a_finished_upload_does_no_harm(bucket: Any) -> None:
    upload = bucket.start(KEY, HEADERS)
    bucket.append(upload, 0, BODY)
    bucket.finish(upload)
    bucket.abort(upload)
    assert bucket.get(KEY).body == BODY
    for call in (lambda: bucket.offset(upload), lambda: bucket.append(upload, len(BODY), b"x")):
        with pytest.raises(NotFound):
            call()


@pytest.mark.parametrize("upload", ["unknown", "", "../index", ".", "0" * 32, "a/b", "é"])
def test_an_upload_that_nobody_began_is_not_found(bucket: Any, upload: str) -> None:
    assert_not_found(bucket, upload)
    bucket.abort(upload)


def test_only_uploads_that_nobody_appends_to_are_abandoned(bucket: Any) -> None:
    uploads = [bucket.start(f"key{number}", HEADERS) for number in range(3)]
    for upload in uploads:
        bucket.append(upload, 0, b"x")
    assert bucket.abandon(3600) == 0
    bucket.finish(uploads[0])
    # A start whose reply was lost has left one more.
    assert bucket.abandon(-1) >= 2
    assert bucket.abandon(-1) == 0
    for upload in uploads:
        with pytest.raises(NotFound):
            bucket.offset(upload)
    assert list(bucket.walk()) == ["key0"], "what is finished stays"


def test_two_uploads_to_different_keys_do_not_mix(bucket: Any) -> None:
    one, two = bucket.start("one", HEADERS), bucket.start("two", HEADERS)
    for at in range(0, 30, 3):
        bucket.append(one, at, b"111")
        bucket.append(two, at, b"222")
    bucket.finish(two)
    bucket.finish(one)
    assert bucket.get("one").body == b"1" * 30
    assert bucket.get("two").body == b"2" * 30


def test_of_four_chunks_for_one_offset_exactly_one_is_stored(bucket: Any, together: Together) -> None:
    size, turns = 100_000, 30
    upload = bucket.start(KEY, HEADERS)
    line = bucket._objects
    for turn in range(turns):

        def append(number: int, turn: int = turn) -> str:
            try:
                line.append(upload, turn * size, str(number).encode() * size)
                return "stored"
            except OffsetConflict:
                return "refused"
            except OutcomeUnknown:
                return "unknown"

        outcomes = together(4, append)
        assert outcomes.count("stored") <= 1
        if bucket.offset(upload) == turn * size:  # no one's arrived
            assert "stored" not in outcomes
            bucket.append(upload, turn * size, b"-" * size)
    bucket.finish(upload)
    body = bucket.get(KEY).body
    assert len(body) == turns * size
    assert all(len(set(body[at : at + size])) == 1 for at in range(0, len(body), size))


def test_many_uploads_are_finished_side_by_side(bucket: Any, together: Together) -> None:
    def upload(number: int) -> None:
        for turn in range(5):
            one = bucket.start(f"key{number}/{turn}", HEADERS)
            bucket.append(one, 0, f"{number} {turn}".encode())
            bucket.finish(one)

    together(6, upload)
    for number in range(6):
        for turn in range(5):
            assert bucket.get(f"key{number}/{turn}").body == f"{number} {turn}".encode()
