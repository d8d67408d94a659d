"""The nouns at the door: a limit on every field, and every mistake told at once under its field's path."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from core.media import Frozen, Media, Rendition
from core.parsing import parse
from core.profile import (
    Event,
    EventsSection,
    GallerySection,
    Link,
    Milestone,
    Post,
    Profile,
    TestimonialsSection,
    TextSection,
    TimelineSection,
    VideoSection,
    media_in_profile,
)
from core.profile import Testimonial as Quote  # pytest takes every name with Test for a test

A, M = "a" * 20, "m" * 8
URL_2000 = "https://example.org/" + "x" * 1980

# For each field what is just allowed, and what is just too much or plainly wrong.
LIMITS: dict[type[Frozen], dict[str, tuple[Any, Any]]] = {
    Profile: {
        "name": ("x" * 80, "x" * 81),
        "tagline": ("x" * 200, "x" * 201),
        "bio": ("x\n" * 2499 + "x", "x" * 5001),
        "avatar": (M, "M" * 8),
        "cover": (None, "../etc/passwd"),
        "pronouns": ("x" * 40, "x" * 41),
        "place": ("x" * 100, "x" * 101),
        "language": ("pt-BR", "portuguese"),
        "tags": ([f"tag {n}" for n in range(30)], [f"tag {n}" for n in range(31)]),
        "links": ([{"label": "x", "url": "tel:1"}] * 100, [{"label": "x", "url": "tel:1"}] * 101),
        "sections": ([{"kind": "text"}] * 30, [{"kind": "text"}] * 31),
        "theme": ("dusk", "neon"),
        "visibility": ("unlisted", "secret"),
        "sensitive": (True, "perhaps"),
        "domain": ("ann.example.org", "https://ann.example.org"),
    },
    Link: {
        "label": ("x" * 100, ""),
        "url": (URL_2000, URL_2000 + "x"),
        "icon": ("git-hub-2", "<svg>"),
        "group": ("x" * 100, "x" * 101),
    },
    TextSection: {"title": ("x" * 100, "x" * 101), "body": ("x" * 10_000, "x" * 10_001)},
    GallerySection: {"title": ("x" * 100, "x" * 101), "media": ([M] * 100, [M] * 101)},
    VideoSection: {
        "title": ("x" * 100, "x" * 101),
        "media": (M, "short"),
        "caption": ("x" * 200, "x" * 201),
    },
    TimelineSection: {
        "title": ("x" * 100, "x" * 101),
        "milestones": ([{"title": "x"}] * 100, [{"title": "x"}] * 101),
    },
    Milestone: {
        "title": ("x" * 200, "x" * 201),
        "date": ("Spring 2019", "x" * 41),
        "description": ("x" * 1000, "x" * 1001),
        "url": ("", "javascript:alert(1)"),
        "icon": ("x" * 30, "x" * 31),
    },
    TestimonialsSection: {
        "title": ("x" * 100, "x" * 101),
        "testimonials": ([{"name": "x"}] * 100, [{"name": "x"}] * 101),
    },
    Quote: {
        "name": ("x" * 100, " "),
        "quote": ("x" * 1000, "x" * 1001),
        "role": ("x" * 100, "x" * 101),
        "url": ("http://example.org", "//example.org"),
    },
    EventsSection: {
        "title": ("x" * 100, "x" * 101),
        "events": ([{"name": "x"}] * 100, [{"name": "x"}] * 101),
    },
    Event: {
        "name": ("x" * 200, ""),
        "when": ("x" * 100, "x" * 101),
        "place": ("x" * 100, "x" * 101),
        "description": ("x" * 1000, "x" * 1001),
        "url": ("mailto:ann@example.org", "mailto:"),
    },
    Post: {
        "id": (A, "Ä"),
        "slug": ("x" * 80, "x" * 81),
        "title": ("x" * 200, "\n"),
        "body": ("x" * 20_000, "x" * 20_001),
        "tags": ([], ["x" * 41]),
        "media": ([M] * 100, [M] * 101),
        "date": ("2024-02-29", "2025-02-29"),
        "state": ("scheduled", "gone"),
        "publish_at": (253_402_300_799, 253_402_300_800),
        "edit": (3, "many"),
        "revision": (3, 1.5),
    },
}
REQUIRED: dict[type[Frozen], dict[str, Any]] = {
    Profile: {"name": "Ann"},
    Link: {"label": "x", "url": "https://example.org"},
    TextSection: {"kind": "text"},
    GallerySection: {"kind": "gallery"},
    VideoSection: {"kind": "video", "media": M},
    TimelineSection: {"kind": "timeline"},
    Milestone: {"title": "x"},
    TestimonialsSection: {"kind": "testimonials"},
    Quote: {"name": "x"},
    EventsSection: {"kind": "events"},
    Event: {"name": "x"},
    Post: {"id": A, "slug": "boats", "title": "Boats", "date": "2026-03-14"},
}
FIELDS = [(noun, field, *limits) for noun, fields in LIMITS.items() for field, limits in fields.items()]
IDS = [f"{noun.__name__}.{field}" for noun, field, _, _ in FIELDS]


@pytest.mark.parametrize("noun", LIMITS, ids=lambda noun: noun.__name__)
def test_no_field_is_without_a_limit_here(noun: type[Frozen]) -> None:
    assert set(LIMITS[noun]) == set(noun.model_fields) - {"kind"}


@pytest.mark.parametrize(("noun", "field", "good", "bad"), FIELDS, ids=IDS)
def test_every_field_has_its_limit_and_a_mistake_names_it(
    noun: type[Frozen], field: str, good: Any, bad: Any
) -> None:
    parse(noun, REQUIRED[noun] | {field: good})
    with pytest.raises(BadInput) as caught:
        parse(noun, REQUIRED[noun] | {field: bad})
    (path,) = caught.value.fields
    assert path.split(".")[0] == field
    # For a person, not for a programmer.
    assert not any(word in caught.value.fields[path] for word in ("Input", "Value error", "validation"))


@pytest.mark.parametrize("noun", REQUIRED, ids=lambda noun: noun.__name__)
def test_what_is_required_is_asked_for_and_what_is_unknown_is_refused(noun: type[Frozen]) -> None:
    for field in REQUIRED[noun]:
        with pytest.raises(BadInput) as caught:
            parse(noun, {name: value for name, value in REQUIRED[noun].items() if name != field})
        assert caught.value.fields == {field: "is required"}
    with pytest.raises(BadInput) as caught:
        parse(noun, REQUIRED[noun] | {"is_admin": True})
    assert caught.value.fields == {"is_admin": "is not a field here"}


def test_all_mistakes_are_told_at_once_under_their_paths() -> None:
    wrong = {
        "name": "",
        "tags": ["ok", "x" * 41],
        "links": [{"label": "x", "url": "https://example.org"}, {"label": "", "url": "ftp://x"}],
        "sections": [
            {"kind": "text", "body": "x" * 10_001},
            {"kind": "gallery", "media": [M, "no"]},
            {"kind": "events", "events": [{"name": "ok"}, {"name": ""}]},
            {"kind": "testimonials", "testimonials": [{"name": "x", "quote": "\x00"}]},
            {"kind": "timeline", "milestones": [{"title": "x", "url": "x"}]},
            {"kind": "video"},
            {"kind": "poem"},
            {},
            5,
        ],
        "visibility": "secret",
        "extra": 1,
    }
    with pytest.raises(BadInput) as caught:
        parse(Profile, wrong)
    assert set(caught.value.fields) == {
        "name",
        "tags.1",
        "links.1.label",
        "links.1.url",
        "sections.0.body",
        "sections.1.media.1",
        "sections.2.events.1.name",
        "sections.3.testimonials.0.quote",
        "sections.4.milestones.0.url",
        "sections.5.media",
        "sections.6.kind",
        "sections.7.kind",
        "sections.8",
        "visibility",
        "extra",
    }


@pytest.mark.parametrize("data", [None, 5, "x", [], [{"name": "Ann"}]], ids=repr)
def test_what_is_no_object_is_said_of_the_body(data: Any) -> None:
    with pytest.raises(BadInput) as caught:
        parse(Profile, data)
    assert set(caught.value.fields) == {"body"}


# ── texts ─────────────────────────────────────────────────────────────────────────────────────────

NEVER = ["\x00", "\x0b", "\x1b[31m", "\x7f", "\x85", "\u202e", "\u2066", "\ud800", "\ufffe"]


@pytest.mark.parametrize("hostile", NEVER, ids=ascii)
@pytest.mark.parametrize("field", ["name", "tagline", "bio", "pronouns", "place", "tags"])
def test_a_control_character_is_refused_in_every_text(field: str, hostile: str) -> None:
    text = f"a{hostile}b"
    with pytest.raises(BadInput) as caught:
        parse(Profile, {"name": "Ann"} | {field: [text] if field == "tags" else text})
    assert next(iter(caught.value.fields)).split(".")[0] == field


def test_a_line_is_one_line_and_a_text_may_have_more() -> None:
    assert parse(Profile, {"name": "Ann", "bio": " one\r\ntwo\rthree\tx \n"}).bio == "one\ntwo\nthree\tx"
    for text in ("a\nb", "a\tb", "a\u2028b"):
        with pytest.raises(BadInput):
            parse(Profile, {"name": text})
    assert parse(Profile, {"name": "  Ann  "}).name == "Ann"


def test_people_may_be_called_what_they_are() -> None:
    for name in ("Żółć", "王小明", "أمل", "O’Brien & Söhne <3", "👩‍🎨", "Nguyễn\u200dx"):
        assert parse(Profile, {"name": name}).name == name


def test_a_tag_counts_once_whatever_its_case() -> None:
    assert parse(Profile, {"name": "Ann", "tags": ["Oil", "oil", " ", "OIL", "Straße", "STRASSE"]}).tags == (
        "Oil",
        "Straße",
    )


@pytest.mark.parametrize(
    "url",
    [
        *(
            "javascript:alert(1)",
            "JAVASCRIPT:alert(1)",
            " \tjavascript:x",
            "data:text/html,x",
            "//x.org",
            "/ann",
        ),
        *(
            "https://",
            "https:// x",
            "https:x.org",
            "http://?x",
            "https://a\nb",
            "https://x\u202e.org",
            "mailto:",
        ),
        "ann@example.org",
    ],
)
def test_a_link_that_leads_nowhere_good_is_refused(url: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(Link, {"label": "x", "url": url})
    assert set(caught.value.fields) == {"url"}


@pytest.mark.parametrize(
    "url", ["https://example.org", "HTTP://EXAMPLE.ORG/ä?x#y", "mailto:ann@example.org", "tel:+49"]
)
def test_a_link_to_somewhere_is_kept_as_it_is(url: str) -> None:
    assert parse(Link, {"label": "x", "url": f" {url} "}).url == url


@pytest.mark.parametrize(
    "slug", ["Boats", "a--b", "-a", "a-", "a b", "a/b", "a.b", "..", "\U00010428" * 80, "ﬁne", ""]
)
def test_a_slug_that_is_not_its_own_is_refused(slug: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(Post, REQUIRED[Post] | {"slug": slug})
    assert set(caught.value.fields) == {"slug"}


@pytest.mark.parametrize(
    "date", ["2026-02-30", "2026-13-01", "0000-01-01", "20260101", "2026-W01-1", "٢٠٢٦-01-01", "", "x"]
)
def test_a_date_that_no_calendar_has_is_refused(date: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(Post, REQUIRED[Post] | {"date": date})
    assert set(caught.value.fields) == {"date"}


# ── whatever comes ────────────────────────────────────────────────────────────────────────────────

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(Profile.model_fields, json_values)))
def test_whatever_json_comes_it_is_a_profile_or_mistakes_by_field(data: dict[str, Any]) -> None:
    try:
        found = parse(Profile, data)
    except BadInput as error:
        assert error.fields
        assert all(path.split(".")[0] in Profile.model_fields for path in error.fields)
        return
    assert Profile.model_validate_json(found.model_dump_json()) == found
    assert Profile.model_validate_json(found.model_dump_json(exclude_defaults=True)) == found


def test_media_are_named_in_the_order_in_which_the_page_shows_them() -> None:
    profile = parse(
        Profile,
        {
            "name": "Ann",
            "avatar": "avatar00",
            "cover": "cover000",
            "sections": [
                {"kind": "video", "media": "video000"},
                {"kind": "text"},
                {"kind": "gallery", "media": ["photo001", "photo000"]},
            ],
        },
    )
    assert list(media_in_profile(profile)) == ["avatar00", "cover000", "video000", "photo001", "photo000"]


def test_a_newer_rendition_takes_the_place_of_an_older_by_the_same_recipe() -> None:
    file = {"name": "640.webp", "type": "image/webp", "bytes": 7}
    medium = Media.model_validate(
        {
            "id": M,
            "kind": "image",
            "renditions": [
                {"recipe": "still", "attempt": "attempt1", "files": [file]},
                {"recipe": "avif", "attempt": "attempt2", "files": []},
            ],
        }
    )
    newer = medium.renditions[0].model_copy(update={"attempt": "attempt3"})
    after = medium.with_rendition(newer)
    assert after.rendition("still") == newer
    assert {one.attempt for one in after.renditions} == {"attempt2", "attempt3"}
    assert medium.rendition("hls") is None
    assert medium.tried("avif") and medium.rendition("avif") is None, (
        "it was tried, and there is nothing of it"
    )


@pytest.mark.parametrize("bad", ["\x00", "\x0b", "\x1f", "\uffff"])
def test_an_alt_text_holds_nothing_that_a_feed_can_not(bad: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(Media, {"id": "medium1234", "kind": "image", "alt": f"boats{bad}"})
    assert set(caught.value.fields) == {"alt"}


def test_segments_are_one_entry_and_many_parts() -> None:
    rung = Rendition.model_validate(
        {
            "recipe": "rung-360",
            "attempt": "attempt1",
            "files": [{"name": "index.m3u8", "type": "application/vnd.apple.mpegurl", "bytes": 7}],
            "segments": [{"track": "track0", "count": 1800, "bytes": 5000, "timescale": 90000}],
        }
    )
    names = [part.name for part in rung.parts()]
    assert (rung.count, len(names), rung.bytes) == (1801, 1801, 5007)
    assert (names[0], names[1], names[-1]) == ("index.m3u8", "track0-00001.m4s", "track0-01800.m4s")
    assert rung.part("track0-00002.m4s") == ("track0-00002.m4s", "video/iso.segment", None)
    assert rung.part("track0-01801.m4s") is None
    assert len(rung.model_dump_json()) < 400


def test_a_rung_whose_segments_were_stored_one_by_one_is_read_as_before() -> None:
    names = ["index.m3u8", "init.mp4", "seg-0000.m4s"]
    files = [{"name": name, "type": "video/iso.segment", "bytes": 5} for name in names]
    rung = Rendition.model_validate({"recipe": "rung-360", "attempt": "attempt1", "files": files})
    assert [(part.name, part.bytes) for part in rung.parts()] == [(name, 5) for name in names]
