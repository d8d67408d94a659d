"""A second region: its own workers, its own fence and published rows, and renditions that are copied, not made again."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from core import keys
from core.backends import open_backends, region_of
from core.errors import ObjectMissing, OperatorError
from core.objects import Headers
from core.objects.borrowing import Borrowing
from core.objects.folder import FolderObjects
from core.settings import Settings
from core.store import MAIN, Due
from pipeline.listing import Lister
from pipeline.purge.purger import Purger
from pipeline.sharing import Sharing, replica_of, worker_id
from pipeline.tidy import fall_due
from pipeline.verify import differences
from tests.pipeline.little_site import GRACE_S, PICTURE, Counted, Site
from tests.pipeline.test_worker import wait_for, working

WEST, HEADERS = "west", Headers()


class Region(Site):
    """The same store, with buckets of its own."""

    def __init__(self, main: Site) -> None:
        self.folder, self.store, self.urls = main.folder / WEST, main.store, main.urls
        own = FolderObjects(self.folder / "private")
        self.public, self.own = Counted(FolderObjects(self.folder / "public")), own
        self.private = Counted(Borrowing(own, main.private))
        self.tools = main.tools._replace(
            buckets={"public": self.public, "private": self.private},
            purger=Purger(main.store, [], WEST),
            lister=Lister(main.store.listings),
            replica=WEST,
        )


@pytest.fixture
def west(site: Site) -> Region:
    return Region(site)


def published(site: Site, profile_id: str, replica: str) -> int:
    marks = site.store.published.get(profile_id, replica, site.store.life)
    return marks["published"].mark.revision if "published" in marks else 0


def shown(site: Site) -> dict[str, bytes]:
    return {key: site.public.get(key).body for key in site.public.walk()}


# ── publishing ──


def test_each_replica_is_published_by_itself_and_shows_the_same(site: Site, west: Region) -> None:
    ann = site.sign_up("ann")
    site.post(ann, "boats")
    site.upload(ann)
    site.publish(ann)
    assert (published(site, ann, MAIN) > 0, published(site, ann, WEST)) == (True, 0)
    assert shown(west) == {}
    west.publish(ann)
    assert published(site, ann, WEST) == published(site, ann, MAIN)
    assert shown(west) == shown(site)
    assert differences(west.tools, ann) == differences(site.tools, ann) == []


def test_renditions_are_copied_once_and_kept(site: Site, west: Region) -> None:
    ann = site.sign_up("ann")
    site.upload(ann)
    west.publish(ann)
    (copied,) = [key for key in west.own.walk() if key.startswith("_renditions/")]
    assert west.own.get(copied).body == PICTURE
    site.private.delete(copied)
    west.edit(ann, visibility="private")
    west.publish(ann)
    west.edit(ann, visibility="public")
    west.publish(ann)
    assert [west.public.get(key).body for key in west.public.walk("_media/")] == [PICTURE]
    assert not list(west.own.walk("_originals/")), "originals stay where they were uploaded"


def test_a_large_rendition_is_streamed(site: Site, west: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.objects.borrowing.WHOLE_BYTES_MAX", 10)
    ann = site.sign_up("ann")
    site.upload(ann)
    west.publish(ann)
    assert [west.public.get(key).body for key in west.public.walk("_media/")] == [PICTURE]


def test_nothing_but_renditions_is_borrowed(site: Site, west: Region) -> None:
    for key in (keys.original("medium1234"), keys.manifest("0123456789"), "ann/index.html"):
        site.private.put(key, b"main's", HEADERS)
        for read in (west.private.get, west.private.stat, lambda key: west.private.read(key, 0, 9)):
            with pytest.raises(ObjectMissing):
                read(key)


def test_a_takedown_is_each_replicas_own(site: Site, west: Region) -> None:
    ann = site.sign_up("ann")
    site.upload(ann)
    for one in (site, west):
        one.publish(ann)
    site.delete(ann)
    site.publish(ann)
    assert west.status("ann/index.html")[0] == 200
    west.publish(ann)
    assert west.status("ann/index.html")[0] == 410
    assert not list(west.own.walk("_renditions/"))


def test_what_was_superseded_is_tidied_where_it_lies(site: Site, west: Region) -> None:
    ann = site.sign_up("ann")
    site.upload(ann)
    for one in (site, west):
        one.publish(ann)
    site.change(
        ann,
        lambda old: old.model_copy(
            update={"media": tuple(medium.model_copy(update={"listed": False}) for medium in old.media)}
        ),
    )
    for one in (site, west):
        one.publish(ann)
    later = int(time.time()) + 2 * GRACE_S
    due = {one.replica: one for one in site.store.changes.due(later, 10) if one.at > time.time()}
    assert set(due) >= {MAIN, WEST}
    fall_due(west.tools, due[WEST], later)
    assert not list(west.public.walk("_media/"))
    assert list(site.public.walk("_media/")), "this one's turn comes by itself"
    fall_due(site.tools, due[MAIN], later)
    assert not list(site.public.walk("_media/"))


def test_what_belongs_to_no_replica_leaves_the_buckets_of_another_alone(site: Site, west: Region) -> None:
    ann = site.sign_up("ann")
    hour = int(time.time()) - 5
    site.post(ann, "soon", state="scheduled", publish_at=hour)
    fall_due(west.tools, Due("id", ann, hour), hour + 1)
    (post,) = site.store.profiles.load(ann).posts
    assert post.state == "published"


# ── workers ──


def test_workers_of_both_regions_publish_every_edit(site: Site, west: Region) -> None:
    with working(site) as one, working(west) as two:
        ann = site.sign_up("ann")
        head = site.edit(ann, bio="Paints boats.").head
        wait_for(lambda: min(published(site, ann, one) for one in (MAIN, WEST)) >= head.revision)
        assert (one.colleagues, two.colleagues) == ((one.id,), (two.id,))
    assert "Paints boats." in west.text("ann/index.html")


def test_a_region_that_was_away_catches_up_from_its_own_position(site: Site, west: Region) -> None:
    ann = site.sign_up("ann")
    with working(west):
        wait_for(lambda: published(site, ann, WEST))
    with working(site):
        head = site.edit(ann, bio="While it was away.").head
        wait_for(lambda: published(site, ann, MAIN) >= head.revision)
    assert published(site, ann, WEST) < head.revision
    with working(west):
        wait_for(lambda: published(site, ann, WEST) >= head.revision)
    assert "While it was away." in west.text("ann/index.html")


def test_the_first_region_that_has_workers_does_what_belongs_to_none(site: Site) -> None:
    main, west, east = (Sharing(site.store.workers, worker_id(one), 5.0) for one in (MAIN, WEST, "east"))
    for turn in range(2):
        for one in (main, west, east):
            one.beat(turn)
    assert [one.leads for one in (main, west, east)] == [True, False, False]
    main.leave()
    for one in (west, east):
        one.beat(2)
    assert [one.leads for one in (west, east)] == [False, True]


def test_the_id_of_a_worker_tells_its_replica() -> None:
    assert [replica_of(worker_id(one)) for one in (MAIN, WEST, "far-east-2")] == [MAIN, WEST, "far-east-2"]


# ── settings ──


def settings(tmp_path: Path, **replica: str) -> Settings:
    return Settings.model_validate(
        {
            "data": {"dir": tmp_path / "data"},
            "objects": {"replica": [{"name": WEST, "dir": str(tmp_path / WEST), **replica}]},
            "worker": {"replica": WEST},
        }
    )


def test_a_replica_opens_its_own_buckets(tmp_path: Path) -> None:
    backends = open_backends(settings(tmp_path))
    backends.public.put("page", b"west's", HEADERS)
    assert (tmp_path / WEST / "public" / "page").exists()
    backends.close()


def test_a_replica_that_nobody_knows_is_told(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"only main, west.*objects\.replica"):
        region_of(settings(tmp_path), "north")


def test_a_replica_in_folders_needs_a_place(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="dir"):
        open_backends(settings(tmp_path, dir=""))
