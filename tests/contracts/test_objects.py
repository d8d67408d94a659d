"""Objects: whole under their keys, written by conditions, read whole or in ranges, listed in order."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import time
import tracemalloc
from typing import Any

import pytest

from core.errors import BadInput, ObjectMissing, OutcomeUnknown, PreconditionFailed
from core.objects import ABSENT, HEADER_BYTES_MAX, Headers, Stat
from tests.contracts.backends import ObjectsPlace, in_processes
from tests.contracts.conftest import Together

PLAIN = Headers(type="text/plain")
FULL = Headers(
    type="text/html; charset=utf-8",
    cache="public, max-age=60",
    status=301,
    location="/bob",
    rank="1.1.7.2",
    tags="p-1234567890 n-ann",
)
KEY = "ann/index.html"

# ── reading ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("body", [b"", b"Boats", bytes(range(256)) * 5000], ids=["empty", "short", "1 MB"])
def test_what_is_put_is_read_back_whole_with_its_headers(bucket: Any, body: bytes) -> None:
    etag = bucket.put(KEY, body, FULL)
    found = bucket.get(KEY)
    assert (found.body, found.etag, found.headers) == (body, etag, FULL)
    assert abs(found.modified_s - time.time()) < 3600
    assert bucket.stat(KEY) == Stat(etag, len(body), FULL, found.modified_s)


def test_a_key_that_nobody_wrote_is_missing(bucket: Any) -> None:
    bucket.put("ann/posts/boats/index.html", b"Boats", PLAIN)
    for key in (
        "bob/index.html",
        "ann",
        "ann/posts",
        "ann/posts/boats/index.html/more",
        "ann/posts/sea/index.html",
    ):
        for read in (bucket.get, bucket.stat, lambda key: bucket.read(key, 0, 10)):
            with pytest.raises(ObjectMissing):
                read(key)
        with pytest.raises(ObjectMissing):
            bucket.get(key, unless="an etag")


def test_an_object_is_not_sent_again_to_who_has_it(bucket: Any) -> None:
    etag = bucket.put(KEY, b"one", PLAIN)
    assert bucket.get(KEY, unless=etag) is None
    assert bucket.get(KEY, unless="another").body == b"one"
    bucket.put(KEY, b"two", PLAIN)
    assert bucket.get(KEY, unless=etag).body == b"two"


def test_etags_are_equal_for_equal_bytes_and_differ_for_others(bucket: Any) -> None:
    one, same, other = (bucket.put(key, body, PLAIN) for key, body in (("a", b"1"), ("b", b"1"), ("c", b"2")))
    assert one == same != other
    assert bucket.put("a", b"2", PLAIN) == other
    assert bucket.put("a", b"1", FULL) == one


def test_ranges_are_cut_at_the_end(bucket: Any) -> None:
    body = bytes(range(200))
    bucket.put(KEY, body, PLAIN)
    assert bucket.read(KEY, 0, 10) == body[:10]
    assert bucket.read(KEY, 150, 20) == body[150:170]
    assert bucket.read(KEY, 190, 100) == body[190:]
    assert bucket.read(KEY, 0, 1000) == body
    assert bucket.read(KEY, 200, 1) == bucket.read(KEY, 5000, 10) == b""


# ── keys and headers ──────────────────────────────────────────────────────────────────────────────

REFUSED = [
    "",
    "/ann",
    "ann/",
    "ann//x",
    ".",
    "..",
    "../ann",
    "ann/../bob",
    "ann/.",
    "./ann",
    "ann\\x",
    "ann\x00",
]
REFUSED += ["ann\n", "ann/\x7f", ".locks/1", "a" * 251, "/".join(["x" * 200] * 6), "ann\ud800"]


@pytest.mark.parametrize("key", REFUSED)
def test_a_key_that_some_store_would_refuse_is_refused_by_all(bucket: Any, key: str) -> None:
    calls = [
        lambda: bucket.put(key, b"x", PLAIN),
        lambda: bucket.put_file(key, io.BytesIO(b"x"), PLAIN),
        lambda: bucket.start(key, PLAIN),
        lambda: bucket.get(key),
        lambda: bucket.stat(key),
        lambda: bucket.read(key, 0, 1),
        lambda: bucket.delete(key),
    ]
    for call in calls:
        with pytest.raises(BadInput) as caught:
            call()
        assert set(caught.value.fields) == {"key"}
    assert list(bucket.walk()) == []


@pytest.mark.parametrize(
    "key", ["a", "ann/.well-known/x", "ünï/हिन्दी.txt", "a b/c+d%20e&f", "x" * 250, "-/_~'()!*"]
)
def test_a_key_of_any_other_kind_is_kept_as_it_is(bucket: Any, key: str) -> None:
    bucket.put(key, b"here", PLAIN)
    assert bucket.get(key).body == b"here"
    assert list(bucket.walk()) == [key]


@pytest.mark.parametrize(
    "headers", [Headers(location="/ü"), Headers(tags="a\nb"), Headers(tags="t" * (HEADER_BYTES_MAX + 1))]
)
def test_headers_that_can_not_be_metadata_are_refused(bucket: Any, headers: Headers) -> None:
    calls = [
        lambda: bucket.put(KEY, b"x", headers),
        lambda: bucket.put_file(KEY, io.BytesIO(b"x"), headers),
        lambda: bucket.start(KEY, headers),
    ]
    for call in calls:
        with pytest.raises(BadInput):
            call()
    assert list(bucket.walk()) == []


# ── conditions ────────────────────────────────────────────────────────────────────────────────────


def test_a_put_on_an_absent_key_succeeds_once(bucket: Any) -> None:
    bucket.put(KEY, b"one", PLAIN, only_if=ABSENT)
    with pytest.raises(PreconditionFailed):
        bucket.put(KEY, b"two", FULL, only_if=ABSENT)
    assert (bucket.get(KEY).body, bucket.get(KEY).headers) == (b"one", PLAIN)


def test_a_put_on_an_etag_succeeds_while_the_object_is_still_that(bucket: Any) -> None:
    first = bucket.put(KEY, b"one", PLAIN)
    second = bucket.put(KEY, b"two", FULL, only_if=first)
    assert (bucket.get(KEY).body, bucket.get(KEY).headers) == (b"two", FULL)
    with pytest.raises(PreconditionFailed):
        bucket.put(KEY, b"three", PLAIN, only_if=first)
    assert (bucket.get(KEY).body, bucket.get(KEY).etag) == (b"two", second)


def test_a_put_on_an_etag_fails_where_the_key_is_missing(bucket: Any) -> None:
    etag = bucket.put("another", b"one", PLAIN)
    with pytest.raises(PreconditionFailed):
        bucket.put(KEY, b"two", PLAIN, only_if=etag)
    with pytest.raises(ObjectMissing):
        bucket.get(KEY)


def test_a_put_without_condition_replaces_what_is_there(bucket: Any) -> None:
    for body, headers in ((b"one", FULL), (b"two", PLAIN)):
        bucket.put(KEY, body, headers)
        assert (bucket.get(KEY).body, bucket.get(KEY).headers) == (body, headers)


def test_what_was_put_is_there_for_a_client_that_comes_later(bucket_place: ObjectsPlace) -> None:
    first = bucket_place.open()
    first.put("a", b"now", FULL)
    for number in range(20):
        first.put(f"later/{number}", b"then", FULL, durable=False)
    first.sync()
    second = bucket_place.open()
    for key in ("a", "later/0", "later/19"):
        assert second.get(key).headers == FULL
    etag = second.put("a", b"new", PLAIN, only_if=second.get("a").etag)
    assert first.get("a").etag == etag


# ── races ─────────────────────────────────────────────────────────────────────────────────────────


def test_of_eight_writers_with_one_condition_exactly_one_succeeds(bucket: Any, together: Together) -> None:
    condition = ABSENT
    for turn in range(8):

        def write(number: int, turn: int = turn, condition: str = condition) -> str | None:
            try:
                return str(bucket.put(KEY, f"{turn} {number}".encode(), PLAIN, only_if=condition))
            except PreconditionFailed:
                return None

        won = [etag for etag in together(8, write) if etag]
        assert won == [bucket.get(KEY).etag]
        condition = won[0]


def add_mine(bucket: Any, key: str, mine: str) -> None:
    """Adds a line to a list that others write as well, by If-Match; a reply lost is settled by looking."""
    while True:
        try:
            found = bucket.get(key)
            lines, condition = json.loads(found.body), found.etag
        except ObjectMissing:
            lines, condition = [], ABSENT
        if mine in lines:
            return
        try:
            bucket.put(key, json.dumps([*lines, mine]).encode(), PLAIN, only_if=condition)
        except (PreconditionFailed, OutcomeUnknown):
            continue


def test_no_update_is_lost_when_threads_write_by_if_match(bucket: Any, together: Together) -> None:
    wanted = [f"{number} {turn}" for number in range(6) for turn in range(8)]
    together(6, lambda number: [add_mine(bucket, KEY, f"{number} {turn}") for turn in range(8)])
    assert sorted(json.loads(bucket.get(KEY).body)) == sorted(wanted)


def _add_in_process(bucket: Any, number: int) -> None:
    for turn in range(25):
        add_mine(bucket, KEY, f"{number} {turn}")


def test_no_update_is_lost_when_processes_write_by_if_match(bucket_place: ObjectsPlace) -> None:
    in_processes(_add_in_process, bucket_place)
    wanted = [f"{number} {turn}" for number in range(2) for turn in range(25)]
    assert sorted(json.loads(bucket_place.open().get(KEY).body)) == sorted(wanted)


def test_a_reader_sees_the_old_object_or_the_new_one_never_a_mixture(bucket_place: ObjectsPlace) -> None:
    """Two versions in turn, of different sizes, with headers that say which. A body is always whole; that its ETag and
    headers are of the same version isn't promised (versitygw: not so once in about 2,000 reads), but kept by the others."""
    bucket = bucket_place.open()
    agree = bucket_place.backend != "versitygw"
    versions = {
        letter * size: Headers(tags=letter.decode()) for letter, size in ((b"a", 300_000), (b"b", 90_000))
    }
    etags = {bucket.put(KEY, body, headers): body for body, headers in versions.items()}
    stop = threading.Event()

    def write() -> None:
        try:
            for _ in range(40):
                for body, headers in versions.items():
                    bucket.put(KEY, body, headers, durable=False)
        finally:
            stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not stop.is_set():
        found, stat = bucket.get(KEY), bucket.stat(KEY)
        assert found.body in versions
        assert {found.etag, stat.etag} <= set(etags)
        if agree:
            assert versions[found.body] == found.headers
            assert etags[found.etag] == found.body
            assert (stat.size, stat.headers) == (len(etags[stat.etag]), versions[etags[stat.etag]])
        seen.add(found.etag)
    writer.join()
    assert seen == set(etags)


# ── files ─────────────────────────────────────────────────────────────────────────────────────────


class Endless(io.RawIOBase):
    """A file of so many bytes that is nowhere, to be read once or again."""

    def __init__(self, size: int) -> None:
        self.size, self.at = size, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        chunk = self.size - self.at if size < 0 else min(size, self.size - self.at)
        self.at += chunk
        return b"\x07" * chunk

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.at = offset
        return self.at

    def tell(self) -> int:
        return self.at


def test_a_huge_file_is_streamed_and_never_held_in_memory(bucket: Any) -> None:
    size = 48_000_000
    tracemalloc.start()
    try:
        etag = bucket.put_file("film.mp4", Endless(size), PLAIN)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < size / 4
    assert bucket.stat("film.mp4")[:3] == (etag, size, PLAIN)
    assert bucket.read("film.mp4", size - 3, 10) == b"\x07" * 3


def test_a_file_is_put_from_where_it_stands(bucket: Any) -> None:
    file = io.BytesIO(b"skipped, kept")
    file.seek(9)
    etag = bucket.put_file(KEY, file, FULL)
    found = bucket.get(KEY)
    assert (found.body, found.etag, found.headers) == (b"kept", etag, FULL)
    assert etag == bucket.put("same bytes", b"kept", PLAIN)


# ── deleting and listing ──────────────────────────────────────────────────────────────────────────


def test_a_deleted_key_is_missing_and_its_neighbours_stay(bucket: Any) -> None:
    for key in ("a/x/1", "a/x/2", "a/y/1"):
        bucket.put(key, b"x", PLAIN)
    for key in ("a/x/1", "a/x/1", "never/was", "a/x", "a"):
        bucket.delete(key)
    assert list(bucket.walk()) == ["a/x/2", "a/y/1"]
    with pytest.raises(ObjectMissing):
        bucket.get("a/x/1")
    bucket.delete("a/x/2")
    bucket.put("a/x/2/deeper", b"x", PLAIN)
    assert list(bucket.walk()) == ["a/x/2/deeper", "a/y/1"]


def test_many_keys_are_deleted_at_once_and_their_neighbours_stay(bucket: Any) -> None:
    for key in ("a/x/1", "a/x/2", "a/y/1", "b"):
        bucket.put(key, b"x", PLAIN)
    bucket.delete_many([])
    bucket.delete_many(["a/x/1", "a/x/1", "never/was", "a/x", "a", "b"])
    assert list(bucket.walk()) == ["a/x/2", "a/y/1"]
    with pytest.raises(ObjectMissing):
        bucket.get("b")
    bucket.delete_many(bucket.walk("a/"))
    assert list(bucket.walk()) == []
    bucket.put("a/x/2/deeper", b"x", PLAIN)
    with pytest.raises(BadInput):
        bucket.delete_many(["a/x/2/deeper", "../a"])
    assert list(bucket.walk()) == ["a/x/2/deeper"]


def test_more_keys_are_deleted_than_a_store_takes_in_one_call(bucket: Any) -> None:
    bucket.put("a/0001.m4s", b"x", PLAIN)
    bucket.put("a/1500.m4s", b"x", PLAIN)
    bucket.put("b", b"x", PLAIN)
    bucket.delete_many(f"a/{number:04}.m4s" for number in range(1600))
    assert list(bucket.walk()) == ["b"]


LISTED = [
    "0",
    "a",
    "a b/x",
    "a!",
    "a-b/x",
    "a.b",
    "a.b.c/1",
    "a/x",
    "a0",
    "ab",
    "z/z/z/z",
    "é/x",
    "\uff5e",
    "\U00010000",
]


def test_keys_are_listed_in_the_order_of_their_utf8_bytes(bucket: Any) -> None:
    keys = [key for key in LISTED if key != "a"] + [
        "a/-",
        "a/x-1",
        "a/x.html",
        "a/x!/y",
        "a/~",
        "_data/ann.json",
    ]
    for key in keys:
        bucket.put(key, b"x", PLAIN, durable=False)
    wanted = sorted(keys, key=lambda key: key.encode())
    assert list(bucket.walk()) == wanted
    for prefix in (
        "a",
        "a/",
        "a/x",
        "a.b",
        "z/z/",
        "é",
        "\uff5e",
        "nothing",
        "nothing/at/all",
        "_data/",
        "a0",
        "a0/",
    ):
        assert list(bucket.walk(prefix)) == [key for key in wanted if key.startswith(prefix)], prefix


def test_a_survey_tells_of_each_object_what_a_look_would(bucket: Any) -> None:
    for key, body in (("a/x", b"1"), ("a/y", b"22"), ("b", b"")):
        bucket.put(key, body, FULL)
    bucket.put_file("c", io.BytesIO(b"333"), PLAIN)
    found = list(bucket.survey())
    assert [one.key for one in found] == list(bucket.walk()) == ["a/x", "a/y", "b", "c"]
    for one in found:
        stat = bucket.stat(one.key)
        assert (one.etag, one.size) == (stat.etag, stat.size)
        assert abs(one.modified_s - stat.modified_s) < 2, "a listing may be more exact"
    assert [one.key for one in bucket.survey("a/")] == ["a/x", "a/y"]


@pytest.mark.parametrize("prefix", [".", ".locks/", "..", "../", "/", "ann/../", "ann//"])
def test_a_prefix_that_no_key_has_lists_nothing(bucket: Any, prefix: str) -> None:
    bucket.put(KEY, b"x", PLAIN)
    assert list(bucket.walk(prefix)) == []


def test_a_walk_names_all_that_stays_though_others_come_and_go(bucket: Any) -> None:
    lasting = [f"lasting/{number:02d}/x" for number in range(20)]
    for key in lasting:
        bucket.put(key, b"x", PLAIN, durable=False)
    stop = threading.Event()

    def come_and_go() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            bucket.put(f"lasting/{number % 20:02d}/passing/{number}", b"x", PLAIN, durable=False)
            bucket.delete(f"lasting/{number % 20:02d}/passing/{number}")

    writer = threading.Thread(target=come_and_go)
    writer.start()
    try:
        for _ in range(15):
            assert [key for key in bucket.walk("lasting/") if "passing" not in key] == lasting
    finally:
        stop.set()
        writer.join()


def test_equal_bytes_have_one_etag_however_they_came(bucket: Any) -> None:
    body = hashlib.sha256(b"seed").digest() * 70_000
    upload = bucket.start("uploaded", PLAIN)
    for start in range(0, len(body), 1_000_000):
        bucket.append(upload, start, body[start : start + 1_000_000])
    etags = {
        bucket.put("put", body, PLAIN),
        bucket.put_file("streamed", io.BytesIO(body), PLAIN),
        bucket.finish(upload).etag,
    }
    assert len(etags) == 1
