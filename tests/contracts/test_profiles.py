"""Profiles: a partition each, whose rows change together or not at all."""

from __future__ import annotations

import threading
from itertools import chain
from typing import Any

from core.ids import new_id
from core.profile import GallerySection, Profile
from core.store import HISTORY_MAX, Answer, History, Profiles, Store
from core.store.everyone import everyone
from tests.contracts.backends import StorePlace, in_processes
from tests.contracts.conftest import Together
from tests.contracts.nouns import NAMED, batch, head, medium, post


def test_a_profile_that_nobody_wrote_is_unknown(store: Store) -> None:
    assert store.profiles.load("unknown0") is None
    assert store.profiles.head("unknown0") is None
    assert store.profiles.writer_of("unknown0", 1) is None
    assert store.profiles.history("unknown0") == []
    assert store.profiles.answer("unknown0", "key", 0) is None
    assert list(everyone(store.profiles)) == []


def test_a_batch_is_loaded_as_it_was_written_posts_and_media_by_id(store: Store) -> None:
    ann = new_id()
    posts = [post(id=f"post{n}0000") for n in (3, 1, 2)]
    media = [medium(id=f"media{n}000", alt=f"Boat {n}") for n in (2, 1)]
    profile = Profile(
        name="Ann", bio="Paints ⛵", sections=(GallerySection(kind="gallery", media=("media1000",)),)
    )
    first = head(ann, 1, name=NAMED, edit=1).model_copy(update={"profile": profile})
    wanted = batch(ann).model_copy(update={"head": first, "posts": tuple(posts), "media": tuple(media)})
    assert store.profiles.commit(wanted)
    found = store.profiles.load(ann)
    assert found is not None
    assert found.head == first
    assert list(found.posts) == sorted(posts, key=lambda one: one.id)
    assert list(found.media) == sorted(media, key=lambda one: one.id)
    assert store.profiles.head(ann) == first


def test_a_batch_applies_only_on_the_revision_before_it(store: Store) -> None:
    ann = new_id()
    assert not store.profiles.commit(batch(ann, 2)), "there is no first revision"
    assert store.profiles.head(ann) is None
    assert store.profiles.commit(batch(ann, 1))
    assert not store.profiles.commit(batch(ann, 1)), "that revision is another's"
    assert store.profiles.commit(batch(ann, 2))
    refused = batch(
        ann, 2, posts=(post(),), media=(medium(),), answer=Answer(key="k", request="r", revision=2, edit=2)
    )
    assert not store.profiles.commit(refused)
    assert not store.profiles.commit(batch(ann, 4)), "it skips one"
    found = store.profiles.load(ann)
    assert found is not None
    assert (found.head.revision, found.posts, found.media) == (2, (), ()), "a refused batch leaves nothing"
    assert [one.revision for one in store.profiles.history(ann)] == [2, 1]
    assert store.profiles.answer(ann, "k", 0) is None


def test_rows_are_written_replaced_and_removed_and_others_stay(store: Store) -> None:
    ann, boats, sea, photo = new_id(), post(id="boats000"), post(id="sea00000"), medium(id="photo000")
    store.profiles.commit(batch(ann, 1, posts=(boats, sea), media=(photo,)))
    newer = boats.model_copy(update={"title": "Ships"})
    store.profiles.commit(batch(ann, 2, posts=(newer,), gone=(photo.id,)))
    found = store.profiles.load(ann)
    assert found is not None
    assert (found.posts, found.media) == ((newer, sea), ())
    store.profiles.commit(batch(ann, 3, gone=(boats.id, "unknown0")))
    found = store.profiles.load(ann)
    assert found is not None
    assert found.posts == (sea,)


def test_profiles_do_not_share_rows(store: Store) -> None:
    ann, bob, boats = new_id(), new_id(), post()
    store.profiles.commit(
        batch(ann, 1, posts=(boats,), answer=Answer(key="k", request="r", revision=1, edit=1))
    )
    store.profiles.commit(batch(bob, 1, posts=(boats,)))
    store.profiles.commit(batch(bob, 2, gone=(boats.id,)))
    found = store.profiles.load(ann)
    assert found is not None
    assert found.posts == (boats,)
    assert store.profiles.answer(bob, "k", 0) is None


def test_the_history_tells_whose_revision_it_was_what_about_and_when(store: Store) -> None:
    ann = new_id()
    first, second = batch(ann, 1, what="sign-up"), batch(ann, 2, what="bio")
    for one in (first, second):
        store.profiles.commit(one)
    assert store.profiles.writer_of(ann, 1) == first.writer
    assert store.profiles.writer_of(ann, 2) == second.writer
    assert store.profiles.writer_of(ann, 3) is None
    newest, oldest = store.profiles.history(ann)
    assert newest == (2, 2, second.writer, "bio", second.at_ms)
    assert oldest == (1, 1, first.writer, "sign-up", first.at_ms)


def test_the_newest_revisions_are_kept_in_the_history(store: Store) -> None:
    ann, extra = new_id(), 3
    for revision in range(1, HISTORY_MAX + extra + 1):
        assert store.profiles.commit(batch(ann, revision))
    revisions = [one.revision for one in store.profiles.history(ann)]
    assert revisions == list(range(HISTORY_MAX + extra, extra, -1))
    assert store.profiles.writer_of(ann, extra) is None
    assert store.profiles.writer_of(ann, extra + 1) is not None


def test_a_batch_that_restores_begins_a_profile_at_any_revision(store: Store) -> None:
    earlier = tuple(
        History(number, number, f"writer {number}", "before", 1000 + number) for number in (6, 5, 3)
    )
    rows = {"posts": (post(), post()), "media": (medium(),)}
    restored = batch("profile1", 7, restores=True, history=earlier, **rows)
    assert store.profiles.commit(restored)
    found = store.profiles.load("profile1")
    assert found.head == restored.head
    assert {one.id for one in (*found.posts, *found.media)} == {
        one.id for one in (*restored.posts, *restored.media)
    }
    assert [one.revision for one in store.profiles.history("profile1")] == [7, 6, 5, 3]
    assert store.profiles.history("profile1")[1:] == list(earlier)
    assert store.profiles.writer_of("profile1", 5) == "writer 5"
    assert [one.revision for one in everyone(store.profiles)] == [7]
    assert store.profiles.commit(batch("profile1", 8)), "and it goes on"


def test_a_batch_that_restores_never_replaces_a_profile(store: Store) -> None:
    assert store.profiles.commit(batch("profile1", 1))
    for revision in (1, 2, 9):
        assert not store.profiles.commit(batch("profile1", revision, restores=True))
    assert store.profiles.head("profile1").revision == 1


def test_an_answer_is_kept_until_it_expires(store: Store) -> None:
    ann = new_id()
    given = Answer(key="k", request="digest", revision=1, edit=1, body="post-id", expires_at=2000)
    store.profiles.commit(batch(ann, 1, answer=given))
    assert store.profiles.answer(ann, "k", 1999) == given
    assert store.profiles.answer(ann, "k", 2000) is None
    assert store.profiles.answer(ann, "other", 0) is None
    later = Answer(key="k2", request="digest", revision=2, edit=2, expires_at=9000)
    store.profiles.commit(batch(ann, 2, at_ms=5_000_000, answer=later))
    assert store.profiles.answer(ann, "k2", 5000) == later


# ── walks ─────────────────────────────────────────────────────────────────────────────────────────


def sign_up_many(store: Store, count: int) -> set[str]:
    everybody = {new_id() for _ in range(count)}
    for number, one in enumerate(everybody):
        store.profiles.commit(batch(one).model_copy(update={"head": head(one, deleted=number % 3 == 0)}))
    return everybody


def test_a_walk_meets_every_profile_once_in_one_of_the_parts_deleted_ones_too(store: Store) -> None:
    everybody = sign_up_many(store, 60)
    found = [one.profile_id for part in range(store.profiles.parts) for one in store.profiles.walk(part)]
    assert len(found) == len(everybody)
    assert set(found) == everybody


def test_a_walk_tells_the_revision_of_each_profile_as_it_is_now(store: Store) -> None:
    everybody = sorted(sign_up_many(store, 9))
    wanted = {}
    for number, one in enumerate(everybody):
        wanted[one] = 1 + number % 3
        for revision in range(2, wanted[one] + 1):
            store.profiles.commit(batch(one, revision))
    assert {one.profile_id: one.revision for one in everyone(store.profiles)} == wanted


def test_a_walk_goes_on_behind_any_place(store_place: StorePlace) -> None:
    store = store_place.open()
    sign_up_many(store, 40)
    for part in range(store.profiles.parts):
        whole = list(store.profiles.walk(part))
        assert whole == list(store.profiles.walk(part)), "in the same order"
        for number, met in enumerate(whole, 1):
            assert list(store.profiles.walk(part, met.place)) == whole[number:]
    store_place.close()
    again = store_place.open()
    rest = [list(again.profiles.walk(part)) for part in range(again.profiles.parts)]
    fullest = max(range(again.profiles.parts), key=lambda part: len(rest[part]))
    middle = rest[fullest][len(rest[fullest]) // 2]
    found = list(again.profiles.walk(fullest, middle.place))
    assert found == rest[fullest][len(rest[fullest]) // 2 + 1 :], "a place means the same to another client"


def test_a_walk_that_was_begun_meets_who_signs_up_behind_it(store: Store) -> None:
    """And nobody twice: it is no picture of one moment, but it misses nobody who was there all the time."""
    before = sign_up_many(store, 30)
    walking = everyone(store.profiles)
    met = [next(walking).profile_id]
    after = sign_up_many(store, 10)
    met += [one.profile_id for one in walking]
    assert before <= set(met) <= before | after
    assert len(met) == len(set(met))


def test_what_was_written_is_there_for_a_client_that_comes_later(store_place: StorePlace) -> None:
    ann, boats = new_id(), post()
    assert store_place.open().profiles.commit(batch(ann, 1, posts=(boats,)))
    store_place.close()
    found = store_place.open().profiles.load(ann)
    assert found is not None
    assert found.posts == (boats,)


# ── races ─────────────────────────────────────────────────────────────────────────────────────────


def test_of_eight_writers_of_one_revision_exactly_one_wins(store: Store, together: Together) -> None:
    ann = new_id()
    for revision in range(1, 6):
        batches = [batch(ann, revision) for _ in range(8)]
        won = together(8, lambda number, batches=batches: store.profiles.commit(batches[number]))
        assert won.count(True) == 1
        assert store.profiles.writer_of(ann, revision) == batches[won.index(True)].writer


def count_up(profiles: Profiles, profile_id: str, times: int) -> list[str]:
    """Writes one revision after another on whatever is there; returns the writers that got through."""
    written: list[str] = []
    while len(written) < times:
        now = profiles.head(profile_id)
        mine = batch(profile_id, now.revision + 1 if now else 1)
        if profiles.commit(mine):
            written.append(mine.writer)
    return written


def test_no_revision_is_lost_when_threads_count_up(store: Store, together: Together) -> None:
    ann = new_id()
    written = together(4, lambda _: count_up(store.profiles, ann, 10))
    history = store.profiles.history(ann)
    assert [one.revision for one in history] == list(range(40, 0, -1))
    assert sorted(one.writer for one in history) == sorted(chain(*written))


def _count_in_process(store: Any, number: int) -> list[str]:
    return count_up(store.profiles, "shared00", 15)


def test_no_revision_is_lost_when_processes_count_up(store_place: StorePlace) -> None:
    written = in_processes(_count_in_process, store_place)
    history = store_place.open().profiles.history("shared00")
    assert [one.revision for one in history] == list(range(30, 0, -1))
    assert sorted(one.writer for one in history) == sorted(chain(*written))


def test_a_load_never_mixes_two_revisions(store: Store) -> None:
    """Each revision writes its number into head, post and medium; a load that shows two of them is torn."""
    ann, boats, photo = new_id(), post(), medium()
    stop = threading.Event()

    def rows(revision: int) -> dict[str, Any]:
        return {
            "posts": (boats.model_copy(update={"revision": revision}),),
            "media": (photo.model_copy(update={"revision": revision}),),
        }

    def write() -> None:
        try:
            for revision in range(2, 80):
                store.profiles.commit(batch(ann, revision, **rows(revision)))
        finally:
            stop.set()

    store.profiles.commit(batch(ann, 1, **rows(1)))
    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not stop.is_set():
        found = store.profiles.load(ann)
        assert found is not None
        assert {found.head.revision, found.posts[0].revision, found.media[0].revision} == {
            found.head.revision
        }
        seen.add(found.head.revision)
    writer.join()
    assert len(seen) > 1
