"""Which files a profile has, in which order, with which rank, and that equal input gives equal bytes."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core import document as documents
from core import keys
from core.document import Document
from core.rank import Edition, Rank, read_rank
from generator.build import build, plan, render
from generator.release import Release, load_release
from generator.site_pages import tombstone
from generator.urls import Urls
from tests.generator.conftest import document, picture, post

ROOT = Path(__file__).parents[2]
LIFE, ROLLOUT, BARE = 4, 7, 5
EDITION = Edition(LIFE, ROLLOUT, BARE)


def files(one: Document, release: Release, urls: Urls) -> dict[str, bytes]:
    return {file.key: file.body for file in build(one, release, urls, EDITION)}


def ranks(one: Document, release: Release, urls: Urls) -> dict[str, Rank]:
    return {page.key: page.rank for page in plan(one, release, urls, EDITION)}


def test_files_come_in_publishing_order(ann: Document, release: Release, urls: Urls) -> None:
    assert [page.key for page in plan(ann, release, urls, EDITION)] == [
        "ann/posts/post-2/index.html",
        "ann/posts/post-1/index.html",
        "ann/posts/index.html",
        "ann/tags/boats/index.html",
        "ann/feed.xml",
        "ann/feed.json",
        "ann/icon.png",
        "_data/ann.json",
        "ann/index.html",
    ]


def test_every_file_carries_the_rank_that_was_planned_for_it(
    ann: Document, release: Release, urls: Urls
) -> None:
    for file in build(ann, release, urls, EDITION):
        assert read_rank(file.body) == file.rank
        assert file.headers.rank == str(file.rank)
        assert (file.headers.tags, file.headers.status) == (keys.tag("profile1"), 200)


def test_each_file_has_the_revision_of_what_it_shows(ann: Document, release: Release, urls: Urls) -> None:
    revisions = {key: rank.revision for key, rank in ranks(ann, release, urls).items()}
    assert revisions == {
        "ann/posts/post-2/index.html": 4,  # its media are newer than it is
        "ann/posts/post-1/index.html": 3,
        "ann/posts/index.html": 5,
        "ann/tags/boats/index.html": 5,
        "ann/feed.xml": 5,
        "ann/feed.json": 5,
        "ann/icon.png": 2,
        "_data/ann.json": 9,
        "ann/index.html": 9,
    }
    for key, rank in ranks(ann, release, urls).items():
        assert (rank.life, rank.claim) == (LIFE, 3)
        assert rank.rollout == (BARE if key in ("_data/ann.json", "ann/icon.png") else ROLLOUT), key


def test_a_new_frame_gives_every_page_a_new_rank(release: Release, urls: Urls) -> None:
    revisions = {rank.revision for rank in ranks(document(frame_revision=9), release, urls).values()}
    assert revisions == {9}


def test_another_posts_edit_moves_neither_rank_nor_bytes_of_a_post(
    ann: Document, release: Release, urls: Urls
) -> None:
    edited = document(
        posts=[post(2, title="Anew", revision=10), post(1)],
        revision=10,
        posts_revision=10,
        edited_at=1_760_000_000,
    )
    key = keys.post("ann", "post-1")
    assert ranks(edited, release, urls)[key] == ranks(ann, release, urls)[key]
    assert files(edited, release, urls)[key] == files(ann, release, urls)[key]


OUTSIDE_THE_FRAME: list[dict[str, Any]] = [
    {"tagline": "Paints cars"},
    {"bio": "Gone fishing."},
    {"cover": None},
    {"pronouns": "they"},
    {"place": "Porto"},
    {"tags": ["Cars"]},
    {"links": []},
    {"sections": []},
    {"domain": "ann.example.org"},
]


@pytest.mark.parametrize("change", OUTSIDE_THE_FRAME, ids=lambda change: next(iter(change)))
def test_what_the_frame_does_not_hold_shows_on_the_profile_page_alone(
    change: dict[str, Any], ann: Document, release: Release, urls: Urls
) -> None:
    """The store moves `frame_revision` for the frame only: other bytes under an equal rank would be a defect."""
    before = files(ann, release, urls)
    after = files(document(profile=change, revision=10, edited_at=1_760_000_000), release, urls)
    assert {key for key in before if before[key] != after[key]} == {"_data/ann.json", "ann/index.html"}


def test_a_change_of_roll_out_alone_changes_every_rank(ann: Document, release: Release, urls: Urls) -> None:
    later = {page.rank for page in plan(ann, release, urls, Edition(LIFE, ROLLOUT + 1, ROLLOUT + 1))}
    assert {rank.rollout for rank in later} == {ROLLOUT + 1}


def test_bare_files_are_the_same_whatever_the_templates_and_what_the_site_says_of_itself(
    ann: Document, release: Release, urls: Urls, tmp_path: Path
) -> None:
    """And whatever took their place: their roll-out doesn't tell one from the other."""
    shutil.copytree(ROOT / "templates", tmp_path / "templates")
    for template in (tmp_path / "templates").rglob("*.html"):
        template.write_text(template.read_text() + "<!-- new -->")
    site = release.site.model_copy(update={"name": "Another", "description": "Of it.", "language": "de"})
    other = load_release(site, tmp_path / "templates")
    assert other.fingerprint != release.fingerprint
    assert other.bare_fingerprint == release.bare_fingerprint
    before, after = files(ann, release, urls), files(ann, other, urls)
    same = {key for key in before if before[key] == after[key]}
    # (Feeds don't name the site, and hold no template; but they may one day.)
    assert {key for key in before if keys.is_bare(key)} == {"_data/ann.json", "ann/icon.png"}
    assert {key for key in before if keys.is_bare(key)} <= same
    for kind, location in ((404, None), (410, None), (301, "https://holdfast.example/bo")):
        for key in ("_data/ann.json", "ann/icon.png"):
            ours, theirs = (
                tombstone(kind, key, Rank(1, 1, 1, 1), one, urls, location) for one in (release, other)
            )
            assert ours == theirs
        page = [
            tombstone(kind, "ann/index.html", Rank(1, 1, 1, 1), one, urls, location).body
            for one in (release, other)
        ]
        assert page[0] != page[1]


@pytest.mark.parametrize("what", [{"url": "https://elsewhere.example"}, {"path": "/people"}])
def test_another_address_of_the_site_is_one_for_bare_files_too(
    what: dict[str, str], release: Release
) -> None:
    """A tombstone says where a profile has moved to."""
    other = load_release(release.site.model_copy(update=what))
    assert other.bare_fingerprint != release.bare_fingerprint


def test_two_processes_give_the_same_bytes(ann: Document, release: Release, urls: Urls) -> None:
    script = (
        "import hashlib\n"
        "from core.rank import Edition\n"
        "from core.settings import SiteSettings\n"
        "from generator.build import build\n"
        "from generator.release import load_release\n"
        "from generator.urls import Urls\n"
        "from tests.generator.conftest import document\n"
        "release = load_release(SiteSettings(name='Quay', url='https://quay.example'))\n"
        "whole = b''.join(f.body for f in build(document(), release, Urls('https://quay.example'), Edition(4, 7, 5)))\n"
        "print(release.fingerprint, hashlib.sha256(whole).hexdigest())\n"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    ]
    here = hashlib.sha256(b"".join(files(ann, release, urls).values())).hexdigest()
    assert outputs == [[release.fingerprint, here]] * 2


def test_what_an_edge_draws_from_the_data_document_equals_what_the_worker_drew(
    ann: Document, release: Release, urls: Urls
) -> None:
    published = files(ann, release, urls)
    read, _ = documents.read(published["_data/ann.json"])
    assert read == ann
    for key, body in published.items():
        drawn = render(key, read, release, urls, EDITION)
        assert drawn is not None and drawn.body == body, key
    assert render("ann/posts/never/index.html", read, release, urls, EDITION) is None


def test_nothing_is_drawn_before_it_is_asked_for(ann: Document, release: Release, urls: Urls) -> None:
    broken = ann.model_copy(update={"profile": ann.profile.model_copy(update={"theme": "nowhere"})})
    icon = next(page for page in plan(broken, release, urls, EDITION) if page.key == "ann/icon.png")
    with pytest.raises(KeyError):
        icon.render()


def test_a_new_profile_has_three_files(release: Release, urls: Urls) -> None:
    new = document(profile={"name": "Bo"}, posts=[], posts_revision=1)
    assert list(files(new, release, urls)) == ["ann/icon.png", "_data/ann.json", "ann/index.html"]


def test_feeds_outlive_the_last_post(release: Release, urls: Urls) -> None:
    left = files(document(posts=[], posts_revision=6), release, urls)
    assert {"ann/feed.xml", "ann/feed.json"} <= left.keys()
    assert "ann/posts/index.html" not in left


def test_the_archive_is_paginated_and_each_post_stands_on_one_page(release: Release, urls: Urls) -> None:
    posts = [post(1, id=f"post{n:04d}", slug=f"post-{n}", title=f"No {n}.") for n in range(45)]
    made = files(document(posts=posts), release, urls)
    archive = [made[keys.post_list("ann", number)].decode() for number in (1, 2, 3)]
    assert keys.post_list("ann", 4) not in made
    for n in range(45):
        assert sum(f">No {n}.<" in page for page in archive) == 1


def test_tags_of_one_spelling_share_a_page_and_tags_without_letters_have_none(
    release: Release, urls: Urls
) -> None:
    posts = [post(2, tags=["C++", "C", "!!!"]), post(1, tags=["c#", "Café au lait"])]
    made = files(document(posts=posts), release, urls)
    assert [key for key in made if "/tags/" in key] == [
        "ann/tags/c/index.html",
        "ann/tags/café-au-lait/index.html",
    ]
    page = made["ann/tags/c/index.html"].decode()
    assert page.count("Post 2</bdi>") == page.count("Post 1</bdi>") == 1
    assert 'href="/ann/tags/caf%C3%A9-au-lait"' in made["ann/posts/post-1/index.html"].decode()


def test_a_purge_names_the_path_as_the_edge_knows_it(ann: Document, release: Release) -> None:
    pages = plan(ann, release, Urls("https://quay.example", "/people"), EDITION)
    assert pages[-1].purge_path == "/ann"
    assert pages[0].purge_path == "/ann/posts/post-2"


def test_media_that_are_not_public_are_not_shown(release: Release, urls: Urls) -> None:
    hidden = picture("gallery1", publication="")
    made = files(document(media=[hidden]), release, urls)
    assert b"_media/" not in made["ann/index.html"]
