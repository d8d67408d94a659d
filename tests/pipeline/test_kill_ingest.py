"""kill -9 of an ingest at every store call, object call, sync and rename of an edit, a sign-up, a rename, an upload: what
was acknowledged is there, a worker hears of all that is, and what was cut short can be done again or is undone."""

from __future__ import annotations

import time

import pytest

from core import keys
from core.store.naming import REAP_AFTER_S
from ingest import accounts
from pipeline.tidy import fall_due
from tests.pipeline.graves import Grave, head_of
from tests.pipeline.little_site import Site, picture
from tests.pipeline.mortal import CHEAP, SIGN_UP

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
LATER_S = REAP_AFTER_S + 60


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


def test_a_post_sent_again_after_a_kill_is_there_once(grave: Grave, ann: str) -> None:
    for site in grave.deaths("post", profile=ann, title="Third"):
        assert_nothing_is_lost(site, ann)
        site = grave.go_on("post", profile=ann, title="Third")
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


def test_a_rename_that_is_killed_can_be_done_again(grave: Grave, ann: str) -> None:
    for site in grave.deaths("rename", profile=ann, name="anna"):
        assert_nothing_is_lost(site, ann)
        site = grave.go_on("rename", profile=ann, name="anna")
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


def test_a_deletion_that_is_killed_can_be_done_again(grave: Grave, ann: str) -> None:
    for site in grave.deaths("delete", profile=ann):
        assert_nothing_is_lost(site, ann)
        site = grave.go_on("delete", profile=ann)
        site.publish(ann)
        assert site.status("ann/index.html")[0] == 410


def make_due(site: Site) -> None:
    now = int(time.time()) + LATER_S
    for due in site.store.changes.due(now, 10):
        fall_due(site.tools, due, now)


def owned(site: Site) -> list[str]:
    """Names of the profiles that the account of the sign-up may edit."""
    account = accounts.log_in(
        site.store, CHEAP, accounts.LogIn(email=SIGN_UP.email, password=SIGN_UP.password)
    )
    heads = [site.store.profiles.head(one) for one in site.store.accounts.profiles_of(account.id)]
    return [head.name.username for head in heads if head and head.name]


@pytest.mark.parametrize("reaped", [False, True])
def test_a_sign_up_that_is_killed_can_be_done_again(grave: Grave, reaped: bool) -> None:
    grave.site()
    for site in grave.deaths("sign_up"):
        if reaped:
            make_due(site)
        site = grave.go_on("sign_up")
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
    others = SIGN_UP.model_copy(update={"email": "zoe@example.org"})
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
