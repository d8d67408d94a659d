"""One revision after another: conflicts are tried again, lost replies settled, repeated requests answered once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from core.errors import Conflict, EditConflict, KeyReused, NotFound, OutcomeUnknown, Unavailable
from core.ids import new_id
from core.profile import GallerySection, Head, Post, Profile, Snapshot
from core.store import Batch
from core.store import revise as module
from core.store.revise import Asked, Revised, create, revise
from core.store.sqlite import SqliteStore
from tests.contracts.nouns import medium, post
from tests.core.test_document import MADE

ANN = "profileann"
Change = Callable[[Snapshot], Snapshot]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "store.db")
    create(opened, Head(id=ANN, profile=Profile(name="Ann"), edit=1), writer="sign-up", what="sign-up")
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.time, "sleep", lambda _: None)


def edit(store: SqliteStore, change: Change, writer: str = "", **named: Any) -> Revised:
    about = {"what": "edit", "by_creator": True} | named
    return revise(store, ANN, change, writer=writer or new_id(), **about)


def with_profile(**fields: Any) -> Change:
    """Changes these fields of the profile."""

    def change(old: Snapshot) -> Snapshot:
        profile = old.head.profile.model_copy(update=fields)
        return old.model_copy(update={"head": old.head.model_copy(update={"profile": profile})})

    return change


def with_head(**fields: Any) -> Change:
    return lambda old: old.model_copy(update={"head": old.head.model_copy(update=fields)})


def with_rows(**rows: Any) -> Change:
    return lambda old: old.model_copy(update=rows)


def now(store: SqliteStore) -> Snapshot:
    found = store.profiles.load(ANN)
    assert found is not None
    return found


# ── what a revision is ────────────────────────────────────────────────────────────────────────────


def test_a_revision_is_what_a_load_gives_has_a_hint_and_stands_in_the_history(store: SqliteStore) -> None:
    posts = (post(id="postbbbb"), post(id="postaaaa"))
    done = edit(store, with_rows(posts=posts), writer="me", what="posts added")
    assert done.snapshot == now(store)
    assert [one.id for one in done.snapshot.posts] == ["postaaaa", "postbbbb"]
    newest = store.profiles.history(ANN)[0]
    assert newest.at_ms == done.at_ms
    assert (newest.revision, newest.edit, newest.writer, newest.what) == (2, 2, "me", "posts added")
    assert [hint.change.revision for hint in store.changes.read(None, 10)] == [1, 2]


def test_the_hint_comes_first_so_a_crash_leaves_no_edit_without_one(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: Any) -> None:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(store.changes, "hint", away)
        with pytest.raises(Unavailable):
            edit(store, with_profile(bio="x"))
    assert now(store).head.revision == 1
    with monkeypatch.context() as patched:
        patched.setattr(store.profiles, "commit", away)
        with pytest.raises(Unavailable):
            edit(store, with_profile(bio="x"))
    assert [hint.change.revision for hint in store.changes.read(None, 10)] == [1, 2]


def test_nothing_to_do_is_no_revision(store: SqliteStore) -> None:
    edit(store, with_rows(posts=(post(id="postbbbb"), post(id="postaaaa"))))
    before = now(store)
    assert edit(store, lambda old: old).snapshot == before
    assert edit(store, with_profile(bio="")).snapshot == before
    assert edit(store, with_rows(posts=before.posts[::-1])).snapshot == before, "another order is no change"
    assert now(store) == before


def test_an_unknown_profile_is_not_found_and_an_id_is_used_once(store: SqliteStore) -> None:
    with pytest.raises(NotFound):
        revise(store, "unknown0", lambda old: old, writer="w", what="x", by_creator=True)
    with pytest.raises(Conflict):
        create(store, Head(id=ANN, profile=Profile(name="Other")), writer="other", what="sign-up")
    assert now(store).head.profile.name == "Ann"


# ── the counters ──────────────────────────────────────────────────────────────────────────────────


def counters(snapshot: Snapshot) -> tuple[int, int, int, int]:
    head = snapshot.head
    return head.revision, head.edit, head.frame_revision, head.posts_revision


def test_only_the_creator_moves_edit_and_everything_moves_revision(store: SqliteStore) -> None:
    first = edit(store, with_profile(bio="x")).snapshot
    assert counters(first)[:2] == (2, 2)
    second = edit(store, with_profile(bio="y"), by_creator=False).snapshot
    assert counters(second)[:2] == (3, 2)
    assert second.head.edited_at == first.head.edited_at
    tampered = edit(
        store, with_head(revision=99, edit=99, frame_revision=99, posts_revision=99, deleted=True)
    )
    assert counters(tampered.snapshot)[:2] == (4, 3)
    assert max(counters(tampered.snapshot)) == 4, "a change can't move counters by itself"


@pytest.mark.parametrize(
    "change",
    [
        with_profile(name="Anna"),
        with_profile(theme="dusk"),
        with_profile(language="de"),
        with_profile(visibility="unlisted"),
        with_profile(sensitive=True),
        with_head(deleted=True),
    ],
)
def test_what_every_page_shows_moves_the_frame(store: SqliteStore, change: Change) -> None:
    assert counters(edit(store, change).snapshot) == (2, 2, 2, 1)


@pytest.mark.parametrize(
    "change", [with_profile(bio="x"), with_profile(tagline="x"), with_rows(media=(medium(),))]
)
def test_what_only_the_profile_page_shows_moves_neither_frame_nor_posts(
    store: SqliteStore, change: Change
) -> None:
    assert counters(edit(store, change).snapshot) == (2, 2, 1, 1)


def test_the_picture_of_the_avatar_is_part_of_the_frame(store: SqliteStore) -> None:
    photo, other = medium(id="photo000"), medium(id="other000")
    edit(store, with_rows(media=(photo, other)))
    chosen = edit(store, with_profile(avatar="photo000")).snapshot
    assert counters(chosen) == (3, 3, 3, 1)
    made = [one.model_copy(update={"renditions": MADE}) for one in chosen.media]
    first = edit(
        store, with_rows(media=(chosen.media[0].model_copy(update={"alt": "x"}), made[1])), by_creator=False
    )
    assert counters(first.snapshot) == (4, 3, 4, 1)
    last = edit(store, with_rows(media=(made[0], first.snapshot.media[1])), by_creator=False).snapshot
    assert counters(last) == (5, 3, 4, 1), "the other one is no avatar"


def test_posts_that_readers_see_move_the_lists_and_drafts_do_not(store: SqliteStore) -> None:
    photo = medium(id="photo000")
    draft = post(id="post0000", media=("photo000",))
    assert counters(edit(store, with_rows(media=(photo,), posts=(draft,))).snapshot) == (2, 2, 1, 1)

    def state(to: str) -> Change:
        return lambda old: with_rows(posts=(old.posts[0].model_copy(update={"state": to}),))(old)

    assert counters(edit(store, state("published")).snapshot) == (3, 3, 1, 3)
    assert counters(edit(store, with_profile(bio="x")).snapshot) == (4, 4, 1, 3)
    made = photo.model_copy(update={"renditions": MADE})
    assert counters(edit(store, with_rows(media=(made,)), by_creator=False).snapshot) == (5, 4, 1, 5)
    assert counters(edit(store, state("draft")).snapshot) == (6, 5, 1, 6)
    assert counters(edit(store, with_rows(posts=())).snapshot) == (7, 6, 1, 6)


def test_a_row_that_changed_gets_the_new_numbers_and_others_keep_theirs(store: SqliteStore) -> None:
    edit(store, with_rows(posts=(post(id="post0001"), post(id="post0002")), media=(medium(id="photo000"),)))
    old = now(store)
    newer = old.posts[1].model_copy(update={"title": "Ships", "edit": 77, "revision": 77})
    after = edit(store, with_rows(posts=(old.posts[0], newer))).snapshot
    assert [(one.edit, one.revision) for one in after.posts] == [(2, 2), (3, 3)]
    assert after.media == old.media
    due = after.posts[0].model_copy(update={"state": "published"})
    later = edit(store, with_rows(posts=(due, after.posts[1])), by_creator=False).snapshot
    assert [(one.edit, one.revision) for one in later.posts] == [(2, 4), (3, 3)], (
        "the worker's act is no edit"
    )


def test_rows_that_are_left_out_are_gone(store: SqliteStore) -> None:
    edit(store, with_rows(posts=(post(id="post0001"),), media=(medium(id="photo000"),)))
    edit(store, with_rows(posts=(), media=()))
    assert (now(store).posts, now(store).media) == ((), ())


# ── publication ───────────────────────────────────────────────────────────────────────────────────


def token(store: SqliteStore) -> str:
    found = now(store).medium("photo000")
    assert found is not None
    return found.publication


def test_whatever_makes_a_medium_public_again_gives_it_new_keys(store: SqliteStore) -> None:
    """So that no key that is due for deletion is ever used again."""
    gallery = (GallerySection(kind="gallery", media=("photo000",)),)
    photo = medium(id="photo000", listed=False, renditions=MADE)
    edit(store, with_rows(media=(photo,)))
    hidden = token(store)
    assert hidden
    edit(store, with_profile(bio="x"))
    assert token(store) == hidden
    published = [hidden]
    back_and_forth = [
        (with_profile(sections=gallery), with_profile(sections=())),
        (with_profile(cover="photo000"), with_profile(cover=None)),
        (with_rows(posts=(post(media=("photo000",), state="published"),)), with_rows(posts=())),
    ]
    for show, hide in back_and_forth:
        edit(store, show)
        published.append(token(store))
        edit(store, with_profile(bio=new_id()))
        assert token(store) == published[-1], "while it is public it keeps its keys"
        edit(store, hide)
    edit(store, with_profile(sections=gallery))
    published.append(token(store))
    for hide, show in (
        (with_profile(visibility="private"), with_profile(visibility="unlisted")),
        (with_head(deleted=True), with_head(deleted=False)),
        (with_rows(media=(photo.model_copy(update={"renditions": ()}),)), with_rows(media=(photo,))),
    ):
        edit(store, hide)
        edit(store, show)
        published.append(token(store))
    assert len(set(published)) == len(published)


def test_a_new_publication_is_a_change_of_its_row(store: SqliteStore) -> None:
    edit(store, with_rows(media=(medium(id="photo000", renditions=MADE),)))
    edit(store, with_profile(visibility="private"))
    shown = edit(store, with_profile(visibility="public")).snapshot
    assert shown.media[0].revision == shown.head.revision
    assert now(store) == shown


# ── somebody else in between ──────────────────────────────────────────────────────────────────────


def before_the_first(store: SqliteStore, patched: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Lets `act` happen between the load and the batch of the next revision."""
    commit, acts = store.profiles.commit, [act]

    def sent(batch: Batch) -> bool:
        if acts:
            acts.pop()()
        return commit(batch)

    patched.setattr(store.profiles, "commit", sent)


def require_edit(wanted: int, change: Change) -> Change:
    """What the API does for If-Match."""

    def checked(old: Snapshot) -> Snapshot:
        if old.head.edit != wanted:
            raise EditConflict(old.head.edit)
        return change(old)

    return checked


def test_a_rendition_in_between_costs_the_creator_nothing(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(store, with_rows(media=(medium(id="photo000"),)))
    made = now(store).media[0].model_copy(update={"renditions": MADE})
    before_the_first(store, monkeypatch, lambda: edit(store, with_rows(media=(made,)), by_creator=False))
    done = edit(store, require_edit(2, with_profile(bio="x"))).snapshot
    assert (done.head.revision, done.head.edit, done.head.profile.bio) == (4, 3, "x")
    assert done.media[0].renditions == MADE
    assert done == now(store)


def test_another_edit_in_between_is_a_conflict_for_who_asked(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_the_first(store, monkeypatch, lambda: edit(store, with_profile(bio="first")))
    with pytest.raises(EditConflict) as caught:
        edit(store, require_edit(1, with_profile(bio="second")))
    assert caught.value.edit == 2
    assert now(store).head.profile.bio == "first"


def test_no_edit_is_lost_among_many_at_once(store: SqliteStore) -> None:
    def add(number: int) -> None:
        tag = f"tag{number}"
        edit(store, lambda old: with_profile(tags=(*old.head.profile.tags, tag))(old), deadline_s=60.0)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add, range(24)))
    assert sorted(now(store).head.profile.tags) == sorted(f"tag{number}" for number in range(24))
    assert counters(now(store))[:2] == (25, 25)


# ── replies lost ──────────────────────────────────────────────────────────────────────────────────


class BadLine:
    """The store's commit with a bad line: each outcome of the list for one batch, `then` for all others; else as it should
    be."""

    def __init__(
        self, store: SqliteStore, patched: pytest.MonkeyPatch, *outcomes: str, then: str = ""
    ) -> None:
        self.commit, self.outcomes, self.sent = store.profiles.commit, list(outcomes), list[Batch]()
        self.then = then
        patched.setattr(store.profiles, "commit", self)

    def __call__(self, batch: Batch) -> bool:
        self.sent.append(batch)
        match self.outcomes.pop(0) if self.outcomes else self.then:
            case "applied":
                self.commit(batch)
                raise OutcomeUnknown
            case "lost":
                raise OutcomeUnknown
            case "late":
                timer = threading.Timer(0.05, self.commit, [batch])
                timer.start()
                raise OutcomeUnknown
            case "away":
                raise Unavailable
        return self.commit(batch)


@pytest.mark.parametrize(
    "outcomes",
    [
        ["applied"],
        ["lost"],
        ["lost", "applied"],
        ["late"],
        ["lost", "late"],
        ["applied", "away"],
        ["lost", "away"],
    ],
    ids=" then ".join,
)
def test_a_lost_reply_is_settled_by_whose_revision_it_became(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, outcomes: list[str]
) -> None:
    line = BadLine(store, monkeypatch, *outcomes)
    done = edit(store, lambda old: with_profile(bio=old.head.profile.bio + "x")(old), writer="me").snapshot
    assert (done.head.revision, done.head.profile.bio) == (2, "x"), "once, not twice"
    assert done == now(store)
    assert store.profiles.writer_of(ANN, 2) == "me"
    assert all(batch == line.sent[0] for batch in line.sent), "the same batch again, nothing else is safe"


def test_a_lost_reply_of_a_batch_that_lost_its_race_is_tried_on_fresh_rows(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_the_first(store, monkeypatch, lambda: edit(store, with_profile(tagline="theirs")))
    line = BadLine(store, monkeypatch, "applied")
    done = edit(store, with_profile(bio="mine")).snapshot
    assert (done.head.profile.tagline, done.head.profile.bio, done.head.revision) == ("theirs", "mine", 3)
    assert [batch.head.revision for batch in line.sent] == [2, 2, 3]


def test_what_is_never_settled_in_time_is_unknown_not_refused(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    BadLine(store, monkeypatch, then="lost")
    with pytest.raises(OutcomeUnknown):
        edit(store, with_profile(bio="x"), deadline_s=0.05)


def test_what_may_have_been_applied_is_unknown_though_the_store_went_away(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ "Unavailable" would say that nothing was written."""
    line = BadLine(store, monkeypatch, "applied", then="away")

    def away(*_: object) -> str | None:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(store.profiles, "writer_of", away)
        with pytest.raises(OutcomeUnknown):
            edit(store, with_profile(bio="x"), deadline_s=0.05)
    assert len(line.sent) > 1
    assert now(store).head.profile.bio == "x"


def test_what_never_got_through_is_unavailable(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    BadLine(store, monkeypatch, "away")
    with pytest.raises(Unavailable) as caught:
        edit(store, with_profile(bio="x"))
    assert not isinstance(caught.value, OutcomeUnknown)
    with pytest.raises(Unavailable) as caught:
        edit(store, with_profile(bio="x"), deadline_s=-1.0)
    assert not isinstance(caught.value, OutcomeUnknown), "time ran out before anything was sent"


# ── the same request again ────────────────────────────────────────────────────────────────────────


def add_post(store: SqliteStore, key: str, title: str, **named: Any) -> Revised:
    post_id = new_id()
    added = Post(id=post_id, slug="boats", title=title, date="2026-03-14")
    return edit(
        store,
        lambda old: with_rows(posts=(*old.posts, added))(old),
        asked=Asked(key, f"digest of {title}"),
        body=lambda _: post_id,
        **named,
    )


def test_a_repeated_request_is_answered_as_the_first_and_done_once(store: SqliteStore) -> None:
    first = add_post(store, "key", "Boats")
    edit(store, with_profile(bio="in between"))
    again = add_post(store, "key", "Boats")
    assert first.answer is None
    assert again.answer is not None
    assert (again.answer.body, again.answer.revision, again.answer.edit) == (first.snapshot.posts[0].id, 2, 2)
    assert again.snapshot == now(store)
    assert len(now(store).posts) == 1
    assert len(add_post(store, "another key", "Boats").snapshot.posts) == 2


def test_a_key_that_comes_again_with_another_request_is_refused(store: SqliteStore) -> None:
    add_post(store, "key", "Boats")
    with pytest.raises(KeyReused):
        add_post(store, "key", "Ships")
    assert len(now(store).posts) == 1


def test_a_request_that_comes_twice_at_once_is_done_once(store: SqliteStore) -> None:
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda _: add_post(store, "key", "Boats", deadline_s=60.0), range(6)))
    (written,) = now(store).posts
    assert sum(one.answer is None for one in done) == 1
    assert {one.answer.body for one in done if one.answer} == {written.id}
    assert all(written in one.snapshot.posts for one in done), "none is answered with rows from before"


def test_a_request_repeated_between_load_and_batch_gets_rows_that_hold_it(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = store.profiles.answer

    def slow(*arguments: Any) -> Any:
        monkeypatch.setattr(store.profiles, "answer", answer)
        add_post(store, "key", "Boats")
        return answer(*arguments)

    monkeypatch.setattr(store.profiles, "answer", slow)
    done = add_post(store, "key", "Boats")
    assert done.answer is not None
    assert [one.id for one in done.snapshot.posts] == [done.answer.body]


def test_an_answer_outlives_an_unknown_outcome(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 "unknown" is settled later by the same key."""
    with monkeypatch.context() as patched:
        BadLine(store, patched, "applied", then="lost")
        patched.setattr(store.profiles, "writer_of", lambda *_: None)
        with pytest.raises(OutcomeUnknown):
            add_post(store, "key", "Boats", deadline_s=0.05)
    again = add_post(store, "key", "Boats")
    assert again.answer is not None
    assert [one.id for one in again.snapshot.posts] == [again.answer.body]
