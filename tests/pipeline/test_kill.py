"""kill -9 of a worker and of an ingest at every store call, object call, sync and rename of what they do. Nothing that was
acknowledged is lost, nothing goes back, nothing is half-written, and whoever comes next brings it to its end."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core import keys
from core.objects import Headers
from core.profile import Snapshot
from core.rank import Verdict, read_rank, verdict
from core.settings import SiteSettings
from core.store.naming import REAP_AFTER_S
from generator.release import Release, load_release
from ingest import accounts
from pipeline.manifest import Entry, Place
from pipeline.publish import read_manifest
from pipeline.tidy import fall_due
from tests.pipeline.conftest import GRACE_S, Site
from tests.pipeline.mortal import CHEAP, SIGN_UP, Mortal

pytestmark = pytest.mark.timeout(300)
SECOND = "medium5678"
LATER_S = REAP_AFTER_S + 60


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mortal]:
    mortal = Mortal(tmp_path_factory.mktemp("warm"))
    yield mortal
    mortal.close()


class Grave:
    """A site at rest, copies of which see somebody die."""

    def __init__(self, folder: Path, mortal: Mortal) -> None:
        self._folder, self._mortal = folder, mortal
        self._release: Release = load_release(SiteSettings())
        self._open: list[Site] = []

    def site(self, name: str = "rest") -> Site:
        site = Site(self._folder / name, self._release)
        self._open.append(site)
        return site

    def close(self) -> None:
        while self._open:
            self._open.pop().store.close()

    def do(self, task: str, **given: Any) -> Site:
        """A copy in which the task was done in peace."""
        self._copy("done")
        assert self._mortal.do(self._folder / "done", task, **given)
        return self.site("done")

    def deaths(self, task: str, **given: Any) -> Iterator[Site]:
        """Copies in which who did the task was killed: at its first call, its second, and so on until it lives."""
        at = 0
        while True:
            at += 1
            self._copy("grave")
            if self._mortal.do(self._folder / "grave", task, at, **given):
                break
            yield self.site("grave")
        assert at > 3

    def _copy(self, name: str) -> None:
        self.close()
        shutil.rmtree(self._folder / name, ignore_errors=True)
        shutil.copytree(self._folder / "rest", self._folder / name)


@pytest.fixture
def grave(tmp_path: Path, mortal: Mortal) -> Iterator[Grave]:
    grave = Grave(tmp_path, mortal)
    yield grave
    grave.close()


@pytest.fixture
def ann(grave: Grave) -> str:
    """A published profile with two posts and a picture."""
    site = grave.site()
    ann = site.sign_up("ann")
    site.edit(ann, tagline="Acknowledged.")
    for slug in ("first", "second"):
        site.post(ann, slug)
    site.upload(ann)
    site.publish(ann)
    return ann


def bodies(site: Site) -> dict[str, bytes]:
    return {key: site.public.get(key).body for key in site.public.walk()}


def entries(site: Site, profile: str) -> dict[Place, Entry]:
    return dict(read_manifest(site.private, profile)[0].entries)


def head_of(site: Site, profile: str) -> Snapshot:
    snapshot = site.store.profiles.load(profile)
    assert snapshot
    return snapshot


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
            fall_due(site.store, site.tools.buckets, due, now, GRACE_S)
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
        assert [task.media_id for task in site.store.media_work.pending(9)] in ([SECOND], [])
        grave.close()
        grave._mortal.do(site.folder, "make", profile=ann, media=SECOND)
        site = grave.site("grave")
        medium = site.medium(ann, SECOND)
        assert medium.state == "ready"
        assert {made.recipe for made in medium.renditions} == {"still", "avif"}
        assert set(kept) <= set(medium.renditions)  # what was finished is not made again
        assert_files_are_there(site, ann)
        assert head_of(site, ann).head.edit == edit
        site.publish(ann)
        assert f"_media/{SECOND}/" in site.text("ann/index.html")


def assert_files_are_there(site: Site, profile: str) -> None:
    for medium in head_of(site, profile).media:
        for made in medium.renditions:
            for file in made.files:
                key = keys.rendition(medium.id, made.recipe, made.attempt, file.name)
                assert site.private.stat(key).size == file.bytes


def picture() -> bytes:
    body = io.BytesIO()
    Image.new("RGB", (16, 16), "teal").save(body, "PNG")
    return body.getvalue()


# ── an ingest that edits ──


def assert_nothing_is_lost(site: Site, ann: str) -> None:
    """What was acknowledged before is there; and no revision is without the hint that makes a worker look."""
    snapshot = head_of(site, ann)
    assert snapshot.head.profile.tagline == "Acknowledged."
    assert {"first", "second"} <= {post.slug for post in snapshot.posts}
    hinted = [hint.change.revision for hint in site.store.changes.read(None, 1000)]
    assert max(hinted) >= snapshot.head.revision


def test_an_edit_that_is_killed_is_there_whole_or_not_at_all(grave: Grave, ann: str) -> None:
    given = {"profile": ann, "bio": "Paints boats."}
    for site in grave.deaths("edit", **given):
        assert_nothing_is_lost(site, ann)
        assert head_of(site, ann).head.profile.bio in ("", "Paints boats.")
        site.edit(ann, bio="Paints boats.")
        site.publish(ann)
        assert "Paints boats." in site.text("ann/index.html")


def test_a_post_sent_again_after_a_kill_is_there_once(grave: Grave, ann: str, mortal: Mortal) -> None:
    for site in grave.deaths("post", profile=ann, title="Third"):
        assert_nothing_is_lost(site, ann)
        grave.close()
        mortal.do(site.folder, "post", profile=ann, title="Third")
        site = grave.site("grave")
        site.publish(ann)
        assert [post.slug for post in head_of(site, ann).posts if post.title == "Third"] == ["third"]
        assert site.status("ann/posts/third/index.html")[0] == 200


def test_an_upload_that_is_killed_never_names_what_is_not_there(grave: Grave, ann: str) -> None:
    body = picture()
    for site in grave.deaths("upload", profile=ann, body=body.hex()):
        assert_nothing_is_lost(site, ann)
        for medium in head_of(site, ann).media:
            stored = site.private.get(keys.original(medium.id)).body
            assert medium.original_bytes in (0, len(stored))
            assert medium.id == "medium1234" or stored == body


def test_a_rename_that_is_killed_can_be_done_again(grave: Grave, ann: str, mortal: Mortal) -> None:
    for site in grave.deaths("rename", profile=ann, name="anna"):
        assert_nothing_is_lost(site, ann)
        grave.close()
        mortal.do(site.folder, "rename", profile=ann, name="anna")
        site = grave.site("grave")
        make_due(site)
        site.publish(ann)
        assert site.status("ann/index.html")[0] == 301
        assert site.status("anna/index.html")[0] == 200


def test_a_rename_that_is_killed_and_forgotten_leaves_one_name_and_no_squatter(
    grave: Grave, ann: str
) -> None:
    for site in grave.deaths("rename", profile=ann, name="anna"):
        make_due(site)
        site.publish(ann)
        head = head_of(site, ann).head
        assert head.name
        assert head.pending_name is None
        if head.name.username == "anna":
            assert site.status("ann/index.html")[0] == 301
        else:
            assert site.status("ann/index.html")[0] == 200
            site.publish(site.sign_up("anna"))
        assert site.status("anna/index.html")[0] == 200


def test_a_deletion_that_is_killed_can_be_done_again(grave: Grave, ann: str, mortal: Mortal) -> None:
    for site in grave.deaths("delete", profile=ann):
        assert_nothing_is_lost(site, ann)
        grave.close()
        mortal.do(site.folder, "delete", profile=ann)
        site = grave.site("grave")
        site.publish(ann)
        assert site.status("ann/index.html")[0] == 410


def make_due(site: Site) -> None:
    now = int(time.time()) + LATER_S
    for due in site.store.changes.due(now, 10):
        fall_due(site.store, site.tools.buckets, due, now, GRACE_S)


def owned(site: Site) -> list[str]:
    """Names of the profiles that the account of the sign-up may edit."""
    account = accounts.log_in(
        site.store, CHEAP, accounts.LogIn(email=SIGN_UP.email, password=SIGN_UP.password)
    )
    heads = [site.store.profiles.head(one) for one in site.store.accounts.profiles_of(account.id)]
    return [head.name.username for head in heads if head and head.name]


@pytest.mark.parametrize("reaped", [False, True])
def test_a_sign_up_that_is_killed_can_be_done_again(grave: Grave, mortal: Mortal, reaped: bool) -> None:
    grave.site()
    for site in grave.deaths("sign_up"):
        if reaped:
            make_due(site)
        grave.close()
        mortal.do(site.folder, "sign_up")
        site = grave.site("grave")
        assert owned(site) == ["ann"]
        make_due(site)
        claim = site.store.names.get("ann")
        assert claim
        assert claim.profile_id
        assert claim.state == "held"
        site.publish(claim.profile_id)
        assert site.status("ann/index.html")[0] == 200


def test_a_sign_up_that_is_killed_and_forgotten_leaves_the_name_to_others(grave: Grave) -> None:
    grave.site()
    others = replace_sign_up(email="zoe@example.org")
    for site in grave.deaths("sign_up"):
        make_due(site)
        claim = site.store.names.get("ann")
        head = site.store.profiles.head(claim.profile_id) if claim and claim.profile_id else None
        if head and head.name:
            assert owned(site) == ["ann"]  # it had come far enough
            continue
        _, zoes = accounts.sign_up(site.store, CHEAP, others)
        site.publish(zoes.head.id)
        assert site.status("ann/index.html")[0] == 200


def replace_sign_up(**fields: str) -> accounts.SignUp:
    return SIGN_UP.model_copy(update=fields)
