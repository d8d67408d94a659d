"""A whole worker with its threads: what fails is put aside and stops nobody, and what was missed is found."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from core import keys
from core.errors import OperatorError, Unavailable
from core.objects import Headers
from core.settings import WorkerSettings
from core.store import REPLICA, Change, MediaTask
from pipeline import job, making, worker
from pipeline.media.make import Limits
from pipeline.worker import Worker
from tests.pipeline.little_site import Site, picture

PATIENCE_S = 30


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for seconds waits for moments."""
    for name, value_s in {
        "BACKOFF_S": 0.01,
        "BACKOFF_MAX_S": 0.05,
        "POSITION_S": 0.02,
        "DUE_S": 0.02,
    }.items():
        monkeypatch.setattr(worker, name, value_s)


@contextmanager
def working(site: Site, **settings: Any) -> Iterator[Worker]:
    given = WorkerSettings(**{"threads": 2, "attempts": 2, "sweep_s": 1000} | settings)
    working = Worker(site.tools, given, Limits(), 1000, site.folder / "scratch")
    thread = threading.Thread(target=working.run)
    thread.start()
    try:
        yield working
    finally:
        working.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def wait_for(what: Callable[[], object]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < ends, "It never came."
        time.sleep(0.01)


def position(site: Site) -> int:
    return int(site.store.changes.position(REPLICA) or 0)


def last_hint(site: Site) -> int:
    return int(site.store.changes.read(None, 10_000)[-1].position)


class Poison:
    """Makes the jobs of one profile fail, until it is `cured`."""

    def __init__(self, profile_id: str, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        self.cured, self.tries = False, 0
        self._profile_id, self._error, self._target = profile_id, error, job.target
        monkeypatch.setattr(job, "target", self._failing)

    def _failing(self, snapshot: Any, *given: Any) -> Any:
        if snapshot.head.id == self._profile_id and not self.cured:
            self.tries += 1
            raise self._error
        return self._target(snapshot, *given)


def test_one_poison_profile_stops_nobody(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = site.sign_up("bad"), site.sign_up("good")
    poison = Poison(bad, monkeypatch, ZeroDivisionError("nothing by nothing"))
    with working(site):
        wait_for(lambda: position(site) == last_hint(site))
        assert site.status("good/index.html")[0] == 200
        (failure,) = site.store.failures.all()
        assert (failure.subject, failure.kind, failure.attempts) == (bad, "publish", 2)
        assert failure.reason == "ZeroDivisionError: nothing by nothing"
        assert poison.tries == 2
        poison.cured = True
        site.edit(bad, bio="Better now.")
        wait_for(lambda: site.status("bad/index.html")[0] == 200)
        wait_for(lambda: not list(site.store.failures.all()))
    assert site.reached(good).keys() == {"published", "purged", "live"}


def test_a_takedown_is_never_put_aside_for_good(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = site.sign_up("ann")
    site.publish(ann)
    site.edit(ann, visibility="private")
    poison = Poison(ann, monkeypatch, ZeroDivisionError())
    with working(site):
        wait_for(lambda: poison.tries > 4)
        assert position(site) == last_hint(site)
        poison.cured = True
        wait_for(lambda: site.status("ann/index.html")[0] == 404)


def test_storage_that_is_away_is_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = site.sign_up("ann")
    poison = Poison(ann, monkeypatch, Unavailable("the bucket is away"))
    with working(site, attempts=1):
        wait_for(lambda: poison.tries > 4)
        assert position(site) < last_hint(site)
        poison.cured = True
        wait_for(lambda: site.status("ann/index.html")[0] == 200)
        wait_for(lambda: position(site) == last_hint(site))
    assert not list(site.store.failures.all())


def test_a_publisher_survives_a_store_that_fails_while_it_handles_a_failure(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = site.sign_up("ann")
    Poison(ann, monkeypatch, ZeroDivisionError())
    broken = [OSError("disk")] * 4
    head = site.store.profiles.head

    def failing(profile_id: str) -> Any:
        if broken and threading.current_thread().name.startswith("publisher"):
            raise broken.pop()
        return head(profile_id)

    monkeypatch.setattr(site.store.profiles, "head", failing)
    with working(site, attempts=1):
        wait_for(lambda: not broken and position(site) == last_hint(site))
        bob = site.sign_up("bob")
        wait_for(lambda: site.reached(bob))


def test_a_hint_without_its_edit_is_given_up_in_the_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "NOT_YET_S", 0.05)
    site.store.changes.hint(Change("nobody12", 1))
    ann = site.sign_up("ann")
    site.store.changes.hint(Change(ann, 99))
    with working(site):
        wait_for(lambda: position(site) == last_hint(site))
    assert site.status("ann/index.html")[0] == 200


def test_a_hint_that_comes_before_its_edit_waits_for_it(site: Site) -> None:
    ann = site.sign_up("ann")
    head = site.store.profiles.head(ann)
    assert head
    site.store.changes.hint(Change(ann, head.revision + 1))
    with working(site, attempts=1):
        # What is there is published meanwhile.
        wait_for(lambda: site.status("ann/index.html")[0] == 200)
        assert position(site) < last_hint(site)
        after = site.edit(ann, bio="Here it is.").head
        wait_for(lambda: position(site) == last_hint(site))
    assert site.reached(ann)["live"] == after.revision
    assert not list(site.store.failures.all())


def test_what_the_log_has_lost_is_found_by_the_sweep(site: Site) -> None:
    ann = site.sign_up("ann")
    with site.store.database.write() as connection:
        connection.execute("delete from changes")
    with working(site):
        wait_for(lambda: site.reached(ann).get("live"))


def test_a_worker_goes_on_where_the_last_one_ended(site: Site) -> None:
    ann = site.sign_up("ann")
    with working(site):
        wait_for(lambda: site.reached(ann).get("live"))
        wait_for(lambda: position(site) == last_hint(site))
    before = position(site)
    head = site.edit(ann, bio="Paints boats.").head
    with working(site):
        wait_for(lambda: site.reached(ann).get("live") == head.revision)
    assert position(site) > before


def test_what_can_not_be_made_due_keeps_nothing_else_waiting(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, hour = site.sign_up("ann"), int(time.time()) - 5
    site.post(ann, "soon", state="scheduled", publish_at=hour)
    site.store.changes.schedule("bad", hour - 1)
    site.store.changes.schedule(ann, hour)
    fall_due = worker.fall_due

    def failing(store: Any, buckets: Any, due: Any, *given: Any) -> None:
        if due.profile_id == "bad":
            raise ZeroDivisionError
        fall_due(store, buckets, due, *given)

    monkeypatch.setattr(worker, "fall_due", failing)
    with working(site):
        wait_for(lambda: site.status("ann/posts/soon/index.html")[0] == 200)


# ── media ──


def test_a_picture_is_made_and_shown(site: Site) -> None:
    ann = site.sign_up("ann")
    edit = site.upload(ann, made=False)
    site.private.put(keys.original(edit.id), picture(), Headers())
    head = site.store.profiles.head(ann)
    with working(site):
        wait_for(lambda: site.medium(ann).state == "ready")
        wait_for(lambda: "_media/medium1234/" in site.text("ann/index.html"))
        wait_for(lambda: not site.store.media_work.pending(10))
    after = site.store.profiles.head(ann)
    assert head and after
    assert after.edit == head.edit
    assert after.revision > head.revision
    assert {made.recipe for made in site.medium(ann).renditions} == {"still", "avif"}


def test_a_picture_that_is_deleted_while_it_is_made_leaves_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, make = site.sign_up("ann"), making.make
    site.upload(ann, made=False)
    site.private.put(keys.original("medium1234"), picture(), Headers())

    def make_slowly(*given: Any, **options: Any) -> Any:
        made = make(*given, **options)
        site.change(ann, lambda old: old.model_copy(update={"media": ()}))
        return made

    monkeypatch.setattr(making, "make", make_slowly)
    maker = making.Maker(site.store, site.private, Limits(), site.folder, lambda: False)
    assert making.make_some(maker, MediaTask("medium1234", ann, 0))
    snapshot = site.store.profiles.load(ann)
    assert snapshot
    assert snapshot.media == ()
    assert list(site.private.walk("_originals/")) + list(site.private.walk("_renditions/medium1234/")) == []


def test_what_can_not_be_made_tells_its_creator_and_the_operator(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> bool:
        raise OperatorError("There is no ffmpeg.")

    monkeypatch.setattr(worker, "make_some", broken)
    ann = site.sign_up("ann")
    site.upload(ann, made=False)
    with working(site):
        wait_for(lambda: site.medium(ann).state == "failed")
        wait_for(lambda: not site.store.media_work.pending(10))
    (failure,) = site.store.failures.all()
    assert (failure.subject, failure.kind) == ("medium1234", "media")
    assert "There is no ffmpeg." in failure.reason
    assert site.medium(ann).failure
