"""The proof at the start: a store that can't be a fence is refused by what it did; one that is away is waited for."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from core.backends import prove
from core.errors import AccessRefused, OperatorError, PreconditionFailed, Unavailable
from core.objects import ABSENT, Headers
from core.objects.folder import FolderObjects
from tests.s3.conftest import Line
from tests.s3.proxy import LOST_REPLY, PASS, Call, Fault, says

PLAIN = Headers(type="text/plain")


class Deaf:
    """A store that doesn't do as conditions say: `ignores` them, `refuses` writes that have one."""

    def __init__(self, folder: Any, *, ignores: tuple[str, ...] = (), refuses: tuple[str, ...] = ()) -> None:
        self._folder, self._ignores, self._refuses = FolderObjects(folder), ignores, refuses

    def put(
        self, key: str, body: bytes, headers: Headers, *, only_if: str | None = None, **named: Any
    ) -> str:
        kind = "absent" if only_if == ABSENT else "etag" if only_if else ""
        if kind in self._refuses:
            raise PreconditionFailed
        return self._folder.put(
            key, body, headers, only_if=None if kind in self._ignores else only_if, **named
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._folder, name)

    def __str__(self) -> str:
        return "The bucket pages at a strange store"


@pytest.mark.parametrize(
    "how, words",
    [
        ({"ignores": ("absent",)}, "overwrites a key that was to be written only if absent"),
        ({"ignores": ("etag",)}, "takes a write that names an old ETag"),
        ({"refuses": ("etag",)}, "refuses a write that names the right ETag"),
        ({"refuses": ("absent",)}, "refuses a new key"),
        ({"ignores": ("absent", "etag")}, "overwrites .* takes a write"),
    ],
)
def test_a_store_that_is_no_fence_is_refused_by_what_it_did(tmp_path: Any, how: Any, words: str) -> None:
    store = Deaf(tmp_path, **how)
    with pytest.raises(OperatorError, match=words) as caught:
        prove([store])  # type: ignore[list-item]
    assert "The bucket pages at a strange store" in str(caught.value)
    assert "docs/objects.md" in str(caught.value)
    assert list(store.walk()) == [], "it leaves nothing behind"


def test_a_fence_is_proven_and_nothing_is_left(line: Line) -> None:
    prove([line.bucket])
    assert list(line.direct.walk()) == []
    assert line.bucket.quotes


def test_two_that_prove_at_once_do_not_meet(line: Line) -> None:
    failed: list[BaseException] = []

    def again() -> None:
        try:
            for _ in range(5):
                prove([line.direct])
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=again) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_store_that_knows_only_bare_etags_is_spoken_to_so(line: Line) -> None:
    """Older Ceph, and what is made of it: 412 to every ETag in quotes."""

    def only_bare(call: Call) -> Fault:
        return says(412, "PreconditionFailed") if call.headers.get("If-Match", "").startswith('"') else PASS

    line.proxy.decide = only_bare
    prove([line.bucket])
    assert not line.bucket.quotes
    etag = line.bucket.put("page", b"one", PLAIN)
    line.bucket.put("page", b"two", PLAIN, only_if=etag)


def test_a_store_that_has_no_conditions_says_so_itself(line: Line) -> None:
    def b2(call: Call) -> Fault:
        has_one = "If-None-Match" in call.headers or "If-Match" in call.headers
        return says(501, "NotImplemented") if has_one and call.writes else PASS

    line.proxy.decide = b2
    with pytest.raises(OperatorError, match="NotImplemented"):
        prove([line.bucket])


def test_a_reply_that_is_lost_during_the_proof_is_no_fault_of_the_store(line: Line) -> None:
    lost: list[int] = []

    def loses_some(call: Call) -> Fault:
        if call.method != "PUT" or call.number >= 4:
            return PASS
        lost.append(call.number)
        return LOST_REPLY

    line.proxy.decide = loses_some
    prove([line.bucket])
    assert lost
    assert list(line.direct.walk()) == [], "it leaves nothing behind"


def test_a_store_that_is_away_is_waited_for(line: Line) -> None:
    back = time.monotonic() + 1.0
    line.proxy.decide = lambda _: PASS if time.monotonic() > back else says(503, "SlowDown")
    prove([line.bucket], None)
    assert time.monotonic() > back


def test_a_verb_waits_only_for_so_long(line: Line) -> None:
    line.proxy.decide = lambda _: says(503, "SlowDown")
    with pytest.raises(Unavailable):
        prove([line.bucket], 0.5)


def test_one_that_lets_nobody_in_is_not_waited_for(line: Line) -> None:
    line.proxy.decide = lambda _: says(403, "InvalidAccessKeyId")
    with pytest.raises(OperatorError) as caught:
        prove([line.bucket], None)
    assert not isinstance(caught.value, AccessRefused)
