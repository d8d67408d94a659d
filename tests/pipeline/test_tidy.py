"""What falls due: scheduled posts, half-made names, and pictures whose time of grace is over."""

from __future__ import annotations

import time

import pytest

from core import keys
from core.objects import Headers
from core.profile import Head, PendingName, Profile, Snapshot
from core.store import MAIN, Due, PurgePath
from core.store.naming import REAP_AFTER_S
from core.store.revise import create
from pipeline.publish import read_manifest
from pipeline.purge.edges import Edge
from pipeline.purge.purger import Purger
from pipeline.tidy import fall_due
from tests.pipeline.conftest import BOTH
from tests.pipeline.little_site import GRACE_S, PICTURE, Site, folder_of, unlisted

pytestmark = BOTH

LATER_S = 2 * GRACE_S


def make_due(site: Site, later_s: int = 0) -> list[str]:
    """Makes so what is due by then, as the worker's clock does; the profiles it was about."""
    now = int(time.time()) + later_s
    found = list(site.store.changes.due(now, 100))
    for due in found:
        fall_due(site.tools, due, now)
    return [due.profile_id for due in found]


def test_a_scheduled_post_is_published_when_its_hour_has_come(site: Site) -> None:
    ann = site.sign_up("ann")
    hour = int(time.time()) + 600
    site.store.changes.schedule(ann, hour)
    before = site.post(ann, "soon", state="scheduled", publish_at=hour).head
    site.publish(ann)
    assert site.status("ann/posts/soon/index.html")[0] == 0
    make_due(site, 500)
    assert site.store.profiles.head(ann) == before
    make_due(site, 700)
    after = site.store.profiles.head(ann)
    assert after
    assert (after.revision, after.edit) == (before.revision + 1, before.edit)
    site.publish(ann, revision=after.revision)
    assert site.status("ann/posts/soon/index.html")[0] == 200


def test_what_is_due_is_settled_and_may_be_repeated(site: Site) -> None:
    ann = site.sign_up("ann")
    site.store.changes.schedule(ann, 1000)
    assert make_due(site) == [ann]
    assert make_due(site) == []
    fall_due(site.tools, Due("1000:gone", "nobody", 1000), 2000)


def test_a_sign_up_that_never_got_its_name_is_undone(site: Site) -> None:
    """Killed between claim and naming: nobody else may have the name until the reaper has been there, then anybody."""
    pending = PendingName(username="ann", attempt="attempt1", at=int(time.time()))
    head = Head(id="profile1", profile=Profile(name="Ann"), pending_name=pending)
    site.store.changes.schedule("profile1", pending.at + REAP_AFTER_S)
    create(site.store, head, writer="attempt1", what="sign-up")
    site.store.names.take("ann", "profile1", "attempt1", 0)
    make_due(site, REAP_AFTER_S + 1)
    claim = site.store.names.get("ann")
    assert claim
    assert (claim.state, claim.profile_id) == ("free", None)
    zoe = site.sign_up("ann")
    site.publish(zoe)
    assert site.status("ann/index.html")[0] == 200


def test_superseded_pictures_go_after_their_grace(site: Site) -> None:
    ann = site.sign_up("ann")
    site.upload(ann)
    site.publish(ann)
    site.change(ann, unlisted)
    site.publish(ann)
    make_due(site, GRACE_S - 60)
    assert len(list(site.public.walk("_media/"))) == 1
    make_due(site, LATER_S)
    assert list(site.public.walk("_media/")) == []
    assert read_manifest(site.private, ann)[0].folders == {}


def test_what_superseded_pictures_were_copied_from_goes_with_them(site: Site) -> None:
    ann = site.sign_up("ann")
    site.upload(ann)
    old = keys.rendition("medium1234", "still", "attempt1", "640.webp")
    new = keys.rendition("medium1234", "still", "attempt2", "640.webp")
    site.private.put(new, PICTURE, Headers())
    site.publish(ann)
    site.change(ann, made_again)
    site.publish(ann)
    make_due(site, GRACE_S - 60)
    assert list(site.private.walk("_renditions/")) == [old, new]
    make_due(site, LATER_S)
    assert list(site.private.walk("_renditions/")) == [new]
    assert site.public.get(folder_of(site, ann).replace("attempt1", "attempt2") + "640.webp")


def test_what_pictures_were_copied_from_stays_while_a_medium_has_it(site: Site) -> None:
    ann = site.sign_up("ann")
    site.upload(ann)
    site.publish(ann)
    site.change(ann, unlisted)
    site.publish(ann)
    make_due(site, LATER_S)
    assert list(site.public.walk("_media/")) == []
    assert len(list(site.private.walk("_renditions/"))) == 1


def test_another_replica_leaves_the_renditions_alone(site: Site) -> None:
    ann = site.sign_up("ann")
    site.upload(ann)
    new = keys.rendition("medium1234", "still", "attempt2", "640.webp")
    site.private.put(new, PICTURE, Headers())
    site.publish(ann)
    site.change(ann, made_again)
    site.publish(ann)
    west = site.tools._replace(replica="west")
    fall_due(west, Due("1", ann, 1, "west"), int(time.time()) + LATER_S)
    assert len(list(site.public.walk("_media/"))) == 1
    assert len(list(site.private.walk("_renditions/"))) == 2


def made_again(old: Snapshot) -> Snapshot:
    """As `rebuild --media` does it."""
    (medium,) = old.media
    again = medium.renditions[0].model_copy(update={"attempt": "attempt2"})
    return old.model_copy(update={"media": (medium.with_rendition(again),)})


def test_pictures_that_are_shown_stay(site: Site) -> None:
    ann = site.sign_up("ann")
    site.upload(ann)
    site.publish(ann)
    site.store.changes.schedule(ann, 1000)
    make_due(site, LATER_S)
    assert len(list(site.public.walk("_media/"))) == 1


def test_what_an_overtaken_publisher_copied_after_a_takedown_goes_too(site: Site) -> None:
    ann = site.sign_up("ann")
    file = keys.media("medium1234", site.upload(ann).publication, "still", "attempt1", "640.webp")
    site.publish(ann)
    site.edit(ann, visibility="private")
    site.publish(ann)
    site.public.put(file, b"late", Headers())
    make_due(site, 400)
    assert list(site.public.walk("_media/")) == []
    make_due(site, LATER_S)
    folders = read_manifest(site.private, ann)[0].folders
    assert [place.bucket for place in folders] == ["private"]


def test_what_is_found_after_a_takedown_is_purged_hard(site: Site) -> None:
    nobody = Edge("http://127.0.0.1:9", "", b"a secret of nobody", 1, 5)
    site.tools = site.tools._replace(
        purger=Purger(site.store, [nobody]), outside=("cf", "front"), by_file=frozenset({"front"})
    )
    ann = site.sign_up("ann")
    file = keys.media("medium1234", site.upload(ann).publication, "still", "attempt1", "640.webp")
    site.publish(ann)
    site.delete(ann)
    site.publish(ann)
    lists = (MAIN, "to/cf", "to/front")
    for waiting in lists:
        for purge in site.store.purges.pending(waiting, 10):
            site.store.purges.settle(waiting, purge.id)
    site.public.put(file, b"late", Headers())
    make_due(site, 400)
    found = {waiting: site.store.purges.pending(waiting, 10) for waiting in lists}
    make_due(site, LATER_S)
    again = [purge for waiting in lists for purge in site.store.purges.pending(waiting, 10)]
    nobody.close()
    folder = PurgePath(keys.path_of(file).removesuffix("640.webp"), "", True)
    one = PurgePath(keys.path_of(file), "", True)
    told = {waiting: {path for purge in purges for path in purge.paths} for waiting, purges in found.items()}
    assert told == {MAIN: {folder, one}, "to/cf": {folder}, "to/front": {folder, one}}
    assert len(again) == 3, "where nothing is found, nothing is purged"


def test_a_publisher_that_comes_in_between_is_not_overwritten(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = site.sign_up("ann")
    site.upload(ann)
    site.publish(ann)
    site.change(ann, lambda old: old.model_copy(update={"media": ()}))
    site.publish(ann)
    site.edit(ann, bio="Paints boats.")
    delete = site.public.inner.delete

    def delete_slowly(key: str) -> None:
        delete(key)
        site.publish(ann)

    monkeypatch.setattr(site.public.inner, "delete", delete_slowly)
    make_due(site, LATER_S)
    manifest, _ = read_manifest(site.private, ann)
    assert manifest.mark
    assert manifest.mark.revision == site.revision_of("ann/index.html")
    monkeypatch.undo()
    make_due(site, 2 * LATER_S)
    assert read_manifest(site.private, ann)[0].folders == {}
