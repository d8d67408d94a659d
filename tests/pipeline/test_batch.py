"""Many profiles published at once: the same storage as one by one, and made durable in the same order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from core.document import Document
from core.errors import BackendAway
from core.objects import Object
from core.store import MAIN, Purge
from generator import profile_page
from pipeline.batch import Each
from pipeline.fence import get
from pipeline.job import Done, NotYet, OtherRelease, publish_profile, publish_profiles
from pipeline.publish import read_manifest
from pipeline.purge.purger import Purger
from pipeline.rebuild import rebuild_chunk
from tests.pipeline.little_site import Counted, Site


@pytest.fixture
def ids(site: Site) -> dict[str, str]:
    """One of each kind: with posts, a picture and a former name; private; deleted after it was published; plain."""
    ann, bob, carl, dora = (site.sign_up(name) for name in ("ann", "bob", "carl", "dora"))
    site.post(ann, "boats", tags=("sea",))
    site.upload(ann)
    site.rename(ann, "anna")
    site.edit(bob, visibility="private")
    site.publish(carl)
    site.delete(carl)
    return {"ann": ann, "bob": bob, "carl": carl, "dora": dora}


def stored(site: Site) -> dict[str, bytes]:
    return {key: bucket.get(key).body for bucket in (site.public, site.private) for key in bucket.walk()}


def in_threads(pool: ThreadPoolExecutor) -> Each:
    return lambda work, items: list(pool.map(work, items))


@pytest.mark.parametrize("threads", [0, 4])
def test_storage_is_as_if_they_had_been_published_one_by_one(
    site: Site, ids: dict[str, str], threads: int
) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = publish_profiles(site.tools, [*ids.values()], each=in_threads(pool) if threads else map)
    assert {type(answer) for answer in answers.values()} == {Done}
    together, reached = stored(site), {name: site.reached(one) for name, one in ids.items()}
    for bucket in (site.public, site.private):
        for key in [*bucket.walk()]:
            if not key.startswith(("_originals/", "_renditions/")):
                bucket.delete(key)
    for one in ids.values():
        publish_profile(site.tools, one, trust=False)
    alone = stored(site)
    # Carl's manifest remembers pages from before he was deleted, which the second time have never been there.
    assert {key for key in together if together[key] != alone.get(key)} <= {
        key for key in together if ids["carl"] in key or key.startswith("carl/")
    }
    assert all(set(stages) == {"published", "purged", "live"} for stages in reached.values()), reached
    assert {key for key in together if key in ("anna/index.html", "dora/index.html", "ann/index.html")}
    assert site.status("carl/index.html")[0] == 410


def test_a_second_time_writes_nothing(site: Site, ids: dict[str, str]) -> None:
    publish_profiles(site.tools, [*ids.values()])
    assert {answer.wrote for answer in publish_profiles(site.tools, [*ids.values()]).values()} == {0}  # type: ignore[union-attr]
    assert rebuild_chunk(site.tools, [*ids.values()]).wrote == 0


class Told(Counted):
    """Tells of its writes and syncs, in one list for both buckets."""

    def __init__(self, inner: Any, told: list[str]) -> None:
        super().__init__(inner)
        self.told = told

    def put(self, key: str, *args: Any, durable: bool = True, **options: Any) -> str:
        self.told.append(f"{'' if durable else 'put '}{key.partition('/')[0]}")
        return super().put(key, *args, durable=durable, **options)

    def sync(self) -> None:
        self.told.append("sync")
        self.inner.sync()


def test_what_comes_first_is_durable_first(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named, synced; written and purges queued, synced; recorded as done, synced; and only then counted as published."""
    ids = [site.sign_up(name) for name in ("ann", "bob")]
    told: list[str] = []
    buckets = {name: Told(bucket.inner, told) for name, bucket in site.tools.buckets.items()}
    monkeypatch.setattr(Purger, "has_edges", True)
    queue, record = site.store.purges.queue, site.store.published.record
    monkeypatch.setattr(site.store.purges, "queue", lambda *given: (told.append("purge"), queue(*given)))
    monkeypatch.setattr(
        site.store.published, "record", lambda *given: (told.append(given[2].stage), record(*given))
    )
    publish_profiles(site.tools._replace(buckets=buckets), ids)
    manifests = ["put _manifests"] * 2
    assert told[:3] == [*manifests, "sync"]
    written = told[3 : told.index("purge")]
    assert sorted(written) == sorted(["put _data", "put ann", "put ann", "put _data", "put bob", "put bob"])
    assert told[3 + len(written) :][:8] == [
        "purge",
        "purge",
        "sync",
        *manifests,
        "sync",
        "published",
        "published",
    ]


def test_who_meets_another_publisher_is_left_to_be_done_alone(
    site: Site, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two steps of the batch somebody else publishes a newer revision of Dora's."""
    publish_profiles(site.tools, [*ids.values()])
    for one in ("ann", "dora"):
        site.edit(ids[one], bio="First.")
    sync = site.private.inner.sync

    def edited_meanwhile() -> None:
        monkeypatch.setattr(site.private.inner, "sync", sync, raising=False)
        site.edit(ids["dora"], bio="Second.")
        publish_profile(site.tools, ids["dora"])
        sync()

    site.post(ids["dora"], "new")  # so that there is something to name, and thus a first step
    monkeypatch.setattr(site.private.inner, "sync", edited_meanwhile)
    answers = publish_profiles(site.tools, [*ids.values()], trust=False)
    assert isinstance(answers[ids["ann"]], Done)
    assert "First." in site.text("anna/index.html")
    assert "Second." in site.text("dora/index.html")
    assert rebuild_chunk(site.tools, [*ids.values()]).failed == []
    assert site.reached(ids["dora"])["live"] == site.store.profiles.head(ids["dora"]).revision


def test_what_cannot_be_published_does_not_stop_the_others(site: Site, ids: dict[str, str]) -> None:
    answers = publish_profiles(site.tools, ["unknown", *ids.values()])
    assert isinstance(answers.pop("unknown"), NotYet)
    assert {type(answer) for answer in answers.values()} == {Done}
    assert rebuild_chunk(site.tools, ["unknown", ids["ann"]]).failed == [
        ("unknown", "Revision 0 of unknown is not there yet.")
    ]


def test_a_profile_that_we_can_not_draw_does_not_stop_the_others(
    site: Site, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = profile_page.draw

    def failing(document: Document, *rest: Any) -> str:
        if document.id == ids["dora"]:
            raise KeyError("a defect")
        return draw(document, *rest)

    monkeypatch.setattr(profile_page, "draw", failing)
    assert rebuild_chunk(site.tools, [*ids.values()]).failed == [(ids["dora"], "KeyError: 'a defect'")]
    assert "anna/index.html" in site.shown()


def test_another_release_is_nobodys_to_publish(site: Site, ids: dict[str, str]) -> None:
    site.store.rollouts.promote("of another release", "of another release")
    with pytest.raises(OtherRelease):
        publish_profiles(site.tools, [*ids.values()])
    failed = rebuild_chunk(site.tools, [*ids.values()]).failed
    assert len(failed) == len(ids)


def test_where_the_records_are_lost_all_is_recorded_again(
    site: Site, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = site.store.together

    @contextmanager
    def breaking() -> Iterator[None]:
        with together():
            yield
            raise BackendAway("The disk is full.")

    monkeypatch.setattr(site.store, "together", breaking)
    with pytest.raises(BackendAway):
        publish_profiles(site.tools, [*ids.values()])
    assert all(site.reached(one) == {} for name, one in ids.items() if name != "carl")
    monkeypatch.undo()
    assert rebuild_chunk(site.tools, [*ids.values()]).failed == []
    listed = {one.username for shard in range(256) for one in site.store.listings.of(shard, 1)}
    assert listed == {"anna", "dora"}
    assert all("live" in site.reached(one) for one in ids.values())


def test_edges_are_called_once_for_all(
    site: Site, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered: list[int] = []
    proven: list[Purge] = []
    monkeypatch.setattr(Purger, "has_edges", True)
    monkeypatch.setattr(site.tools.purger, "deliver", lambda paths: delivered.append(len(paths)))
    monkeypatch.setattr(site.tools.purger, "_prove", proven.append)
    publish_profiles(site.tools, [*ids.values()])
    assert len(delivered) == 1
    assert {purge.profile_id for purge in proven} == {*ids.values()}
    assert list(site.store.purges.pending(MAIN, 10)) == []
    assert all("live" in site.reached(one) for one in ids.values())


# ── a power cut ──


class PowerCut(BaseException):
    """Nothing is done after it."""


class Power:
    """Cuts the power at sync number `at`; of what was put since the sync before it, the disk keeps what `keeps` says."""

    def __init__(self, site: Site, at: int, keeps: Callable[[int], bool]) -> None:
        self.at, self.keeps, self.is_cut = at, keeps, False
        self.buckets = {name: Fading(bucket.inner, self) for name, bucket in site.tools.buckets.items()}
        self.unsynced: list[tuple[Any, str, Object | None]] = []
        self.syncs = 0

    def sync(self) -> None:
        if self.syncs == self.at:
            self.is_cut = True
            for number, (bucket, key, before) in enumerate(self.unsynced):
                if self.keeps(number):
                    continue
                bucket.delete(key)
                if before:
                    bucket.put(key, before.body, before.headers)
            raise PowerCut
        self.syncs += 1
        self.unsynced.clear()


class Fading(Counted):
    def __init__(self, inner: Any, power: Power) -> None:
        super().__init__(inner)
        self.power = power

    def put(self, key: str, *args: Any, durable: bool = True, **options: Any) -> str:
        if not durable:
            self.power.unsynced.append((self.inner, key, get(self.inner, key)))
        return super().put(key, *args, **options)

    def sync(self) -> None:
        self.power.sync()


@pytest.mark.parametrize("keeps", [lambda _: False, lambda n: n % 2 == 0, lambda n: n % 2 == 1])
@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("again", [False, True])
def test_whatever_a_power_cut_takes_is_published_again(
    site: Site, at: int, keeps: Callable[[int], bool], again: bool
) -> None:
    ids = [site.sign_up(name) for name in ("ann", "bob")]
    first = site.post(ids[0], "first").posts[0]
    if again:
        publish_profiles(site.tools, ids)
        site.unpost(ids[0], first.slug)
        site.store.rollouts.promote(
            site.tools.release.fingerprint, site.tools.release.bare_fingerprint, anew=True
        )
    power = Power(site, at, keeps)
    with suppress(PowerCut):
        publish_profiles(site.tools._replace(buckets=power.buckets), ids)
    syncs = 2 if again else 3  # where there is a key to be named first
    assert power.is_cut == (at < syncs)
    assert again or power.is_cut != bool(site.reached(ids[0])), (
        "nothing counts as published before it is durable"
    )
    for one in ids:
        if at >= syncs:
            assert site.publish(one) == set()
        site.publish(one)
        assert site.reached(one).keys() == {"published", "purged", "live"}
    assert {"ann/index.html", "bob/index.html"} <= site.shown()
    assert site.status("ann/posts/first/index.html")[0] == (410 if again else 200)
    for one in ids:
        manifest, _ = read_manifest(site.private, one)
        assert manifest.mark and manifest.mark.rollout == (2 if again else 1)
