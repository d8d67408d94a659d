"""What a job does about pictures, about what storage has lost, and about what others left behind when they died."""

from __future__ import annotations

import pytest

from core.errors import OutcomeUnknown
from core.objects import Headers
from core.store import MAIN, Change, Purge
from pipeline.job import publish_profile
from pipeline.publish import read_manifest
from pipeline.purge.purger import Purger
from tests.pipeline.conftest import BOTH
from tests.pipeline.little_site import EVERY_EDIT, GRACE_S, PICTURE, Counted, Site, folder_of, gallery

pytestmark = BOTH


@pytest.fixture
def an_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where there is an edge of ours, which has to hear of changes."""
    monkeypatch.setattr(Purger, "has_edges", True)


# ── media ──


def test_a_picture_is_copied_once_and_shown_where_readers_get_it(site: Site) -> None:
    ann = site.sign_up("ann")
    site.upload(ann)
    assert folder_of(site, ann) + "640.webp" in site.publish(ann)
    assert site.done.copied == 1
    (copied,) = site.public.walk("_media/")
    assert site.public.get(copied).body == PICTURE
    site.edit(ann, bio="Paints boats.")
    assert site.publish(ann) == EVERY_EDIT
    assert site.done.copied == 0


def test_an_upload_is_handed_to_the_makers(site: Site) -> None:
    ann = site.sign_up("ann")
    site.upload(ann, made=False)
    site.publish(ann)
    assert [task.media_id for task in site.store.media_work.pending(10) if task.media_id != ann] == [
        "medium1234"
    ]
    assert not list(site.public.walk("_media/"))


def test_a_large_file_is_copied_in_pieces(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.children.WHOLE_BYTES_MAX", 10)
    ann = site.sign_up("ann")
    site.edit(ann, sections=(gallery("medium1234"),))
    site.upload(ann)
    site.publish(ann)
    (copied,) = site.public.walk("_media/")
    assert site.public.get(copied).body == PICTURE
    assert site.public.stat(copied).headers.type == "image/webp"


# ── what storage has lost ──


@pytest.mark.parametrize("lost", ["ann/index.html", "ann/posts/first/index.html", "the picture"])
def test_a_rebuild_mends_what_storage_has_lost(site: Site, lost: str) -> None:
    ann = site.sign_up("ann")
    site.post(ann, "first")
    site.upload(ann)
    site.publish(ann)
    key = lost.replace("the picture", folder_of(site, ann) + "640.webp")
    whole = site.public.get(key).body
    site.public.delete(key)
    assert site.publish(ann) == set()
    assert key in site.publish(ann, trust=False)
    assert site.public.get(key).body == whole


@pytest.mark.usefixtures("an_edge")
def test_what_a_rebuild_mends_is_purged(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = site.sign_up("ann")
    site.publish(ann)
    site.public.delete("ann/index.html")
    purged: list[Purge] = []
    monkeypatch.setattr(site.tools.purger, "settle", purged.append)
    site.publish(ann, trust=False)
    assert [path.path for path in purged[0].paths] == ["/ann"]


def test_a_tombstone_that_storage_has_lost_is_put_again(site: Site) -> None:
    ann = site.sign_up("ann")
    site.post(ann, "first")
    site.publish(ann)
    site.unpost(ann, "first")
    site.publish(ann)
    site.public.delete("ann/posts/first/index.html")
    site.publish(ann, trust=False)
    assert site.status("ann/posts/first/index.html")[0] == 410


# ── what died in between ──


@pytest.mark.usefixtures("an_edge")
def test_a_purge_that_its_worker_left_behind_comes_before_live(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker died after the done-mark, with its purge still queued and an edge that doesn't answer."""
    ann = site.sign_up("ann")
    monkeypatch.setattr(site.tools.purger, "settle", lambda purge: False)
    site.publish(ann)
    monkeypatch.undo()
    (left,) = site.store.purges.pending(MAIN, 10)
    settled: list[Purge] = []
    monkeypatch.setattr(site.tools.purger, "settle", lambda purge: settled.append(purge) or False)
    site.publish(ann)
    assert set(site.reached(ann)) == {"published"}
    assert settled[0].paths == left.paths
    assert [purge.id for purge in site.store.purges.pending(MAIN, 10)] == [settled[0].id]


@pytest.mark.usefixtures("an_edge")
def test_a_later_edit_takes_on_what_was_not_purged(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = site.sign_up("ann")
    site.post(ann, "first")
    monkeypatch.setattr(site.tools.purger, "settle", lambda purge: False)
    site.publish(ann)
    site.unpost(ann, "first")
    site.publish(ann)
    site.edit(ann, bio="Paints boats.")
    head = site.edit(ann, tagline="Boats.").head
    site.publish(ann)
    (left,) = site.store.purges.pending(MAIN, 10)
    ranks = {path.path: path.rank for path in left.paths}
    assert "/ann/posts/first" in ranks
    assert ranks["/ann"] == f"1.1.{head.revision}.1"
    monkeypatch.undo()
    site.tools.purger.drain()
    assert site.reached(ann)["purged"] == left.mark.revision == head.revision


def test_folders_that_wait_for_their_end_are_scheduled_again_after_a_crash(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = site.sign_up("ann")
    site.upload(ann)
    site.publish(ann)
    site.change(ann, lambda old: old.model_copy(update={"media": ()}))
    with monkeypatch.context() as broken:
        broken.setattr("pipeline.job._schedule_tidying", _killed)
        with pytest.raises(KeyboardInterrupt):
            site.publish(ann)
    site.publish(ann)
    (at,) = [at for at in read_manifest(site.private, ann)[0].folders.values() if at is not None]
    assert any(one.at > at + GRACE_S for one in site.store.changes.due(at + 2 * GRACE_S, 10))


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


class Forgetful(Counted):
    """Applies every write, and loses the reply of each key's first."""

    def __init__(self, counted: Counted) -> None:
        self.inner, self.wrote, self.seen = counted.inner, counted.wrote, set[str]()

    def put(self, key: str, body: bytes, headers: Headers, **options: object) -> str:
        etag = super().put(key, body, headers, **options)
        if key not in self.seen:
            self.seen.add(key)
            raise OutcomeUnknown
        return etag


def test_lost_replies_change_nothing_but_the_time_it_takes(site: Site) -> None:
    ann = site.sign_up("ann")
    site.post(ann, "first")
    site.upload(ann)
    buckets = {name: Forgetful(bucket) for name, bucket in site.tools.buckets.items()}  # type: ignore[arg-type]
    done = publish_profile(site.tools._replace(buckets=buckets), ann)  # type: ignore[arg-type]
    assert site.publish(ann, trust=False) == set()
    assert done.copied == 1


@pytest.mark.usefixtures("an_edge")
def test_what_is_mended_is_purged_even_if_the_reply_is_lost(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = site.sign_up("ann")
    site.publish(ann)
    site.public.delete("ann/index.html")
    purged: list[Purge] = []
    monkeypatch.setattr(site.tools.purger, "settle", purged.append)
    buckets = {name: Forgetful(bucket) for name, bucket in site.tools.buckets.items()}  # type: ignore[arg-type]
    publish_profile(site.tools._replace(buckets=buckets), ann, trust=False)  # type: ignore[arg-type]
    assert [path.path for path in purged[0].paths] == ["/ann"]


def test_a_publisher_that_a_takedown_overtook_has_published_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The takedown died after its first write; the older publisher must not be counted as having shown its edit."""
    ann = site.sign_up("ann")
    site.publish(ann)
    before = site.reached(ann)
    site.edit(ann, bio="Paints boats.")
    slow = site.store.profiles.load(ann)
    site.delete(ann)
    with monkeypatch.context() as dying:
        dying.setattr(site.public, "put", _killed)
        with pytest.raises(KeyboardInterrupt):
            site.publish(ann)
    monkeypatch.setattr(site.store.profiles, "load", lambda _: slow)
    site.publish(ann)
    assert site.reached(ann) == before
    assert "Paints boats." not in site.text("ann/index.html")


def test_ten_hints_of_one_edit_do_no_harm(site: Site) -> None:
    ann = site.sign_up("ann")
    head = site.edit(ann, bio="Paints boats.").head
    for _ in range(10):
        site.store.changes.hint(Change(ann, head.revision))
        site.publish(ann, revision=head.revision)
    assert site.revision_of("ann/index.html") == head.revision
