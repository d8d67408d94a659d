"""One publisher's job, from outside: creators edit, a worker publishes, and what readers get is looked at."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from core import keys
from core.errors import Unavailable
from core.media import Rendition, RenditionFile
from core.objects import Headers
from core.profile import Snapshot
from core.rank import Edition, Rank
from core.store import MAIN, Purge, PurgePath
from ingest.edits import Terms, change_profile
from ingest.gallery import delete_medium
from pipeline.carding import with_card
from pipeline.job import TAKEDOWN_AGAIN_S, NotYet, OtherRelease
from pipeline.publish import publish, read_manifest
from pipeline.purge import paths as purge_paths
from pipeline.purge.edges import Edge
from pipeline.purge.proof import probes, unseen
from pipeline.purge.purger import Purger
from pipeline.target import target
from tests.pipeline.conftest import BOTH
from tests.pipeline.little_site import (
    EVERY_EDIT,
    GRACE_S,
    ORIGIN,
    PICTURE,
    Site,
    folder_of,
    unlisted,
    with_head,
)

pytestmark = BOTH

# ── one edit, one page ──


def test_an_edit_goes_live(site: Site) -> None:
    ann = site.sign_up("ann")
    revision = site.edit(ann, bio="Paints boats.").head.revision
    site.publish(ann, revision=revision)
    assert "Paints boats." in site.text("ann/index.html")
    assert site.reached(ann) == {"published": revision, "purged": revision, "live": revision}


def test_an_edit_of_the_bio_writes_the_page_and_its_document(site: Site) -> None:
    ann = site.sign_up("ann")
    site.post(ann, "first")
    site.publish(ann)
    site.edit(ann, bio="Paints boats.")
    assert site.publish(ann) == EVERY_EDIT
    assert site.private.wrote == [keys.manifest(ann)]


def test_an_edit_of_one_post_of_fifty_writes_no_other_post(site: Site) -> None:
    ann = site.sign_up("ann")
    for number in range(50):
        site.post(ann, f"post-{number}", tags=("boats",) if number == 7 else ())
    site.publish(ann)
    site.post(ann, "post-7", body="New words.")
    lists = {"ann/posts/index.html", "ann/archive/2/index.html", "ann/archive/3/index.html"}
    feeds = {"ann/feed.xml", "ann/feed.json", "ann/tags/boats/index.html"}
    assert site.publish(ann) == EVERY_EDIT | lists | feeds | {"ann/posts/post-7/index.html"}


def test_what_is_published_already_is_not_written_again(site: Site) -> None:
    ann = site.sign_up("ann")
    site.publish(ann)
    assert site.publish(ann) == set()
    assert site.publish(ann, trust=False) == set()


def test_a_new_roll_out_writes_every_page(site: Site) -> None:
    ann = site.sign_up("ann")
    site.post(ann, "first")
    pages = site.publish(ann)
    site.store.rollouts.promote("another release", "another release")
    site.store.rollouts.promote(site.tools.release.fingerprint, site.tools.release.bare_fingerprint)
    assert site.publish(ann) == pages


# ── not this worker, not yet ──


def test_a_hint_before_its_revision_waits(site: Site) -> None:
    ann = site.sign_up("ann")
    head = site.store.profiles.head(ann)
    assert head
    with pytest.raises(NotYet):
        site.publish(ann, revision=head.revision + 1)
    with pytest.raises(NotYet):
        site.publish("nobody12")


def test_while_a_hint_waits_what_is_there_is_published_once(site: Site) -> None:
    ann = site.sign_up("ann")
    head = site.edit(ann, bio="Paints boats.").head
    for _ in range(3):
        with pytest.raises(NotYet):
            site.publish(ann, revision=head.revision + 1)
    assert "Paints boats." in site.text("ann/index.html")
    assert [one.stage for one in site.store.published.transitions(ann, MAIN)] == [
        "live",
        "purged",
        "published",
    ]


def test_a_worker_of_another_release_leaves_the_job(site: Site) -> None:
    ann = site.sign_up("ann")
    site.store.rollouts.promote("another release", "another release")
    with pytest.raises(OtherRelease):
        site.publish(ann)
    assert site.shown() == set()


def test_a_sign_up_without_its_name_publishes_nothing(site: Site) -> None:
    ann = site.sign_up("ann")
    site.change(ann, lambda old: old.model_copy(update={"head": old.head.model_copy(update={"name": None})}))
    assert site.publish(ann) == set()


# ── names ──


def test_an_old_name_leads_straight_to_the_newest(site: Site) -> None:
    ann = site.sign_up("ann")
    site.post(ann, "first")
    site.publish(ann)
    for name in ("anna", "annie"):
        site.rename(ann, name)
        site.publish(ann)
    assert site.status("ann/index.html") == (301, f"{ORIGIN}/annie")
    assert site.status("anna/index.html") == (301, f"{ORIGIN}/annie")
    assert site.status("ann/posts/first/index.html") == (301, f"{ORIGIN}/annie/posts/first")
    # What a reader asks for under the old name that isn't there: the edge answers with this one's word.
    assert site.status(keys.data("ann")) == (301, f"{ORIGIN}/annie")
    assert site.status("annie/index.html")[0] == 200


def test_a_post_deleted_after_a_rename_is_gone_under_both_names(site: Site) -> None:
    ann = site.sign_up("ann")
    site.post(ann, "first")
    site.publish(ann)
    site.rename(ann, "anna")
    site.unpost(ann, "first")
    site.publish(ann)
    assert site.status("ann/posts/first/index.html")[0] == 410
    assert site.status("anna/posts/first/index.html")[0] == 0


def test_a_name_taken_back_is_written_under_its_new_claim(site: Site) -> None:
    ann = site.sign_up("ann")
    for name in ("anna", "ann"):
        site.publish(ann)
        site.rename(ann, name)
    site.publish(ann)
    assert site.status("ann/index.html")[0] == 200
    assert site.status("anna/index.html") == (301, f"{ORIGIN}/ann")


def test_a_released_name_is_gone_and_its_next_owner_is_left_alone(site: Site) -> None:
    ann = site.sign_up("ann")
    site.publish(ann)
    site.rename(ann, "anna")
    site.publish(ann)
    release_names(site, ann)
    assert site.status("ann/index.html")[0] == 410
    zoe = site.sign_up("ann")
    site.edit(zoe, bio="Another Ann.")
    site.publish(zoe)
    site.edit(ann, bio="Anna now.")
    site.publish(ann)
    site.publish(ann, trust=False)
    assert "Another Ann." in site.text("ann/index.html")
    manifest, _ = read_manifest(site.private, ann)
    assert [place.key for place, entry in manifest.entries.items() if entry.lost]


def test_a_name_that_comes_back_from_another_owner_is_written_again(site: Site) -> None:
    ann = site.sign_up("ann")
    site.publish(ann)
    site.rename(ann, "anna")
    site.publish(ann)
    release_names(site, ann)
    zoe = site.sign_up("ann")
    site.publish(zoe)
    site.publish(ann, trust=False)
    site.rename(zoe, "zoe")
    release_names(site, zoe)
    site.rename(ann, "ann")
    site.edit(ann, bio="Home again.")
    site.publish(ann)
    site.publish(zoe)
    assert "Home again." in site.text("ann/index.html")
    assert site.status("zoe/index.html")[0] == 200


def release_names(site: Site, profile_id: str) -> None:
    """As the operator's `names release` will: the former names leave the profile, whose publish comes before others'."""
    site.change(
        profile_id,
        lambda old: old.model_copy(update={"head": old.head.model_copy(update={"former_names": ()})}),
    )
    site.publish(profile_id)


# ── visibility ──


def test_a_draft_is_not_found_and_a_deleted_post_is_gone(site: Site) -> None:
    ann = site.sign_up("ann")
    site.post(ann, "first")
    site.post(ann, "second")
    site.publish(ann)
    site.post(ann, "first", state="draft")
    site.unpost(ann, "second")
    site.publish(ann)
    assert site.status("ann/posts/first/index.html")[0] == 404
    assert site.status("ann/posts/second/index.html")[0] == 410
    site.post(ann, "first", state="published")
    site.publish(ann)
    assert site.status("ann/posts/first/index.html")[0] == 200


def test_a_profile_that_goes_private_leaves_nothing_public(site: Site) -> None:
    ann = site.sign_up("ann")
    site.post(ann, "first")
    site.upload(ann)
    site.publish(ann)
    file = folder_of(site, ann) + "640.webp"
    assert file in site.shown()
    site.edit(ann, visibility="private")
    site.publish(ann)
    assert site.shown() == set()
    assert list(site.public.walk("_media/")) == []
    assert site.status("ann/index.html")[0] == 404
    assert site.status("ann/index.html", "private")[0] == 200


def test_a_profile_that_comes_back_has_its_pictures_under_new_addresses(site: Site) -> None:
    ann = site.sign_up("ann")
    site.upload(ann)
    site.publish(ann)
    before = folder_of(site, ann)
    site.edit(ann, visibility="private")
    site.publish(ann)
    site.edit(ann, visibility="unlisted")
    site.publish(ann)
    after = folder_of(site, ann)
    assert after != before
    assert list(site.public.walk("_media/")) == [after + "640.webp"]
    assert after in site.text("ann/index.html")
    assert site.status("ann/index.html")[0] == 200
    assert site.status("ann/index.html", "private")[0] == 404


def test_a_deleted_profile_leaves_no_objects(site: Site) -> None:
    ann = site.sign_up("ann")
    site.post(ann, "first")
    site.upload(ann)
    site.publish(ann)
    site.rename(ann, "anna")
    site.publish(ann)
    site.delete(ann)
    site.publish(ann)
    left = set(site.public.walk())
    assert {site.status(key)[0] for key in left} == {410}
    assert {"ann/index.html", "anna/index.html", "anna/posts/first/index.html", keys.data("anna")} <= left
    assert list(site.private.walk()) == [keys.manifest(ann)]


def test_a_picture_taken_off_the_page_is_kept_for_a_while(site: Site) -> None:
    ann = site.sign_up("ann")
    site.upload(ann)
    site.publish(ann)
    site.change(ann, unlisted)
    site.publish(ann)
    assert len(list(site.public.walk("_media/"))) == 1
    manifest, _ = read_manifest(site.private, ann)
    (superseded,) = [at for at in manifest.folders.values() if at is not None]
    due = site.store.changes.due(superseded + GRACE_S + 60, 10)
    assert superseded + GRACE_S < max(one.at for one in due) <= superseded + GRACE_S + 60


def test_what_waits_for_its_removal_falls_due_once_however_often_the_profile_is_edited(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = site.sign_up("ann")
    site.upload(ann)
    site.publish(ann)
    site.change(ann, unlisted)
    site.publish(ann)
    later = site.store.changes.due(1 << 40, 10)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 50)
    site.edit(ann, bio="Edited again, a while later.")
    site.publish(ann)
    assert site.store.changes.due(1 << 40, 10) == later


def test_a_deleted_picture_is_gone_at_once_from_storage_and_edges(site: Site) -> None:
    ann = site.sign_up("ann")
    site.upload(ann)
    site.publish(ann)
    (file,) = site.public.walk("_media/")
    assert site.public.stat(file).headers.tags == keys.tag(ann)
    site.change(ann, lambda old: old.model_copy(update={"media": ()}))
    purged = purges_of(site, ann)
    assert list(site.public.walk("_media/")) == []
    folder = "/" + file.rpartition("/")[0] + "/"
    assert PurgePath(folder, "", True) in purged


def test_of_a_folder_that_went_the_files_are_named_so_that_they_can_be_looked_for(site: Site) -> None:
    ann = site.sign_up("ann")
    site.upload(ann)
    site.publish(ann)
    (file,) = site.public.walk("_media/")
    site.edit(ann, visibility="private")
    assert PurgePath("/" + file, "", True) in purges_of(site, ann)


def test_what_is_private_is_purged_by_its_paths_behind_any_grant(site: Site) -> None:
    ann = site.sign_up("ann")
    site.edit(ann, visibility="private")
    site.publish(ann)
    site.edit(ann, bio="Paints at night.")
    paths = {path.path for path in purges_of(site, ann)}
    assert paths == {"/-/g/ann", "/-/g/_data/ann.json"}
    site.edit(ann, visibility="public")
    assert {"/ann", "/-/g/ann", "/-/g/_data/ann.json"} <= {path.path for path in purges_of(site, ann)}


def test_a_private_page_leads_on_from_its_former_name_behind_the_same_grant(site: Site) -> None:
    ann = site.sign_up("ann")
    site.edit(ann, visibility="private")
    site.publish(ann)
    site.rename(ann, "anna")
    site.publish(ann)
    moved = (301, f"{ORIGIN}/-/g/GRANT/anna")
    assert site.status("ann/index.html", "private") == site.status(keys.data("ann"), "private") == moved
    assert "/-/g/GRANT/anna/icon.png" in site.private.get("anna/index.html").body.decode()
    assert site.shown() == set()


@pytest.mark.parametrize("how", [{"visibility": "private"}, {}])
def test_edges_hear_of_a_takedown_before_its_folders_are_emptied(
    site: Site, how: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = site.sign_up("ann")
    site.upload(ann)
    site.publish(ann)
    told: list[tuple[list[str], int, list[str]]] = []

    def deliver(paths: Sequence[PurgePath]) -> None:
        page = site.status("ann/index.html")[0]
        told.append(([one.path for one in paths if one.hard], page, list(site.public.walk("_media/"))))
        raise Unavailable("an edge is away")

    monkeypatch.setattr(site.tools.purger, "deliver", deliver)
    site.edit(ann, **how) if how else site.delete(ann)
    site.publish(ann)
    ((paths, page, media),) = told
    assert {"/ann", "/" + keys.data("ann")} <= set(paths)
    assert page in (404, 410)
    assert len(media) == 1
    assert list(site.public.walk("_media/")) == []
    site.edit(ann, bio="Paints boats.")
    site.publish(ann)
    assert len(told) == 1


def purges_of(site: Site, ann: str) -> list[PurgePath]:
    """What publishing her now has purged."""
    snapshot = site.store.profiles.load(ann)
    assert snapshot
    wanted = target(snapshot, site.tools.release, site.urls, Edition(1, 1, 1))
    assert wanted
    purged: list[PurgePath] = []
    publish(site.tools.buckets, wanted, purged.extend)
    return purged


def test_what_was_superseded_before_it_was_deleted_is_purged_as_well_and_once(site: Site) -> None:
    ann = site.sign_up("ann")
    site.upload(ann)
    site.publish(ann)
    folder = PurgePath("/" + folder_of(site, ann), "", True)
    site.change(ann, unlisted)
    assert folder not in purges_of(site, ann)
    assert len(list(site.public.walk("_media/"))) == 1
    site.change(ann, lambda old: old.model_copy(update={"media": ()}))
    assert folder in purges_of(site, ann)
    assert list(site.public.walk("_media/")) == []
    site.edit(ann, bio="Paints boats.")
    assert folder not in purges_of(site, ann)


def with_a_card(site: Site, ann: str, attempt: str) -> str:
    """Gives her a card, as if a maker had drawn it; its folder."""
    file = RenditionFile(name="card.jpg", type="image/jpeg", bytes=len(PICTURE), width=1200, height=630)
    made = Rendition(recipe="card", attempt=attempt, files=(file,))
    site.private.put(keys.rendition(ann, "card", attempt, "card.jpg"), PICTURE, Headers())
    card = site.change(ann, lambda old: with_card(old, made)).card
    assert card
    return keys.media(ann, card.publication, "card", attempt, "")


def test_a_card_that_was_drawn_anew_goes_at_once_from_storage_and_edges(site: Site) -> None:
    ann = site.sign_up("ann")
    old = with_a_card(site, ann, "attempt1")
    site.publish(ann)
    new = with_a_card(site, ann, "attempt2")
    assert PurgePath("/" + old, "", True) in purges_of(site, ann)
    assert list(site.public.walk("_media/")) == [new + "card.jpg"]
    site.publish(ann, trust=False)
    assert list(site.public.walk("_media/")) == [new + "card.jpg"]


def test_the_card_that_may_show_a_deleted_picture_goes_with_it(site: Site) -> None:
    ann = site.sign_up("ann")
    site.upload(ann)
    site.change(ann, with_crop)
    site.private.put(keys.rendition("medium1234", "avatar", "attempt1", "640.webp"), PICTURE, Headers())
    card = with_a_card(site, ann, "attempt1")
    site.publish(ann)
    assert card + "card.jpg" in site.shown()
    delete_medium(site.store, site.private, ann, "medium1234", Terms())
    assert PurgePath("/" + card, "", True) in purges_of(site, ann)
    assert list(site.public.walk("_media/")) == []
    assert list(site.private.walk("_renditions/")) == []


def test_the_card_of_who_becomes_sensitive_goes_at_once(site: Site) -> None:
    ann = site.sign_up("ann")
    card = with_a_card(site, ann, "attempt1")
    site.publish(ann)
    change_profile(site.store, ann, lambda old: old.model_copy(update={"sensitive": True}), Terms())
    assert PurgePath("/" + card, "", True) in purges_of(site, ann)
    assert list(site.public.walk("_media/")) == []


def with_crop(old: Snapshot) -> Snapshot:
    """Its picture has been the avatar some time."""
    (medium,) = old.media
    crop = medium.renditions[0].model_copy(update={"recipe": "avatar"})
    return old.model_copy(update={"media": (medium.with_rendition(crop),)})


def test_the_folders_of_a_takedown_are_looked_through_again_soon(site: Site) -> None:
    ann = site.sign_up("ann")
    site.upload(ann)
    site.publish(ann)
    site.edit(ann, visibility="private")
    site.publish(ann)
    (at,) = [at for at in read_manifest(site.private, ann)[0].folders.values() if at is not None]
    assert any(0 <= one.at - at - TAKEDOWN_AGAIN_S < 60 for one in site.store.changes.due(at + 1000, 10))


# ── caches in front ──


def test_each_cache_in_front_has_its_own_purge_before_the_done_mark(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.tools = site.tools._replace(outside=("cf", "hook"))
    ann = site.sign_up("ann")
    queue, marks = site.store.purges.queue, []

    def note(waiting: str, purge: Purge) -> None:
        marks.append(read_manifest(site.private, ann)[0].mark)
        queue(waiting, purge)

    monkeypatch.setattr(site.store.purges, "queue", note)
    site.publish(ann)
    assert marks == [None, None]
    for waiting in ("to/cf", "to/hook"):
        (purge,) = site.store.purges.pending(waiting, 10)
        assert "/ann" in {path.path for path in purge.paths}
        assert not any(path.hard for path in purge.paths)
    site.delete(ann)
    site.publish(ann)
    _, takedown = site.store.purges.pending_of("to/cf", ann)
    assert all(path.hard for path in takedown.paths)


def changed_by(site: Site, profile_id: str) -> dict[str, PurgePath]:
    """What its next publish purges."""
    site.tools = site.tools._replace(outside=("cf",))
    site.publish(profile_id)
    return {path.path: path for path in site.store.purges.pending_of("to/cf", profile_id)[-1].paths}


def test_a_post_that_is_deleted_is_purged_hard_and_looked_for(site: Site) -> None:
    ann = site.sign_up("ann")
    site.post(ann, "a-long-name-of-a-post", tags=("boats",))
    site.post(ann, "other")
    site.publish(ann)
    site.unpost(ann, "a-long-name-of-a-post")
    paths = changed_by(site, ann)
    gone = {"/ann/posts/a-long-name-of-a-post", "/ann/tags/boats"}
    assert {path for path, one in paths.items() if one.hard} == gone
    assert gone < {one.path for one in probes(tuple(paths.values()))}


def test_what_was_under_a_former_name_is_purged_hard(site: Site) -> None:
    ann = site.sign_up("ann")
    site.post(ann, "boats")
    site.publish(ann)
    site.rename(ann, "anna")
    paths = changed_by(site, ann)
    assert {"/ann", "/ann/posts/boats", "/anna"} < paths.keys()
    assert all(one.hard is ("anna" not in path) for path, one in paths.items())


def test_a_page_that_comes_back_is_purged_softly(site: Site) -> None:
    ann = site.sign_up("ann")
    site.post(ann, "boats")
    site.publish(ann)
    site.post(ann, "boats", state="draft")
    site.publish(ann)
    site.post(ann, "boats", state="published")
    assert not changed_by(site, ann)["/ann/posts/boats"].hard


def test_a_purge_that_takes_on_what_waits_stays_as_hard(site: Site) -> None:
    nobody = Edge("http://127.0.0.1:9", "", b"a secret of nobody", 1, 5)
    site.tools = site.tools._replace(purger=Purger(site.store, [nobody]))
    ann = site.sign_up("ann")
    site.post(ann, "boats")
    site.publish(ann)
    site.delete(ann)
    site.publish(ann)
    site.change(ann, lambda old: with_head(old, deleted=False))
    site.publish(ann)
    nobody.close()
    (purge,) = site.store.purges.pending(MAIN, 10)
    paths = {path.path: path for path in purge.paths}
    assert paths["/ann"].hard and paths["/ann/posts/boats"].hard
    assert Rank.parse(paths["/ann"].rank).revision == purge.mark.revision


def media_told(site: Site, *deleted: str) -> dict[str, set[str]]:
    """Who is told of which paths of media when Ann with these pictures is deleted."""
    nobody = Edge("http://127.0.0.1:9", "", b"a secret of nobody", 1, 5)
    site.tools = site.tools._replace(
        purger=Purger(site.store, [nobody]),
        outside=("cf", "cache", "front"),
        by_file=frozenset({"front"}),
        looked_for=frozenset({"cache"}),
    )
    ann = site.sign_up("ann")
    for media_id in deleted:
        site.upload(ann, media_id)
    site.publish(ann)
    for folder in read_manifest(site.private, ann)[0].folders:
        site.public.put(folder.key + "1280.webp", PICTURE, Headers())
    site.delete(ann)
    site.publish(ann)
    nobody.close()
    return {
        name: {
            path.path for path in site.store.purges.pending_of(name, ann)[-1].paths if "_media" in path.path
        }
        for name in (MAIN, "to/cf", "to/cache", "to/front")
    }


def test_a_cache_that_knows_no_folders_is_told_of_each_file_that_is_gone(site: Site) -> None:
    told = media_told(site, "medium1234")
    (folder,) = told["to/cf"]
    one = {folder, min(told[MAIN] - {folder})}
    assert told[MAIN] == told["to/cache"] == one, "they are asked whether one is gone"
    assert told["to/front"] == {folder, f"{folder}640.webp", f"{folder}1280.webp"}


def test_a_folder_of_which_one_purge_can_have_no_file_has_none_and_so_is_not_proven(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge_paths, "FILES_MAX", 3)
    told = media_told(site, "medium1234", "medium5678")
    folders = told["to/cf"]
    assert len(folders) == 2
    assert len(told["to/front"] - folders) == 2
    assert len(told[MAIN] - folders) == 2, "our edges are asked for one of each all the same"
    assert len(unseen([PurgePath(path, "", True) for path in told["to/front"]])) == 1


def test_caches_in_front_are_told_of_no_path_that_is_behind_a_grant(site: Site) -> None:
    site.tools = site.tools._replace(outside=("cf",))
    ann = site.sign_up("ann")
    site.edit(ann, visibility="private")
    site.publish(ann)
    for purge in site.store.purges.pending("to/cf", 10):
        site.store.purges.settle("to/cf", purge.id)
    site.edit(ann, bio="Paints boats.")
    site.publish(ann)
    pending = site.store.purges.pending("to/cf", 10)
    assert pending, "what they keep goes with the profile's tag"
    assert [path.path for purge in pending for path in purge.paths] == []


def test_what_changes_nothing_is_purged_nowhere(site: Site) -> None:
    site.tools = site.tools._replace(outside=("cf",))
    ann = site.sign_up("ann")
    site.publish(ann)
    site.publish(ann)
    assert len(site.store.purges.pending("to/cf", 10)) == 1


def test_each_region_has_purges_of_its_own_for_a_cache_in_front(site: Site) -> None:
    site.tools = site.tools._replace(outside=("cf",), replica="west")
    site.publish(site.sign_up("ann"))
    assert [len(site.store.purges.pending(name, 10)) for name in ("to/cf", "to/cf/west")] == [0, 1]
