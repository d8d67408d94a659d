"""A bad line to a real S3 server: calls and replies that are lost, late, cut off, or refused for a while."""

from __future__ import annotations

import io
import time

import pytest

from core.errors import (
    AccessRefused,
    BackendAway,
    ObjectMissing,
    OutcomeUnknown,
    PreconditionFailed,
    Unavailable,
)
from core.objects import ABSENT, Headers, s3_put
from core.objects.s3_multipart import PART_BYTES
from core.rank import Rank, stamp_html
from pipeline.fence import Known, put_ranked
from tests.s3.conftest import Line
from tests.s3.proxy import BROKEN_BODY, LOST_CALL, LOST_REPLY, PASS, Call, Decide, Fault, late, says

PLAIN = Headers(type="text/plain")
KEY = "ann/index.html"


def first(count: int, fault: Fault, method: str = "PUT") -> Decide:
    """Befalls the first calls of that method."""
    left = [count]

    def decide(call: Call) -> Fault:
        if call.method != method or not left[0]:
            return PASS
        left[0] -= 1
        return fault

    return decide


# ── conditional writes ──


@pytest.mark.parametrize("fault", [LOST_REPLY, LOST_CALL], ids=["reply lost", "call lost"])
def test_a_conditional_write_without_an_answer_is_not_sent_again(line: Line, fault: Fault) -> None:
    line.proxy.decide = first(1, fault)
    with pytest.raises(OutcomeUnknown):
        line.bucket.put(KEY, b"one", PLAIN, only_if=ABSENT)
    assert len(line.proxy.calls) == 1


@pytest.mark.parametrize("fault", [LOST_REPLY, LOST_CALL, says(500, "InternalError", arrives=True)])
def test_the_fence_settles_what_got_no_answer(line: Line, fault: Fault) -> None:
    page = stamp_html("<title>Ann</title>", Rank(1, 1, 7, 1))
    line.proxy.decide = first(1, fault)
    written = put_ranked(line.bucket, KEY, Rank(1, 1, 7, 1), lambda: page, PLAIN, Known())
    assert written.ours
    assert line.direct.get(KEY).body == page


def test_a_write_that_arrives_late_never_replaces_a_newer_one(line: Line) -> None:
    old = line.direct.put(KEY, b"old", PLAIN)
    line.proxy.decide = first(1, late(0.3))
    with pytest.raises(OutcomeUnknown):
        line.bucket.put(KEY, b"newer", PLAIN, only_if=old)
    newest = line.bucket.put(KEY, b"newest", PLAIN, only_if=old)
    line.proxy.settle()
    found = line.direct.get(KEY)
    assert (found.body, found.etag) == (b"newest", newest)


def test_what_lands_late_under_the_same_condition_is_found_to_be_ours(line: Line) -> None:
    old, page = Rank(1, 1, 6, 1), stamp_html("<title>New</title>", Rank(1, 1, 7, 1))
    etag = line.direct.put(KEY, stamp_html("<title>Old</title>", old), PLAIN)
    line.proxy.decide = lambda call: (
        (late(0.1), LOST_CALL, PASS)[min(call.number, 2)] if call.writes else PASS
    )
    written = put_ranked(line.bucket, KEY, Rank(1, 1, 7, 1), lambda: page, PLAIN, Known(old, etag))
    line.proxy.settle()
    assert written.ours
    assert line.direct.get(KEY).body == page


@pytest.mark.parametrize(
    "status, code", [(409, "ConditionalRequestConflict"), (429, "TooMany"), (503, "SlowDown")]
)
def test_what_is_busy_is_asked_again(line: Line, status: int, code: str) -> None:
    line.proxy.decide = first(3, says(status, code))
    etag = line.bucket.put(KEY, b"one", PLAIN, only_if=ABSENT)
    assert line.direct.get(KEY).etag == etag
    assert len(line.proxy.calls) == 4


def test_one_write_of_a_key_in_a_second_is_kept_to(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cloudflare R2 answers 429 to the second."""
    monkeypatch.setattr(s3_put, "TOO_OFTEN_S", 0.5)
    taken = [float("-inf")]

    def one_in_a_while(call: Call) -> Fault:
        if call.method != "PUT":
            return PASS
        now = time.monotonic()
        if now - taken[0] < 0.4:
            return says(429, "TooManyRequests")
        taken[0] = now
        return PASS

    line.proxy.decide = one_in_a_while
    etag = ABSENT
    for number in range(4):
        etag = line.bucket.put(KEY, b"%d" % number, PLAIN, only_if=etag)
    assert line.direct.get(KEY).body == b"3"


@pytest.mark.parametrize("status", [409, 429, 503])
def test_a_storm_ends(line: Line, status: int) -> None:
    line.proxy.decide = lambda call: says(status, "Busy") if call.writes else PASS
    with pytest.raises(Unavailable, match="too busy"):
        line.bucket.put(KEY, b"one", PLAIN, only_if=ABSENT)
    assert len(line.proxy.calls) == s3_put.TRIES


def test_who_says_busy_and_has_written_all_the_same_is_not_believed(line: Line) -> None:
    line.proxy.decide = first(1, says(503, "SlowDown", arrives=True))
    with pytest.raises(OutcomeUnknown):
        line.bucket.put(KEY, b"one", PLAIN, only_if=ABSENT)
    assert line.direct.get(KEY).body == b"one"


def test_a_write_that_names_what_has_gone_fails_its_condition(line: Line) -> None:
    etag = line.direct.put(KEY, b"one", PLAIN)
    line.direct.delete(KEY)
    with pytest.raises(PreconditionFailed):
        line.bucket.put(KEY, b"two", PLAIN, only_if=etag)


# ── reads, and writes of immutable keys ──


def test_half_of_all_calls_may_fail(line: Line) -> None:
    line.proxy.decide = lambda call: says(503, "SlowDown") if call.number % 2 == 0 else PASS
    etag = line.bucket.put(KEY, b"one", PLAIN)
    etag = line.bucket.put(KEY, b"two", PLAIN, only_if=etag)
    assert line.bucket.get(KEY).body == b"two"
    assert line.bucket.stat(KEY).etag == etag
    assert list(line.bucket.walk()) == [KEY]
    line.bucket.delete(KEY)
    assert list(line.direct.walk()) == []


@pytest.mark.parametrize("fault", [LOST_REPLY, LOST_CALL], ids=["reply lost", "call lost"])
def test_what_is_harmless_twice_is_sent_again(line: Line, fault: Fault) -> None:
    line.proxy.decide = first(1, fault)
    line.bucket.put(KEY, b"one", PLAIN)
    line.proxy.decide = first(1, fault, "DELETE")
    line.bucket.delete(KEY)
    assert list(line.direct.walk()) == []


def test_a_thousand_deletes_are_one_call_and_sent_again(line: Line) -> None:
    for key in ("a/1", "a/2", "b"):
        line.direct.put(key, b"x", PLAIN)
    line.proxy.decide = first(1, LOST_REPLY, "POST")
    line.bucket.delete_many(["a/1", "a/2", *(f"c/{number}" for number in range(1500))])
    assert [call.method for call in line.proxy.calls] == ["POST"] * 3
    assert list(line.direct.walk()) == ["b"]


@pytest.mark.parametrize(
    ("code", "error"),
    [("AccessDenied", AccessRefused), ("InternalError", Unavailable), ("SlowDown", Unavailable)],
)
def test_a_delete_that_a_long_answer_refuses_is_no_success(
    line: Line, code: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = [{"Key": "a", "Code": "NoSuchKey"}, {"Key": "b", "Code": code, "Message": "no"}]
    monkeypatch.setattr(line.bucket._clients.steady, "delete_objects", lambda **_: {"Errors": errors})
    with pytest.raises(error, match=code):
        line.bucket.delete_many(["a", "b"])
    del errors[1]
    line.bucket.delete_many(["a", "b"])


def test_a_body_that_breaks_off_is_read_again(line: Line) -> None:
    body = bytes(range(256)) * 1000
    line.direct.put(KEY, body, PLAIN)
    line.proxy.decide = first(2, BROKEN_BODY, "GET")
    assert line.bucket.get(KEY).body == body
    line.proxy.decide = first(2, BROKEN_BODY, "GET")
    assert line.bucket.read(KEY, 1000, 100_000) == body[1000:101_000]
    line.proxy.decide = lambda _: BROKEN_BODY
    with pytest.raises(Unavailable, match="did not answer"):
        line.bucket.get(KEY)


# ── files in parts ──

HUGE = bytes(range(256)) * (2 * PART_BYTES // 256) + b"and a little more"


def test_a_file_whose_last_answer_was_lost_is_there(line: Line) -> None:
    line.proxy.decide = lambda call: (
        LOST_REPLY if call.method == "POST" and "uploadId" in call.path and _once(line, call) else PASS
    )
    etag = line.bucket.put_file(KEY, io.BytesIO(HUGE), PLAIN)
    found = line.direct.get(KEY)
    assert (found.body, found.etag) == (HUGE, etag)


def _once(line: Line, call: Call) -> bool:
    return sum(one.path == call.path and one.method == call.method for one in line.proxy.calls) == 1


def test_of_a_file_that_could_not_be_sent_nothing_is_left(line: Line) -> None:
    line.proxy.decide = lambda call: says(503, "SlowDown") if "partNumber=2" in call.path else PASS
    with pytest.raises(Unavailable):
        line.bucket.put_file(KEY, io.BytesIO(HUGE), PLAIN)
    with pytest.raises(ObjectMissing):
        line.direct.get(KEY)
    s3 = line.direct._clients.steady
    assert not s3.list_multipart_uploads(Bucket=line.direct.bucket).get("Uploads")


def test_each_part_is_checked_against_its_digest(line: Line) -> None:
    line.bucket.put_file(KEY, io.BytesIO(HUGE), PLAIN)
    parts = [call for call in line.proxy.calls if "partNumber" in call.path]
    assert len(parts) == 3
    assert all(call.headers["Content-MD5"] for call in parts)


# ── who isn't let in ──


@pytest.mark.parametrize(
    "status, code, words",
    [
        (400, "ExpiredToken", "AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", "AWS_ACCESS_KEY_ID"),
        (403, "RequestTimeTooSkewed", "clock"),
        (404, "NoSuchBucket", "holdfast objects init"),
        (501, "NotImplemented", "docs/objects.md"),
        (507, "InsufficientStorage", "room"),
    ],
)
def test_a_refusal_says_what_mends_it_and_ends_with_it(
    line: Line, status: int, code: str, words: str
) -> None:
    line.direct.put(KEY, b"one", PLAIN)
    line.proxy.decide = lambda _: says(status, code)
    for call in (
        lambda: line.bucket.get(KEY),
        lambda: line.bucket.put(KEY, b"two", PLAIN),
        lambda: line.bucket.put(KEY, b"two", PLAIN, only_if=ABSENT),
        lambda: list(line.bucket.walk()),
        lambda: line.bucket.offset("0" * 32),
    ):
        with pytest.raises(AccessRefused, match=words) as caught:
            call()
        assert line.bucket.bucket in str(caught.value)
        assert words not in caught.value.detail, "nobody else hears of it"
    line.proxy.decide = lambda _: PASS
    assert line.bucket.get(KEY).body == b"one"


def test_nobody_there_is_told_from_nothing_there(line: Line) -> None:
    line.proxy.close()
    for call in (
        lambda: line.bucket.get(KEY),
        lambda: line.bucket.stat(KEY),
        lambda: line.bucket.put(KEY, b"two", PLAIN, only_if=ABSENT),
    ):
        with pytest.raises(Unavailable, match=r"objects\.endpoint") as caught:
            call()
        assert not isinstance(caught.value, OutcomeUnknown), "nothing can have been written"
        assert line.bucket.bucket not in caught.value.detail, "hosts and buckets are for operators"


@pytest.mark.parametrize(("status", "code"), [(404, "NoSuchKey"), (503, "SlowDown"), (403, "AccessDenied")])
def test_an_error_that_breaks_off_is_no_answer(line: Line, status: int, code: str) -> None:
    """Whether it was "missing" or "not yours" nobody has heard to the end."""
    line.proxy.decide = lambda _: says(status, code)._replace(whole=False)
    for call in (
        lambda: line.bucket.get(KEY),
        lambda: line.bucket.read(KEY, 0, 3),
        lambda: list(line.bucket.walk()),
    ):
        with pytest.raises(BackendAway):
            call()
    with pytest.raises((BackendAway, OutcomeUnknown)):
        line.bucket.put(KEY, b"two", PLAIN)
