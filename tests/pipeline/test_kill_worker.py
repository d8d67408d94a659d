"""kill -9 of a worker at every store call, object call, sync and rename of what it does: pages are old or new and never
half-written, nothing goes back, and the next worker brings it to its end."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core import keys
from core.objects import Headers
from core.rank import Verdict, read_rank, verdict
from pipeline.manifest import Entry, Place
from pipeline.media.make import find_ffmpeg
from pipeline.publish import read_manifest
from pipeline.tidy import fall_due
from tests.pipeline.graves import Grave, head_of
from tests.pipeline.little_site import GRACE_S, Site, picture

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SECOND = "medium5678"


def bodies(site: Site) -> dict[str, bytes]:
    return {key: site.public.get(key).body for key in site.public.walk()}


def entries(site: Site, profile: str) -> dict[Place, Entry]:
    return dict(read_manifest(site.private, profile)[0].entries)


# ── a worker that publishes ──


def rich_edit(site: Site, ann: str) -> None:
    site.edit(ann, bio="Paints boats.")
    site.unpost(ann, "first")
    site.post(ann, "third")
    site.upload(ann, SECOND)


def a_new_name(site: Site, ann: str) -> None:
    site.rename(ann, "anna")


def gone_private(site: Site, ann: str) -> None:
    site.edit(ann, visibility="private")


def deleted(site: Site, ann: str) -> None:
    site.delete(ann)


@pytest.mark.parametrize(
    "change",
    [
        rich_edit,
        *(pytest.param(one, marks=pytest.mark.slow) for one in (a_new_name, gone_private, deleted)),
    ],
)
def test_a_killed_worker_leaves_old_or_new_pages_and_the_next_one_ends_it(
    grave: Grave, ann: str, change: Callable[[Site, str], None]
) -> None:
    site = grave.site()
    before = bodies(site)
    change(site, ann)
    revision = head_of(site, ann).head.revision
    done = grave.do("publish", profile=ann)
    after, index = bodies(done), entries(done, ann)
    assert before != after
    for site in grave.deaths("publish", profile=ann):
        for key, body in bodies(site).items():
            assert body in (before.get(key), after.get(key)), f"{key} is half-written"
        assert all(key in bodies(site) for key in before if not key.startswith("_media/"))
        site.publish(ann, revision=revision)
        assert bodies(site) == after
        assert entries(site, ann) == index
        site.tools.purger.drain()
        assert site.reached(ann) == {"published": revision, "purged": revision, "live": revision}
        if change is deleted:
            assert list(site.private.walk()) == [keys.manifest(ann)]


def test_a_new_edit_after_a_killed_worker_never_goes_back(grave: Grave, ann: str) -> None:
    """Nobody redelivers what was killed: the creator has edited again before."""
    site = grave.site()
    rich_edit(site, ann)
    for site in grave.deaths("publish", profile=ann):
        ranks = {key: rank for key, body in bodies(site).items() if (rank := read_rank(body))}
        site.unpost(ann, "third")
        site.edit(ann, bio="Sold the boats.")
        site.publish(ann)
        for key, body in bodies(site).items():
            now = read_rank(body)
            assert now is None or key not in ranks or verdict(now, ranks[key]) is Verdict.LEAVE
        assert "Sold the boats." in site.text("ann/index.html")
        assert site.status("ann/posts/first/index.html")[0] == 410
        assert site.status("ann/posts/third/index.html")[0] in (0, 410)
        assert site.status("ann/posts/second/index.html")[0] == 200
        assert bodies(site).keys() >= {f"{folder}640.webp" for folder in shown_folders(site, ann)}


def shown_folders(site: Site, profile: str) -> set[str]:
    return {
        keys.media(medium.id, medium.publication, "still", "attempt1", "")
        for medium in head_of(site, profile).media
    }


def test_a_clock_that_is_killed_makes_it_due_once(grave: Grave, ann: str) -> None:
    site = grave.site()
    now = int(time.time()) + 2 * GRACE_S
    site.store.changes.schedule(ann, now - 5)
    site.post(ann, "soon", state="scheduled", publish_at=now - 5)
    site.change(ann, lambda old: old.model_copy(update={"media": ()}))
    site.publish(ann)
    revision = head_of(site, ann).head.revision
    for site in grave.deaths("tidy", profile=ann, now=now):
        for due in site.store.changes.due(now, 10):
            fall_due(site.tools, due, now)
        assert head_of(site, ann).head.revision == revision + 1
        assert not site.store.changes.due(now, 10)
        assert list(site.public.walk("_media/")) == []
        assert not read_manifest(site.private, ann)[0].folders


# ── a worker that makes media ──


@pytest.mark.slow
def test_a_killed_maker_leaves_whole_renditions_and_the_next_one_goes_on(grave: Grave, ann: str) -> None:
    site = grave.site()
    site.upload(ann, SECOND, made=False)
    site.private.put(keys.original(SECOND), picture(), Headers())
    edit = head_of(site, ann).head.edit
    for site in grave.deaths("make", profile=ann, media=SECOND):
        kept = site.medium(ann, SECOND).renditions
        assert_files_are_there(site, ann)
        site.publish(ann)
        # The other medium has no AVIF yet, and the profile no card.
        pending = {task.media_id for task in site.store.media_work.pending(9)}
        assert pending <= {SECOND, "medium1234", ann}
        site = grave.go_on("make", profile=ann, media=SECOND)
        medium = site.medium(ann, SECOND)
        assert medium.state == "ready"
        assert {made.recipe for made in medium.renditions} == {"still", "avif"}
        assert set(kept) <= set(medium.renditions)  # what was finished is not made again
        assert_files_are_there(site, ann)
        assert head_of(site, ann).head.edit == edit
        site.publish(ann)
        assert f"_media/{SECOND}/" in site.text("ann/index.html")


@pytest.mark.slow
def test_a_maker_that_is_killed_amid_a_film_costs_no_rung_and_no_segment_that_was_stored(
    grave: Grave, ann: str, tmp_path: Path
) -> None:
    film = tmp_path / "film.webm"
    picture = [
        "-f",
        "lavfi",
        "-i",
        "testsrc=size=640x360:rate=5",
        "-f",
        "lavfi",
        "-i",
        "sine=440",
        "-t",
        "14",
    ]
    subprocess.run([find_ffmpeg(), "-v", "error", *picture, "-c:v", "libvpx", str(film)], check=True)
    site = grave.site()
    site.upload(ann, SECOND, made=False)
    site.private.put(keys.original(SECOND), film.read_bytes(), Headers())
    climbing = 0
    for site in grave.late_deaths("make", deaths=5, profile=ann, media=SECOND):
        kept = {made.recipe: made for made in site.medium(ann, SECOND).made if made.recipe != "hls"}
        stored = {
            key: site.private.stat(key).etag for key in site.private.walk(keys.rendition_folder(SECOND))
        }
        note = keys.climb(SECOND) in stored
        climbing += note and any(key.endswith(".m4s") and "rung-360-" in key for key in stored)
        site = grave.go_on("make", profile=ann, media=SECOND)
        medium = site.medium(ann, SECOND)
        assert medium.state == "ready"
        after = {made.recipe: made for made in medium.made}
        assert {"rung-240", "rung-360", "hls", "poster", "mp4"} <= after.keys()
        assert kept.items() <= after.items()
        if note:
            upper = {key: etag for key, etag in stored.items() if "rung-360-" in key}
            assert upper == {key: site.private.stat(key).etag for key in upper}, "made again"
            folder = keys.rendition(SECOND, "rung-360", after["rung-360"].attempt, "")
            assert all(key.startswith(folder) for key in upper)
        assert keys.climb(SECOND) not in set(site.private.walk(keys.rendition_folder(SECOND)))
        (row,) = after["rung-360"].segments
        assert row.count == 4
        assert_files_are_there(site, ann)
    assert climbing >= 1


def assert_files_are_there(site: Site, profile: str) -> None:
    for medium in head_of(site, profile).media:
        for made in medium.renditions:
            for file in made.files:
                key = keys.rendition(medium.id, made.recipe, made.attempt, file.name)
                assert site.private.stat(key).size == file.bytes
