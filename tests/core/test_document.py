"""The data document: what readers may see and nothing else, the same after a round trip, and parsed with suspicion."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import document
from core.errors import BadInput
from core.media import Media, Rendition, RenditionFile
from core.profile import GallerySection, Head, HeldName, Link, Post, Profile, Snapshot, TextSection
from core.rank import Rank, read_rank, stamp_html, stamp_json

MADE = (
    Rendition(
        recipe="still",
        attempt="attempt1",
        files=(RenditionFile(name="640.webp", type="image/webp", bytes=9),),
    ),
)


def medium(media_id: str, **fields: Any) -> Media:
    return Media.model_validate({"id": media_id, "kind": "image", "renditions": MADE} | fields)


def post(post_id: str, **fields: Any) -> Post:
    about = {"id": post_id, "slug": post_id, "title": "Boats", "date": "2026-03-14", "state": "published"}
    return Post.model_validate(about | fields)


def snapshot(profile: Profile | None = None, posts: Any = (), media: Any = ()) -> Snapshot:
    head = Head(
        id="profile1",
        profile=profile or Profile(name="Ann"),
        name=HeldName(username="ann", claim=3),
        former_names=(HeldName(username="anna", claim=1),),
        edit=4,
        revision=7,
        frame_revision=2,
        posts_revision=5,
        created_at=1000,
        edited_at=2000,
    )
    return Snapshot(head=head, posts=tuple(posts), media=tuple(media))


names = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=20)
profiles = st.builds(
    Profile,
    name=names,
    tagline=names,
    bio=names.map(lambda text: f"# {text}\n\n</script><!--{text}-->"),
    tags=st.lists(names, max_size=4, unique_by=str.casefold).map(tuple),
    links=st.lists(st.builds(Link, label=names, url=st.just("https://example.org/?a=b&c")), max_size=3).map(
        tuple
    ),
    sections=st.lists(
        st.builds(TextSection, kind=st.just("text"), title=names)
        | st.builds(GallerySection, kind=st.just("gallery"), media=st.just(("photo001",))),
        max_size=3,
    ).map(tuple),
    sensitive=st.booleans(),
    theme=st.sampled_from(["plain", "dusk"]),
    visibility=st.sampled_from(["public", "unlisted", "private"]),
)


@given(profiles, st.integers(1, 9), st.integers(1, 9))
def test_a_document_is_the_same_after_a_round_trip_and_carries_its_rank(
    profile: Profile, life: int, rollout: int
) -> None:
    shown = document.document(snapshot(profile, [post("post0001")], [medium("photo001", alt="A boat")]))
    body = document.write(shown, life, rollout)
    assert document.read(body) == (shown, Rank(life, 3, 7, rollout))
    assert read_rank(body) == Rank(life, 3, 7, rollout)
    assert document.write(*_again(body)) == body, "byte for byte"


def _again(body: bytes) -> tuple[document.Document, int, int]:
    shown, rank = document.read(body)
    return shown, rank.life, rank.rollout


def test_nothing_private_gets_into_a_document() -> None:
    whole = snapshot(
        Profile(name="Ann", sections=(GallerySection(kind="gallery", media=("unmade00", "made0000")),)),
        posts=[
            post("post0001", title="Shown", media=("ofpost00",)),
            post("post0002", title="Secret draft", state="draft", media=("ofdraft0",)),
            post("post0003", title="Secret plan", state="scheduled", publish_at=9000),
        ],
        media=[
            medium(
                "made0000", filename="secret-name.jpg", original_type="image/heic", original_bytes=123_456
            ),
            medium("unmade00", renditions=(), filename="secret-name.jpg"),
            medium("failed00", renditions=(), state="failed", failure="secret reason"),
            medium("ofpost00"),
            medium("ofdraft0", alt="secret"),
            medium("unlisted", listed=False, alt="secret"),
            medium("another0", position=1, failure="secret reason, though it has files"),
        ],
    )
    shown = document.document(whole)
    assert [one.id for one in shown.posts] == ["post0001"]
    assert {one.id for one in shown.media} == {"made0000", "ofpost00", "another0"}
    assert shown.gallery[0] == "failed00", "it has its place, and no files"
    body = document.write(shown, 1, 1)
    for secret in (b"ecret", b"heic", b"123456", b"anna", b"ofdraft0", b'unlisted"'):
        assert secret not in body


def test_posts_come_newest_first_and_the_id_settles_equal_dates() -> None:
    posts = [
        post(f"post000{n}", date=date)
        for n, date in ((1, "2026-01-01"), (3, "2026-02-02"), (2, "2026-02-02"))
    ]
    shown = document.document(snapshot(posts=posts))
    assert [one.id for one in shown.posts] == ["post0003", "post0002", "post0001"]


def test_the_closing_gallery_shows_what_nothing_else_names_by_position() -> None:
    whole = snapshot(
        Profile(name="Ann", avatar="avatar00"),
        posts=[post("post0001", state="draft", media=("ofdraft0",))],
        media=[
            medium("late0000", position=9),
            medium("avatar00"),
            medium("ofdraft0"),
            medium("early000", position=1),
        ],
    )
    assert document.document(whole).gallery == ("early000", "late0000")


def test_a_profile_without_a_name_has_no_document() -> None:
    whole = snapshot()
    with pytest.raises(ValueError, match="no name yet"):
        document.document(whole.model_copy(update={"head": whole.head.model_copy(update={"name": None})}))


GOOD = json.loads(document.write(document.document(snapshot()), 1, 1))


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"format": None},
        {"revision": "many"},
        {"profile": {"name": ""}},
        {"posts": [{"title": "x"}]},
        {"password_hash": "x"},
        {"holdfast": "1.1"},
    ],
    ids=str,
)
def test_a_document_of_another_shape_is_refused(change: dict[str, Any]) -> None:
    assert document.read(json.dumps(GOOD).encode())
    with pytest.raises(BadInput):
        document.read(json.dumps(GOOD | change).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b"{}",
        stamp_html("{}", Rank(1, 1, 1, 1)),
        stamp_json('{"a":1}', Rank(1, 1, 1, 1))[:-1],
    ],
)
def test_bytes_that_are_no_document_are_refused(body: bytes) -> None:
    with pytest.raises(BadInput):
        document.read(body)
