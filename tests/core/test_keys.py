"""Keys, paths and names: one spelling each, and no path leads to a private key."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core import keys
from core.errors import BadInput

# ── usernames ─────────────────────────────────────────────────────────────────────────────────────

almost_usernames = st.text(string.ascii_letters + string.digits + "-_", max_size=45) | st.text(max_size=45)


@given(almost_usernames)
@example("\u212aate")  # a Kelvin sign, which is k in lower case
@example("ann\n")
@example("ann\u0660")  # a digit, but not of ours
def test_a_username_is_in_its_one_spelling_or_refused(text: str) -> None:
    try:
        name = keys.username(text)
    except BadInput as error:
        assert set(error.fields) == {"username"}
        assert not keys.is_username(text)
        return
    assert re.fullmatch(r"[a-z0-9]+([-_][a-z0-9]+)*", name, re.ASCII)
    assert 2 <= len(name) <= 39
    assert name not in keys.RESERVED
    assert keys.username(name) == name
    assert keys.is_username(name)
    assert keys.is_username(text) == (text == name)
    assert keys.check(keys.page(name)) == f"{name}/index.html"


@pytest.mark.parametrize("text", ["Ann", " ann ", "ANN", "ann"])
def test_case_and_outer_spaces_make_no_other_username(text: str) -> None:
    assert keys.username(text) == "ann"


UGLY = [
    "",
    "a",
    "a" * 40,
    "-ann",
    "ann-",
    "_ann",
    "a--b",
    "a-_b",
    "a.b",
    "a b",
    "a/b",
    "..",
    "ann\x00",
    "änn",
    "аnn",
]
UGLY += [
    "<script>",
    "%2e%2e",
    "ann\u200b",
    "👩‍🎨",
    "ann\u202e",
    "index.html",
    "\ud800\ud800",
    "_data",
    "a\nb",
    "a'b",
]


@pytest.mark.parametrize("text", UGLY, ids=ascii)
def test_an_ugly_username_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        keys.username(text)


@pytest.mark.parametrize("text", ["admin", "ADMIN", " postmaster ", "studio", "sign-up", "www"])
def test_a_reserved_username_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="reserved"):
        keys.username(text)


def test_every_reserved_name_could_be_taken_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that no username can be spelled like protects nothing."""
    reserved = keys.RESERVED
    monkeypatch.setattr(keys, "RESERVED", frozenset())
    assert [name for name in reserved if not keys.is_username(name)] == []


# ── slugs ─────────────────────────────────────────────────────────────────────────────────────────


@given(st.text(max_size=120))
@example("\U00010400" * 80)  # four bytes each, and two cases
@example("ΑΣ ΣΑΣ" * 20)
@example("\ufdfa" * 10)  # one character that is eighteen
@example("İİ")
def test_a_slug_is_its_own_slug_and_fits_into_a_key(text: str) -> None:
    slug = keys.slug(text)
    assert keys.slug(slug) == slug
    assert len(slug) <= keys.SLUG_CHARS_MAX
    if slug:
        assert keys.check(keys.post("ann", slug)) == f"ann/posts/{slug}/index.html"
        assert keys.route(f"/ann/posts/{slug}") == (keys.post("ann", slug), None)
    tag = keys.slug(text, keys.TAG_SLUG_CHARS_MAX)
    if tag:
        keys.check(keys.tag_list("ann", text))


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Boats & the Sea!", "boats-the-sea"),
        ("  ½ Ünï—cødé ﬁne  ", "1-2-ünï-cødé-fine"),
        ("हिन्दी में", "हिन्दी-में"),
        ("日本語の題", "日本語の題"),
        ("../../etc/passwd", "etc-passwd"),
        ("snake_case", "snake-case"),
        ("🎨", ""),
        ("", ""),
    ],
)
def test_a_title_becomes_a_slug(title: str, slug: str) -> None:
    assert keys.slug(title) == slug


# ── routes ────────────────────────────────────────────────────────────────────────────────────────

PUBLIC = [
    keys.HOME,
    keys.ROBOTS,
    keys.SITEMAP,
    keys.page("ann"),
    keys.post("ann", "boats"),
    keys.post("ann", "हिन्दी"),
    keys.post_list("ann"),
    keys.post_list("ann", 2),
    keys.tag_list("ann", "Oil Paint"),
    keys.atom("ann"),
    keys.json_feed("ann"),
    keys.icon("ann"),
    keys.data("ann"),
    keys.domain("ann.example"),
    keys.sitemap_shard(10),
    keys.asset("style.css", "0a1b2c3d"),
    keys.media("m1234567", "pub1", "still", "a1234567", "640.avif"),
]
PRIVATE = [
    keys.manifest("p1234567"),
    keys.original("m1234567"),
    keys.rendition("m1234567", "still", "a1234567", "640.avif"),
    keys.rendition_folder("m1234567"),
    keys.trial("a1234567"),
    keys.NOT_FOUND,
    keys.GONE,
    ".locks/0001",
    ".uploads/x",
]


@pytest.mark.parametrize("key", PUBLIC)
def test_every_public_key_is_served_under_its_path(key: str) -> None:
    assert keys.check(key) == key
    assert keys.route(keys.path_of(key)) == (key, None)


@pytest.mark.parametrize("key", PRIVATE)
def test_no_private_key_has_a_path(key: str) -> None:
    for path in (
        f"/{key}",
        f"/{key.removesuffix('/index.html')}",
        f"/{key.upper()}",
        f"//{key}",
        f"/./{key}",
    ):
        assert follow(path) not in (key, key.removesuffix("/"))
    assert keys.route(f"/{key}").key is None


def follow(path: str) -> str | None:
    """The key at the end of all redirects; they must end."""
    for _ in range(4):
        key, redirect = keys.route(path)
        if redirect is None:
            return key
        assert key is None
        assert re.match(r"/(?![/\\])", redirect), "it would lead to another site"
        path = redirect
    raise AssertionError(f"{path} is redirected for ever")


HOSTILE = [
    "ann",
    "Ann",
    "index.html",
    "posts",
    "tags",
    "feed.xml",
    "a.b",
    "é",
    "İ",
    ".",
    "..",
    ".locks",
    ".well-known",
    "\\",
    "_data",
    "_Data",
    "_domains",
    "_media",
    "_assets",
    "_site",
    "_manifests",
    "_originals",
    "_renditions",
]
parts = st.sampled_from([*HOSTILE, "", "\x00", "x" * 251]) | st.text(max_size=8)
paths = st.lists(parts, max_size=6).map(lambda found: "/" + "/".join(found)) | st.text(max_size=30)
SHOWN = ("_assets/", "_media/", "_data/", "_domains/", "_sitemaps/")


@given(paths)
@example("/ann/posts/index.html")
@example("/Ann/index.html/index.html/index.html")
@example("/.env")
@example("/" + "x/" * 600)
def test_a_path_leads_to_a_public_key_or_to_none(path: str) -> None:
    key = follow(path)
    if key is None:
        return
    assert keys.check(key) == key
    assert not key.startswith(("_", ".")) or key.startswith(SHOWN)


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ("/Ann/", "/ann"),
        ("/ANN/posts/Boats", "/ann/posts/boats"),
        ("/Ann/Feed.XML", "/ann/feed.xml"),
        ("/ann/Posts/ÉTÉ/", "/ann/posts/été"),
        ("/ann/index.html", "/ann"),
        ("/ann/posts/index.html", "/ann/posts"),
        ("/Ann/index.html/index.html/", "/ann"),
        ("/index.html", "/"),
        ("/INDEX.HTML", "/"),
        ("/Ann/Index.html/INDEX.HTML", "/ann"),
        ("/ann/posts/", "/ann/posts"),
    ],
)
def test_another_spelling_of_a_path_redirects_to_the_one(path: str, to: str) -> None:
    assert keys.route(path) == (None, to)


def test_only_what_lies_under_a_username_has_a_data_document() -> None:
    assert keys.data_of(keys.page("ann")) == keys.data("ann")
    assert keys.data_of(keys.post("ann", "boats")) == keys.data("ann")
    for key in (keys.HOME, keys.ROBOTS, keys.data("ann"), "admin/index.html", "Ann/index.html", "ann"):
        assert keys.data_of(key) is None


# ── any key ───────────────────────────────────────────────────────────────────────────────────────


@given(paths.map(lambda path: path.removeprefix("/")))
def test_a_checked_key_is_one_that_every_store_takes(key: str) -> None:
    try:
        assert keys.check(key) == key
    except BadInput as error:
        assert set(error.fields) == {"key"}
        return
    assert 0 < len(key.encode()) <= 1024
    assert not key.startswith(".")
    for part in key.split("/"):
        assert part not in ("", ".", "..")
        assert len(part.encode()) <= 250
        assert not re.search(r"[\x00-\x1f\x7f\\]", part)


def test_an_object_says_by_its_tags_whose_it_is() -> None:
    assert keys.profile_in(f"{keys.name_tag('ann')} {keys.tag('a1')}") == "a1"
    assert keys.profile_in(keys.name_tag("ann")) == keys.profile_in("") == ""
