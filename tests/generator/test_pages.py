"""What the pages hold: for people, for machines, and never what a hostile creator would like them to."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from core.document import Document
from core.rank import Edition
from generator.build import build
from generator.release import Release
from generator.urls import Urls
from tests.generator.conftest import PROFILE, document, picture, post, video
from tests.generator.pages import Page


def pages(one: Document, release: Release, urls: Urls) -> dict[str, Page]:
    return {
        file.key: Page(file.body)
        for file in build(one, release, urls, Edition(1, 1, 1))
        if file.headers.type.startswith("text/html")
    }


def profile_page(one: Document, release: Release, urls: Urls) -> Page:
    return pages(one, release, urls)["ann/index.html"]


def test_a_page_says_who_it_is_of(ann: Document, release: Release, urls: Urls) -> None:
    page = profile_page(ann, release, urls)
    assert page.one("h1").text == "Ann Lee"
    assert page.one("html").attributes == {"lang": "en", "dir": "ltr", "data-theme": "plain"}
    assert page.one("link", rel="canonical")["href"] == "https://quay.example/ann"
    assert page.one("meta", property="og:title")["content"] == "Ann Lee (@ann)"
    assert page.one("meta", property="og:description")["content"] == "Paints boats"
    assert page.one("meta", name="twitter:card")["content"] == "summary_large_image"
    assert {link["type"] for link in page.all("link", rel="alternate")} == {
        "application/atom+xml",
        "application/feed+json",
    }
    person = json.loads(page.one("script", type="application/ld+json").text)["mainEntity"]
    assert person["name"] == "Ann Lee"
    assert person["sameAs"] == ["https://github.com/ann", "https://shop.example.org/ann?a=1&b=2"]


def test_a_card_says_what_it_is_before_anybody_fetches_it(release: Release, urls: Urls) -> None:
    file = {"name": "card.jpg", "type": "image/jpeg", "bytes": 9, "width": 1200, "height": 630}
    drawn = {"recipe": "card", "attempt": "attempt1", "files": [file]}
    card = {
        "id": "profile1",
        "kind": "card",
        "state": "ready",
        "publication": "pub00001",
        "renditions": [drawn],
    }
    made = pages(document(media=[card], posts=[post(1)], profile={"name": 'Ann "Lee"'}), release, urls)
    for key in ("ann/index.html", "ann/posts/index.html", "ann/posts/post-1/index.html"):
        meta = {one.get("property") or one.get("name"): one.get("content") for one in made[key].all("meta")}
        assert meta["og:image"] == "https://quay.example/_media/profile1/pub00001/card-attempt1/card.jpg"
        assert (meta["og:image:type"], meta["og:image:width"], meta["og:image:height"]) == (
            "image/jpeg",
            "1200",
            "630",
        )
        assert meta["og:image:alt"] == meta["twitter:image:alt"] == 'Ann "Lee" (@ann)'
    (bare,) = profile_page(document(media=[]), release, urls).all("meta", property="og:image")
    assert bare["content"].endswith("/ann/icon.png")
    assert not profile_page(document(media=[]), release, urls).all("meta", property="og:image:width")


def test_every_section_is_shown_in_the_creators_order_and_free_media_close_the_page(
    ann: Document, release: Release, urls: Urls
) -> None:
    page = profile_page(ann, release, urls)
    headings = [one.text for one in page.all("h2")]
    assert headings == ["Write", "Posts", "About", "Works", "Film", "Path", "Dates"]
    alts = [one.get("alt") for one in page.all("img")]
    assert alts[-3:] == ["Alt of gallery1", "Alt of gallery2", "Alt of closing1"]
    assert "Fine boats." in page.one("blockquote").text
    assert page.with_class("event")[0].text.split() == ["Regatta", "June", "Tejo"]


def test_links_stand_in_their_groups_with_their_icons(ann: Document, release: Release, urls: Urls) -> None:
    page = profile_page(ann, release, urls)
    links = page.with_class("link")
    assert [one["href"] for one in links] == [
        "https://github.com/ann",
        "https://shop.example.org/ann?a=1&b=2",
        "mailto:ann@example.org",
    ]
    assert all("me" in one["rel"].split() for one in links)
    drawn = {one["id"] for one in page.all("symbol")}
    used = {one["href"].removeprefix("#") for one in page.all("use")}
    assert used == drawn >= {"i-github", "i-mail", "i-shop"}


def test_a_creators_headings_stand_below_the_pages_own(ann: Document, release: Release, urls: Urls) -> None:
    made = pages(ann, release, urls)
    assert "Loud" in [one.text for one in made["ann/index.html"].all("h3")]
    post_page = made["ann/posts/post-1/index.html"]
    assert [one.text for one in post_page.all("h1")] == ["Post 1"]
    assert [one.text for one in post_page.all("h2")] == ["Heading"]


def test_every_picture_has_its_size_and_its_alternative_text(
    ann: Document, release: Release, urls: Urls
) -> None:
    for key, page in pages(ann, release, urls).items():
        shown = page.all("img")
        assert shown, key
        for one in shown:
            assert int(one["width"]) > 0 and int(one["height"]) > 0, key
            assert "alt" in one.attributes, key


def test_the_first_picture_is_loaded_at_once_and_the_others_lazily(
    ann: Document, release: Release, urls: Urls
) -> None:
    shown = [one for one in profile_page(ann, release, urls).all("img") if "picture" in one.inside]
    assert [one["loading"] for one in shown] == ["eager"] + ["lazy"] * (len(shown) - 1)
    assert [one.get("fetchpriority") for one in shown[:2]] == ["high", ""]


def test_a_picture_comes_in_every_format_that_exists(ann: Document, release: Release, urls: Urls) -> None:
    page = profile_page(ann, release, urls)
    cover = next(one for one in page.all("img") if one["alt"] == "Alt of cover001")
    base = "/_media/cover001/pub00001/still-attempt1"
    assert cover["src"] == f"{base}/960.jpg"
    assert cover["srcset"] == f"{base}/320.jpg 320w, {base}/960.jpg 960w"
    assert "background-image:url(data:image/webp;base64," in cover["style"]
    sources = [
        (one["type"], one["srcset"].split()[0])
        for one in page.all("source")
        if "cover001" in one.get("srcset")
    ]
    assert sources == [
        ("image/avif", "/_media/cover001/pub00001/avif-attempt2/320.avif"),
        ("image/webp", f"{base}/320.webp"),
    ]


def test_a_picture_that_is_cut_shows_what_its_creator_chose(release: Release, urls: Urls) -> None:
    """A post's is cut wherever it stands in a list; avatar and cover are until their crops are made."""
    chosen = {"focus": {"x": 0.9, "y": 0.25}}
    crop = [{"name": "128.jpg", "type": "image/jpeg", "bytes": 9, "width": 128, "height": 128}]
    media = [
        picture("avatar01", **chosen),
        picture("cover001"),
        picture("inpost01", **chosen),
        picture("gallery1", **chosen),
    ]
    made = pages(document(media=media), release, urls)
    at = "background-position:90% 25%;object-position:90% 25%"
    (thumb,) = made["ann/posts/index.html"].with_class("thumb")
    assert thumb["style"].endswith(f";{at}")
    (face,) = made["ann/posts/index.html"].with_class("face")
    assert face["style"].endswith(at)
    shown = {one["alt"]: one["style"] for one in made["ann/index.html"].all("img")}
    assert at in shown["Alt of avatar01"]
    assert "position" not in shown["Alt of cover001"], "nobody has said what it must show"
    assert "position" not in shown["Alt of gallery1"], "it is shown whole"
    cropped = media[0] | {"renditions": [{"recipe": "avatar", "attempt": "attempt9", "files": crop}]}
    (avatar,) = profile_page(document(media=[cropped]), release, urls).with_class("avatar")
    assert "position" not in avatar["style"], "the crop shows it already"


def test_an_upright_film_keeps_its_shape_before_it_has_a_poster(release: Release, urls: Urls) -> None:
    rung = [
        {
            "name": "rung.m3u8",
            "type": "application/vnd.apple.mpegurl",
            "bytes": 9,
            "width": 360,
            "height": 640,
        }
    ]
    hls = [{"name": "master.m3u8", "type": "application/vnd.apple.mpegurl", "bytes": 9}]
    made = [
        {"recipe": "rung-360", "attempt": "attempt1", "files": rung},
        {"recipe": "hls", "attempt": "attempt2", "files": hls},
    ]
    upright = video("video001", state="making", width=1080, height=1920, renditions=made)
    page = profile_page(document(media=[upright], posts=[]), release, urls)
    film = page.one("video")
    assert (film["width"], film["height"], film.get("poster")) == ("1080", "1920", "")
    assert page.with_class("film")[0]["style"] == "--ratio:0.5625"


def test_a_video_plays_without_a_script(ann: Document, release: Release, urls: Urls) -> None:
    page = profile_page(ann, release, urls)
    film = page.one("video")
    assert (film["preload"], film["width"], film["height"]) == ("none", "640", "360")
    assert {"controls", "playsinline"} <= film.attributes.keys()
    assert film["poster"] == "/_media/video001/pub00001/poster-attempt1/640.jpg"
    assert [one["type"] for one in page.all("source") if "video" in one.inside] == [
        "application/vnd.apple.mpegurl",
        "video/mp4",
    ]


def test_a_video_that_is_still_being_made_shows_its_poster(release: Release, urls: Urls) -> None:
    poster = video("video001")["renditions"][:1]
    page = profile_page(document(media=[video("video001", renditions=poster)]), release, urls)
    assert not page.all("video")
    assert page.with_class("soon")


HOSTILE = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "<!--<script>",
    "{{ 7*7 }}{% raw %}",
    "[x](javascript:alert(1)) <javascript:alert(1)> ![x](data:text/html,x)",
    '[x](https://e.org/%22%3E "" onload=alert(1)\')',
    "]]></content><script>",
]


def hostile(text: str) -> Document:
    """A profile in which every free text is `text`."""
    short, tag = text[:80], text[:40]
    sections = [
        {"kind": "text", "title": short, "body": text},
        {"kind": "gallery", "title": short, "media": ["gallery1"]},
        {"kind": "video", "media": "video001", "caption": text},
        {"kind": "timeline", "milestones": [{"title": text, "date": tag, "description": text}]},
        {"kind": "testimonials", "testimonials": [{"name": text, "role": text, "quote": text}]},
        {"kind": "events", "events": [{"name": text, "when": text, "place": text, "description": text}]},
    ]
    profile = {
        "name": short, "tagline": text, "bio": text, "pronouns": tag, "place": text, "tags": [tag],
        "links": [{"label": text, "url": "https://e.org/\"><script>alert(1)</script>", "group": text}],
        "sections": sections,
    }  # fmt: skip
    media = [
        picture("gallery1", alt=text, placeholder='x");background:url(//evil'),
        video("video001", alt=text),
    ]
    return document(
        profile=profile, media=media, posts=[post(1, title=text, body=text, tags=[tag], media=["gallery1"])]
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_creators_is_ever_run(text: str, release: Release, urls: Urls) -> None:
    for key, page in pages(hostile(text), release, urls).items():
        assert scripts(page, release, urls) <= {"application/ld+json", "ours"}, key
        for one in page.elements:
            assert not [name for name in one.attributes if name.startswith("on")], key
            for name in ("href", "src", "content"):
                assert not re.match(r"\s*(javascript|data:text|vbscript)", one.get(name), re.IGNORECASE), key
            assert "evil" not in one.get("style"), key
    page = profile_page(hostile(text), release, urls)
    assert page.one("h1").text == text[:80].strip()
    entity = json.loads(page.one("script", type="application/ld+json").text)["mainEntity"]
    assert entity["description"] == text


def scripts(page: Page, release: Release, urls: Urls) -> set[str]:
    """The scripts of a page by type; "ours" for the one that plays videos."""
    ours = {"type": "module", "src": release.asset_url("video.js", urls)}
    return {
        "ours" if one.attributes == ours and not one.text else one.get("type") for one in page.all("script")
    }


def test_only_pages_with_a_video_have_a_script_and_no_page_needs_it(
    ann: Document, release: Release, urls: Urls
) -> None:
    shown = pages(ann, release, urls)
    for key, page in shown.items():
        expected = {"ours"} if page.all("video") else set()
        assert scripts(page, release, urls) - {"application/ld+json"} == expected, key
    assert {bool(page.all("video")) for page in shown.values()} == {True, False}
    film = shown["ann/index.html"].one("video")
    assert film["data-player"] == release.asset_url("hls.min.mjs", urls)


def test_captions_and_storyboard_are_tracks_of_the_video(release: Release, urls: Urls) -> None:
    made = video("video001")["renditions"]
    vtt = {"type": "text/vtt", "bytes": 9}
    made += [
        {"recipe": "storyboard", "attempt": "attempt4", "files": [{"name": "storyboard.vtt", **vtt}]},
        {
            "recipe": "captions-pt-br",
            "attempt": "attempt5",
            "files": [{"name": "captions.vtt", "label": "Português", **vtt}],
        },
        {
            "recipe": "captions-en",
            "attempt": "attempt6",
            "files": [{"name": "captions.vtt", "label": "English", **vtt}],
        },
    ]
    page = profile_page(document(media=[video("video001", renditions=made)]), release, urls)
    assert [(one["kind"], one.get("srclang"), one["label"]) for one in page.all("track")] == [
        ("captions", "en", "English"),
        ("captions", "pt-br", "Português"),
        ("metadata", "", "thumbnails"),
    ]
    assert page.all("track")[0]["src"] == "/_media/video001/pub00001/captions-en-attempt6/captions.vtt"
    assert len(page.with_class("strip")) == 1, "the place for its pictures"
    assert not profile_page(document(), release, urls).with_class("strip"), "there is no storyboard"
    without_script = [one for one in made if one["recipe"] != "hls"]
    plain = profile_page(document(media=[video("video001", renditions=without_script)]), release, urls)
    assert plain.all("track") and not plain.with_class("strip"), "nothing could fill it"


def test_a_recording_is_played_by_the_browser_alone(release: Release, urls: Urls) -> None:
    sound = [
        {
            "recipe": "sound",
            "attempt": "attempt1",
            "files": [{"name": "sound.m4a", "type": "audio/mp4", "bytes": 9}],
        }
    ]
    recording = video("audio001", kind="audio", width=None, height=None, renditions=sound)
    page = profile_page(document(media=[recording], gallery=["audio001"]), release, urls)
    assert page.one("audio")["aria-label"] == "Alt of audio001"
    assert page.one("source")["src"] == "/_media/audio001/pub00001/sound-attempt1/sound.m4a"
    assert scripts(page, release, urls) <= {"application/ld+json"}


def test_a_sensitive_page_has_nothing_that_loads_or_plays_by_itself(release: Release, urls: Urls) -> None:
    loop = [
        {
            "recipe": "loop",
            "attempt": "attempt1",
            "files": [{"name": "loop.mp4", "type": "video/mp4", "bytes": 9}],
        }
    ]
    sound = [{**loop[0], "recipe": "sound", "files": [{**loop[0]["files"][0], "name": "sound.m4a"}]}]
    moving = picture("moving01")
    moving["renditions"] += loop
    recording = video("audio001", kind="audio", width=None, height=None, renditions=sound)
    media = [moving, recording, video("video001")]
    for sensitive in (True, False):
        doc = document(
            profile={"sensitive": sensitive, "sections": []},
            posts=[post(1, media=["moving01", "video001", "audio001"])],
            media=media,
            gallery=[one["id"] for one in media],
        )
        made = pages(doc, release, urls)
        for page in (made["ann/index.html"], made["ann/posts/post-1/index.html"]):
            playing = [*page.all("video"), *page.all("audio")]
            assert len(playing) == 3
            loads = [
                one["preload"] != "none" or "autoplay" in one.attributes or "poster" in one.attributes
                for one in playing
            ]
            assert not any(loads) if sensitive else all(loads)
            # Who starts it wants it to move.
            assert any("media" in one.attributes for one in page.all("source")) is not sensitive


def test_media_of_another_host_are_asked_for_without_cookies(ann: Document, release: Release) -> None:
    page = profile_page(ann, release, Urls("https://quay.example", media_origin="https://media.example"))
    assert page.one("video")["crossorigin"] == "anonymous"


def test_under_a_sub_path_every_address_of_ours_begins_with_it(ann: Document, release: Release) -> None:
    for key, page in pages(ann, release, Urls("https://quay.example", "/people")).items():
        named = [one.get(name) for one in page.elements for name in ("href", "src", "poster")]
        ours = [address for address in named if address.startswith("/")]
        assert ours, key
        assert [address for address in ours if not f"{address}/".startswith("/people/")] == [], key
        sizes = [address for one in page.elements for address in one.get("srcset").split(", ") if address]
        assert sizes, key
        assert [address for address in sizes if not address.startswith("/people/_media/")] == [], key


def test_media_may_come_from_a_host_of_their_own(ann: Document, release: Release) -> None:
    page = profile_page(ann, release, Urls("https://quay.example", "/people", "https://media.example"))
    assert page.one("video")["poster"].startswith("https://media.example/_media/video001/")
    assert page.one("meta", property="og:image")["content"].startswith(
        "https://media.example/_media/cover001/"
    )


@pytest.mark.parametrize(("visibility", "hidden"), [("public", False), ("unlisted", True), ("private", True)])
def test_only_public_pages_are_for_search_engines(
    visibility: str, hidden: bool, release: Release, urls: Urls
) -> None:
    made = pages(document(profile={"visibility": visibility}), release, urls)
    assert "ann/index.html" in made
    for page in made.values():
        assert bool(page.all("meta", name="robots", content="noindex")) is hidden


def test_sensitive_media_wait_behind_a_note(release: Release, urls: Urls) -> None:
    made = pages(document(profile={"sensitive": True}), release, urls)
    for key, page in made.items():
        assert page.one("meta", name="rating")["content"] == "adult", key
        for one in [*page.all("img"), *page.all("video")]:
            if "avatar01" not in one.get("src"):
                assert "details" in one.inside, (key, one)
            assert one.get("loading") != "eager"
    assert made["ann/index.html"].one("meta", property="og:image")["content"].endswith("/ann/icon.png")


@pytest.mark.parametrize(
    ("language", "direction"),
    [
        ("ar", "rtl"),
        ("he-IL", "rtl"),
        ("az-Arab", "rtl"),
        ("en", "ltr"),
        ("zh-Hant-TW", "ltr"),
        ("ur-Latn", "ltr"),
    ],
)
def test_a_page_is_written_in_its_languages_direction(
    language: str, direction: str, release: Release, urls: Urls
) -> None:
    page = profile_page(document(profile={"language": language}), release, urls)
    assert (page.one("html")["lang"], page.one("html")["dir"]) == (language, direction)


def test_a_profile_with_only_a_name_has_a_drawn_avatar(release: Release, urls: Urls) -> None:
    new = document(
        profile=dict.fromkeys(("tagline", "bio", "pronouns", "place"), "")
        | {"avatar": None, "cover": None, "tags": [], "links": [], "sections": []},
        posts=[],
        media=[],
        gallery=[],
        posts_revision=1,
    )
    page = profile_page(new, release, urls)
    assert page.with_class("avatar")[0]["src"] == "/ann/icon.png"
    assert not page.all("h2") and not page.all("link", rel="alternate")


def test_an_odd_link_does_not_break_the_page(release: Release, urls: Urls) -> None:
    links: list[dict[str, Any]] = [{"label": "x", "url": "http://[broken"}, *PROFILE["links"]]
    page = profile_page(document(profile={"links": links}), release, urls)
    assert len(page.with_class("link")) == 4
