"""Races for the same keys on real servers, by threads and by processes: no rank ever falls, and the highest one wins."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from core import keys
from core.errors import Stale, Unavailable
from core.objects import Headers
from core.objects.s3 import S3Objects
from core.profile import Snapshot
from core.rank import Edition, Mark, Rank, stamp_html
from pipeline.fence import Known, put_ranked
from pipeline.job import publish_profile
from pipeline.publish import publish, read_manifest
from pipeline.target import Target, target
from pipeline.verify import differences
from tests.gateway import Gateway, leave_region
from tests.pipeline.little_site import Site
from tests.s3.crowd import BucketPlace, Crowd, SitePlace, processes, threads
from tests.s3.watch import Watch

T = TypeVar("T")
PLAIN = Headers(type="text/html; charset=utf-8")
TRIES = 50


@pytest.fixture(params=[threads, processes], ids=["threads", "processes"])
def crowd(request: pytest.FixtureRequest) -> Crowd:
    made: Crowd = request.param
    return made


@pytest.fixture
def place(gateway: Gateway, tmp_path: Path) -> Path:
    """A folder that names two new buckets."""
    leave_region(tmp_path, gateway.region())
    return tmp_path


@pytest.fixture
def site(place: Path) -> Iterator[Site]:
    made = SitePlace("s3", place).open()
    yield made
    made.store.close()


def jostled(them: Sequence[T], dice: random.Random, elbows: int) -> list[T]:
    """Roughly in their order, so that the whole crowd is at the same ones at once; and a few old ones at the end."""
    ahead = {number: number + dice.uniform(0, elbows) for number in range(len(them))}
    return [*(them[number] for number in sorted(ahead, key=ahead.__getitem__)), *dice.sample(them, 4)]


# ── single keys ──

KEYS = ("ann/index.html", "ann/posts/boats/index.html", "bea/index.html")
RANKS = [
    Rank(1, claim, revision, rollout) for claim in (1, 2) for revision in range(1, 13) for rollout in (1, 2)
]


def page(key: str, rank: Rank) -> bytes:
    return stamp_html(f"<title>{key} at {rank}</title>" * (1 + rank.revision % 7), rank)


def put_them_all(bucket: S3Objects, number: int) -> int:
    """Puts every rank to every key, knowing only what it last saw there itself; how often it wrote."""
    dice, known, wrote = random.Random(number), dict.fromkeys(KEYS, Known()), 0
    for rank in jostled(RANKS, dice, 12):
        for key in dice.sample(KEYS, len(KEYS)):
            for _ in range(TRIES):
                try:
                    written = put_ranked(bucket, key, rank, partial(page, key, rank), PLAIN, known[key])
                except Stale:
                    break
                except Unavailable:
                    continue
                known[key] = Known(written.rank, written.etag)
                wrote += written.ours
                break
            else:
                raise AssertionError(f"{rank} was never put to {key}")
    return wrote


def test_many_put_pages_of_different_ranks_and_none_ever_falls(place: Path, crowd: Crowd) -> None:
    shared = BucketPlace("s3", place)
    with Watch(shared.open(), KEYS, lambda key, rank, body: body == page(key, rank)) as watch:
        wrote = crowd(put_them_all, shared)
    assert watch.falls == []
    for key, ranks in watch.seen.items():
        assert len(ranks) > 3, "else nobody looked"
        stored = watch.bucket.get(key)
        assert stored
        assert stored.body == page(key, RANKS[-1])
    assert sum(times > 0 for times in wrote) > 1, "else it was no race"


# ── a whole profile ──


def history(site: Site) -> list[Snapshot]:
    """Each revision of a profile to which everything happens."""
    ann = site.sign_up("ann")
    snapshots = [
        site.edit(ann, bio="Number 0."),
        site.post(ann, "boats"),
        site.post(ann, "varnish"),
        site.edit(ann, bio="Number 1."),
        site.unpost(ann, "boats"),
        site.edit(ann, visibility="private"),
        site.edit(ann, visibility="public"),
        site.rename(ann, "anna"),
        site.post(ann, "boats"),
        site.edit(ann, bio="Number 2."),
        site.rename(ann, "ann"),
        site.unpost(ann, "varnish"),
        site.edit(ann, bio="Number 3."),
    ]
    assert len({one.head.revision for one in snapshots}) == len(snapshots)
    return snapshots


def publish_them_all(snapshots: list[Snapshot], site: Site, number: int) -> None:
    """The earlier ones in roll-out 1, the later ones in 2, those in between in both."""
    quarter, dice = len(snapshots) // 4, random.Random(number)
    drawn = [(one, 1) for one in snapshots[: 3 * quarter]] + [(one, 2) for one in snapshots[quarter:]]
    drawn.sort(key=lambda one: one[0].head.revision)
    for snapshot, rollout in jostled(drawn, dice, 3):
        wanted = target(snapshot, site.tools.release, site.urls, Edition(site.store.life, rollout, rollout))
        assert wanted
        publish_at_last(site, wanted)


def publish_at_last(site: Site, wanted: Target) -> None:
    for _ in range(TRIES):
        try:
            publish(site.tools.buckets, wanted, lambda _: None)
            return
        except Stale:
            return
        except Unavailable:
            continue
    raise AssertionError(f"{wanted.mark} was never published")


NAMES = ("ann", "anna")
PAGES = [
    *(make(name) for name in NAMES for make in (keys.page, keys.data, keys.atom)),
    *(keys.post(name, slug) for name in NAMES for slug in ("boats", "varnish")),
]


def test_many_publish_different_revisions_of_a_profile_and_no_page_ever_falls(
    site: Site, crowd: Crowd
) -> None:
    snapshots = history(site)
    ann, newest = snapshots[-1].head.id, snapshots[-1].head.revision
    site.store.rollouts.promote(
        site.tools.release.fingerprint, site.tools.release.bare_fingerprint, anew=True
    )
    with Watch(site.public, PAGES) as watch:
        crowd(partial(publish_them_all, snapshots), SitePlace("s3", site.folder))
    assert watch.falls == []
    assert len(watch.seen[keys.page("ann")]) > 3, "else nobody looked"
    assert read_manifest(site.private, ann)[0].mark == Mark(1, newest, 2)
    shows_the_newest(site, ann)


def shows_the_newest(site: Site, ann: str) -> None:
    """As if nobody else had ever been there."""
    assert site.publish(ann) == set(), "nothing was left to do"
    assert differences(site.tools, ann) == []
    snapshot, rollout = site.store.profiles.load(ann), site.store.rollouts.current()
    wanted = target(snapshot, site.tools.release, site.urls, rollout.edition(site.store.life))
    assert wanted
    assert site.shown() == {page.key for page in wanted.pages}
    assert all(site.public.get(page.key).body == page.render() for page in wanted.pages)


EDITS, MOST_EDITS = 30, 600


def edit_or_publish(ann: str, site: Site, number: int) -> None:
    """One is the creator; the others are workers, who publish whatever is newest.

    The creator edits until two of them have written pages, since on a busy machine one may be alone for a while.
    """
    over = site.folder / "over"
    if number == 0:
        try:
            for turn in range(MOST_EDITS):
                site.edit(ann, bio=f"Number {turn}.", visibility="private" if turn % 6 == 4 else "public")
                time.sleep(0.03)
                if turn >= EDITS and len(writers(site)) > 1:
                    break
            site.edit(ann, bio="The last.", visibility="public")
        finally:
            over.touch()
    while True:
        last = over.exists()  # then every edit is there, and this turn sees them all
        with suppress(Unavailable, Stale):
            if publish_profile(site.tools, ann).wrote:
                (site.folder / f"writer-{number}").touch()
            if last:
                return


def writers(site: Site) -> list[Path]:
    return list(site.folder.glob("writer-*"))


def test_many_workers_publish_what_a_creator_edits_and_no_page_ever_falls(site: Site, crowd: Crowd) -> None:
    ann = site.sign_up("ann")
    site.post(ann, "boats")
    site.publish(ann)
    with Watch(site.public, PAGES) as watch:
        crowd(partial(edit_or_publish, ann), SitePlace("s3", site.folder))
    assert watch.falls == []
    assert len(watch.seen[keys.page("ann")]) > 3, "else nobody looked"
    assert len(writers(site)) > 1, "else it was no race"
    assert "The last." in site.text(keys.page("ann"))
    shows_the_newest(site, ann)
