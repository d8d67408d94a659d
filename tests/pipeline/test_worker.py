"""A whole worker with its threads: what fails is put aside and stops nobody, and what was missed is found."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from core import keys
from core.errors import OperatorError, Unavailable
from core.objects import Headers
from core.purge_targets import Cloudflare
from core.rank import Mark
from core.settings import EdgeSettings, SiteSettings, WorkerSettings
from core.store import MAIN, Batch, Change, Failure, MediaTask, Purge
from generator.release import Release, load_release
from pipeline import job, loops, makers, making, publishers, sharing, worker
from pipeline.decoded import Decoded
from pipeline.media.make import Limits, StillRecipe
from pipeline.purge.opening import open_outboxes
from pipeline.purge.outbox import Outbox
from pipeline.sweep import Round, Sweep
from pipeline.worker import Worker
from tests.pipeline.little_site import Site, picture
from tests.pipeline.targets.vendor import Answer, Asked, running

pytestmark = pytest.mark.usefixtures("no_cards")
PATIENCE_S = 30


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for seconds waits for moments."""
    monkeypatch.setattr(loops, "BACKOFF_S", 0.01)
    monkeypatch.setattr(loops, "BACKOFF_MAX_S", 0.05)
    monkeypatch.setattr(worker, "POSITION_S", 0.02)
    monkeypatch.setattr(worker, "DUE_S", 0.02)


@contextmanager
def working(
    site: Site, release: Release | None = None, outboxes: Sequence[Outbox] = (), **settings: Any
) -> Iterator[Worker]:
    given = WorkerSettings(**{"threads": 2, "attempts": 2, "sweep_s": 1000} | settings)
    tools = site.tools._replace(release=release or site.tools.release)
    working = Worker(tools, given, Limits(), StillRecipe(), 1000, site.folder / "scratch", outboxes=outboxes)
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


def counted(site: Site, monkeypatch: pytest.MonkeyPatch, method: str) -> list[str]:
    """Of which profiles that was read from here on."""
    calls: list[str] = []
    read = getattr(site.store.profiles, method)

    def count(profile_id: str) -> Any:
        calls.append(profile_id)
        return read(profile_id)

    monkeypatch.setattr(site.store.profiles, method, count)
    return calls


def swept(site: Site) -> None:
    """The sweep has just been round: it finds nothing before the log does."""
    site.store.bookmarks.put("sweep main 0", json.dumps(Round(time.time(), None, True)))


def commit(site: Site, profile_id: str) -> None:
    """A revision whose own hint was lost."""
    old = site.store.profiles.head(profile_id)
    assert old
    head = old.model_copy(update={"revision": old.revision + 1})
    assert site.store.profiles.commit(Batch(head=head, writer="writer01", what="test", at_ms=1))


def position(site: Site) -> int:
    return int(site.store.changes.position(MAIN) or 0)


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
    # The first sweep would begin anew with it where it comes upon it between the two tries.
    monkeypatch.setattr(Sweep, "sweep", lambda _: None)
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


def test_a_job_that_waited_while_another_worker_did_it_is_not_done_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A share that has changed leaves jobs behind; the sweep finds what is about to be done."""
    monkeypatch.setattr(publishers, "LONG_S", 0.0)
    ann, bob = site.sign_up("ann"), site.sign_up("bob")
    site.publish(ann)  # by the other one
    done: list[str] = []
    publish = job.publish_profile

    def noted(tools: Any, profile_id: str, *given: Any, **named: Any) -> Any:
        done.append(profile_id)
        return publish(tools, profile_id, *given, **named)

    monkeypatch.setattr(publishers, "publish_profile", noted)
    with working(site):
        wait_for(lambda: position(site) == last_hint(site))
        head = site.edit(bob, bio="Newer than what is published.").head
        wait_for(lambda: site.reached(bob)["live"] == head.revision)
    assert ann not in done
    assert set(done) == {bob}


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
    monkeypatch.setattr(publishers, "NOT_YET_S", 0.05)
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


def test_a_revision_that_is_waited_for_costs_a_row_now_and_then(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = site.sign_up("ann")
    with working(site, sweep_s=1000):
        wait_for(lambda: position(site) == last_hint(site))
        head = site.store.profiles.head(ann)
        assert head
        loads, looks = counted(site, monkeypatch, "load"), counted(site, monkeypatch, "head")
        site.store.changes.hint(Change(ann, head.revision + 1))
        time.sleep(1.0)
        # 5 ms growing by a half: 11 looks in 1.3 s.
        assert (len(loads) <= 2, 4 <= len(looks) <= 14) == (True, True), (len(loads), len(looks))
        after = site.edit(ann, bio="Here it is.").head
        wait_for(lambda: site.reached(ann).get("live") == after.revision)


def test_an_edit_does_not_wait_out_what_a_hint_without_its_edit_has_begun(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A studio died between hint and batch; the next edit's own hint brings the next look forward."""
    monkeypatch.setattr(publishers, "NOT_YET_S", 1000.0)
    monkeypatch.setattr(publishers, "LOOK_MAX_S", 1000.0)
    monkeypatch.setattr(publishers, "LOOK_GROWTH", 10.0)
    ann = site.sign_up("ann")
    with working(site):
        wait_for(lambda: position(site) == last_hint(site))
        head = site.store.profiles.head(ann)
        assert head
        site.store.changes.hint(Change(ann, head.revision + 1))
        time.sleep(1.0)  # the looks are at 5, 55, 555 ms, and then at 5.5 and 55 s
        after = site.edit(ann, bio="Here it is.").head
        started = time.monotonic()
        wait_for(lambda: site.reached(ann).get("live") == after.revision)
        assert time.monotonic() - started < 3


def test_each_hint_at_a_revision_is_waited_for_in_full(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two who tried it, one died; the other's hint comes when the first is nearly given up."""
    monkeypatch.setattr(publishers, "NOT_YET_S", 1.5)
    ann = site.sign_up("ann")
    with working(site):
        wait_for(lambda: position(site) == last_hint(site))
        head = site.store.profiles.head(ann)
        assert head
        site.store.changes.hint(Change(ann, head.revision + 1))
        time.sleep(1.0)
        site.store.changes.hint(Change(ann, head.revision + 1))
        time.sleep(1.0)
        commit(site, ann)
        wait_for(lambda: site.reached(ann).get("live") == head.revision + 1)


def test_a_hint_that_comes_while_its_like_is_given_up_is_looked_at(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishers, "NOT_YET_S", 0.05)
    ann = site.sign_up("ann")
    with working(site):
        wait_for(lambda: position(site) == last_hint(site))
        head = site.store.profiles.head(ann)
        assert head
        writer_of, hint = site.store.profiles.writer_of, Change(ann, head.revision + 1)

        def hint_meanwhile(*given: Any) -> str | None:
            found = writer_of(*given)
            monkeypatch.setattr(site.store.profiles, "writer_of", writer_of)
            site.store.changes.hint(hint)
            time.sleep(0.5)  # the reader takes it
            commit(site, ann)
            return found

        monkeypatch.setattr(site.store.profiles, "writer_of", hint_meanwhile)
        site.store.changes.hint(hint)
        wait_for(lambda: site.reached(ann).get("live") == head.revision + 1)


def test_an_edit_does_not_wait_for_the_next_one_that_never_comes(site: Site) -> None:
    ann = site.sign_up("ann")
    with working(site):
        wait_for(lambda: position(site) == last_hint(site))
        head = site.store.profiles.head(ann)
        assert head
        site.store.changes.hint(Change(ann, head.revision + 2))
        time.sleep(0.1)
        commit(site, ann)
        wait_for(lambda: site.reached(ann).get("live") == head.revision + 1)
        assert position(site) < last_hint(site)


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
    fall_due, failed = worker.fall_due, threading.Event()

    def failing(tools: Any, due: Any, now: int) -> None:
        if due.profile_id == "bad":
            failed.set()
            raise ZeroDivisionError
        fall_due(tools, due, now)

    monkeypatch.setattr(worker, "fall_due", failing)
    with working(site):
        wait_for(lambda: site.status("ann/posts/soon/index.html")[0] == 200)
    assert failed.is_set()


def test_the_sitemap_follows_what_is_published(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "SITEMAP_S", 0.05)
    ann = site.sign_up("ann")
    key = keys.sitemap_shard(int(ann[:2], 16))
    with working(site):
        wait_for(lambda: key in set(site.public.walk()) and "/ann<" in site.text(key))
        wait_for(lambda: keys.SITEMAP in set(site.public.walk()) and key in site.text(keys.SITEMAP))
        site.edit(ann, visibility="unlisted")
        wait_for(lambda: "/ann<" not in site.text(key))


# ── several workers ──


@contextmanager
def other_worker(site: Site, name: str) -> Iterator[threading.Event]:
    """Another worker, as this one sees it: its heartbeat, until it dies of the event."""
    dead = threading.Event()

    def beat() -> None:
        count = 0
        while not dead.wait(0.05):
            count += 1
            site.store.workers.beat(name, count)

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield dead
    finally:
        dead.set()
        thread.join()


def owner_of_the_log(*workers: str) -> str:
    """Which of these workers reads the one shard that SQLite has."""
    weights = {worker: sharing.weight(worker, "shard 0") for worker in workers}
    return max(weights, key=lambda worker: weights[worker])


def test_a_worker_leaves_the_log_to_another_and_takes_it_over_when_that_one_dies(site: Site) -> None:
    ann = site.sign_up("ann")
    swept(site)
    with working(site, lease_s=1) as one:
        wait_for(lambda: site.reached(ann).get("live"))
        other = next(name for name in map(str, range(99)) if owner_of_the_log(name, one.id) == name)
        with other_worker(site, other) as dead:
            wait_for(lambda: site.store.workers.beats().get(one.id, 0) > 0 and len(one.colleagues) == 2)
            time.sleep(0.7)  # a turn that was under way
            head = site.edit(ann, bio="Paints boats.").head
            time.sleep(0.5)
            assert site.reached(ann)["live"] < head.revision, "the other one's work"
            dead.set()
            started = time.monotonic()
            wait_for(lambda: site.reached(ann)["live"] == head.revision)
            assert time.monotonic() - started < 5


def test_of_two_workers_each_edit_is_published_whoever_stops(site: Site) -> None:
    ann = site.sign_up("ann")
    with working(site) as one:
        with working(site) as two:
            wait_for(lambda: len(one.colleagues) == len(two.colleagues) == 2)
            first = site.edit(ann, bio="Paints boats.").head
            wait_for(lambda: site.reached(ann).get("live") == first.revision)
            assert set(site.store.workers.beats()) == {one.id, two.id}
        assert set(site.store.workers.beats()) == {one.id}
        second = site.edit(ann, bio="Paints ships.").head
        wait_for(lambda: site.reached(ann).get("live") == second.revision)
    assert dict(site.store.workers.beats()) == {}


def test_a_worker_started_again_after_a_kill_publishes_at_once(site: Site) -> None:
    for dead in range(9):
        site.store.workers.beat(f"dead {dead}", 99)
    with working(site, lease_s=60) as one:
        wait_for(lambda: site.store.workers.beats().get(one.id))
        started, ann = time.monotonic(), site.sign_up("ann")
        wait_for(lambda: site.reached(ann).get("live"))
    assert time.monotonic() - started < 10


def test_a_worker_of_another_release_leaves_its_share_to_those_that_can_render(site: Site) -> None:
    ann, newer = site.sign_up("ann"), load_release(SiteSettings(name="Another site"))
    with working(site) as one, working(site, newer) as two:
        wait_for(lambda: site.reached(ann).get("live"))
        for able, release in ((one, site.tools.release), (two, newer), (one, site.tools.release)):
            site.store.rollouts.promote(release.fingerprint, release.bare_fingerprint)
            wait_for(lambda able=able: one.colleagues == two.colleagues == (able.id,))
            head = site.edit(ann, bio=f"Read by {able.id}.").head
            wait_for(lambda head=head: site.reached(ann)["live"] == head.revision)


def test_a_failure_of_before_the_start_is_cleared_by_a_publish(site: Site) -> None:
    """Though the sweep isn't due yet."""
    ann = site.sign_up("ann")
    swept(site)
    site.store.failures.put(Failure(ann, ann, "publish", "The disk was full.", 5, 1))
    with working(site):
        time.sleep(0.3)
        site.edit(ann, bio="Paints boats.")
        wait_for(lambda: not list(site.store.failures.all()))


def test_what_falls_due_and_what_is_to_be_purged_is_left_to_its_worker(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, hour = site.sign_up("ann"), int(time.time()) - 5
    site.post(ann, "soon", state="scheduled", publish_at=hour)
    site.store.changes.schedule(ann, hour)
    site.store.purges.queue(MAIN, Purge("old", "somebody", Mark(1, 1, 1), (), hour))
    share = {"shard 0"}
    monkeypatch.setattr(sharing.Sharing, "mine", lambda _, key: key in share)
    monkeypatch.setattr(worker, "PURGES_S", 0.02)
    with working(site, sweep_s=1000):
        time.sleep(0.5)
        assert site.store.changes.due(hour, 10)
        assert site.store.purges.pending(MAIN, 10)
        share |= {ann, "somebody"}
        wait_for(lambda: site.status("ann/posts/soon/index.html")[0] == 200)
        wait_for(lambda: not site.store.purges.pending(MAIN, 10))


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
    maker = making.Maker(site.store, site.private, Limits(), site.folder, Decoded(site.folder), lambda: False)
    assert making.make_some(maker, MediaTask("medium1234", ann, 0)) is None
    snapshot = site.store.profiles.load(ann)
    assert snapshot
    assert snapshot.media == ()
    assert list(site.private.walk("_originals/")) + list(site.private.walk("_renditions/medium1234/")) == []


def test_what_can_not_be_made_tells_its_creator_and_the_operator(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> bool:
        raise OperatorError("There is no ffmpeg.")

    monkeypatch.setattr(makers, "make_some", broken)
    ann = site.sign_up("ann")
    site.upload(ann, made=False)
    with working(site):
        wait_for(lambda: site.medium(ann).state == "failed")
        wait_for(lambda: not site.store.media_work.pending(10))
    (failure,) = site.store.failures.all()
    assert (failure.subject, failure.kind) == ("medium1234", "media")
    assert "There is no ffmpeg." in failure.reason
    assert site.medium(ann).failure


# ── caches in front ──


def test_no_edit_waits_for_a_cache_in_front_and_each_is_told_to_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "PURGES_S", 0.02)
    called, go_on = threading.Event(), threading.Event()

    def slow(_: Asked) -> Answer:
        called.set()
        go_on.wait(PATIENCE_S)
        return Answer(200, {"success": True})

    with contextmanager(running)() as vendor:
        vendor.usual = slow
        settings = {"kind": "cloudflare", "name": "cf", "zone": "z", "token": "t", "endpoint": vendor.url}
        target = Cloudflare.model_validate(settings | {"again_s": 0.05, "burst": 1000})
        outboxes = open_outboxes([target], site.store, MAIN, SiteSettings(), EdgeSettings())
        site.tools = site.tools._replace(outside=("cf",))
        ann = site.sign_up("ann")
        with working(site, outboxes=outboxes):
            wait_for(called.is_set)
            revision = site.edit(ann, bio="Paints ships.").head.revision
            wait_for(lambda: site.reached(ann).get("live") == revision)
            assert not go_on.is_set()
            go_on.set()
            wait_for(lambda: not site.store.purges.pending("to/cf", 10))
        tags = [keys.tag(ann), keys.name_tag("ann")]
        assert len(vendor.asked) >= 3, "of the first edit once at least, of the second twice"
        assert all(asked.json == {"tags": tags} for asked in vendor.asked)
