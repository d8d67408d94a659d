"""What differs between store, manifests and objects is found, told, and mended; what is equal, or just being made, is left."""

from __future__ import annotations

import time

import pytest

from core import keys
from core.errors import ObjectMissing
from core.ids import new_id
from core.media import Rendition, RenditionFile, Segments
from core.objects import Bucket, Headers
from core.profile import Head, Profile
from core.rank import Mark, Rank, read_rank, stamp_html
from core.store import MAIN, Reached
from core.store.revise import create
from pipeline.manifest import Entry, Manifest, Place, encode
from pipeline.repair import Deletes, mend_profile, remove_orphan
from pipeline.site import publish_release
from pipeline.survey import Survey
from pipeline.verify import Difference, differences
from tests.pipeline.conftest import BOTH
from tests.pipeline.little_site import PICTURE, Site, with_head

pytestmark = BOTH

HTML = Headers(type="text/html; charset=utf-8")


@pytest.fixture
def ann(site: Site) -> str:
    """A published profile with a post and a picture."""
    ann = site.sign_up("ann")
    site.post(ann, "boats")
    site.upload(ann)
    site.publish(ann)
    return ann


def survey(site: Site, grace_s: float = -1.0) -> list[Difference]:
    """All differences, orphans too; with the counts of `Survey` looked at elsewhere."""
    return list(Survey(site.tools, site.folder / "scratch", grace_s).run())


def kinds(found: list[Difference]) -> list[tuple[str, str]]:
    return sorted((one.kind, one.key) for one in found)


def mend(site: Site, found: list[Difference], deletes: int = 100) -> list[str | None]:
    """As `holdfast verify --repair` does; what couldn't be mended."""
    left = Deletes(deletes)
    orphans = [one for one in found if one.kind == "orphan"]
    whose = sorted({one.profile_id for one in found if one.kind != "orphan"})
    told = [mend_profile(site.tools, one, [o for o in found if o.profile_id == one]) for one in whose]
    return [one for one in [*told, *(remove_orphan(site.tools, one, left) for one in orphans)] if one]


def assert_mended(site: Site, profile_id: str) -> None:
    found = survey(site)
    assert found
    assert mend(site, found) == []
    assert survey(site) == []
    assert differences(site.tools, profile_id) == []


# ── nothing to find ──


def test_what_is_published_is_equal(site: Site, ann: str) -> None:
    assert differences(site.tools, ann) == []
    looked = Survey(site.tools, site.folder / "scratch", -1.0)
    assert list(looked.run()) == []
    assert looked.counts.profiles == 1
    assert looked.counts.objects == sum(1 for bucket in (site.public, site.private) for _ in bucket.walk())
    assert list((site.folder / "scratch").iterdir()) == [], "the temporary file is gone"


def test_renames_takedowns_and_names_of_others_are_equal(site: Site, ann: str) -> None:
    site.rename(ann, "anna")
    site.publish(ann)
    bob = site.sign_up("bob")
    site.edit(bob, visibility="private")
    site.publish(bob)
    carl = site.sign_up("carl")
    site.publish(carl)
    site.delete(carl)
    site.publish(carl)
    assert survey(site) == []


def test_what_is_behind_only_in_its_release_is_equal(site: Site, ann: str) -> None:
    site.store.rollouts.promote("another release", "another release")
    assert survey(site) == []


def test_what_has_no_name_yet_is_nobodys_business(site: Site, ann: str) -> None:
    create(site.store, Head(id=new_id(), profile=Profile(name="Nobody")), writer=new_id(), what="test")
    assert survey(site) == []


def test_what_is_published_meanwhile_is_no_difference(
    site: Site, ann: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = site.public.inner.survey

    def edit_first(prefix: str = "") -> object:
        site.edit(ann, bio="Meanwhile.")
        site.publish(ann)
        return listed(prefix)

    monkeypatch.setattr(site.public.inner, "survey", edit_first)
    assert survey(site) == []


# ── a profile's own ──

PAGE, POST = "ann/index.html", "ann/posts/boats/index.html"


def test_a_missing_page_is_found_and_comes_back(site: Site, ann: str) -> None:
    body = site.public.get(PAGE).body
    site.public.delete(PAGE)
    assert kinds(differences(site.tools, ann)) == kinds(survey(site)) == [("missing", PAGE)]
    assert_mended(site, ann)
    assert site.public.get(PAGE).body == body


def test_an_older_page_is_found_and_replaced(site: Site, ann: str) -> None:
    old = site.public.get(PAGE)
    site.edit(ann, bio="Newer.")
    site.publish(ann)
    newest = site.public.get(PAGE).body
    site.public.put(PAGE, old.body, old.headers)
    assert kinds(survey(site)) == [("rank", PAGE)]
    assert_mended(site, ann)
    assert site.public.get(PAGE).body == newest


def test_bytes_that_are_not_ours_are_found_and_replaced(site: Site, ann: str) -> None:
    site.public.put(PAGE, b"<h1>Hacked</h1>", HTML)
    assert kinds(survey(site)) == [("rank", PAGE)]
    assert_mended(site, ann)


def test_a_page_that_has_risen_again_is_found_and_taken_down(site: Site, ann: str) -> None:
    before = site.public.get(POST)
    site.unpost(ann, "boats")
    site.publish(ann)
    site.public.put(POST, before.body, before.headers)
    assert ("rank", POST) in kinds(survey(site))
    assert_mended(site, ann)
    assert site.status(POST)[0] == 410


def test_an_edit_that_nobody_has_published_is_found(site: Site, ann: str) -> None:
    site.edit(ann, bio="Nobody has published this.")
    assert [one.kind for one in survey(site)] == ["behind"]
    assert_mended(site, ann)


def test_more_recorded_than_done_is_found(site: Site, ann: str) -> None:
    head = site.store.profiles.head(ann)
    mark = Mark(site.store.life, head.revision + 1, 1)
    site.store.published.record(ann, MAIN, Reached("published", mark, 1))
    assert [one.kind for one in survey(site)] == ["ahead"]


def test_a_lost_manifest_is_made_anew(site: Site, ann: str) -> None:
    site.private.delete(keys.manifest(ann))
    assert "behind" in [one.kind for one in differences(site.tools, ann)]
    assert_mended(site, ann)


def test_a_manifest_that_can_not_be_read_is_made_anew_and_what_it_named_is_taken_down(
    site: Site, ann: str
) -> None:
    site.unpost(ann, "boats")
    site.private.put(keys.manifest(ann), b"{not json", Headers())
    assert [one.kind for one in differences(site.tools, ann)] == ["unreadable"]
    found = survey(site)
    assert mend(site, [one for one in found if one.kind != "orphan"]) == []
    # The post that the lost manifest named is an orphan now; the next look finds its owner.
    assert ("orphan", POST) in kinds(survey(site))
    assert mend(site, survey(site)) == []
    assert survey(site) == []
    assert site.status(POST)[0] == 410


# ── media ──


def child(site: Site, ann: str, bucket: Bucket) -> str:
    medium = site.medium(ann)
    (made,) = medium.renditions
    if bucket == "private":
        return keys.rendition(medium.id, made.recipe, made.attempt, made.files[0].name)
    return keys.media(medium.id, medium.publication, made.recipe, made.attempt, made.files[0].name)


@pytest.mark.parametrize("bucket", ["public", "private"])
def test_a_lost_file_comes_from_its_other_copy(site: Site, ann: str, bucket: Bucket) -> None:
    key = child(site, ann, bucket)
    objects = {"public": site.public, "private": site.private}[bucket]
    objects.delete(key)
    assert kinds(survey(site)) == [("missing", key)]
    assert_mended(site, ann)
    assert objects.get(key).body == PICTURE


def test_a_file_that_is_lost_twice_is_made_anew_from_its_original(site: Site, ann: str) -> None:
    for bucket in (site.public, site.private):
        bucket.delete(child(site, ann, "public" if bucket is site.public else "private"))
    assert mend(site, survey(site)) == []
    assert site.medium(ann).state == "uploaded"
    assert site.medium(ann).renditions == ()
    assert [one.media_id for one in site.store.media_work.pending(10) if one.media_id != ann] == [
        "medium1234"
    ]


def test_segments_are_published_saved_and_compared_though_the_store_names_only_their_number(
    site: Site, ann: str
) -> None:
    files = {"index.m3u8": b"#EXTM3U", "track0-00001.m4s": b"one", "track0-00002.m4s": b"two!"}
    playlist = RenditionFile(name="index.m3u8", type="application/vnd.apple.mpegurl", bytes=7)
    row = Segments(track="track0", count=2, bytes=7, timescale=90_000)
    rung = Rendition(recipe="rung-360", attempt="attempt1", files=(playlist,), segments=(row,))
    for name, body in files.items():
        site.private.put(keys.rendition("medium1234", rung.recipe, rung.attempt, name), body, Headers())
    site.change(
        ann,
        lambda old: old.model_copy(update={"media": tuple(one.with_rendition(rung) for one in old.media)}),
    )
    site.publish(ann)
    medium = site.medium(ann)
    shown = keys.media(medium.id, medium.publication, rung.recipe, rung.attempt, "")
    assert {key.removeprefix(shown): site.public.get(key).body for key in site.public.walk(shown)} == files
    assert site.public.get(shown + "track0-00001.m4s").headers.type == "video/iso.segment"
    assert survey(site) == []

    site.public.delete(shown + "track0-00002.m4s")
    assert kinds(survey(site)) == [("missing", shown + "track0-00002.m4s")]
    assert_mended(site, ann)
    site.public.delete(shown + "track0-00002.m4s")
    site.public.put(shown + "track0-00002.m4s", b"tw", Headers())
    assert kinds(survey(site)) == [("missing", shown)]
    assert_mended(site, ann)
    assert site.public.get(shown + "track0-00002.m4s").body == b"two!"


# ── orphans ──


def rise(site: Site, key: str, rank: Rank, bucket: Bucket = "public") -> None:
    objects = {"public": site.public, "private": site.private}[bucket]
    objects.put(key, stamp_html(f"<title>{key}</title>", rank), HTML)


def test_a_page_under_a_profiles_name_that_its_manifest_lost_is_taken_down(site: Site, ann: str) -> None:
    key = "ann/posts/forgotten/index.html"
    rise(site, key, Rank(1, 1, 1, 1))
    assert kinds(survey(site)) == [("orphan", key)]
    assert_mended(site, ann)
    assert site.status(key)[0] == 410


@pytest.mark.parametrize("rank", [Rank(1, 1, 7, 1), Rank(0, 0, 0, 0)])
def test_a_page_under_nobodys_name_is_taken_down(site: Site, ann: str, rank: Rank) -> None:
    rise(site, "nobody/index.html", rank)
    site.public.put("nobody/feed.json", b'{"not": "ours"}', Headers(type="application/json"))
    assert mend(site, survey(site)) == []
    assert site.status("nobody/index.html")[0] == site.status("nobody/feed.json")[0] == 404
    # Whoever takes the name gets it.
    nobody = site.sign_up("nobody")
    site.publish(nobody)
    assert site.status("nobody/index.html")[0] == 200


def test_files_that_nothing_names_are_deleted_and_no_others(site: Site, ann: str) -> None:
    strays = {
        "public": ["_media/unknown123/pub12345/still-attempt1/640.webp"],
        "private": [
            keys.original("unknown123"),
            keys.rendition("medium1234", "still", "attempt0", "640.webp"),
            keys.trial("left"),
        ],
    }
    for bucket, found in strays.items():
        for key in found:
            getattr(site, bucket).put(key, PICTURE, Headers())
    assert sorted(key for _, key in kinds(survey(site))) == sorted(
        one for some in strays.values() for one in some
    )
    assert_mended(site, ann)
    for bucket, found in strays.items():
        assert not set(found) & set(getattr(site, bucket).walk())


def test_the_original_of_a_deleted_profile_is_an_orphan_until_it_is_gone(site: Site, ann: str) -> None:
    site.delete(ann)
    site.publish(ann)
    site.private.put(keys.original("medium1234"), PICTURE, Headers())
    assert kinds(survey(site)) == [("orphan", keys.original("medium1234"))]


def test_what_is_young_may_still_be_named(site: Site, ann: str) -> None:
    site.private.put(keys.original("unknown123"), PICTURE, Headers())
    rise(site, "nobody/index.html", Rank(1, 1, 1, 1))
    assert survey(site, grace_s=60) == []


def test_no_more_is_deleted_than_the_limit(site: Site, ann: str) -> None:
    for number in range(5):
        site.private.put(keys.original(f"unknown{number}"), PICTURE, Headers())
    (first, *_) = told = mend(site, survey(site), deletes=3)
    assert len(told) == 2
    assert first
    assert "--deletes-max" in first
    assert len(survey(site)) == 2


def test_what_the_site_itself_has_is_no_orphan(site: Site, ann: str) -> None:
    publish_release(site.public, site.tools.release, site.urls, 1, 1)
    assert survey(site) == []


def test_a_profile_that_the_store_does_not_know_is_taken_down(site: Site, ann: str) -> None:
    """It was begun after the backup that was restored."""
    page, file = "lost/index.html", "_media/lostmedium/pub12345/still-attempt1/640.webp"
    rise(site, page, Rank(1, 1, 3, 1))
    site.public.put(file, PICTURE, Headers())
    manifest = Manifest(
        mark=Mark(1, 3, 1),
        entries={Place("public", page): Entry(Rank(1, 1, 3, 1), site.public.get(page).etag, claim=1)},
        folders={Place("public", file.rpartition("/")[0] + "/"): None},
    )
    site.private.put(keys.manifest("0123456789abcdef0123"), encode(manifest), Headers())
    assert mend(site, survey(site)) == []
    assert site.status(page)[0] == 404
    with pytest.raises(ObjectMissing):
        site.public.get(file)


def test_a_name_that_was_released_is_its_new_owners(site: Site, ann: str) -> None:
    site.rename(ann, "anna")
    site.publish(ann)
    bob = site.sign_up("bob")
    site.change(ann, lambda old: with_head(old, former_names=()))
    site.publish(ann)
    site.store.names.settle("ann", site.store.names.get("ann").number, "free")
    site.rename(bob, "ann")
    site.publish(bob)
    assert survey(site) == []
    rank = read_rank(site.public.get("ann/index.html").body)
    assert rank
    assert rank.claim > 1


def test_the_time_of_an_object_says_how_old_it_is(site: Site, ann: str) -> None:
    site.private.put(keys.original("unknown123"), PICTURE, Headers())
    (found,) = [one for one in site.private.survey() if one.key == keys.original("unknown123")]
    assert abs(found.modified_s - time.time()) < 60
